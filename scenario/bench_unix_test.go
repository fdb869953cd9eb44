//go:build unix

package scenario_test

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// peakRSS is the most memory that the process held so far, in MB.
func peakRSS(b *testing.B) float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	if runtime.GOOS == "darwin" {
		return float64(u.Maxrss) / 1e6
	}
	return float64(u.Maxrss) / 1e3
}
