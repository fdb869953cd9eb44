package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mfaload/capacity"
	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/runner/plan"
	"mfaload/scenario"
	"mfaload/session"
)

// search runs a search, and a soak where one was asked for, and says what came
// of it.
func (a *app) search(ctx context.Context, t *trials, f *capacityFlags, plan capacity.SearchPlan) error {
	a.ui.say("%s: %s", t.scenario.Name, strings.ReplaceAll(strings.TrimSuffix(searchPlan(t.options, plan),
		"\n"), "\n", "; "))
	if f.kept != nil {
		a.ui.say("%s", t.standing())
	}
	t.judged, t.since = slices.Clone(t.options.Recorded), time.Now()
	found, failed := capacity.Search(ctx, t.options, func(ctx context.Context,
		ask capacity.TrialSpec) (*capacity.Outcome, error) {
		o, err := t.try(ctx, ask)
		if err == nil {
			t.judged = append(t.judged, capacity.Judge(ask, o, t.options.Limits))
			a.ui.say("%s", t.judged[len(t.judged)-1].Line(t.options.Trials))
			t.note(t.describe(capacity.Summarize(t.options, t.judged), f))
		}
		return o, err
	})
	if failed != nil && ctx.Err() == nil {
		return failed
	}
	if len(found.Trials) == 0 {
		return notStarted(ctx, ctx.Err())
	}
	r := t.describe(found, f)
	if f.soak.length > 0 && found.Low > 0 && ctx.Err() == nil {
		t.note(r)
		soak, err := t.soak(ctx, f, found.Low)
		if err != nil {
			return err
		}
		r = t.describe(found, f)
		r.Soak = soak
	}
	r.Complete = ctx.Err() == nil
	return a.concludeSearch(ctx, t, r)
}

// keptTrials says what a process that quits at once leaves of its search.
func (t *trials) keptTrials() string {
	return fmt.Sprintf("the trials that ended are kept, and 'mfaload capacity --resume %s' goes on",
		t.dir.Path())
}

// standing says with what a search goes on.
func (t *trials) standing() string {
	text := fmt.Sprintf("it goes on after %d trials", len(t.options.Recorded))
	if cut := t.cut(&capacity.Result{}); len(cut) > 0 {
		text += "; broken off, and counting for nothing: " + strings.Join(cut, ", ")
	}
	return text
}

// describe fills in what the search does not know.
func (t *trials) describe(found *capacity.SearchResult, f *capacityFlags) *capacity.Result {
	r := found.Result()
	r.Scenario, r.Hash, r.Version, r.Started = t.scenario.Name, t.scenario.Hash(), versionText(), t.started
	r.Duration = (t.before + time.Since(t.since)).Round(time.Millisecond).Seconds()
	r.Cut = t.cut(r)
	if f.target.target != nil {
		answer := found.Check(*f.target.target)
		r.Answer = &answer
	}
	return r
}

// note writes what is known before the search is at its end, for one that is
// killed. It goes on where that can't be written: the trials are safe.
func (t *trials) note(r *capacity.Result) {
	if err := t.write(r); err != nil {
		t.app.ui.tell("mfaload: %v: the search goes on\n", err)
	}
}

// write replaces what is known.
func (t *trials) write(r *capacity.Result) error {
	return errors.Join(t.dir.WriteFile(session.CapacityFile, r.JSON),
		t.dir.WriteFile(session.CapacityPage, r.HTML))
}

// soak holds a share of the rate that was found. One that was held already is
// not held again.
func (t *trials) soak(ctx context.Context, f *capacityFlags, low float64) (*capacity.Soak, error) {
	ask := capacity.TrialSpec{Number: len(t.judged) + 1, Rate: low * f.soak.share, Warmup: t.options.Warmup,
		Length: f.soak.length}
	m, record, err := t.soaked(ctx, ask)
	if m == nil {
		return nil, err // without an error what was found stands
	}
	o, err := t.outcome(m, record)
	if err != nil {
		return nil, err
	}
	return capacity.NewSoak(ask, f.soak.share, m, o, t.options.Limits), nil
}

// soaked is the trial of a soak.
func (t *trials) soaked(ctx context.Context, ask capacity.TrialSpec) (*measure.Measurement, *trialRecord,
	error) {
	for _, r := range t.records {
		if r.folder != session.SoakFolder {
			continue
		}
		if r.Complete && r.Rate == ask.Rate && r.Warmup == ask.Warmup && r.Length == ask.Length {
			t.app.ui.say("soak: %.4g/s for %v was held before", ask.Rate, ask.Length)
			m, err := t.measured(r)
			return m, r, err
		}
		if err := t.setAside(r, "before"); err != nil {
			return nil, nil, err
		}
	}
	t.app.ui.say("soak: %.4g/s for %v", ask.Rate, ask.Length)
	if err := pause(ctx, t.options.Settle); err != nil {
		return nil, nil, nil
	}
	return t.run(ctx, ask, session.SoakFolder, nil)
}

// concludeSearch prints the result whatever happens to the files.
func (a *app) concludeSearch(ctx context.Context, t *trials, r *capacity.Result) error {
	text.EscapeAll(r)
	unwritten := t.write(r)
	if err := (capacity.Terminal{Color: a.ui.color}).Write(a.ui.out, r); err != nil {
		unwritten = errors.Join(unwritten, fmt.Errorf("print the result: %w", err))
	}
	if unwritten != nil {
		return &exitError{exitInconclusive, fmt.Errorf("%w\n%s", unwritten,
			hint("the trials are kept in %s", filepath.Join(t.dir.Path(), session.TrialsFolder)))}
	}
	fmt.Fprintf(a.ui.out, "\nresults: %s\n", t.dir.Path())
	if !r.Complete {
		fmt.Fprintf(a.ui.out, "go on:   mfaload capacity --resume %s\n", t.dir.Path())
	}
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
	case r.Answer != nil && r.Answer.Enough != "yes", r.Answer == nil && !r.Settled, r.Soak != nil &&
		r.Soak.Verdict != capacity.Pass:
		code = exitInconclusive
	}
	return code
}

// searchPlan says what a search does at most.
func searchPlan(o capacity.SearchOptions, p capacity.SearchPlan) string {
	text := fmt.Sprintf("at most %d trials within %v, from %s up to at most %s\n", p.Trials, p.Budget,
		o.StartRate, o.MaxRate)
	text += fmt.Sprintf("a trial is judged over %v at first and %v at most, after %v of warm-up; %v lie "+
		"between two\n", p.First, p.Longest, o.Warmup, o.Settle)
	if p.Percentile > 0 {
		text += fmt.Sprintf("the percentiles of the thresholds need %s requests in each trial from the "+
			"first break on\n", number.Count(uint64(p.Percentile)))
	}
	return text + fmt.Sprintf("at most %s requests in all\n", number.Count(p.Requests))
}

// consentSearch asks before many requests go to a host that is not this machine,
// and refuses to ask a user more often than the caps allow, over all trials.
func (a *app) consentSearch(t *trials, search capacity.SearchPlan, f *capacityFlags) error {
	s, o := t.scenario, t.options
	whole := *s
	whole.Load.Stages = []scenario.Stage{{From: o.MaxRate, To: o.MaxRate, Duration: o.Budget + t.extra() +
		f.soak.length}}
	whole.Load.Warmup, whole.Load.Repeat, whole.Load.Requests = 0, 1, 0
	whole.Groups = slices.Clone(s.Groups)
	for i := range whole.Groups {
		whole.Groups[i].Exhausted = scenario.Wrap // each trial may ask all users
	}
	p := plan.New(&whole, 0)
	for _, g := range p.Groups {
		if g.UsersNeeded > 0 {
			return &exitError{exitUsage,
				fmt.Errorf("group %q could ask a user %s times within 24 hours, and maxPerUser allows %s\n%s",
					g.Name, number.Count(g.PerUserDay), number.Count(g.Cap),
					hint("a search of %d trials may send %s requests: add users, lower capacity.maxRate, "+
						"capacity.budget or capacity.trials, write load.maxRequests, or raise maxPerUser; "+
						"nothing was sent", o.Trials, number.Count(p.Requests)))}
		}
	}
	if !s.Target.IsRemote() {
		return nil
	}
	a.ui.tell("%s", searchPlan(o, search))
	return a.confirm(s, f.yes, "search", "up to "+number.Count(p.Requests)+" requests")
}
