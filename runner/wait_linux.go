package runner

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// slice is the longest sleep between two looks at the context.
const slice = 50 * time.Millisecond

// ExactWait waits until t, or until the context ends (noticed within 50 ms).
// The runtime's timers wake an idle program up to a millisecond late; a thread
// in nanosleep wakes within some 0.1 ms.
func ExactWait(ctx context.Context, t time.Time) {
	for ctx.Err() == nil {
		d := time.Until(t)
		if d <= 0 {
			return
		}
		ts := unix.NsecToTimespec(int64(min(d, slice)))
		// Woken early by a signal, it goes round again.
		_ = unix.Nanosleep(&ts, nil)
	}
}
