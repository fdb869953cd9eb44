package schedule

import (
	"time"

	"mfaload/scenario"
)

// PreviousRun is a run before this one that asked users of the same groups, such as
// an earlier trial of a search.
type PreviousRun struct {
	// Scenario is that of the run; its load is open, and not sharded.
	Scenario *scenario.Scenario
	// Before is how long before this run it began.
	Before time.Duration
	// Until is when the last of its requests was due, since its own start.
	Until time.Duration
}

// follow has the users go on where previous runs ended, the first of which orders
// them by its seed: what may be asked of a user holds over all of them. It hands
// out the turns of those runs once more, which takes a moment for a million.
func (s *Schedule) follow(previous []PreviousRun) {
	if len(previous) == 0 {
		return
	}
	first := *s.scenario
	first.Load.Seed = previous[0].Scenario.Load.Seed
	t := newAssigner(&first, s.users)
	ended := time.Duration(0)
	for i := range previous {
		e := &previous[i]
		t.lap(max(previous[0].Before-e.Before, ended))
		ended = t.clock + e.Until
		t.handOut(New(e.Scenario), e.Until)
	}
	t.lap(max(previous[0].Before, ended))
	s.before = t
}

// lap begins another run, at a time of the queues' clock.
func (t *assigner) lap(at time.Duration) {
	t.groups, t.clock = newRoundRobin(t.groups.groups), at
	clear(t.seen)
	for _, q := range t.queues {
		q.Lap()
	}
}

// handOut goes through the arrivals of a schedule up to a time.
func (t *assigner) handOut(s *Schedule, until time.Duration) {
	for i := range s.sections {
		for at := range s.times(i) {
			if at > until {
				return
			}
			t.next(at)
		}
	}
}

// assigner returns that of the schedule, at its beginning.
func (s *Schedule) assigner() *assigner {
	t := newAssigner(s.scenario, s.users)
	if s.before != nil {
		t.clock = s.before.clock
		for i, q := range s.before.queues {
			t.queues[i] = q.Clone()
		}
	}
	return t
}
