package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mfaload/internal/disk"
	"mfaload/measure"
	"mfaload/measure/journal"
)

// journalFile is what a run writes while it lasts. It is removed once the results
// are safe, so one that is there is of a run that was broken off, or goes on.
const journalFile = "run.journal"

// journalOf is the journal's file in a results folder. It is made with its first
// byte: a run that does not start leaves none. While it is open, no other
// process takes it for one that was broken off.
type journalOf struct {
	path string
	file *os.File
}

// Write implements [journal.File].
func (j *journalOf) Write(b []byte) (int, error) {
	if j.file == nil {
		if err := j.make(); err != nil {
			return 0, err
		}
	}
	return j.file.Write(b)
}

// make makes the file, in place of one that nobody writes to.
func (j *journalOf) make() error {
	if old, err := disk.OpenRegular(j.path); err == nil {
		err = lock(old)
		_ = old.Close()
		if err != nil {
			return fmt.Errorf("%s: another run writes to it: %w", j.path, err)
		}
	}
	f, err := disk.New(j.path)
	if err != nil {
		return err
	}
	j.file = f
	return lock(f)
}

// ReadAt implements [journal.File].
func (j *journalOf) ReadAt(b []byte, at int64) (int, error) {
	if j.file == nil {
		return 0, io.EOF
	}
	return j.file.ReadAt(b, at)
}

// Sync implements [journal.File].
func (j *journalOf) Sync() error { return j.file.Sync() }

// close lets others read it.
func (j *journalOf) close() {
	if j.file != nil {
		_ = j.file.Close()
	}
}

// journal begins the journal of a run.
func (r *results) journal() (j *journal.Writer, close func()) {
	file := &journalOf{path: filepath.Join(r.path, journalFile)}
	return journal.NewWriter(file, &r.about), file.close
}

// journalFailed says that a run goes on without its journal.
func (r *results) journalFailed(ui *ui) func(error) {
	return func(err error) {
		r.cutOff = true
		ui.tell("mfaload: %v: the run goes on, but what comes now is lost if mfaload is killed before its end\n", err)
	}
}

// kept says what a process that quits at once leaves of its run.
func (r *results) kept() string {
	if !exists(filepath.Join(r.path, journalFile)) {
		return "nothing was measured yet"
	}
	return fmt.Sprintf("the journal is kept, and 'mfaload report %s' makes the results of it, up to its last second", r.path)
}

// lost says what can be done where not all results could be written.
func (r *results) lost() string {
	whole, err := r.journalWhole()
	switch {
	case err != nil:
		return hint("the run was measured, but not all of its results could be kept")
	case r.cutOff:
		return hint("the run was measured, but not all of its results could be kept: the journal has its beginning, and 'mfaload report %s' rebuilds that", r.path)
	case !whole:
		return hint("the run was measured, but not all of its results could be kept, and its journal is damaged: 'mfaload report %s' rebuilds what comes before the damage", r.path)
	}
	return hint("the run was measured, and its journal is whole: make room, then 'mfaload report %s' writes the results", r.path)
}

// journalWhole says whether all of the journal can be read, to the end of the run.
func (r *results) journalWhole() (bool, error) {
	f, err := disk.OpenRegular(filepath.Join(r.path, journalFile))
	if err != nil {
		return false, err
	}
	defer f.Close()
	return journal.CheckComplete(f) == nil, nil
}

// rebuild returns what can be rebuilt of a run that was broken off; nil where
// there is nothing to rebuild.
func (r *results) rebuild() (*measure.Measurement, error) {
	f, err := disk.OpenRegular(filepath.Join(r.path, journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := lock(f); err != nil {
		return nil, fmt.Errorf("%s: the run goes on: it writes its results at its end", r.path)
	}
	m, err := journal.Rebuild(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return m, nil
}

// unfinished returns what can be rebuilt of a run that was broken off before its
// results were written; nil where they were, or where there is no journal.
func (r *results) unfinished() (*measure.Measurement, error) {
	written, _, unreadable := readResults(r.path)
	m, err := r.rebuild()
	if m == nil || unreadable != nil {
		return m, err
	}
	if written.Started.Equal(m.Started) && written.Hash == m.Hash {
		return nil, r.endJournal() // it was ended between the two
	}
	return m, err
}

// endJournal removes the journal, for the results are safe.
func (r *results) endJournal() error {
	err := os.Remove(filepath.Join(r.path, journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
