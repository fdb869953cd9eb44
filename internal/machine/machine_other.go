//go:build !linux

package machine

import (
	"context"
	"runtime"
	"time"
)

// Processors says how many processors this process may use. The zero value is ready.
type Processors struct{}

// NewProcessors looks for no quotas: this system has none that are known.
func NewProcessors() *Processors { return &Processors{} }

// Available is how many processors the process may use at a time.
func (p *Processors) Available() float64 {
	return float64(min(runtime.GOMAXPROCS(0), runtime.NumCPU()))
}

// Throttled is 0: this system does not tell.
func (p *Processors) Throttled() time.Duration { return 0 }

// CPUWait is 0: this system does not tell how long threads waited for a processor.
func CPUWait() time.Duration { return 0 }

// LocalPorts is how many ports there are for connections to one address, from one
// of this machine's: those that RFC 6335 has for it, which macOS, Windows and the
// BSDs use.
func LocalPorts() int { return 65535 - 49152 + 1 }

// NewWait returns [TimerWait]: there is nothing more exact here.
func NewWait() (wait func(context.Context, time.Time), stop func()) {
	return TimerWait, func() {}
}

// SinceBoot is a clock that nobody sets, and that goes on while the process is stopped. While
// the machine is suspended it may stand still.
func SinceBoot() time.Duration { return time.Since(began) }

// began is where the clock counts from.
var began = time.Now()
