package main

import (
	"fmt"
	"io"
	"os"
)

// The largest files of a results folder that are read at once, in bytes. Measurements
// and journals are read bit by bit, whatever their size.
const (
	maxReport  = 128 << 20
	maxRecord  = 1 << 20 // trial.json, search.json
	maxProfile = 16 << 20
)

// The largest files that a person names on the command line, in bytes.
const (
	maxContract = 16 << 20
	maxIdentity = 1 << 20 // join files too
)

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
