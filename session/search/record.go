package search

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mfaload/capacity"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/runner/schedule"
	"mfaload/session"
)

const recordSchema = "mfaload/search/v1"

// Setup is what search.json holds: with what a search was begun.
type Setup struct {
	Schema  string    `json:"schema"`
	Started time.Time `json:"started"`
	// File is the scenario's, and Flags those given that shape the search.
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

// Resume takes in the trials that were made before the search was interrupted.
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
		default:
			s.Options.Spent += r.requests()
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

// SetInterruptedAside renames folders of trials that were interrupted, to make them again.
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

type trialRecord struct {
	Number  int           `json:"number"`
	Rate    float64       `json:"rate"`
	Settle  time.Duration `json:"settle_ns"`
	Warmup  time.Duration `json:"warmup_ns"`
	Length  time.Duration `json:"length_ns"`
	Started time.Time     `json:"started"`
	// Until is when its last request was due, since its start; of one that was
	// interrupted, when it would have been.
	Until time.Duration `json:"until_ns"`
	// Sent is how many requests it sent; of one that was interrupted, how many it would have sent.
	Sent uint64 `json:"sent,omitempty"`
	// InFlight is the mean number of requests in flight that was counted.
	InFlight float64 `json:"in_flight"`
	// Complete says that it was not interrupted.
	Complete bool `json:"complete"`
	// Recovered is how the service recovered before the trial; Recovery says that
	// this is no trial, but a part of that.
	Recovered *capacity.Recovered `json:"recovered,omitempty"`
	Recovery  bool                `json:"recovery,omitempty"`

	folder string // in that of the search
}

func newTrialRecord(a capacity.TrialSpec, folder string) *trialRecord {
	return &trialRecord{Number: a.Number, Rate: a.Rate, Settle: a.Settle, Warmup: a.Warmup, Length: a.Length,
		Started: time.Now().UTC(), Until: a.Warmup + a.Length, folder: folder}
}

func (r *trialRecord) spec() capacity.TrialSpec {
	return capacity.TrialSpec{Number: r.Number, Rate: r.Rate, Settle: r.Settle, Warmup: r.Warmup,
		Length: r.Length}
}

// requests are those that it sent; records of earlier versions do not tell.
func (r *trialRecord) requests() uint64 { return cmp.Or(r.Sent, uint64(r.Rate*r.Until.Seconds())) }

// untried is the outcome of a trial that was not made; nil where it was.
func (r *trialRecord) untried() *capacity.Outcome {
	if r.Recovered == nil || r.Recovered.Back {
		return nil
	}
	return &capacity.Outcome{Recovered: r.Recovered}
}

func (r *trialRecord) write(dir *session.Folder) error {
	return dir.WriteFile(session.TrialFile, func() ([]byte, error) { return report.Encode(r) })
}

func (r *trialRecord) close(m *measure.Measurement, inFlight float64) {
	r.Started, r.Until = m.Started, m.Main.Start+m.Main.Planned
	r.InFlight, r.Complete, r.Sent = inFlight, !m.Interrupted, m.Main.Sent()+m.Warmup.Sent()
}

// maxRequests is how many requests a trial had at most: they are handed out once more.
const maxRequests = 1e9

func (r *trialRecord) check() error {
	switch {
	case !(r.Rate > 0 && r.Rate <= math.MaxInt32), r.Number < 1, r.Length <= 0,
		min(r.Settle, r.Warmup, r.Until) < 0, r.Until > r.Warmup+r.Length:
		return errors.New("it describes no trial")
	case r.Recovered != nil && (r.Recovered.Took < 0 || !(r.Recovered.Sent >= 0)):
		return errors.New("it describes no recovery")
	case r.Rate*r.Until.Seconds() > maxRequests:
		return fmt.Errorf("a trial of %.3g requests is longer than any", r.Rate*r.Until.Seconds())
	case !(r.InFlight >= 0):
		return fmt.Errorf("%v requests can't be in flight", r.InFlight)
	}
	return nil
}

func readTrialRecords(dir string) (all []*trialRecord, err error) {
	for _, folders := range []string{session.TrialsFolder + "/*/", session.SoakFolder + "*/"} {
		names, err := fs.Glob(os.DirFS(dir), folders+session.TrialFile)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			r := &trialRecord{folder: path.Dir(name)}
			data, err := disk.ReadRegular(filepath.Join(dir, name), session.MaxRecord)
			if err == nil {
				err = json.Unmarshal(data, r)
			}
			if err == nil {
				err = r.check()
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", filepath.Join(dir, name), err,
					text.Hint("start a new search: the trials of this one can be looked at with "+
						"'mfaload report'"))
			}
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b *trialRecord) int { return a.Started.Compare(b.Started) })
	return all, nil
}

func (s *Trials) remembered(r *trialRecord) (*capacity.Outcome, error) {
	if o := r.untried(); o != nil {
		return o, nil
	}
	m, err := s.measured(r)
	if err != nil {
		return nil, err
	}
	return s.outcome(m, r)
}

func (s *Trials) measured(r *trialRecord) (*measure.Measurement, error) {
	_, m, err := session.ReadResults(filepath.Join(s.Folder.Path(), filepath.FromSlash(r.folder)))
	if err != nil {
		return nil, fmt.Errorf("read trial %d again: %w\n%s", r.Number, err,
			text.Hint("remove %s and the trials after it: they are tried again", r.folder))
	}
	return m, nil
}

// setAside renames the folder of a trial so that another one may have its name.
func (s *Trials) setAside(r *trialRecord, why string) error {
	from := filepath.Join(s.Folder.Path(), filepath.FromSlash(r.folder))
	to := session.FreePath(from + "-" + why)
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("set %s aside, which was interrupted: %w", r.folder, err)
	}
	r.folder = path.Join(path.Dir(r.folder), filepath.Base(to))
	return nil
}

// maxBefore is how long ago a user may have been asked at most for anybody to
// care: longer than the longest perUser.
const maxBefore = 40 * 24 * time.Hour

// earlier are the trials before one: its users come after theirs.
func (s *Trials) earlier(now time.Time) (all []schedule.PreviousRun) {
	for _, r := range s.records {
		if r.Until == 0 {
			continue // nothing was sent
		}
		all = append(all, schedule.PreviousRun{Scenario: trialScenario(s.Scenario, s.Options, r.spec()),
			Until:  r.Until,
			Before: min(max(now.Sub(r.Started), 0), maxBefore)})
	}
	return all
}

// extra is how long trials were that are no evidence.
func (s *Trials) extra() (sum time.Duration) {
	for _, r := range s.records {
		if !r.Complete || path.Dir(r.folder) != session.TrialsFolder {
			sum += r.Until
		}
	}
	return sum
}
