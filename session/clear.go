package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// ShardsFolder has the results of the workers of this machine, by index.
const ShardsFolder = "shards"

// errWriting says that another process writes to a results folder.
var errWriting = errors.New("another run writes its results there")

// lockFolder keeps others from writing to a results folder until the file is closed.
// It leaves nothing in it.
func lockFolder(path string) (*os.File, error) {
	f, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	if err := disk.Lock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, errWriting)
	}
	return f, nil
}

// free is an error where the folder has results that may not be replaced, or a
// search that goes on.
func (f *Folder) free() error {
	f.overwrite = f.overwrite || didNotStart(f.path)
	switch {
	case f.overwrite && exists(filepath.Join(f.path, SearchFile)):
		locked, err := LockSearch(f.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		_ = locked.Close()
	case f.overwrite:
	case exists(filepath.Join(f.path, ReportFile)):
		return fmt.Errorf("%s holds a report already\n%s", f.path,
			text.Hint("choose another --out, or replace it with --overwrite"))
	case exists(filepath.Join(f.path, JournalFile)):
		return fmt.Errorf("%s holds the journal of a run that was broken off, or goes on\n%s", f.path,
			text.Hint("write its results with 'mfaload report %s', choose another --out, or replace it with "+
				"--overwrite", f.path))
	}
	return nil
}

// didNotStart says whether what the folder has is of a run that did not start:
// nothing is lost with it.
func didNotStart(path string) bool {
	data, err := disk.ReadRegular(filepath.Join(path, ReportFile), maxReport)
	if err != nil {
		return false
	}
	r, err := report.Decode(data)
	return err == nil && r.NotStarted != "" && !exists(filepath.Join(path, JournalFile)) && !HoldsSearch(path)
}

// Clear removes all that earlier runs and searches left in the folder, where it
// may be overwritten. Files of others stay.
func (f *Folder) Clear() error {
	if !f.overwrite {
		return nil
	}
	var err error
	if HoldsSearch(f.path) {
		err = f.clearSearch()
	}
	if err = errors.Join(err, clearFolder(f.path)); err != nil {
		return fmt.Errorf("remove the earlier results: %w\n%s", err,
			text.Hint("choose another folder with --out"))
	}
	return nil
}

func clearFolder(path string) (failed error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() && isResult(e.Name()) {
			failed = errors.Join(failed, os.Remove(filepath.Join(path, e.Name())))
		}
	}
	shards := filepath.Join(path, ShardsFolder)
	if info, err := os.Lstat(shards); err != nil || !info.IsDir() {
		return failed
	}
	entries, err = os.ReadDir(shards)
	failed = errors.Join(failed, err)
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 32); err == nil && e.IsDir() {
			failed = errors.Join(failed, clearShard(filepath.Join(shards, e.Name())))
		}
	}
	_ = os.Remove(shards) // stays where something of others is in it
	return failed
}

func clearShard(path string) error {
	locked, err := lockFolder(path)
	if err != nil {
		return err
	}
	defer locked.Close()
	err = clearFolder(path)
	_ = os.Remove(path)
	return err
}

// isResult says whether a file of this name is one that mfaload writes to a
// results folder.
func isResult(name string) bool {
	if bare, temporary := strings.CutSuffix(name, ".tmp"); temporary && strings.HasPrefix(name, ".") {
		name = bare[1:]
	}
	for _, f := range rendered {
		if f.name == name {
			return true
		}
	}
	if slices.Contains([]string{ReportFile, MeasurementFile, JournalFile, TrialFile, "series.csv",
		"compare.json", "compare.html"}, name) {
		return true
	}
	kind, ok := strings.CutSuffix(name, ".hgrm")
	return ok && (kind == "response" || kind == "service" || strings.HasSuffix(kind, ".response") ||
		strings.HasSuffix(kind, ".service")) ||
		strings.HasPrefix(name, ".probe-")
}

// Describe says what the results are of.
func (f *Folder) Describe(s *scenario.Scenario, p Provenance, formats Formats) {
	f.Provenance, f.scenario, f.formats = p, s, formats
}

// Started says that what is in the folder from here on stays, whatever becomes of
// the run.
func (f *Folder) Started() { f.written = true }

// IsStarted says whether something is in the folder that is to stay.
func (f *Folder) IsStarted() bool { return f.written }

// WriteNotStarted writes the results of a run that did not start, so that no earlier
// ones are taken for its.
func (f *Folder) WriteNotStarted(why string) error {
	m, err := measure.NewRecorder(len(f.scenario.Groups), nil, 0).Final()
	if err != nil {
		return err
	}
	m.Scenario, m.Hash, m.Started = f.scenario.Name, f.scenario.Hash(), time.Now().UTC().Round(0)
	f.Provenance.stamp(m)
	for _, g := range f.scenario.Groups {
		m.Groups = append(m.Groups, g.Name)
	}
	m.SetNotStarted(why)
	judged, err := report.Judge(m)
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(f.path, 0o700), f.Clear()); err != nil {
		return err
	}
	return f.Write(judged, m, f.formats)
}

// Unlock lets others write to the folder.
func (f *Folder) Unlock() {
	if f.lock != nil {
		_ = f.lock.Close()
		f.lock = nil
	}
}
