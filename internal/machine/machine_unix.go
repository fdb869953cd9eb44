//go:build unix

package machine

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// MaxFiles is how many files this process may have open. The Go runtime has
// raised the limit as far as it may.
func MaxFiles() (limit uint64, known bool) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, false
	}
	return uint64(r.Cur), true
}

// OpenFiles is how many files this process has open; 0 where nobody tells.
func OpenFiles() int {
	all, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 0
	}
	return len(all)
}

// CPUTime is the processor time that this process used; 0 where nobody tells.
func CPUTime() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
