package disk

import (
	"fmt"
	"os"
	"path/filepath"
)

// Scratch is a folder for a run's files that is gone after it. Where its process is killed, the
// next one that makes a folder of the same prefix removes it.
type Scratch struct {
	Dir  string
	lock *os.File // held as long as the process lives
}

// lockName is the file in a scratch folder that its owner has locked.
const lockName = ".lock"

// NewScratch makes a folder, and removes those of the same prefix whose owner is dead.
func NewScratch(prefix string) (*Scratch, error) {
	removeOrphans(prefix)
	s, err := newScratch(prefix)
	if err != nil {
		return nil, fmt.Errorf("make a folder for the files of the run: %w: set TMPDIR to one that can "+
			"be written to", err)
	}
	return s, nil
}

func newScratch(prefix string) (*Scratch, error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, err
	}
	// It has its name once it is locked: nobody finds it before.
	making := filepath.Join(dir, lockName+".new")
	lock, err := os.OpenFile(making, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = flock(lock)
	}
	if err == nil {
		err = os.Rename(making, filepath.Join(dir, lockName))
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return &Scratch{dir, lock}, nil
}

// Close removes the folder.
func (s *Scratch) Close() {
	_ = s.lock.Close() // first: elsewhere an open file can't be removed
	_ = os.RemoveAll(s.Dir)
}

// removeOrphans removes the folders of a prefix that nobody holds any more.
func removeOrphans(prefix string) {
	all, err := os.ReadDir(os.TempDir())
	if err != nil {
		return
	}
	for _, entry := range all {
		if name := entry.Name(); entry.IsDir() && len(name) > len(prefix) && name[:len(prefix)] == prefix {
			removeOrphan(filepath.Join(os.TempDir(), name))
		}
	}
}
