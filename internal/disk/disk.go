// Package disk is the one place where mfaload writes files that stay: what is
// there of a name, a link somewhere else perhaps, is never written to, no reader
// ever sees half of a file, and what was written outlives a power cut. It also opens
// the files that a person names: that never waits without end, and reading one is
// bounded.
package disk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// New makes an empty file that nobody else has and only its owner may read. What
// is there of that name is removed.
func New(path string) (*os.File, error) {
	_ = os.Remove(path)
	return create(path, 0o600)
}

// Create writes a file that is not there yet: one that is there is [fs.ErrExist].
func Create(path string, data []byte, mode fs.FileMode) error {
	f, err := create(path, mode)
	if err != nil {
		return err
	}
	if err := write(f, data); err != nil {
		_ = os.Remove(path)
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// Replace writes a file in one step, in place of what is there of that name. A
// device, a pipe or a folder of that name is an error: it is no file of ours.
func Replace(path string, data []byte, mode fs.FileMode) error {
	return ReplaceWith(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}, mode)
}

// ReplaceWith is Replace of what is written bit by bit.
func ReplaceWith(path string, content func(io.Writer) error, mode fs.FileMode) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	_ = os.Remove(temporary)
	f, err := create(temporary, mode)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	if err = content(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// create follows no link and opens nothing that is there.
func create(path string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, mode)
}

func write(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncFolder makes what was made or renamed in a folder outlive a power cut, where
// the system can do that.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil // a folder that may be written to and not read
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) &&
		!errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
