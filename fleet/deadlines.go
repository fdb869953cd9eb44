package fleet

import (
	"fmt"
	"time"
)

// How long the coordinator waits for what has no end of its own: every phase of a run ends by
// itself, whatever its workers do.
const (
	// loadGrace is how long a load may go on after its time: processes that are short of
	// processor time end late.
	loadGrace = 15 * time.Second
	// deliverGrace is how long a measurement may be on its way, and a second more for each
	// shard, as so many at a time are taken in.
	deliverGrace = 2 * time.Minute
	// lastMoment is how long nothing of any of them may arrive after an interruption.
	lastMoment = 5 * time.Second
)

// setLoadEnd notes when the load is to be over.
func (r *coordination) setLoadEnd() {
	if p := &r.c.Plan; p.Length > 0 {
		r.loadEnds = r.state.Start.Add(p.Length + p.Drain + loadGrace)
	}
}

// finish notes that a worker's load is over.
func (r *coordination) finish(m *shardWorker) {
	if m.deliverBy.IsZero() {
		r.moved = time.Now()
		m.deliverBy = r.moved.Add(r.deliverWithin())
	}
}

// deliverWithin is how long after its load a shard's measurement may take to be here. Long
// runs take long to be packed: about a hundredth of their length at most.
func (r *coordination) deliverWithin() time.Duration {
	return deliverGrace + time.Duration(len(r.shards))*time.Second + r.c.Plan.Length/100
}

// stopLoad has all workers stop, and gives them the time that they may take for it.
func (r *coordination) stopLoad(why string) {
	if r.state.Phase == going {
		r.enter(stopping, why)
	}
	end := time.Now().Add(r.c.Plan.Drain + loadGrace)
	if r.loadEnds.IsZero() || r.loadEnds.After(end) {
		r.loadEnds = end
	}
}

// hurry ends what takes too long.
func (r *coordination) hurry(now time.Time) {
	if r.state.Phase != going && r.state.Phase != stopping {
		return
	}
	overdue := !r.loadEnds.IsZero() && now.After(r.loadEnds)
	loadOver := r.all(func(m *shardWorker) bool { return m.lost || !m.deliverBy.IsZero() })
	if overdue && r.state.Phase == going && !loadOver {
		r.say("the load goes on after its end: stopping all workers")
		r.loadEnds = time.Time{}
		r.stopLoad("the load goes on after its end")
		return
	}
	for _, m := range r.shards {
		switch {
		case m.lost || m.final != nil:
		case m.deliverBy.IsZero() && overdue && r.state.Phase == stopping:
			r.lose(m, "its load did not end in time after it was told to stop")
		case r.signalled && loadOver && now.Sub(r.moved) > lastMoment:
			r.lose(m, fmt.Sprintf("its measurement was not here %v after the run was interrupted",
				lastMoment))
		case !m.deliverBy.IsZero() && now.After(m.deliverBy):
			r.lose(m, fmt.Sprintf("its measurement was not here %v after its load", r.deliverWithin()))
		case m.delivery != nil && !m.delivery.reading && now.Sub(m.delivery.moved) > deliveryStalls:
			m.delivery = nil // another one may take its place
		}
	}
}
