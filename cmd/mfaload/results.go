package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mfaload/measure"
	"mfaload/report"
)

// The files of a results folder.
const (
	reportFile      = "report.json"
	measurementFile = "measurement.json.gz"
	violationsFile  = "violations.ndjson"
)

// results is a results folder. Only its owner may read it: user IDs are in it.
type results struct {
	path string
	made bool // by this run
}

// newResults makes the folder before anything is sent, so that a run whose
// results could not be kept does not start.
func newResults(name string, flags *runFlags) (*results, error) {
	path := flags.out
	if path == "" {
		path = freePath(filepath.Join("results", name+"-"+time.Now().UTC().Format("20060102T150405Z")))
	}
	_, err := os.Stat(filepath.Join(path, reportFile))
	if err == nil && !flags.overwrite {
		return nil, fmt.Errorf("%s holds a report already\n%s", path, hint("choose another --out, or replace it with --overwrite"))
	}
	_, err = os.Stat(path)
	made := errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the results folder: %w\n%s", err, hint("choose another one with --out"))
	}
	probe, err := os.CreateTemp(path, ".probe-*")
	if err != nil {
		return nil, fmt.Errorf("write to the results folder: %w\n%s", err, hint("choose another one with --out"))
	}
	return &results{path, made}, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// freePath is the path, or the path with a number where it is taken: two runs
// may start in the same second.
func freePath(path string) string {
	for n, free := 2, path; ; n++ {
		if _, err := os.Stat(free); errors.Is(err, fs.ErrNotExist) {
			return free
		}
		free = fmt.Sprintf("%s-%d", path, n)
	}
}

// discard removes the folder of a run that did not start, where it is new and
// empty.
func (r *results) discard() {
	if r.made {
		_ = os.Remove(r.path)
	}
}

// write writes all files that it can, and returns what went wrong with others.
func (r *results) write(rep *report.Report, m *measure.Measurement) error {
	return errors.Join(
		r.file(reportFile, rep.JSON),
		r.file(measurementFile, m.Pack),
		r.file(violationsFile, func() ([]byte, error) { return report.NDJSON(m) }),
	)
}

// file replaces a file in one step, so that no reader ever sees half of it.
func (r *results) file(name string, content func() ([]byte, error)) error {
	data, err := content()
	if err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	temporary := filepath.Join(r.path, "."+name+".tmp")
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		_ = os.Remove(temporary)
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(temporary, filepath.Join(r.path, name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
