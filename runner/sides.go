package runner

import (
	"context"
	"sync/atomic"
	"time"

	"mfaload/runner/schedule"
)

// DuetSide is one of two runs of a scenario against two targets from one instant on. Either each arrival goes
// to both, in an order that is drawn for it, so that neither target always comes second; or the sides
// alternate, and each second is one side's alone. What is drawn depends on the seed of the load and on
// nothing else.
type DuetSide struct {
	number    int
	alternate bool
	handed    [2]*atomic.Uint64 // of each side: how many arrivals of the schedule it has handed over
	wake      [2]chan struct{}
}

// NewSides returns both sides of a run of an open load that is not sharded.
func NewSides(alternate bool) (sides [2]*DuetSide) {
	handed := [2]*atomic.Uint64{new(atomic.Uint64), new(atomic.Uint64)}
	wake := [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}
	for i := range sides {
		sides[i] = &DuetSide{i, alternate, handed, wake}
	}
	return sides
}

// alternates says whether each second is one side's alone; not of a run without sides.
func (s *DuetSide) alternates() bool { return s != nil && s.alternate }

// patience is how long an arrival waits for its twin at most: what mfaload itself may be late by and harm
// nobody.
const patience = 500 * time.Microsecond

// await waits until the other side has handed an arrival over that was drawn to be first there. It does not
// wait for a side that is behind: its service stalls, and that is none of this one's.
func (s *DuetSide) await(ctx context.Context, seed, arrival uint64) {
	if s == nil || s.alternate || schedule.FirstOf(seed, arrival) == s.number {
		return
	}
	other := s.handed[1-s.number]
	if other.Load() != arrival {
		return
	}
	give := time.NewTimer(patience)
	defer give.Stop()
	for other.Load() == arrival {
		select {
		case <-s.wake[s.number]:
		case <-give.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// hand says that an arrival is handed over, or will not be sent.
func (s *DuetSide) hand(arrival uint64) {
	if s == nil || s.alternate {
		return
	}
	s.handed[s.number].Store(arrival + 1)
	select {
	case s.wake[1-s.number] <- struct{}{}:
	default: // it is told already
	}
}
