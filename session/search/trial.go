package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"mfaload/capacity"
	"mfaload/internal/text"
	"mfaload/live"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/session"
)

func trialFolder(number int) string { return fmt.Sprintf("%s/%02d", session.TrialsFolder, number) }

// roomInFlight is how many times the time of the tightest threshold requests may
// take before one waits for a worker.
const roomInFlight = 2

// trialScenario is the scenario with the load of a trial. Where it has a number of
// workers, there are as many as it takes for a service that is twice as slow as a
// threshold allows.
func trialScenario(s *scenario.Scenario, o capacity.SearchOptions, a capacity.TrialSpec) *scenario.Scenario {
	t := *s
	t.Confidence, t.Load.Until = 0, "" // a trial is evidence; the search has a confidence of its own
	l := &t.Load
	l.Stages = []scenario.Stage{{From: scenario.Rate(a.Rate), To: scenario.Rate(a.Rate), Duration: a.Length}}
	l.Warmup, l.Repeat, l.Requests, l.MaxRequests, l.On429 = a.Warmup, 1, 0, 0, scenario.Continue429
	l.AutoWarmup = false // a trial has a warm-up of its own
	l.Seed += uint64(a.Number)
	for _, limit := range o.Limits {
		if limit.Over > 0 && l.Workers > 0 {
			l.Workers = max(l.Workers, min(int(math.Ceil(roomInFlight*a.Rate*limit.Over)), runner.MaxWorkers))
		}
	}
	return &t
}

// try is a trial, with the pause before it.
func (s *Trials) try(ctx context.Context, a capacity.TrialSpec) (*capacity.Outcome, error) {
	if err := pause(ctx, a.Settle); err != nil {
		return nil, err
	}
	recovered, err := s.awaitRecovery(ctx, a)
	if err != nil {
		return nil, err
	}
	if recovered != nil && !recovered.Back {
		return s.untried(a, recovered)
	}
	m, r, err := s.run(ctx, a, trialFolder(a.Number), recovered)
	if err != nil {
		return nil, err
	}
	return s.outcome(m, r)
}

// left is how many requests the cap of the scenario leaves; 0 if it has none. A search asks for no more than
// that, but as many as poisson arrivals have on average, and more may be due.
func (s *Trials) left() uint64 {
	left := s.Options.MaxRequests
	for _, r := range s.records {
		left -= min(r.requests(), left)
	}
	return left
}

// untried is a trial that was not made, as the service was not back from an
// overload. Its record says so.
func (s *Trials) untried(a capacity.TrialSpec, recovered *capacity.Recovered) (*capacity.Outcome, error) {
	dir := session.OpenFolder(filepath.Join(s.Folder.Path(), filepath.FromSlash(trialFolder(a.Number))))
	r := newTrialRecord(a, trialFolder(a.Number))
	r.Recovered, r.Until, r.Complete = recovered, 0, true
	s.records = append(s.records, r)
	if err := errors.Join(os.MkdirAll(dir.Path(), 0o700), r.write(dir)); err != nil {
		return nil, fmt.Errorf("keep the record of trial %d: %w", a.Number, err)
	}
	return r.untried(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Trials) run(ctx context.Context, a capacity.TrialSpec, folder string,
	recovered *capacity.Recovered) (*measure.Measurement, *trialRecord, error) {
	fail := func(err error) (*measure.Measurement, *trialRecord, error) {
		return nil, nil, fmt.Errorf("keep the results of trial %d: %w\n%s", a.Number, err,
			text.Hint("make room, and go on with 'mfaload capacity --resume %s'", s.Folder.Path()))
	}
	trial := trialScenario(s.Scenario, s.Options, a)
	trial.Load.MaxRequests = s.left()
	record := newTrialRecord(a, folder)
	record.Recovered, record.Sent = recovered, schedule.New(trial).Due()
	dir := session.OpenFolder(filepath.Join(s.Folder.Path(), filepath.FromSlash(folder)))
	dir.Provenance = s.provenance(trial)
	if err := errors.Join(os.MkdirAll(dir.Path(), 0o700), record.write(dir)); err != nil {
		return fail(err)
	}
	m, counted, err := s.measure(ctx, a, trial, dir)
	s.records = append(s.records, record)
	if err != nil {
		return nil, nil, err
	}
	judged, err := report.Judge(m)
	if err != nil {
		return nil, nil, err
	}
	if err := dir.Write(judged, m, session.Formats{}); err != nil {
		return fail(err)
	}
	record.close(m, counted)
	if err := record.write(dir); err != nil {
		return fail(err)
	}
	return m, record, nil
}

func (s *Trials) measure(ctx context.Context, a capacity.TrialSpec, of *scenario.Scenario,
	dir *session.Folder) (m *measure.Measurement, inFlight float64, err error) {
	trial := session.New(runner.Config{Scenario: of, Previous: s.earlier(time.Now())}, s.operation, dir,
		s.Tell)
	r := trial.Runner
	hide := s.Show(a, r)
	counted := countInFlight(r, a.Warmup, a.Warmup+a.Length)
	m, err = trial.Run(ctx, runner.Start{})
	inFlight = counted()
	hide()
	if err != nil {
		return nil, 0, err
	}
	return m, inFlight, nil
}

func (s *Trials) outcome(m *measure.Measurement, r *trialRecord) (*capacity.Outcome, error) {
	judged, err := report.Judge(m)
	if err != nil {
		return nil, err
	}
	o := capacity.Read(m, judged, s.Options.Limits, r.InFlight)
	o.Folder, o.Recovered = r.folder, r.Recovered
	return o, nil
}

// countInFlight counts the requests in flight again and again between two times
// of a run. The function it returns ends that and has their mean.
func countInFlight(r *runner.Runner, from, to time.Duration) (mean func() float64) {
	sum, n := 0.0, 0
	stop := live.Every(7*time.Millisecond, func() { // no divisor of the gaps between requests
		if p := r.Progress(); p.Elapsed >= from && p.Elapsed < to {
			sum += float64(p.InFlight)
			n++
		}
	})
	return func() float64 {
		stop()
		if n < 100 {
			return 0
		}
		return sum / float64(n)
	}
}
