package fleet

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is a clock that nobody sets, and that goes on while the process is stopped and
// while the machine is suspended.
func sinceBoot() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	}
	return time.Duration(now.Nano())
}
