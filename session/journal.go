package session

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/measure/journal"
)

// JournalFile is what a run writes while it lasts. It is removed once the results
// are safe, so one that is there is of a run that was interrupted, or goes on.
const JournalFile = "run.journal"

// SamplesFile is the journal of a run that was to keep it.
const SamplesFile = "samples.journal"

// journalOf is the journal's file in a results folder. It is made with its first
// byte: a run that does not start leaves none. While it is open, no other
// process takes it for one that was interrupted.
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
		err = disk.Lock(old)
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
	return disk.Lock(f)
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

// journal begins the journal of a run. Tell is told once if the run goes on without.
func (f *Folder) journal(tell func(format string, args ...any)) (w *journal.Appender, failed func(error),
	close func()) {
	file := &journalOf{path: filepath.Join(f.path, JournalFile)}
	about := &measure.Measurement{}
	f.Provenance.stamp(about)
	return journal.NewAppender(file, about), func(err error) {
		f.cutOff = true
		tell("mfaload: %v: journaling stopped; the run continues, but results from here on are lost if "+
			"mfaload is killed\n",
			err)
	}, file.close
}

// Kept says what a process that quits at once leaves of its run.
func (f *Folder) Kept() string {
	if !exists(filepath.Join(f.path, JournalFile)) {
		return "nothing was measured yet"
	}
	return fmt.Sprintf("the journal is kept, and 'mfaload report %s' rebuilds the results from it, up to "+
		"its "+
		"last second",
		f.path)
}

// Hint says what can be done where not all results could be written.
func (f *Folder) Hint() string {
	const lost = "the run was measured, but not all of its results could be kept"
	whole, err := f.journalWhole()
	switch {
	case err != nil:
		return text.Hint(lost)
	case f.cutOff:
		return text.Hint(lost+": the journal has its beginning, and 'mfaload report %s' rebuilds that",
			f.path)
	case !whole:
		return text.Hint(lost+", and its journal is damaged: 'mfaload report %s' rebuilds what comes "+
			"before the "+
			"damage", f.path)
	}
	return text.Hint("the run was measured, and its journal is whole: make room, then 'mfaload report %s' "+
		"writes the "+
		"results", f.path)
}

func (f *Folder) journalWhole() (bool, error) {
	file, err := disk.OpenRegular(filepath.Join(f.path, JournalFile))
	if err != nil {
		return false, err
	}
	defer file.Close()
	return journal.CheckComplete(file) == nil, nil
}

// rebuild returns what can be rebuilt of a run that was interrupted; nil where
// there is nothing to rebuild.
func (f *Folder) rebuild() (*measure.Measurement, error) {
	file, err := disk.OpenRegular(filepath.Join(f.path, JournalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := disk.Lock(file); err != nil {
		return nil, fmt.Errorf("%s: the run is still running: it writes its results when it ends", f.path)
	}
	m, err := journal.Rebuild(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	f.KeepJournal = keepsSamples(file)
	return m, nil
}

// Unfinished returns what can be rebuilt of a run that was interrupted before its
// results were written; nil where they were, or where there is no journal.
func (f *Folder) Unfinished() (*measure.Measurement, error) {
	written, _, unreadable := ReadResults(f.path)
	m, err := f.rebuild()
	if m == nil || unreadable != nil {
		return m, err
	}
	if written.Started.Equal(m.Started) && written.Hash == m.Hash {
		return nil, f.endJournal() // it was ended between the two
	}
	return m, err
}

// Journal is where the journal of the run is, until its results are safe.
func (f *Folder) Journal() string { return filepath.Join(f.path, JournalFile) }

// FindJournals returns the journals of a results folder, of a run that was interrupted or that was
// to keep it: its own, or those of its shards, or of the results folders that it holds.
func FindJournals(path string) (all []string, err error) {
	for _, below := range []string{".", filepath.Join(ShardsFolder, "*"), "*"} {
		for _, name := range []string{JournalFile, SamplesFile} {
			found, err := filepath.Glob(filepath.Join(globQuote(path), below, name))
			if err != nil {
				return nil, fmt.Errorf("look for samples: %w", err)
			}
			all = append(all, found...)
		}
		if len(all) > 0 {
			return all, nil
		}
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("look for samples: %w", err)
	}
	return nil, fmt.Errorf("%s has no samples\n%s", path, text.Hint("run with --samples FILE, or with "+
		"--keep-samples to keep them in the results folder"))
}

// keepsSamples says whether a journal is of a run that was to keep its requests.
func keepsSamples(file io.Reader) (kept bool) {
	first := errors.New("that was the first request")
	_, _ = journal.Observations(file, func(_ *measure.Measurement, o *measure.Observation) error {
		kept = o.User != ""
		return first
	})
	return kept
}

// endJournal removes the journal, or sets it aside, for the results are safe.
func (f *Folder) endJournal() error {
	if f.KeepJournal && exists(f.Journal()) {
		return disk.Rename(f.Journal(), filepath.Join(f.path, SamplesFile))
	}
	err := os.Remove(filepath.Join(f.path, JournalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
