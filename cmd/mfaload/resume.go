package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfaload/report"
	"mfaload/session"
)

const searchSchema = "mfaload/search/v1"

// searchRecord is what search.json holds.
type searchRecord struct {
	Schema  string    `json:"schema"`
	Started time.Time `json:"started"`
	// File is the scenario's, and Flags those that shape the search, as they were
	// given.
	File  string            `json:"scenario_file"`
	Flags map[string]string `json:"flags"`
	// Parts identify what all trials have in common.
	Parts map[string]string `json:"parts"`
}

// keptFlags are remembered for a search that goes on.
var keptFlags = []string{"max-rate", "budget", "target-rate", "logins-per-day", "peak-factor", "soak",
	"soak-share", "contract", "contract-overlay"}

// newSearchRecord describes a search that begins with flags of a command.
func newSearchRecord(c *cobra.Command, file string) searchRecord {
	r := searchRecord{Schema: searchSchema, Started: time.Now().UTC(), File: absolute(file),
		Flags: map[string]string{}}
	for _, name := range keptFlags {
		if flag := c.Flags().Lookup(name); flag.Changed {
			r.Flags[name] = flag.Value.String()
			if strings.HasPrefix(name, "contract") {
				r.Flags[name] = absolute(r.Flags[name])
			}
		}
	}
	return r
}

// absolute is a path from wherever the search goes on; "-" stays what it is.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil && path != "-" {
		return full
	}
	return path
}

// keptSearch is a search that is kept in a results folder.
type keptSearch struct {
	searchRecord
	path string
	lock *os.File
}

// openSearch reads a search and keeps others from going on with it.
func openSearch(path string) (*keptSearch, error) {
	k := &keptSearch{path: path}
	f, err := session.LockSearch(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &exitError{exitUsage, fmt.Errorf("%s holds no search: it has no %s\n%s", path,
			session.SearchFile, hint("name the results folder of 'mfaload capacity'"))}
	}
	if err != nil {
		return nil, err
	}
	k.lock = f
	decoder := json.NewDecoder(f)
	if err := decoder.Decode(&k.searchRecord); err != nil || k.Schema != searchSchema {
		_ = f.Close()
		return nil, fmt.Errorf("%s is not the record of a search of this version: %w\n%s", f.Name(),
			cmp.Or(err, fmt.Errorf("its schema is %q", k.Schema)),
			hint("start a new search: the trials of this one can be looked at with 'mfaload report'"))
	}
	return k, nil
}

// close lets others go on with it.
func (k *keptSearch) close() { _ = k.lock.Close() }

// setFlags sets the flags that the search was begun with where the command has
// not got them.
func (k *keptSearch) setFlags(c *cobra.Command) error {
	asked := c.Flags().Changed("target-rate") || c.Flags().Changed("logins-per-day")
	for _, name := range slices.Sorted(maps.Keys(k.Flags)) {
		if !slices.Contains(keptFlags, name) || c.Flags().Changed(name) || asked &&
			(name == "target-rate" || name == "logins-per-day") {
			continue
		}
		if err := c.Flags().Set(name, k.Flags[name]); err != nil {
			return fmt.Errorf("%s: --%s: %w", filepath.Join(k.path, session.SearchFile), name, err)
		}
	}
	return nil
}

// fits says what a scenario differs in from that of the search, as an error.
func (k *keptSearch) fits(file string, parts map[string]string) error {
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if parts[name] != k.Parts[name] {
			differ = append(differ, name)
		}
	}
	if len(differ) == 0 {
		return nil
	}
	return &exitError{exitUsage, fmt.Errorf("%s has changed since the search in %s began (%s), so its "+
		"trials are of something else\n%s", file, k.path, strings.Join(differ, ", "),
		hint("undo that, or start a new search; caps of requests, the stages of the load and the section "+
			"capacity may change"))}
}

// trialParts identify what all trials of a search have in common.
func (t *trials) trialParts() map[string]string {
	parts := t.scenario.TrialFingerprints()
	parts["contract"] = t.parts["contract"]
	return parts
}

// begin makes the folder ready for the first trial, or for the next one where
// the search goes on.
func (t *trials) begin(record searchRecord, f *capacityFlags) (end func(), err error) {
	if f.kept != nil {
		return func() {}, t.setInterruptedAside()
	}
	if err := t.dir.Clear(); err != nil {
		return nil, err
	}
	t.dir.Started() // from here on trials are kept: an interrupted search is not one that did not start
	record.Parts, t.started = t.trialParts(), record.Started
	if err := t.dir.WriteFile(session.SearchFile, func() ([]byte,
		error) {
		return report.Encode(record)
	}); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, hint("choose another folder with --out"))
	}
	locked, err := session.LockSearch(t.dir.Path())
	if err != nil {
		return nil, err
	}
	return func() { _ = locked.Close() }, nil
}
