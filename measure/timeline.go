package measure

import (
	"slices"
	"time"
)

// Timeline sums up observations second by second of intended time. The seconds that
// most requests belong to are kept in histograms that are fast to record into, the
// others in small ones. It is not safe for concurrent use.
type Timeline struct {
	grouped  bool      // the scenario has several groups, which are kept apart
	seconds  Seconds   // closed
	expanded []*Second // of them, those that were recorded into since one was closed
	open     [openSeconds]Second
	scratch  *Histogram // sparse
}

// openSeconds is how many seconds are open at a time: the present one, and the
// one before it for requests that began in it.
const openSeconds = 2

// NewTimeline returns an empty timeline of a run with so many groups of users.
func NewTimeline(groups int) *Timeline { return &Timeline{grouped: groups > 1} }

// Record adds an observation.
func (s *Timeline) Record(o *Observation) {
	s.record(o, slices.ContainsFunc(o.Violations, func(v RuleViolation) bool { return v.Fails }))
}

func (s *Timeline) record(o *Observation, violating bool) {
	sec := s.second(int64(o.Intended / time.Second))
	sec.Split.record(o, sec.Response, sec.Service)
	sec.Response.Record(o.Done - o.Intended)
	sec.Service.Record(o.Done - o.Sent)
	sec.Lateness.Record(o.Sent - o.Intended)
	switch {
	case o.Failed:
		sec.Failed++
	case violating:
		sec.Violating++
	case o.AsExpected:
		sec.Clean++
	}
	if o.AsExpected {
		sec.Expected++
	}
	if o.RateLimited {
		sec.RateLimited++
	}
	sec.count(o.Label, o.Failed, 1)
	if s.grouped {
		sec.group(o.Group).record(o, violating)
	}
}

// second returns the record of a second, which is opened if it is new and late
// enough.
func (s *Timeline) second(n int64) *Second {
	sec := &s.open[n%openSeconds]
	switch {
	case sec.Response == nil:
		*sec = Second{Second: n, Response: NewHistogram(), Service: NewHistogram(), Lateness: NewHistogram()}
	case sec.Second < n:
		s.close(sec)
		sec.Second = n
	case sec.Second > n:
		return s.late(n)
	}
	return sec
}

// late returns the record of a second that was closed. It stays as it is
// recorded into until the next second is closed.
func (s *Timeline) late(n int64) *Second {
	sec := s.seconds.of(n)
	if !slices.Contains(s.expanded, sec) {
		s.expanded = append(s.expanded, sec)
	}
	return sec
}

// close moves what an open second holds to the closed ones.
func (s *Timeline) close(sec *Second) {
	if closed := s.seconds.of(sec.Second); closed.Response.Count() == 0 {
		s.fill(closed, sec)
	} else {
		closed.add(sec)
		s.expanded = append(s.expanded, closed)
	}
	for _, late := range s.expanded {
		late.shrink()
	}
	clear(s.expanded)
	s.expanded = s.expanded[:0]
	s.seconds.bound()
	sec.empty()
}

// empty makes an open second empty, for the next one.
func (s *Second) empty() {
	for _, h := range []*Histogram{s.Response, s.Service, s.Lateness} {
		h.Reset()
	}
	s.Failed, s.Clean, s.Violating, s.Expected, s.RateLimited, s.Split = 0, 0, 0, 0, 0, Split{}
	s.forgetEnds()
	for _, g := range s.Groups {
		g.reset()
	}
}

// fill makes a new closed second what an open one is, and makes hardly any
// garbage.
func (s *Timeline) fill(closed, sec *Second) {
	if s.scratch == nil {
		s.scratch = NewSparse()
	}
	closed.Failed, closed.Clean, closed.Violating, closed.Expected, closed.RateLimited = sec.Failed,
		sec.Clean, sec.Violating, sec.Expected, sec.RateLimited
	closed.Ends, closed.Split = copyEnds(sec.Ends), sec.Split
	closed.Split.shrink()
	closed.Response, closed.Service, closed.Lateness = sec.Response.compactCopy(s.scratch),
		sec.Service.compactCopy(s.scratch), sec.Lateness.compactCopy(s.scratch)
	for _, g := range sec.Groups {
		if g.Response.Count() > 0 {
			g.Split.shrink()
			closed.Groups = append(closed.Groups, &GroupSecond{g.Group, g.Expected, g.Violating,
				g.Response.compactCopy(s.scratch), g.Service.compactCopy(s.scratch), g.Split})
		}
	}
}

// Seconds returns the seconds so far, in order.
func (s *Timeline) Seconds() Seconds { // the open ones are copied
	list := s.seconds.copied()
	for i := range s.open {
		if sec := &s.open[i]; sec.Response != nil && sec.Response.Count() > 0 {
			to := list.of(sec.Second)
			if to.Response.Count() > 0 { // shared with the closed ones
				copied := newSecond(sec.Second)
				copied.add(to)
				list.held[slices.Index(list.held, to)], to = copied, copied
			}
			to.add(sec)
		}
	}
	return list
}

// recorded are the seconds so far that have a request.
func (s *Timeline) recorded() []*Second {
	seconds := s.Seconds()
	return slices.DeleteFunc(slices.Collect(seconds.All()),
		func(sec *Second) bool { return sec.Response.Count() == 0 })
}

// reset makes the timeline empty.
func (s *Timeline) reset() {
	s.seconds, s.expanded = Seconds{}, nil
	for i := range s.open {
		if sec := &s.open[i]; sec.Response != nil {
			sec.empty()
		}
	}
}

// closedSecond returns the record of a second in a list, put in where it is
// new. Most requests belong to one of the last, so the search starts there.
func closedSecond(list *[]*Second, n int64) *Second {
	i := len(*list)
	for i > 0 && (*list)[i-1].Second > n {
		i--
	}
	if i > 0 && (*list)[i-1].Second == n {
		return (*list)[i-1]
	}
	sec := newSecond(n)
	*list = slices.Insert(*list, i, sec)
	return sec
}
