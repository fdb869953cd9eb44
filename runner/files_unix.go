//go:build unix

package runner

import (
	"os"

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

// openFiles is how many files this process has open; 0 where nobody tells.
func openFiles() int {
	all, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 0
	}
	return len(all)
}
