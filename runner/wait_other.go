//go:build !linux

package runner

import (
	"context"
	"time"
)

// newWait returns [TimerWait] where there is nothing more exact.
func newWait() (wait func(context.Context, time.Time), stop func()) {
	return TimerWait, func() {}
}
