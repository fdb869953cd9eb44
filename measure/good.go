package measure

import (
	"errors"
	"math"
	"slices"
	"time"
)

// GoodCount counts the good responses of some requests. A response is good if it is
// as expected, breaks no rule at level fail, and took no longer than its group's
// [Measurement.GoodWithin].
type GoodCount struct {
	Good uint64 `json:"good,omitempty"`
	// DoubtfulGood counts the requests without a good response that may have got one
	// without what mfaload did to them: see [Harmed].
	DoubtfulGood uint64 `json:"doubtful_good,omitempty"`
}

// anyTime is the limit of a group whose responses may take any time.
const anyTime = time.Duration(math.MaxInt64)

// GoodWithin returns the limit of a group for an [Observation], of those of all groups;
// 0 if there are none.
func GoodWithin(limits []time.Duration, group int) time.Duration {
	switch {
	case group >= len(limits):
		return 0
	case limits[group] == 0:
		return anyTime
	}
	return limits[group]
}

func (g *GoodCount) record(o *Observation, violating bool) {
	switch {
	case o.GoodWithin == 0:
	case o.good(violating):
		g.Good++
	case o.AsExpected && !violating && atBest(o.Done-o.Intended, o.Harmed) <= o.GoodWithin,
		o.doubtful() && !o.AsExpected:
		g.DoubtfulGood++
	}
}

func (o *Observation) good(violating bool) bool {
	return o.AsExpected && !violating && o.Done-o.Intended <= o.GoodWithin
}

func (g *GoodCount) add(o GoodCount) {
	g.Good += o.Good
	g.DoubtfulGood += o.DoubtfulGood
}

// fits says whether as many can be good of requests of which so many are as expected.
func (g GoodCount) fits(expected, requests uint64) bool {
	return g.Good <= expected && g.DoubtfulGood <= requests-g.Good
}

func (m *Measurement) checkGood() error {
	if n := len(m.GoodWithin); n > 0 && n != len(m.Groups) ||
		slices.ContainsFunc(m.GoodWithin, func(d time.Duration) bool { return d < 0 }) {
		return errors.New("its limits of good responses are not those of its groups")
	}
	return nil
}

// BestGood counts how many more of the responses of a group, or of all where it is below
// 0, may have been good without what mfaload did, itself or in doubtful seconds. Of the
// arrivals that were never sent there are so many.
func (d *DoubtfulSeconds) BestGood(m *Measurement, group int, neverSent uint64) (more uint64) {
	c := m.Main.Counts(group)
	if d.All {
		return c.Expected - c.Good + m.Main.BestWaits(group, false).Unserved() + c.DoubtfulGood
	}
	more = c.DoubtfulGood + d.Unsent(m, neverSent)
	d.each(m, func(s *Second, _ uint64) {
		of := s.Counts(group)
		best, known := uint64(of.Expected), uint64(of.Good+of.DoubtfulGood)
		if !d.Short[s.Second] { // too few workers: sent at once, it would have taken its service time
			best = min(best, s.fast(group, m.goodWithin(group)))
		}
		if best += d.FailuresIn(s, group); s.Second >= int64(m.Main.Start/time.Second) && best > known {
			more += best - known
		}
	})
	return more
}

// goodWithin is the limit of a group, or the largest of all where it is below 0.
func (m *Measurement) goodWithin(group int) (limit time.Duration) {
	for g := range m.GoodWithin {
		if group < 0 || g == group {
			limit = max(limit, GoodWithin(m.GoodWithin, g))
		}
	}
	return limit
}

// fast counts the served requests of the second whose service time is within a limit.
func (s *Second) fast(group int, limit time.Duration) (n uint64) {
	for _, h := range s.Waits(group, true).Served {
		n += h.Count() - h.Beyond(limit)
	}
	return n
}
