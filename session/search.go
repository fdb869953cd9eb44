package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mfaload/internal/disk"
	"mfaload/internal/text"
)

// The files and folders that a search for capacity keeps in its results folder, next
// to the results folders of its trials.
const (
	// SearchFile says with what a search was begun. It is locked while the search lasts.
	SearchFile   = "search.json"
	CapacityFile = "capacity.json"
	CapacityPage = "capacity.html"
	TrialsFolder = "trials"
	SoakFolder   = "soak"
	// TrialFile says what a trial is. It is written before the first request of the
	// trial, and again when all that it measured is safe: a trial that was broken off
	// in between is no evidence, but its users were asked.
	TrialFile = "trial.json"
)

// LockSearch keeps others from a search until the file is closed.
func LockSearch(path string) (*os.File, error) {
	file := filepath.Join(path, SearchFile)
	if info, err := os.Stat(file); err == nil && (!info.Mode().IsRegular() || info.Size() > MaxRecord) {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes: mfaload did not write it", file,
			MaxRecord)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := disk.Lock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: the search goes on, in another process\n%s", path,
			text.Hint("wait until it ends, or end it"))
	}
	return f, nil
}

// HoldsSearch says whether a folder has a search.
func HoldsSearch(path string) bool {
	for _, name := range []string{CapacityFile, SearchFile} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return true
		}
	}
	return false
}

// clearSearch removes all that a search left in its folder.
func (f *Folder) clearSearch() error {
	names := []string{TrialsFolder, CapacityFile, CapacityPage, SearchFile}
	soaks, err := fs.Glob(os.DirFS(f.path), SoakFolder+"*/"+TrialFile)
	for _, name := range soaks {
		names = append(names, filepath.Dir(name))
	}
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(filepath.Join(f.path, name)))
	}
	return err
}
