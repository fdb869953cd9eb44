//go:build !linux

package runner

import (
	"context"
	"time"
)

// ExactWait is [TimerWait] where there is nothing more exact.
func ExactWait(ctx context.Context, t time.Time) { TimerWait(ctx, t) }
