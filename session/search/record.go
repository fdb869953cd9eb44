package search

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"mfaload/capacity"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/session"
)

const recordSchema = "mfaload/search/v1"

// Setup is what search.json holds: with what a search was begun.
type Setup struct {
	Schema  string    `json:"schema"`
	Started time.Time `json:"started"`
	// File is the scenario's, and Flags those that shape the search, as they were
	// given.
	File  string            `json:"scenario_file"`
	Flags map[string]string `json:"flags"`
	// Labels are what the search was given to be found by.
	Labels measure.RunLabels `json:"labels,omitempty"`
	// Parts identify what all trials have in common.
	Parts map[string]string `json:"parts"`

	path string
	lock *os.File
}

// NewSetup describes a search that begins now.
func NewSetup(file string, flags map[string]string) *Setup {
	return &Setup{Schema: recordSchema, Started: time.Now().UTC(), File: file, Flags: flags}
}

// Open reads the record of a search from its results folder, and keeps others from going on
// with the search until it is closed.
func Open(path string) (*Setup, error) {
	f, err := session.LockSearch(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no search: it has no %s\n%s", path, session.SearchFile,
			text.Hint("name the results folder of 'mfaload capacity'"))
	}
	if err != nil {
		return nil, err
	}
	r := &Setup{path: path, lock: f}
	if err := json.NewDecoder(f).Decode(r); err != nil || r.Schema != recordSchema {
		r.Close()
		return nil, fmt.Errorf("%s is not the record of a search of this version: %w\n%s", f.Name(),
			cmp.Or(err, fmt.Errorf("its schema is %q", r.Schema)),
			text.Hint("start a new search: the trials of this one can be looked at with 'mfaload report'"))
	}
	return r, nil
}

// Close lets others go on with the search.
func (r *Setup) Close() { _ = r.lock.Close() }

// fits says what a scenario differs in from that of the search, as an error.
func (r *Setup) fits(file string, parts map[string]string) error {
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if parts[name] != r.Parts[name] {
			differ = append(differ, name)
		}
	}
	if len(differ) == 0 {
		return nil
	}
	return fmt.Errorf("%s has changed since the search in %s began (%s), so its trials are of something "+
		"else\n%s", file, r.path, strings.Join(differ, ", "),
		text.Hint("undo that, or start a new search; caps of requests, the stages of the load and the "+
			"section capacity may change"))
}

// trialParts identify what all trials of a search have in common.
func (s *Trials) trialParts() map[string]string {
	parts := s.Scenario.TrialFingerprints()
	parts["contract"] = s.Parts["contract"]
	return parts
}

// Begin makes the folder ready for the first trial of a new search. Nobody else goes on with it
// until end is called.
func (s *Trials) Begin(record *Setup) (end func(), err error) {
	if err := s.Folder.Clear(); err != nil {
		return nil, err
	}
	s.Folder.Started() // from here on trials are kept: an interrupted search is not one that did not start
	record.Labels, record.Parts, s.started = s.Labels, s.trialParts(), record.Started
	err = s.Folder.WriteFile(session.SearchFile, func() ([]byte, error) { return report.Encode(record) })
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text.Hint("choose another folder with --out"))
	}
	locked, err := session.LockSearch(s.Folder.Path())
	if err != nil {
		return nil, err
	}
	return func() { _ = locked.Close() }, nil
}

// Resume takes in the trials that were made before the search was broken off.
func (s *Trials) Resume(record *Setup) (err error) {
	if err := record.fits(s.Scenario.File, s.trialParts()); err != nil {
		return err
	}
	s.Folder, s.started = session.OpenFolder(record.path), record.Started
	if s.records, err = readTrialRecords(record.path); err != nil {
		return err
	}
	evidence := map[int]*trialRecord{}
	for _, r := range s.records {
		switch {
		case r.Complete && r.folder == trialFolder(r.Number):
			evidence[r.Number] = r
		case r.Recovery && s.recoveryCounted(r):
		case s.Options.MaxRequests > 0: // it counts, though it is no evidence
			s.Options.MaxRequests -= min(uint64(r.Rate*r.Until.Seconds()), s.Options.MaxRequests-1)
		}
	}
	for n := 1; n <= len(evidence); n++ {
		if evidence[n] == nil {
			return fmt.Errorf("%s: trial %d is missing, and later ones are there\n%s", record.path, n,
				text.Hint("put %s back, or remove those after it: they are tried again", trialFolder(n)))
		}
		o, err := s.remembered(evidence[n])
		if err != nil {
			return err
		}
		s.Options.Recorded = append(s.Options.Recorded, capacity.Judge(evidence[n].spec(), o,
			s.Options.Limits))
		s.before += evidence[n].spec().TotalTime()
		if r := evidence[n].Recovered; r != nil {
			s.before += r.Took
		}
	}
	return nil
}

// recoveryCounted says whether what was sent before a trial is counted with it: the
// trial was made.
func (s *Trials) recoveryCounted(r *trialRecord) bool {
	return slices.ContainsFunc(s.records, func(o *trialRecord) bool {
		return o.Complete && o.folder == trialFolder(r.Number) && o.Recovered != nil &&
			!r.Started.After(o.Started)
	})
}

// SetInterruptedAside renames the folders of trials that were broken off, so that they can be
// made again.
func (s *Trials) SetInterruptedAside() error {
	for _, r := range s.records {
		if !r.Complete && (r.folder == trialFolder(r.Number) || r.folder == session.SoakFolder) {
			if err := s.setAside(r, "cut"); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut are the folders of trials that were broken off.
func (s *Trials) cut(r *capacity.Result) (folders []string) {
	for _, c := range s.records {
		shown := slices.ContainsFunc(r.Trials,
			func(row capacity.TrialRow) bool { return row.Folder == c.folder })
		if !c.Complete && !shown && !c.Recovery && c.folder != session.SoakFolder {
			folders = append(folders, c.folder)
		}
	}
	return folders
}
