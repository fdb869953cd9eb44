package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
)

// The largest files of a results folder that are read, in bytes.
const (
	maxReport      = 128 << 20
	maxMeasurement = 2 << 30
	maxRecord      = 1 << 20 // trial.json, search.json
)

// createNew makes a file that nobody else has: what is there of that name, a link
// somewhere else perhaps, is removed and not written to.
func createNew(path string) (*os.File, error) {
	_ = os.Remove(path)
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// openRegular opens a file to read it. What might never end, or never begin, is
// an error.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.Open(path)
}

// readRegular reads a file of a bounded size.
func readRegular(path string, maxBytes int64) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && int64(len(data)) > maxBytes {
		err = fmt.Errorf("%s has more than %d bytes: mfaload wrote no such file", path, maxBytes)
	}
	return data, err
}

// syncFolder makes what was renamed in a folder outlive a power cut, where the
// system can do that.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
