package main

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
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// shardsFolder has the results of the workers of this machine, by index.
const shardsFolder = "shards"

// errWriting says that another process writes to a results folder.
var errWriting = errors.New("another run writes its results there")

// lockFolder keeps others from writing to a results folder until the file is closed.
// It leaves nothing in it.
func lockFolder(path string) (*os.File, error) {
	f, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, errWriting)
	}
	return f, nil
}

// free is an error where the folder has results that may not be replaced, or a
// search that goes on.
func (r *results) free() error {
	r.overwrite = r.overwrite || didNotStart(r.path)
	switch {
	case r.overwrite && exists(filepath.Join(r.path, searchFile)):
		locked, err := lockSearch(r.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		_ = locked.Close()
	case r.overwrite:
	case exists(filepath.Join(r.path, reportFile)):
		return fmt.Errorf("%s holds a report already\n%s", r.path,
			hint("choose another --out, or replace it with --overwrite"))
	case exists(filepath.Join(r.path, journalFile)):
		return fmt.Errorf("%s holds the journal of a run that was broken off, or goes on\n%s", r.path,
			hint("write its results with 'mfaload report %s', choose another --out, or replace it with "+
				"--overwrite", r.path))
	}
	return nil
}

// didNotStart says whether what the folder has is of a run that did not start:
// nothing is lost with it.
func didNotStart(path string) bool {
	text, err := disk.ReadRegular(filepath.Join(path, reportFile), maxReport)
	if err != nil {
		return false
	}
	r, err := report.Decode(text)
	return err == nil && r.NotStarted != "" && !exists(filepath.Join(path, journalFile)) && !heldSearch(path)
}

// clear removes all that earlier runs and searches left in the folder, where it
// may be overwritten. Files of others stay.
func (r *results) clear() error {
	if !r.overwrite {
		return nil
	}
	var err error
	if heldSearch(r.path) {
		err = r.clearSearch()
	}
	if err = errors.Join(err, clearFolder(r.path)); err != nil {
		return fmt.Errorf("remove the earlier results: %w\n%s", err, hint("choose another folder with --out"))
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
	shards := filepath.Join(path, shardsFolder)
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
	if slices.Contains([]string{reportFile, measurementFile, journalFile, trialFile, "series.csv",
		"compare.json", "compare.html"}, name) {
		return true
	}
	kind, ok := strings.CutSuffix(name, ".hgrm")
	return ok && (kind == "response" || kind == "service" || strings.HasSuffix(kind, ".response") ||
		strings.HasSuffix(kind, ".service")) ||
		strings.HasPrefix(name, ".probe-")
}

// describe says what the results are of.
func (r *results) describe(s *scenario.Scenario, parts map[string]string, formats formatFlags) {
	r.about = measure.Measurement{Version: versionText(), Parts: parts, Terms: report.TermsOf(s).Encode()}
	r.scenario, r.formats = s, formats
}

// ended lets others write to the folder, at the end of a run and its error. Where
// the run did not start, its report says so: no earlier one is taken for its.
func (r *results) ended(err error) error {
	defer r.unlock()
	if err == nil || r.written {
		return err
	}
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != exitNotStarted && exit.code != exitInterrupted ||
		r.scenario == nil || errors.Is(err, errNotConfirmed) {
		r.discard()
		return err
	}
	if failed := r.writeNotStarted(exit.Error()); failed != nil {
		return &exitError{exit.code, fmt.Errorf("%w\n%s", err, hint("its report can't be written: %v",
			failed))}
	}
	return err
}

// writeNotStarted writes the results of a run that did not start.
func (r *results) writeNotStarted(why string) error {
	m, err := measure.NewRecorder(len(r.scenario.Groups), nil, 0).Final()
	if err != nil {
		return err
	}
	m.Scenario, m.Hash, m.Started = r.scenario.Name, r.scenario.Hash(), time.Now().UTC().Round(0)
	m.Version, m.Parts, m.Terms = r.about.Version, r.about.Parts, r.about.Terms
	for _, g := range r.scenario.Groups {
		m.Groups = append(m.Groups, g.Name)
	}
	m.SetNotStarted(why)
	judged, err := report.Judge(m)
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(r.path, 0o700), r.clear()); err != nil {
		return err
	}
	return r.write(judged, m, r.formats)
}

func (r *results) unlock() {
	if r.lock != nil {
		_ = r.lock.Close()
		r.lock = nil
	}
}
