package runner

import (
	"time"

	"mfaload/scenario"
)

// Earlier is a run before this one that asked users of the same groups, such as
// an earlier trial of a search.
type Earlier struct {
	// Scenario is that of the run; its load is open, and not sharded.
	Scenario *scenario.Scenario
	// Before is how long before this run it began.
	Before time.Duration
	// Until is when the last of its requests was due, since its own start.
	Until time.Duration
}

// follow has the users go on where earlier runs ended, the first of which orders
// them by its seed: what may be asked of a user holds over all of them. It hands
// out the turns of those runs once more, which takes a moment for a million.
func (s *Schedule) follow(earlier []Earlier) {
	if len(earlier) == 0 {
		return
	}
	first := *s.scenario
	first.Load.Seed = earlier[0].Scenario.Load.Seed
	t := newTurns(&first, s.stripes)
	ended := time.Duration(0)
	for i := range earlier {
		e := &earlier[i]
		t.lap(max(earlier[0].Before-e.Before, ended))
		ended = t.clock + e.Until
		t.handOut(newSchedule(e.Scenario, shard{count: 1}), e.Until)
	}
	t.lap(max(earlier[0].Before, ended))
	s.before = t
}

// lap begins another run, at a time of the queues' clock.
func (t *turns) lap(at time.Duration) {
	t.shares, t.clock = newShares(t.groups), at
	clear(t.seen)
	for _, q := range t.queues {
		q.Lap()
	}
}

// handOut goes through the arrivals of a schedule up to a time.
func (t *turns) handOut(s *Schedule, until time.Duration) {
	for i := range s.parts {
		for at := range s.times(i) {
			if at > until {
				return
			}
			t.next(at)
		}
	}
}

// turns returns those of the schedule, at their beginning.
func (s *Schedule) turns() *turns {
	t := newTurns(s.scenario, s.stripes)
	if s.before != nil {
		t.clock = s.before.clock
		for i, q := range s.before.queues {
			t.queues[i] = q.Clone()
		}
	}
	return t
}
