package main

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

func (r *trialRecord) ask() capacity.TrialSpec {
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
	r.Started, r.Until, r.InFlight, r.Complete = m.Started, m.Main.Start+m.Main.Planned, inFlight, !m.Interrupted
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
	for _, pattern := range []string{session.TrialsFolder + "/*/" + session.TrialFile, session.SoakFolder +
		"*/" + session.TrialFile} {
		names, err := fs.Glob(os.DirFS(dir), pattern)
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
					hint("start a new search: the trials of this one can be looked at with 'mfaload report'"))
			}
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b *trialRecord) int { return a.Started.Compare(b.Started) })
	return all, nil
}

// recall takes in the trials that were made before the search was broken off.
func (t *trials) recall(k *keptSearch) (err error) {
	if err := k.fits(t.scenario.File, t.trialParts()); err != nil {
		return err
	}
	t.dir, t.started = session.OpenFolder(k.path), k.Started
	if t.records, err = readTrialRecords(k.path); err != nil {
		return err
	}
	evidence := map[int]*trialRecord{}
	for _, r := range t.records {
		switch {
		case r.Complete && r.folder == trialFolder(r.Number):
			evidence[r.Number] = r
		case r.Recovery && t.recoveryCounted(r):
		case t.options.MaxRequests > 0: // it counts, though it is no evidence
			t.options.MaxRequests -= min(uint64(r.Rate*r.Until.Seconds()), t.options.MaxRequests-1)
		}
	}
	for n := 1; n <= len(evidence); n++ {
		if evidence[n] == nil {
			return fmt.Errorf("%s: trial %d is missing, and later ones are there\n%s", k.path, n,
				hint("put %s back, or remove those after it: they are tried again", trialFolder(n)))
		}
		o, err := t.remembered(evidence[n])
		if err != nil {
			return err
		}
		t.options.Recorded = append(t.options.Recorded, capacity.Judge(evidence[n].ask(), o,
			t.options.Limits))
		t.before += evidence[n].ask().TotalTime()
		if r := evidence[n].Recovered; r != nil {
			t.before += r.Took
		}
	}
	return nil
}

// recoveryCounted says whether what was sent before a trial is counted with it: the
// trial was made.
func (t *trials) recoveryCounted(r *trialRecord) bool {
	return slices.ContainsFunc(t.records, func(o *trialRecord) bool {
		return o.Complete && o.folder == trialFolder(r.Number) && o.Recovered != nil &&
			!r.Started.After(o.Started)
	})
}

// remembered is the outcome of a trial that was made before the search was broken
// off.
func (t *trials) remembered(r *trialRecord) (*capacity.Outcome, error) {
	if o := r.untried(); o != nil {
		return o, nil
	}
	m, err := t.measured(r)
	if err != nil {
		return nil, err
	}
	return t.outcome(m, r)
}

// measured reads what a trial measured.
func (t *trials) measured(r *trialRecord) (*measure.Measurement, error) {
	_, m, err := session.ReadResults(filepath.Join(t.dir.Path(), filepath.FromSlash(r.folder)))
	if err != nil {
		return nil, fmt.Errorf("read trial %d again: %w\n%s", r.Number, err,
			hint("remove %s and the trials after it: they are tried again", r.folder))
	}
	return m, nil
}

// setInterruptedAside renames the folders of trials that were broken off.
func (t *trials) setInterruptedAside() error {
	for _, r := range t.records {
		if !r.Complete && (r.folder == trialFolder(r.Number) || r.folder == session.SoakFolder) {
			if err := t.setAside(r, "cut"); err != nil {
				return err
			}
		}
	}
	return nil
}

// setAside renames the folder of a trial so that another one may have its name.
func (t *trials) setAside(r *trialRecord, why string) error {
	from := filepath.Join(t.dir.Path(), filepath.FromSlash(r.folder))
	to := session.FreePath(from + "-" + why)
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("set %s aside, which was broken off: %w", r.folder, err)
	}
	r.folder = path.Join(path.Dir(r.folder), filepath.Base(to))
	return nil
}

// cut are the folders of trials that were broken off.
func (t *trials) cut(r *capacity.Result) (folders []string) {
	for _, c := range t.records {
		shown := slices.ContainsFunc(r.Trials,
			func(row capacity.TrialRow) bool { return row.Folder == c.folder })
		if !c.Complete && !shown && !c.Recovery && c.folder != session.SoakFolder {
			folders = append(folders, c.folder)
		}
	}
	return folders
}

// maxBefore is how long ago a user may have been asked at most for anybody to
// care: longer than the longest perUser.
const maxBefore = 40 * 24 * time.Hour

// earlier are the trials before one that begins now: its users come after
// theirs.
func (t *trials) earlier(now time.Time) (all []schedule.PreviousRun) {
	for _, r := range t.records {
		if r.Until == 0 {
			continue // nothing was sent
		}
		all = append(all, schedule.PreviousRun{Scenario: trialScenario(t.scenario, t.options, r.ask()),
			Until:  r.Until,
			Before: min(max(now.Sub(r.Started), 0), maxBefore)})
	}
	return all
}

// extra is how long trials were that are no evidence.
func (t *trials) extra() (sum time.Duration) {
	for _, r := range t.records {
		if !r.Complete || path.Dir(r.folder) != session.TrialsFolder {
			sum += r.Until
		}
	}
	return sum
}
