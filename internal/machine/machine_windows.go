package machine

import (
	"time"

	"golang.org/x/sys/windows"
)

// MaxFiles is not known here: the system sets no limit of its own.
func MaxFiles() (limit uint64, known bool) { return 0, false }

// OpenFiles is 0: nobody tells.
func OpenFiles() int { return 0 }

// FreeDisk is how many bytes may still be written below a folder.
func FreeDisk(folder string) (bytes uint64, known bool) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, false
	}
	err = windows.GetDiskFreeSpaceEx(path, &bytes, nil, nil)
	return bytes, err == nil
}

// PeakMemory is 0: mfaload does not ask Windows for it.
func PeakMemory() uint64 { return 0 }

// CPUTime is the processor time that this process used; 0 where nobody tells.
func CPUTime() time.Duration {
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user) != nil {
		return 0
	}
	return length(kernel) + length(user)
}

// length converts a length of time in units of 100 ns.
func length(f windows.Filetime) time.Duration {
	return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * 100
}
