//go:build !linux

package fleet

import "time"

// sinceBoot is a clock that nobody sets, and that goes on while the process is stopped. While
// the machine is suspended it may stand still: then the coordinator tells the worker that it
// is out of the run.
func sinceBoot() time.Duration { return time.Since(began) }

// began is where the clock counts from.
var began = time.Now()
