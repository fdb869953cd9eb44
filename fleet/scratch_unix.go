//go:build unix

package fleet

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// flock keeps others from locking the file until it is closed or the process ends.
func flock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// removeOrphan removes a scratch folder of this user whose owner is dead.
func removeOrphan(dir string) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Getuid() {
		return
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	if flock(lock) == nil {
		_ = os.RemoveAll(dir)
	}
}
