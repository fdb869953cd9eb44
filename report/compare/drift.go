package compare

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"mfaload/internal/stat"
	"mfaload/measure"
)

// Drift is one way in which the answers look different.
type Drift struct {
	// What appeared, vanished or became rarer: a kind of answer, a header, a
	// member, a type or a code.
	What string `json:"what"`
	// Base and New count the answers that had it, of BaseOf and NewOf that were
	// looked at.
	Base   uint64 `json:"base"`
	BaseOf uint64 `json:"base_of"`
	New    uint64 `json:"new"`
	NewOf  uint64 `json:"new_of"`
	// Clear says that it was seen too often for chance.
	Clear bool `json:"clear"`
}

// shareMin is how much of a side a kind of answer has to be: answers of a rare
// kind come together, in one bad second, and their number says little.
const shareMin = 0.01

// chanceMax is below which probability a fact that only one side has is none.
const chanceMax = 1e-4

// drift finds what the answers of one side have and those of the other have
// not: kinds of answers from all that came, the rest from samples.
func drift(base, fresh []Run) []Drift {
	all := []Drift{}
	a, b := responsesOf(base), responsesOf(fresh)
	for _, label := range keys(a.kinds, b.kinds) {
		if d, found := oneSided("answers "+label, a.kinds[label], a.total, b.kinds[label], b.total); found {
			d.Clear = d.Clear && stat.Ratio(float64(d.Base), float64(d.BaseOf))+stat.Ratio(float64(d.New),
				float64(d.NewOf)) >= shareMin
			all = append(all, d)
			continue
		}
		x, y := a.shapes[label], b.shapes[label]
		if x == nil || y == nil {
			continue
		}
		all = append(all, shapeDrift(label, x, y)...)
	}
	return all
}

// sideResponses are those of a side.
type sideResponses struct {
	kinds  map[string]uint64
	total  uint64
	shapes map[string]*measure.Shape
}

func responsesOf(runs []Run) sideResponses {
	a := sideResponses{kinds: map[string]uint64{}, shapes: map[string]*measure.Shape{}}
	for _, r := range runs {
		for _, c := range r.Measurement.Main.Cells {
			if !c.Failed { // the others are errors, not answers
				a.kinds[c.Label] += c.Response.Count()
				a.total += c.Response.Count()
			}
		}
		for _, s := range r.Measurement.Shapes {
			to := a.shapes[s.Label]
			if to == nil {
				to = &measure.Shape{Label: s.Label, Facts: map[string]uint64{}}
				a.shapes[s.Label] = to
			}
			to.Answers += s.Answers
			for f, n := range s.Facts {
				to.Facts[f] += n
			}
		}
	}
	return a
}

func shapeDrift(label string, a, b *measure.Shape) (all []Drift) {
	for _, fact := range keys(a.Facts, b.Facts) {
		if repeats(fact, all, label) {
			continue
		}
		x, y := a.Facts[fact], b.Facts[fact]
		if d, found := oneSided(label+": "+fact, x, a.Answers, y, b.Answers); found {
			all = append(all, d)
		} else if d, found := oneSided(label+" without "+fact, a.Answers-x, a.Answers, b.Answers-y,
			b.Answers); found && d.Clear {
			all = append(all, d)
		}
	}
	return all
}

// repeats says whether a fact only repeats one about the object that it is in.
func repeats(fact string, all []Drift, label string) bool {
	return slices.ContainsFunc(all, func(d Drift) bool {
		before, found := strings.CutPrefix(d.What, label+": ")
		if !found {
			before, found = strings.CutPrefix(d.What, label+" without ")
		}
		pointer, _, _ := strings.Cut(before, " ")
		return found && strings.HasPrefix(pointer, "/") && (strings.HasPrefix(fact, pointer+"/") ||
			strings.HasPrefix(fact, pointer+" = "))
	})
}

// oneSided finds what one side has and the other has not at all. It is clear
// where as many, dealt to both sides by chance, would hardly all have come to
// one.
func oneSided(what string, a, of uint64, b, ofB uint64) (Drift, bool) {
	if (a == 0) == (b == 0) || of == 0 || ofB == 0 {
		return Drift{}, false
	}
	portion := float64(of) / float64(of+ofB)
	if b > 0 {
		portion = 1 - portion
	}
	return Drift{What: what, Base: a, BaseOf: of, New: b, NewOf: ofB, Clear: math.Pow(portion,
		float64(a+b)) < chanceMax}, true
}

func keys[V any](a, b map[string]V) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

// String says it in one line.
func (d Drift) String() string {
	verb := "vanished"
	if d.Base == 0 {
		verb = "appeared"
	}
	text := fmt.Sprintf("%s %s: in %d of %d, now in %d of %d", d.What, verb, d.Base, d.BaseOf, d.New, d.NewOf)
	if !d.Clear {
		text += " (too seldom to tell)"
	}
	return text
}
