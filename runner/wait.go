package runner

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
