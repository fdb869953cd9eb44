package measure

import (
	"cmp"
	"errors"
	"slices"
)

// GroupSecond is the part of a second that one group of users has.
type GroupSecond struct {
	// Group is the index of the group.
	Group int `json:"group"`
	// Expected counts the answers that the scenario expects, Violating those
	// with at least one failing violation.
	Expected  uint64 `json:"as_expected"`
	Violating uint64 `json:"violating"`

	Response *Histogram `json:"response"`
	Service  *Histogram `json:"service"`
	Split
}

// group returns the record of a group in the second, made where it is new.
func (s *Second) group(g int) *GroupSecond {
	i, found := slices.BinarySearchFunc(s.Groups, g, (*GroupSecond).compare)
	if !found {
		s.Groups = slices.Insert(s.Groups, i, &GroupSecond{Group: g, Response: NewSparse(), Service: NewSparse()})
	}
	return s.Groups[i]
}

// findGroup returns the record of a group in the second; nil where it has none.
func (s *Second) findGroup(g int) *GroupSecond {
	i, found := slices.BinarySearchFunc(s.Groups, g, (*GroupSecond).compare)
	if !found {
		return nil
	}
	return s.Groups[i]
}

func (r *GroupSecond) compare(group int) int { return cmp.Compare(r.Group, group) }

// record adds an observation to its group.
func (r *GroupSecond) record(o *Observation, violating bool) {
	r.Split.record(o, r.Response, r.Service)
	r.Response.Record(o.Done - o.Intended)
	r.Service.Record(o.Done - o.Sent)
	if o.AsExpected {
		r.Expected++
	}
	if violating {
		r.Violating++
	}
}

// reset makes the record empty, for the next second.
func (r *GroupSecond) reset() {
	r.Expected, r.Violating, r.Split = 0, 0, Split{}
	r.Response.Reset()
	r.Service.Reset()
}

// addGroups adds what the groups of another record of the second hold.
func (s *Second) addGroups(o *Second) error {
	for _, from := range o.Groups {
		if from.Response.Count() == 0 {
			continue // of an open second: it is kept for the next
		}
		to := s.group(from.Group)
		to.Split.add(&from.Split, to.Response, to.Service, from.Response, from.Service)
		if err := mergeAll([]*Histogram{to.Response, to.Service}, []*Histogram{from.Response, from.Service}); err != nil {
			return err
		}
		to.Expected += from.Expected
		to.Violating += from.Violating
	}
	return nil
}

// checkGroups finds groups that do not add up to their second.
func (s *Second) checkGroups(groups int) error {
	if groups < 2 && len(s.Groups) == 0 {
		return nil
	}
	wrong := errors.New("the groups of a second do not add up to it")
	var sent, expected, violating uint64
	last := -1
	for _, g := range s.Groups {
		if g == nil || g.Group <= last || g.Group >= groups || !sameCounts(g.Response, g.Service) ||
			max(g.Expected, g.Violating) > g.Response.Count() {
			return wrong
		}
		if err := g.Split.check(g.Response, g.Service); err != nil {
			return err
		}
		last = g.Group
		sent += g.Response.Count()
		expected += g.Expected
		violating += g.Violating
	}
	if sent != s.Response.Count() || expected != s.Expected || violating != s.Violating {
		return wrong
	}
	return nil
}
