package fleet

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// lease is a worker's leave to send. It lasts for [silence] from when the coordinator was last
// heard of, by a clock that goes on while the process is stopped, and where the system has such
// a clock also while the machine is suspended. Whoever looks first finds that it ended: who
// hears something, who is about to send a request, and who looks now and then. It never begins
// again, for what a worker that stood still would catch up with is none of the plan's load.
type lease struct {
	clock func() time.Duration
	now   func() time.Time
	end   context.CancelCauseFunc

	over atomic.Bool
	last atomic.Pointer[time.Time] // when somebody looked

	mu     sync.Mutex
	heard  time.Duration // by the clock
	looked time.Duration // by the clock
}

// lookAgain is how long a look counts. Reading the clock of a lease takes a call of the system,
// which is too much for each request; the system's time does not.
const lookAgain = silence / 6

func newLease(clock func() time.Duration, now func() time.Time, end context.CancelCauseFunc) *lease {
	l := &lease{clock: clock, now: now, end: end}
	l.heard = clock()
	l.looked = l.heard
	l.note()
	return l
}

// holds says whether the worker may send. It is quick as long as others look.
func (l *lease) holds() bool {
	now, last := l.now(), l.last.Load()
	// of the wall clock, which goes on in a suspended machine
	stepped := now.Round(0).Sub(last.Round(0)).Abs()
	if max(now.Sub(*last), stepped) < lookAgain {
		return !l.over.Load()
	}
	return l.look()
}

func (l *lease) look() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.check(l.clock())
}

// renew takes in that the coordinator was heard of. It comes too late where the lease is over:
// what is read after a standstill was sent in its course.
func (l *lease) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.clock(); l.check(now) {
		l.heard = now
	}
}

func (l *lease) note() {
	now := l.now()
	l.last.Store(&now)
}

func (l *lease) check(now time.Duration) bool {
	still := now - l.looked
	if l.looked = now; !l.over.Load() && now-l.heard >= silence {
		l.over.Store(true) // before anybody takes the look for a fresh one
		l.end(silent(now-l.heard, still))
	}
	l.note()
	return !l.over.Load()
}

// silent is why a lease ended: the process stood still itself for most of the time, or the
// coordinator said nothing.
func silent(quiet, still time.Duration) error {
	if still > quiet/2 {
		return fmt.Errorf("this worker stood still for %.1f s, stopped or suspended, and after %v it is "+
			"out of the run", still.Seconds(), silence)
	}
	return fmt.Errorf("the coordinator was silent for %v", silence)
}

const roundTrips = 20

type clock struct {
	offset    time.Duration // the other one is so much ahead
	roundTrip time.Duration // of the question that tells; the error is at most half of it
}

// measureClock asks for the other clock some times and believes the quickest response.
func measureClock(ctx context.Context, ask func(context.Context) (time.Time, error)) (clock, error) {
	best := clock{roundTrip: -1}
	for range roundTrips {
		sent := time.Now()
		theirs, err := ask(ctx)
		took := time.Since(sent)
		if err != nil {
			return clock{}, fmt.Errorf("ask for the coordinator's clock: %w: is it still running?", err)
		}
		if best.roundTrip < 0 || took < best.roundTrip {
			best = clock{offset: theirs.Sub(sent.Add(took / 2)), roundTrip: took}
		}
	}
	return best, nil
}

func (c clock) local(theirs time.Time) time.Time { return theirs.Add(-c.offset) }

func askClock(nc *nats.Conn, subject string) func(context.Context) (time.Time, error) {
	return func(ctx context.Context) (time.Time, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		response, err := nc.RequestWithContext(ctx, subject, nil)
		if err != nil {
			return time.Time{}, err
		}
		if len(response.Data) != 8 {
			return time.Time{}, fmt.Errorf("a response of %d bytes", len(response.Data))
		}
		return time.Unix(0, int64(binary.BigEndian.Uint64(response.Data))), nil
	}
}

func tellClock(m *nats.Msg) {
	_ = m.Respond(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano())))
}

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

func (r *coordination) setLoadEnd() {
	if p := &r.c.Plan; p.Length > 0 {
		r.loadEnds = r.state.Start.Add(p.Length + p.Drain + loadGrace)
	}
}

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

func (r *coordination) stopLoad(why string) {
	if r.state.Phase == going {
		r.enter(stopping, why)
	}
	end := time.Now().Add(r.c.Plan.Drain + loadGrace)
	if r.loadEnds.IsZero() || r.loadEnds.After(end) {
		r.loadEnds = end
	}
}

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
			r.lose(m, fmt.Sprintf("its measurement had not arrived %v after the run was interrupted",
				lastMoment))
		case !m.deliverBy.IsZero() && now.After(m.deliverBy):
			r.lose(m, fmt.Sprintf("its measurement had not arrived %v after its load", r.deliverWithin()))
		case m.delivery != nil && !m.delivery.reading && now.Sub(m.delivery.moved) > deliveryStalls:
			m.delivery = nil // another one may take its place
		}
	}
}
