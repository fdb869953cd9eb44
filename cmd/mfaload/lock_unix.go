//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps others from locking the file until it is closed or the process
// ends. It waits for nobody.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
