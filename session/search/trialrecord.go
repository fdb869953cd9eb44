package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"mfaload/capacity"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/runner/schedule"
	"mfaload/session"
)

// trialRecord is what trial.json holds.
type trialRecord struct {
	Number  int           `json:"number"`
	Rate    float64       `json:"rate"`
	Settle  time.Duration `json:"settle_ns"`
	Warmup  time.Duration `json:"warmup_ns"`
	Length  time.Duration `json:"length_ns"`
	Started time.Time     `json:"started"`
	// Until is when its last request was due, since its start; of one that was
	// broken off, when it would have been.
	Until time.Duration `json:"until_ns"`
	// InFlight is the mean number of requests in flight that was counted.
	InFlight float64 `json:"in_flight"`
	// Complete says that it was not broken off.
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

// untried is the outcome of a trial that was not made; nil where it was.
func (r *trialRecord) untried() *capacity.Outcome {
	if r.Recovered == nil || r.Recovered.Back {
		return nil
	}
	return &capacity.Outcome{Recovered: r.Recovered}
}

// write keeps the record in the trial's folder.
func (r *trialRecord) write(dir *session.Folder) error {
	return dir.WriteFile(session.TrialFile, func() ([]byte, error) { return report.Encode(r) })
}

// close completes the record with what was measured.
func (r *trialRecord) close(m *measure.Measurement, inFlight float64) {
	r.Started, r.Until = m.Started, m.Main.Start+m.Main.Planned
	r.InFlight, r.Complete = inFlight, !m.Interrupted
}

// maxRequests is how many requests a trial had at most: they are handed out once more.
const maxRequests = 1e9

// check says what makes a record useless.
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

// readTrialRecords reads the records of all trials below a folder, by their time.
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

// remembered is the outcome of a trial that was made before the search was broken
// off.
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

// measured reads what a trial measured.
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
		return fmt.Errorf("set %s aside, which was broken off: %w", r.folder, err)
	}
	r.folder = path.Join(path.Dir(r.folder), filepath.Base(to))
	return nil
}

// maxBefore is how long ago a user may have been asked at most for anybody to
// care: longer than the longest perUser.
const maxBefore = 40 * 24 * time.Hour

// earlier are the trials before one that begins now: its users come after
// theirs.
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
