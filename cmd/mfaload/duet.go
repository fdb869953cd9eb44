package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"mfaload/live/progress"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
	"mfaload/session"
	"mfaload/session/shards"
)

type duetFlags struct{ path string }

func (f *duetFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.path, "against", "",
		"send each request to the target of this other scenario too, at the same instants, and compare")
}

func (f *duetFlags) check(flags *runFlags, local bool) error {
	switch {
	case f.path == "":
		return nil
	case flags.baseline.path != "":
		return errors.New("--against measures what to compare with, and --baseline reads it: leave one out")
	case local || flags.shard != (shardFlags{}):
		return errors.New("--against is for one process: leave out --shards and --shard")
	}
	return nil
}

// duet is the other side of a run against another target: the same load for the same users, at
// the same instants, so that what the two have in common (the machine, the network, the hour)
// is no difference.
type duet struct {
	path    string
	inputs  *session.Inputs
	options compare.Options
	folder  *session.Folder
	run     *measure.Measurement
}

const duetFolder = "against"

// startTogether is how long before the first request of both sides all is ready.
const startTogether = time.Second

// open reads the other side: the scenario again, with the target of the other one. It is nil if
// there is none.
func (f *duetFlags) open(l *session.Loader, file string, compared *compareFlags) (*duet, error) {
	if f.path == "" {
		return nil, nil
	}
	o, err := compared.options()
	if err != nil {
		return nil, err
	}
	s, err := scenario.Read(file, l.Lookup)
	if err != nil {
		return nil, err
	}
	other, err := scenario.Read(f.path, l.Lookup)
	if err != nil {
		return nil, err
	}
	if s.Load.Until != "" {
		return nil, &exitError{exitUsage, fmt.Errorf("--against compares two runs of one length, and "+
			"load.until ends each when it is decided\n%s", hint("leave load.until out"))}
	}
	s.Target = other.Target
	in, err := l.Complete(s)
	if err != nil {
		return nil, err
	}
	return &duet{path: f.path, inputs: in, options: o}, nil
}

func (d *duet) close() {
	if d != nil {
		_ = d.inputs.Scenario.Close()
	}
}

// consent asks for the other side too. Users whom both sides send requests for get twice as many.
func (a *app) consentDuet(s *scenario.Scenario, d *duet, yes bool) error {
	other := d.inputs.Scenario
	ours, others := &s.Target, &other.Target
	if ours.IsRemote() && ours.AuthPath == others.AuthPath && ours.EnvID == others.EnvID {
		p := session.Plan(s, 0)
		for i := range p.Groups {
			g := &p.Groups[i]
			g.PerUserDay, g.UsersNeeded = 2*g.PerUserDay, 2*cmp.Or(g.UsersNeeded, uint64(g.Users))
		}
		if err := withinCaps(p); err != nil {
			return &exitError{exitUsage, fmt.Errorf("both sides send to one environment, so its users "+
				"get twice as many: %w", err)}
		}
	}
	return a.consent(other, yes)
}

func (d *duet) prepare(dir *session.Folder, overwrite bool) (err error) {
	d.folder, err = session.NewFolder(duetFolder, filepath.Join(dir.Path(), duetFolder), overwrite)
	if err != nil {
		return err
	}
	s := d.inputs.Scenario
	labels := dir.Provenance.Labels.Hide(s.Target.Secrets().Hide) // each side's without the other's secrets
	dir.Provenance.Labels = labels
	d.folder.Describe(s, provenance(labels, d.inputs.Parts, report.TermsOf(s)), session.Formats{})
	if err := d.folder.Clear(); err != nil {
		return err
	}
	d.folder.Provenance = provenance(labels, d.inputs.Parts, termsOf(s, runShare{}))
	return nil
}

func (a *app) sendBoth(ctx context.Context, in *session.Inputs, dir *session.Folder, answers int,
	view *progress.Display, d *duet) (m *measure.Measurement, err error) {
	defer session.KeepHeapSmall(a.env.lookup)()
	ours, err := a.ready(ctx, in)
	if err != nil {
		return nil, err
	}
	defer ours.stop()
	others, err := a.ready(ctx, d.inputs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.path, err)
	}
	defer others.stop()
	together := runShare{startAt: time.Now().Add(startTogether)}
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	var other sync.WaitGroup
	var failed error
	other.Go(func() {
		d.run, failed = a.measure(both, d.inputs.Scenario, others.operation, d.folder, answers, nil, together)
		if failed != nil {
			cancel()
		}
	})
	m, err = a.measure(both, in.Scenario, ours.operation, dir, answers, view, together)
	if err != nil {
		cancel()
	}
	other.Wait()
	return m, couldNotStart(ctx, errors.Join(err, failed))
}

// judge writes the other side's results, and returns it as what the run is held against: also if
// they can't be written.
func (d *duet) judge() (*earlierRuns, error) {
	r, err := report.Judge(d.run)
	if err != nil {
		return nil, err
	}
	other := compare.Run{Name: d.path, Verdict: r.Verdict, Measurement: d.run}
	return &earlierRuns{name: d.path, runs: []compare.Run{other}, options: d.options},
		d.folder.Write(r, d.run, session.Formats{})
}

func (a *app) planDuet(d *duet, flags *planFlags, latency time.Duration) error {
	s := d.inputs.Scenario
	if flags.format != "json" {
		fmt.Fprintf(a.ui.Out, "\nand the same at the same instants, against %s:\n\n", d.path)
	}
	return a.printPlan(s, flags, latency, 0, shards.TokenFetches(s, 0))
}
