package fleet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
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

// newLease begins a lease; end is told why it ends.
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

// look looks whether the lease is over.
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
	return fmt.Errorf("nothing was heard of the coordinator for %v", silence)
}
