package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"mfaload/capacity"
	"mfaload/measure"
	"mfaload/pingone"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/scenario"
)

// The files of a search's results folder.
const (
	capacityFile = "capacity.json"
	capacityPage = "capacity.html"
	trialsFolder = "trials"
)

// trials runs the trials of a search.
type trials struct {
	app       *app
	scenario  *scenario.Scenario
	options   capacity.Options
	operation *pingone.Operation
	dir       *results
	parts     map[string]string
	started   time.Time
	last      *measure.Measurement
}

// newSearchResults makes the folder of a search.
func newSearchResults(name string, f *capacityFlags) (*results, error) {
	if f.out != "" && !f.overwrite {
		if _, err := os.Stat(filepath.Join(f.out, capacityFile)); err == nil {
			return nil, fmt.Errorf("%s holds a search already\n%s", f.out, hint("choose another --out, or replace it with --overwrite"))
		}
	}
	return newResults(name+"-capacity-"+time.Now().UTC().Format("20060102T150405Z"), f.out, f.overwrite)
}

// roomInFlight is how many times the time of the tightest threshold requests may
// take before one waits for a worker.
const roomInFlight = 2

// trialScenario is the scenario with the load of a trial. It has as many workers
// as it takes for a service that is twice as slow as a threshold allows.
func trialScenario(s *scenario.Scenario, o capacity.Options, a capacity.Ask) *scenario.Scenario {
	t := *s
	l := &t.Load
	l.Stages = []scenario.Stage{{From: scenario.Rate(a.Rate), To: scenario.Rate(a.Rate), Duration: a.Length}}
	l.Warmup, l.Repeat, l.Requests, l.MaxRequests, l.On429 = a.Warmup, 1, 0, 0, scenario.Continue429
	l.Seed += uint64(a.Number)
	for _, limit := range o.Limits {
		if limit.Over > 0 {
			l.Workers = max(l.Workers, min(int(math.Ceil(roomInFlight*a.Rate*limit.Over)), mostWorkers))
		}
	}
	return &t
}

const mostWorkers = 10_000

// try is a trial, with the pause before it.
func (t *trials) try(ctx context.Context, a capacity.Ask) (*capacity.Outcome, error) {
	if err := pause(ctx, a.Settle); err != nil {
		return nil, err
	}
	return t.run(ctx, a, filepath.Join(trialsFolder, fmt.Sprintf("%02d", a.Number)))
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

// run sends a trial's requests and keeps what it measured.
func (t *trials) run(ctx context.Context, a capacity.Ask, folder string) (*capacity.Outcome, error) {
	s := trialScenario(t.scenario, t.options, a)
	sampled := &sampler{Operation: t.operation}
	r := &runner.Runner{Scenario: s, Operation: sampled}
	for _, rule := range t.operation.Contract().Rules() {
		r.Rules = append(r.Rules, rule.Name)
	}
	hide := t.app.ui.showTrial(a, t.options.Trials, r)
	inFlight := countInFlight(r, a.Warmup, a.Warmup+a.Length)
	m, err := r.Run(ctx)
	counted := inFlight()
	hide()
	if err != nil {
		return nil, err
	}
	m.Version, m.Shapes, m.Parts, m.Terms = versionText(), sampled.shapes, t.parts, report.TermsOf(s).Encode()
	judged, err := report.Judge(m)
	if err != nil {
		return nil, err
	}
	o := capacity.Read(m, judged, t.options.Limits, counted)
	o.Folder = filepath.ToSlash(folder)
	dir := &results{path: filepath.Join(t.dir.path, folder)}
	if err := errors.Join(os.MkdirAll(dir.path, 0o700), dir.write(judged, m, formatFlags{})); err != nil {
		return o, fmt.Errorf("keep the results of trial %d: %w\n%s", a.Number, err, hint("choose another folder with --out"))
	}
	t.last = m
	return o, nil
}

// countInFlight counts the requests in flight again and again between two times
// of a run. The function it returns ends that and has their mean.
func countInFlight(r *runner.Runner, from, to time.Duration) (mean func() float64) {
	sum, n := 0.0, 0
	stop := every(7*time.Millisecond, func() { // no divisor of the gaps between requests
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
