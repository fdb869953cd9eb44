//go:build unix

package runner

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// processUsage returns the processor time that the process used and its
// largest resident memory in bytes.
func processUsage() (cpu time.Duration, peakRSS uint64) {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0, 0
	}
	peakRSS = uint64(r.Maxrss)
	if runtime.GOOS != "darwin" && runtime.GOOS != "ios" {
		peakRSS *= 1024 // others count in kB
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), peakRSS
}
