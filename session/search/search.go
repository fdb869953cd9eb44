// Package search runs a search for capacity in a results folder: it makes the trials that
// the package capacity asks for, keeps a record of each, waits until the service is back
// from an overload, and goes on with a search that was interrupted.
package search

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mfaload/capacity"
	"mfaload/contract"
	"mfaload/internal/text"
	"mfaload/live"
	"mfaload/measure"
	"mfaload/pingone"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/runner/plan"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/session"
)

// Trials are those of a search for capacity, in a results folder. They are used by one goroutine.
type Trials struct {
	// Scenario and Parts are those of [session.Inputs].
	Scenario *scenario.Scenario
	Parts    map[string]string
	Options  capacity.SearchOptions
	// Target is the rate that somebody needs; nil where nobody does.
	Target *capacity.TargetRate
	// Soak is how long SoakShare of the rate that was found is held; 0 for not at all.
	Soak      time.Duration
	SoakShare float64
	// Version of mfaload, and what the search was given to be found by.
	Version string
	Labels  measure.RunLabels
	// Folder is the search's results folder. [Trials.Resume] sets it.
	Folder *session.Folder
	// Say prints a line for people, and Tell one that they see with -q too.
	Say, Tell func(format string, args ...any)
	// Show shows how far a trial has come, until hide is called.
	Show func(trial capacity.TrialSpec, r *runner.Runner) (hide func())

	operation *pingone.Operation
	started   time.Time
	// since is when this process began to search, and before how long that of the
	// trials was that were made until then.
	since  time.Time
	before time.Duration
	// records are all trials that sent anything, by their time, and judged those
	// that are evidence.
	records []*trialRecord
	judged  []*capacity.Trial
}

// Run runs the search, and a soak where one was asked for. The context's end is no error: the
// result is that of the trials until then, and nil where it came before the first of them. The
// results are written after each trial, but those of the last one are the caller's to write.
func (s *Trials) Run(ctx context.Context, op *pingone.Operation) (*capacity.Result, error) {
	s.operation = op
	s.judged, s.since = slices.Clone(s.Options.Recorded), time.Now()
	found, failed := capacity.Search(ctx, s.Options, func(ctx context.Context,
		ask capacity.TrialSpec) (*capacity.Outcome, error) {
		o, err := s.try(ctx, ask)
		if err == nil {
			s.judged = append(s.judged, capacity.Judge(ask, o, s.Options.Limits))
			s.Say("%s", s.judged[len(s.judged)-1].Line(s.Options.Trials))
			s.note(s.describe(capacity.Summarize(s.Options, s.judged)))
		}
		return o, err
	})
	if failed != nil && ctx.Err() == nil {
		return nil, failed
	}
	if len(found.Trials) == 0 {
		return nil, nil
	}
	r := s.describe(found)
	if s.Soak > 0 && found.Low > 0 && ctx.Err() == nil {
		s.note(r)
		soak, err := s.soak(ctx, found.Low)
		if err != nil {
			return nil, err
		}
		r = s.describe(found)
		r.Soak = soak
	}
	r.Complete = ctx.Err() == nil
	return r, nil
}

// Standing says with what a search goes on.
func (s *Trials) Standing() string {
	standing := fmt.Sprintf("resuming after %d trials", len(s.Options.Recorded))
	if cut := s.cut(&capacity.Result{}); len(cut) > 0 {
		standing += "; interrupted trials discarded: " + strings.Join(cut, ", ")
	}
	return standing
}

// Most is the plan of a run that sends all that the search may send.
func (s *Trials) Most() *plan.RunPlan {
	whole, o := *s.Scenario, &s.Options
	whole.Load.Stages = []scenario.Stage{{From: o.MaxRate, To: o.MaxRate,
		Duration: o.Budget + s.extra() + s.Soak}}
	whole.Load.Warmup, whole.Load.Repeat, whole.Load.Requests = 0, 1, 0
	whole.Load.AutoWarmup = false
	whole.Groups = slices.Clone(whole.Groups)
	for i := range whole.Groups {
		whole.Groups[i].Exhausted = scenario.Wrap // each trial may ask all users
	}
	return plan.New(&whole, 0)
}

// Widest is the scenario with the load of a trial at the highest rate.
func (s *Trials) Widest() *scenario.Scenario {
	return trialScenario(s.Scenario, s.Options,
		capacity.TrialSpec{Rate: float64(s.Options.MaxRate), Length: s.Options.Budget})
}

func (s *Trials) describe(found *capacity.SearchResult) *capacity.Result {
	r := found.Result()
	r.Scenario, r.Hash, r.Version, r.Started = s.Scenario.Name, s.Scenario.Hash(), s.Version, s.started
	r.Duration = (s.before + time.Since(s.since)).Round(time.Millisecond).Seconds()
	r.Labels, r.Cut = maps.Clone(s.Labels), s.cut(r)
	if s.Target != nil {
		answer := found.Check(*s.Target)
		r.Answer = &answer
	}
	return r
}

// note writes what is known before the search is at its end, for one that is
// killed. It goes on where that can't be written: the trials are safe.
func (s *Trials) note(r *capacity.Result) {
	if err := s.Write(r); err != nil {
		s.Tell("mfaload: %v: the search goes on\n", err)
	}
}

// Write replaces what the folder says of the search.
func (s *Trials) Write(r *capacity.Result) error {
	return errors.Join(s.Folder.WriteFile(session.CapacityFile, r.JSON),
		s.Folder.WriteFile(session.CapacityPage, r.HTML))
}

// soak holds a share of the rate that was found. One that was held already is
// not held again.
func (s *Trials) soak(ctx context.Context, low float64) (*capacity.Soak, error) {
	ask := capacity.TrialSpec{Number: len(s.judged) + 1, Rate: low * s.SoakShare, Warmup: s.Options.Warmup,
		Length: s.Soak}
	m, record, err := s.soaked(ctx, ask)
	if m == nil {
		return nil, err // without an error what was found stands
	}
	o, err := s.outcome(m, record)
	if err != nil {
		return nil, err
	}
	return capacity.NewSoak(ask, s.SoakShare, m, o, s.Options.Limits), nil
}

func (s *Trials) soaked(ctx context.Context, ask capacity.TrialSpec) (*measure.Measurement, *trialRecord,
	error) {
	for _, r := range s.records {
		if r.folder != session.SoakFolder {
			continue
		}
		if r.Complete && r.Rate == ask.Rate && r.Warmup == ask.Warmup && r.Length == ask.Length {
			s.Say("soak: %.4g/s for %v was held before", ask.Rate, ask.Length)
			m, err := s.measured(r)
			return m, r, err
		}
		if err := s.setAside(r, "before"); err != nil {
			return nil, nil, err
		}
	}
	if s.Options.MaxRequests > 0 && ask.Requests() > float64(s.left()) {
		s.Say("no soak: it would send more than the %d requests of load.maxRequests", s.Options.MaxRequests)
		return nil, nil, nil
	}
	s.Say("soak: %.4g/s for %v", ask.Rate, ask.Length)
	if err := pause(ctx, s.Options.Settle); err != nil {
		return nil, nil, nil
	}
	return s.run(ctx, ask, session.SoakFolder, nil)
}

func (s *Trials) provenance(trial *scenario.Scenario) session.Provenance {
	return session.Provenance{Version: s.Version, Labels: s.Labels, Parts: s.Parts,
		Terms: report.TermsOf(trial).Encode()}
}

// NewFolder makes the results folder of a new search of a scenario of this name.
func NewFolder(name, out string, overwrite bool) (*session.Folder, error) {
	if out != "" && session.HoldsSearch(out) && !overwrite {
		return nil, fmt.Errorf("%s holds a search already\n%s", out,
			text.Hint("go on with it with --resume %s, choose another --out, or replace it with --overwrite",
				out))
	}
	return session.NewFolder(name+"-capacity-"+time.Now().UTC().Format("20060102T150405Z"), out, overwrite)
}

// recoveryFolder is that of what is sent before a trial until the service is back.
// It holds a trial.json only: whose turn it was counts, what was measured does not.
func recoveryFolder(number int) string { return trialFolder(number) + "-recovery" }

// awaitRecovery sends what a trial wants to be sent before it, until the service is as
// fast as before; nil where it wants nothing.
func (s *Trials) awaitRecovery(ctx context.Context, a capacity.TrialSpec) (*capacity.Recovered, error) {
	if a.Recovery == nil {
		return nil, nil
	}
	done := &capacity.Recovered{}
	began := time.Now()
	for i := range a.Recovery.Rates {
		sent, back, err := s.watch(ctx, a, i, a.Recovery.Max-time.Since(began))
		if err != nil {
			return nil, err
		}
		done.Sent += sent
		if done.Back = back; !back {
			break
		}
	}
	done.Took = time.Since(began)
	remark := "the service is back at its former response time"
	if !done.Back {
		remark = "the service is not back at its former response time"
	}
	s.Say("%s %v after the end of trial %d", remark, (done.Took + a.Settle).Round(time.Second), a.Number-1)
	return done, nil
}

// watch sends at one rate of a recovery until the service is back at it, or for as
// long as is left.
func (s *Trials) watch(ctx context.Context, a capacity.TrialSpec, i int, left time.Duration) (sent float64,
	back bool, err error) {
	if left = left.Truncate(time.Second); left < time.Second {
		return 0, false, nil
	}
	ask := capacity.TrialSpec{Number: a.Number, Rate: a.Recovery.Rates[i], Length: left}
	of := trialScenario(s.Scenario, s.Options, ask)
	if s.Options.MaxRequests > 0 {
		requests := s.left()
		of.Load.MaxRequests = requests - min(uint64(math.Ceil(a.Requests())), requests)
		if of.Load.MaxRequests == 0 {
			return 0, false, nil
		}
	}
	dir := session.OpenFolder(session.FreePath(filepath.Join(s.Folder.Path(),
		filepath.FromSlash(recoveryFolder(a.Number)))))
	record := newTrialRecord(ask, session.TrialsFolder+"/"+filepath.Base(dir.Path()))
	record.Recovery, record.Sent = true, schedule.New(of).Due()
	if err := errors.Join(os.MkdirAll(dir.Path(), 0o700), record.write(dir)); err != nil {
		return 0, false, fmt.Errorf("keep the record of what is sent before trial %d: %w", a.Number, err)
	}
	watched := &watcher{Operation: s.operation, watch: a.Recovery.Watch(i), began: time.Now()}
	r := runner.New(runner.Config{Scenario: of, Operation: watched, Previous: s.earlier(time.Now())})
	running, stop := context.WithCancel(ctx)
	defer stop()
	looked := live.Every(100*time.Millisecond, func() {
		if watched.back() {
			stop()
		}
	})
	m, err := r.Run(running, runner.Start{})
	looked()
	s.records = append(s.records, record)
	if err != nil {
		return 0, false, err
	}
	record.close(m, 0)
	record.Complete = true
	if err := record.write(dir); err != nil {
		return 0, false, err
	}
	return float64(m.Main.Sent()), watched.isBack, ctx.Err()
}

type watcher struct {
	*pingone.Operation
	began time.Time

	mu     sync.Mutex
	watch  *capacity.Watch
	flying map[*contract.Exchange]sentRequest
	isBack bool
}

type sentRequest struct {
	number int
	done   time.Duration
}

func (w *watcher) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	w.mu.Lock()
	number := w.watch.Sent(time.Since(w.began))
	w.mu.Unlock()
	err := w.Operation.Send(ctx, u, ex)
	done := time.Since(w.began)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.watch.Done(number, done, false)
		return err
	}
	if w.flying == nil {
		w.flying = map[*contract.Exchange]sentRequest{}
	}
	w.flying[ex] = sentRequest{number, done}
	return nil
}

func (w *watcher) Check(u scenario.User, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	dst = w.Operation.Check(u, ex, dst)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watch.Done(w.flying[ex].number, w.flying[ex].done, ex.AsExpected)
	delete(w.flying, ex)
	return dst
}

func (w *watcher) back() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isBack = w.isBack || w.watch.Back(time.Since(w.began))
	return w.isBack
}
