//go:build unix

package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	noFollow = syscall.O_NOFOLLOW
	noWait   = syscall.O_NONBLOCK
)

// Lock keeps other processes from locking the file until it is closed or the process
// ends. It waits for nobody: an error says that another one has it. A file system
// without locks keeps nobody out.
func Lock(f *os.File) error {
	if err := flock(f); errors.Is(err, unix.EWOULDBLOCK) {
		return err
	}
	return nil
}

// flock is Lock, and an error also where the file system has no locks.
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
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|noFollow|noWait, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	if flock(lock) == nil {
		_ = os.RemoveAll(dir)
	}
}
