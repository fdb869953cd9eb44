package disk

import (
	"errors"
	"os"
	"runtime"
)

// Temporary is a file for what memory does not hold. It goes when it is closed, or when
// nobody knows it any more.
type Temporary struct{ *os.File }

// NewTemporary makes one that only its owner can read. It has no name, where the system
// can do that, and so goes with its process, whatever ends that.
func NewTemporary() (*Temporary, error) {
	f, err := os.CreateTemp("", "mfaload-*")
	if err != nil {
		return nil, err
	}
	t := &Temporary{f}
	if runtime.GOOS != "windows" {
		return t, os.Remove(f.Name())
	}
	runtime.AddCleanup(t, func(f *os.File) { _ = remove(f) }, f) // there an open file keeps its name
	return t, nil
}

// Close gives the file up.
func (t *Temporary) Close() error {
	if runtime.GOOS != "windows" {
		return t.File.Close()
	}
	return remove(t.File)
}

func remove(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) }
