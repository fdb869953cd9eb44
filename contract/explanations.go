package contract

import (
	"slices"
	"sync"
)

// When every response is wrong, explaining each would slow the load down. Responses
// in which exactly the same facts are wrong have the same violations, so only
// the first of them and then a few are explained; all are counted. Each
// explanation is held against the first one: should facts ever not tell the
// violations, that kind is explained every time from then on.
const (
	explainFirst = 16   // responses of a kind that are all explained
	explainEvery = 1000 // then one of so many
	maxKinds     = 4096 // kinds that are known; further ones are all explained
)

// explanations are the kinds of wrong responses.
type explanations struct {
	mu    sync.Mutex
	kinds map[explanationKey]*explanation
}

// explanationKey is a kind of wrong responses: the wrong facts, and what the right ones
// depend on.
type explanationKey struct {
	wrong  uint64
	marks  ruleSet
	status int
}

type explanation struct {
	count      uint64
	violations []Violation
	evaluated  []uint64
	mixed      bool // its responses have different violations
}

// violations appends those of a response in which the scan found wrong facts.
func (s *explanations) violations(r *checker) {
	key := explanationKey{r.scan.wrong, r.scan.marks, r.status}
	s.mu.Lock()
	kind := s.kinds[key]
	if kind != nil {
		kind.count++
		if n := kind.count; !kind.mixed && n > explainFirst && n%explainEvery != 0 {
			defer s.mu.Unlock()
			r.ex.Evaluated = append(r.ex.Evaluated[:0], kind.evaluated...)
			r.out = append(r.out, kind.violations...)
			return
		}
	}
	s.mu.Unlock()
	before := len(r.out)
	r.explain()
	s.learn(key, r.out[before:], r.ex.Evaluated)
}

// learn keeps what an explanation found for the responses of its kind.
func (s *explanations) learn(key explanationKey, found []Violation, evaluated []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := s.kinds[key]
	if kind == nil {
		if len(s.kinds) >= maxKinds {
			return
		}
		if s.kinds == nil {
			s.kinds = map[explanationKey]*explanation{}
		}
		kind = &explanation{count: 1, violations: slices.Clone(found), evaluated: slices.Clone(evaluated)}
		for i := range kind.violations {
			kind.violations[i].Counted = true
		}
		s.kinds[key] = kind
		return
	}
	if !slices.EqualFunc(kind.violations, found, sameViolation) || !slices.Equal(kind.evaluated, evaluated) {
		kind.mixed = true
	}
}

func sameViolation(a, b Violation) bool {
	return a.Rule == b.Rule && a.At == b.At && a.Level == b.Level
}
