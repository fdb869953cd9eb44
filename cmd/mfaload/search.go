package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"mfaload/capacity"
	"mfaload/runner"
	"mfaload/scenario"
)

// search runs a search, and a soak where one was asked for, and says what came
// of it.
func (a *app) search(ctx context.Context, t *trials, f *capacityFlags, plan capacity.Plan) error {
	a.ui.say("%s: %s", t.scenario.Name, strings.ReplaceAll(strings.TrimSuffix(searchPlan(t.options, plan), "\n"), "\n", "; "))
	found, failed := capacity.Search(ctx, t.options, func(ctx context.Context, ask capacity.Ask) (*capacity.Outcome, error) {
		o, err := t.try(ctx, ask)
		if err == nil {
			a.ui.say("%s", capacity.Judge(ask, o, t.options.Limits).Line(t.options.Trials))
		}
		return o, err
	})
	if failed != nil && ctx.Err() == nil {
		return failed
	}
	if len(found.Trials) == 0 {
		t.dir.discard()
		return notStarted(ctx, ctx.Err())
	}
	r := t.describe(found.Result())
	if f.target.target != nil {
		answer := found.Answer(*f.target.target)
		r.Answer = &answer
	}
	if f.soak.length > 0 && found.Low > 0 && ctx.Err() == nil {
		if err := t.soak(ctx, r, f, found.Low); err != nil {
			return err
		}
	}
	return a.concludeSearch(ctx, t, r)
}

// describe fills in what the search does not know.
func (t *trials) describe(r *capacity.Result) *capacity.Result {
	r.Scenario, r.Hash, r.Version, r.Started = t.scenario.Name, t.scenario.Hash(), versionText(), t.started
	r.Duration = time.Since(t.started).Round(time.Millisecond).Seconds()
	return r
}

// soak holds a share of the rate that was found.
func (t *trials) soak(ctx context.Context, r *capacity.Result, f *capacityFlags, low float64) error {
	ask := capacity.Ask{Number: len(r.Trials) + 1, Rate: low * f.soak.share, Warmup: t.options.Warmup, Length: f.soak.length}
	t.app.ui.say("soak: %.4g/s for %v", ask.Rate, ask.Length)
	if err := pause(ctx, t.options.Settle); err != nil {
		return nil // what was found stands
	}
	o, err := t.run(ctx, ask, "soak")
	if err != nil {
		return err
	}
	r.Soak = capacity.NewSoak(ask, f.soak.share, t.last, o, t.options.Limits)
	t.describe(r)
	return nil
}

// concludeSearch prints the result whatever happens to the files.
func (a *app) concludeSearch(ctx context.Context, t *trials, r *capacity.Result) error {
	unwritten := errors.Join(t.dir.file(capacityFile, r.JSON), t.dir.file(capacityPage, r.HTML))
	if err := (capacity.Terminal{Color: a.ui.color}).Write(a.ui.out, r); err != nil {
		unwritten = errors.Join(unwritten, fmt.Errorf("print the result: %w", err))
	}
	if unwritten != nil {
		return &exitError{exitInconclusive, fmt.Errorf("%w\n%s", unwritten, hint("the trials are kept in %s", filepath.Join(t.dir.path, trialsFolder)))}
	}
	fmt.Fprintf(a.ui.out, "\nresults: %s\n", t.dir.path)
	if code := searchCode(ctx, r); code != exitPass {
		return &exitError{code: code}
	}
	return nil
}

// searchCode is the exit code of a search.
func searchCode(ctx context.Context, r *capacity.Result) int {
	code := exitPass
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case r.Answer != nil && r.Answer.Enough == "no", r.Soak != nil && r.Soak.Verdict == capacity.Break:
		return exitFail
	case r.Answer != nil && r.Answer.Enough != "yes", r.Answer == nil && !r.Settled, r.Soak != nil && r.Soak.Verdict != capacity.Pass:
		code = exitInconclusive
	}
	return code
}

// searchPlan says what a search does at most.
func searchPlan(o capacity.Options, p capacity.Plan) string {
	text := fmt.Sprintf("at most %d trials within %v, from %s up to at most %s\n", p.Trials, p.Budget, o.StartRate, o.MaxRate)
	text += fmt.Sprintf("a trial is judged over %v at first and %v at most, after %v of warm-up; %v lie between two\n", p.First, p.Longest, o.Warmup, o.Settle)
	if p.Percentile > 0 {
		text += fmt.Sprintf("the percentiles of the thresholds need %s requests in each trial from the first break on\n", thousands(uint64(p.Percentile)))
	}
	return text + fmt.Sprintf("at most %s requests in all\n", thousands(p.Requests))
}

// consentSearch asks before many requests go to a host that is not this machine,
// and refuses to ask a user more often than the caps allow: each trial begins
// with the first user.
func (a *app) consentSearch(s *scenario.Scenario, o capacity.Options, plan capacity.Plan, f *capacityFlags) error {
	whole := *s
	whole.Load.Stages = []scenario.Stage{{From: o.MaxRate, To: o.MaxRate, Duration: o.Budget + f.soak.length}}
	whole.Load.Warmup, whole.Load.Repeat, whole.Load.Requests = 0, 1, 0
	p := runner.NewPlan(&whole, 0)
	for _, g := range p.Groups {
		if times := g.PerUserDay + uint64(o.Trials); g.Cap > 0 && times > g.Cap {
			return &exitError{exitUsage, fmt.Errorf("group %q could ask a user %s times within 24 hours, and maxPerUser allows %s\n%s", g.Name, thousands(times), thousands(g.Cap),
				hint("a search of %d trials may send %s requests: add users, lower capacity.maxRate, capacity.budget or capacity.trials, write load.maxRequests, or raise maxPerUser; nothing was sent", o.Trials, thousands(p.Requests)))}
		}
	}
	if !s.Target.Elsewhere() {
		return nil
	}
	a.ui.tell("%s", searchPlan(o, plan))
	return a.confirm(s, f.yes, "search", "up to "+thousands(p.Requests)+" requests")
}
