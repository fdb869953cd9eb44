package measure

import (
	"slices"
	"sync/atomic"
	"time"
)

// Tick is what came to an end in one second of a run: by the time it ended, not
// by the time it was intended for. The warm-up is in it. The ticks of several
// machines add up.
type Tick struct {
	// Second counts from the start of the run: it is the one that ends then.
	Second int64 `json:"second"`
	// Counts are of the requests that came to an end.
	Counts Progress `json:"counts"`
	// Streak is the most requests in a row, so far in the run, that found no
	// connection, or lost it, with no answer in between; of several machines that
	// of one of them.
	Streak uint64 `json:"streak,omitempty"`
	// Seconds are these requests by the second that they were intended for, in order;
	// nil where nobody asked for them.
	Seconds []*Second `json:"seconds,omitempty"`
}

// Waits returns the times as a limit judges them, and as they would have been at
// best without what mfaload harmed. Of a tick without its requests both are empty.
func (t *Tick) Waits(service bool) (measured Waits, best *BestWaits) {
	best = &BestWaits{}
	for _, s := range t.Seconds {
		w := s.Waits(-1, service)
		measured.Served = append(measured.Served, w.Served...)
		measured.Untimed += w.Untimed
		all, split := s.part(-1, service)
		best.with = append(best.with, split.best(all, service))
		best.unserved += split.Unserved - split.Doubtful
	}
	return measured, best
}

// Merge adds what another tick says.
func (t *Tick) Merge(o *Tick) {
	t.Counts.Add(o.Counts)
	t.Streak = max(t.Streak, o.Streak)
	MergeSeconds(&t.Seconds, o.Seconds)
}

// MergeSeconds adds seconds to others, which are in order; these are not shared.
func MergeSeconds(to *[]*Second, more []*Second) {
	for _, s := range more {
		closedSecond(to, s.Second).add(s)
	}
}

// Check finds a tick that can't be.
func (t *Tick) Check() error { return checkSeconds(slices.Values(t.Seconds), 0) }

// Ticks hands out a run second by second while it runs. It is not safe for
// concurrent use.
type Ticks struct {
	recorder *Recorder
	tap      *tap[*Timeline] // nil without the requests
	before   Progress
}

// Ticks begins to hand out the run in ticks, with the requests or without. It is
// called once, before the run. Those who record never wait for it.
func (r *Recorder) Ticks(requests bool) *Ticks {
	t := &Ticks{recorder: r}
	if requests {
		t.tap = newTap(r, func() *Timeline { return NewTimeline(1) })
	}
	return t
}

// Take returns what came to an end since it was last called. Elapsed is the time
// since the start of the run.
func (t *Ticks) Take(elapsed time.Duration) Tick {
	now := t.recorder.Progress()
	tick := Tick{
		Second: int64(elapsed.Round(time.Second) / time.Second),
		Counts: now.since(t.before),
		Streak: t.recorder.streak.longest.Load(),
	}
	t.before = now
	if t.tap != nil {
		_ = t.tap.take(func(requests *Timeline) error { // merging seconds has no error
			MergeSeconds(&tick.Seconds, requests.recorded())
			return nil
		})
	}
	return tick
}

// streak counts requests in a row that found no connection.
type streak struct{ now, longest atomic.Uint64 }

func (s *streak) add(o *Observation) {
	switch {
	case o.Disconnected && o.harmedInFlight() > 0: // it may be lost for mfaload's sake
	case o.Disconnected:
		n := s.now.Add(1)
		for most := s.longest.Load(); n > most && !s.longest.CompareAndSwap(most, n); most = s.longest.Load() {
		}
	case !o.Failed && s.now.Load() > 0: // the others tell nothing of connections
		s.now.Store(0)
	}
}
