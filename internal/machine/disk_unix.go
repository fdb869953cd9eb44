//go:build linux || darwin || freebsd

package machine

import "golang.org/x/sys/unix"

// FreeDisk is how many bytes may still be written below a folder.
func FreeDisk(folder string) (bytes uint64, known bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}
