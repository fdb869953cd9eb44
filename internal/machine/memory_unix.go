//go:build unix && !linux

package machine

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// PeakMemory is the process's largest resident memory in bytes; 0 if it can't be read.
func PeakMemory() uint64 {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return uint64(r.Maxrss)
	}
	return uint64(r.Maxrss) * 1024 // others count in kB
}
