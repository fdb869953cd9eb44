package measure

import (
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
	// Response and Service are the times of all of them; nil where nobody asked for
	// them. Split says which of them were served.
	Response *Histogram `json:"response,omitempty"`
	Service  *Histogram `json:"service,omitempty"`
	Split
}

// Waits returns the times as a limit judges them, and as they would have been at
// best without what mfaload harmed. Of a tick without times both are empty.
func (t *Tick) Waits(service bool) (measured Waits, best *BestWaits) {
	all := t.Response
	if service {
		all = t.Service
	}
	if all == nil {
		return Waits{}, &BestWaits{}
	}
	served := all
	if t.Served != nil {
		if served = t.Served.Response; service {
			served = t.Served.Service
		}
	}
	return Waits{Served: []*Histogram{served}, Untimed: t.Unserved},
		&BestWaits{with: []*Histogram{t.Split.best(all, service)}, unserved: t.Unserved - t.Doubtful}
}

// Merge adds what another tick says.
func (t *Tick) Merge(o *Tick) error {
	t.Counts.merge(o.Counts)
	t.Streak = max(t.Streak, o.Streak)
	if o.Response == nil || o.Service == nil {
		return nil
	}
	if t.Response == nil || t.Service == nil {
		t.Response, t.Service = NewSparse(), NewSparse()
	}
	t.Split.add(&o.Split, t.Response, t.Service, o.Response, o.Service)
	return mergeAll([]*Histogram{t.Response, t.Service}, []*Histogram{o.Response, o.Service})
}

// Ticks hands out a run second by second while it runs. It is not safe for
// concurrent use.
type Ticks struct {
	recorder *Recorder
	live     *Live // nil without times
	before   Progress
}

// Ticks begins to hand out the run in ticks, with times or without. It is called
// before the run.
func (r *Recorder) Ticks(times bool) *Ticks {
	t := &Ticks{recorder: r}
	if times {
		t.live = r.Live()
	}
	return t
}

// Take returns what came to an end since it was last called. Elapsed is the time
// since the start of the run.
func (t *Ticks) Take(elapsed time.Duration) (Tick, error) {
	now := t.recorder.Progress()
	tick := Tick{Second: int64(elapsed.Round(time.Second) / time.Second), Counts: now.since(t.before), Streak: t.recorder.streak.longest.Load()}
	t.before = now
	if t.live == nil {
		return tick, nil
	}
	tick.Response, tick.Service = NewSparse(), NewSparse()
	return tick, t.live.takeAll(tick.Response, tick.Service, &tick.Split)
}

// streak counts requests in a row that found no connection.
type streak struct{ now, longest atomic.Uint64 }

func (s *streak) add(o *Observation) {
	switch {
	case o.Disconnected:
		n := s.now.Add(1)
		for most := s.longest.Load(); n > most && !s.longest.CompareAndSwap(most, n); most = s.longest.Load() {
		}
	case !o.Failed && s.now.Load() > 0: // the others tell nothing of connections
		s.now.Store(0)
	}
}
