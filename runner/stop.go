package runner

import (
	"math"
	"sync"
	"time"

	"mfaload/measure"
)

// runStopper ends a run before its time: once, because it was interrupted or for a
// reason of the scenario's.
type runStopper struct {
	mu   sync.Mutex
	stop func() // stops sending; nil once it was called
	why  *measure.Stop
}

func (e *runStopper) begin(stop func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop = stop
}

// end ends the run. Why is nil for an interruption.
func (e *runStopper) end(why *measure.Stop) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop != nil {
		e.stop()
		e.stop, e.why = nil, why
	}
}

// over ends nothing any more: the last answer came.
func (e *runStopper) over() { e.begin(nil) }

// reason is why the scenario ended the run; nil where it did not.
func (e *runStopper) reason() *measure.Stop {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.why == nil {
		return nil
	}
	why := *e.why // describing a run goes on with it
	return &why
}

// drainTimer gives the requests in flight up at a time, in time since the start of
// the run. That time only ever comes nearer: what ends a run does not prolong it.
type drainTimer struct {
	start time.Time
	mu    sync.Mutex
	ends  time.Duration
	timer *time.Timer
}

func newDrainTimer(start time.Time, giveUp func()) *drainTimer {
	return &drainTimer{start: start, ends: math.MaxInt64, timer: time.AfterFunc(math.MaxInt64, giveUp)}
}

// until ends the drain at a time, if it does not end before.
func (p *drainTimer) until(end time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if end < p.ends {
		p.ends = end
		p.timer.Reset(end - time.Since(p.start))
	}
}
