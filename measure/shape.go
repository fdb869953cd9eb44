package measure

import (
	"cmp"
	"errors"
	"slices"
)

// Shape says what a sample of the answers of one kind looked like. It holds no
// values but codes: no personal data.
type Shape struct {
	// Label names the kind of answer, such as "201 OTP_REQUIRED".
	Label string `json:"label"`
	// Answers is the size of the sample.
	Answers uint64 `json:"answers"`
	// Facts counts the answers of the sample that had something: a header
	// ("header Content-Type"), a member of a type ("/user/id is string"), a code
	// ("/status = OTP_REQUIRED").
	Facts map[string]uint64 `json:"facts"`
}

// Shapes are sorted by label.
type Shapes []*Shape

// Learn adds an answer that had these facts, none of them twice.
func (s *Shapes) Learn(label string, facts []string) {
	shape := s.of(label)
	shape.Answers++
	for _, f := range facts {
		shape.Facts[f]++
	}
}

func (s *Shapes) of(label string) *Shape {
	i, found := slices.BinarySearchFunc(*s, label, func(e *Shape,
		label string) int {
		return cmp.Compare(e.Label, label)
	})
	if !found {
		*s = slices.Insert(*s, i, &Shape{Label: label, Facts: map[string]uint64{}})
	}
	return (*s)[i]
}

// merge adds the samples of another part of the same run.
func (s *Shapes) merge(o Shapes) {
	for _, from := range o {
		to := s.of(from.Label)
		to.Answers += from.Answers
		for f, n := range from.Facts {
			to.Facts[f] += n
		}
	}
}

func (s Shapes) check() error {
	for i, shape := range s {
		if shape == nil || i > 0 && s[i-1].Label >= shape.Label {
			return errors.New("its shapes are not in order")
		}
		for _, n := range shape.Facts {
			if n > shape.Answers {
				return errors.New("a shape has more facts than answers")
			}
		}
	}
	return nil
}
