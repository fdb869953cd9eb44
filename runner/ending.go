package runner

import (
	"sync"

	"mfaload/measure"
)

// ending ends a run before its time: once, because it was interrupted or for a
// reason of the scenario's.
type ending struct {
	mu   sync.Mutex
	stop func() // stops sending; nil once it was called
	why  *measure.Stop
}

func (e *ending) begin(stop func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop = stop
}

// end ends the run. Why is nil for an interruption.
func (e *ending) end(why *measure.Stop) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop != nil {
		e.stop()
		e.stop, e.why = nil, why
	}
}

// over ends nothing any more: the last answer came.
func (e *ending) over() { e.begin(nil) }

// reason is why the scenario ended the run; nil where it did not.
func (e *ending) reason() *measure.Stop {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.why == nil {
		return nil
	}
	why := *e.why // describing a run goes on with it
	return &why
}
