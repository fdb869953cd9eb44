//go:build unix

package main

import "golang.org/x/sys/unix"

// mostDescriptors is the limit of open files of this process. The runtime has
// raised it as far as it may.
func mostDescriptors() (limit uint64, known bool) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, false
	}
	return uint64(r.Cur), true
}
