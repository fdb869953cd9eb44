// Package machine says what this machine has (processors, open files, local ports, disk) and
// what this process took of it, and waits for a time as exactly as the system can.
//
// Where a system does not tell, a function says so, or returns what is sure: the zero value, or
// the usual number. machine_other.go has what only Linux tells.
package machine

import (
	"context"
	"time"
)

// TimerWait waits with the runtime's timers until t, or until the context
// ends. On an idle machine it returns up to a millisecond late.
func TimerWait(ctx context.Context, t time.Time) {
	d := time.Until(t)
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
