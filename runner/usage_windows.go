package runner

import (
	"time"

	"golang.org/x/sys/windows"
)

// processUsage returns the processor time that the process used; its largest
// resident memory is not asked for on Windows.
func processUsage() (cpu time.Duration, peakRSS uint64) {
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user) != nil {
		return 0, 0
	}
	return ticks(kernel) + ticks(user), 0
}

// ticks converts a length of time in units of 100 ns.
func ticks(f windows.Filetime) time.Duration {
	return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * 100
}
