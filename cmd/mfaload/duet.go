package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mfaload/live/progress"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/runner"
	"mfaload/session"
	"mfaload/session/ledger"
)

type duetFlags struct {
	path      string
	alternate bool
}

func (f *duetFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.path, "against", "",
		"send each request to the target of this other scenario too, at the same instants, and compare")
	c.Flags().BoolVar(&f.alternate, "alternate", false,
		"with --against, for targets that can't bear both: each second goes to one of them, in a drawn order")
}

// check refuses flags that have no meaning for a run against another target.
func (f *duetFlags) check(flags *runFlags, local bool) error {
	switch {
	case f.path == "" && f.alternate:
		return errors.New("--alternate needs --against")
	case f.path == "":
		return nil
	case flags.baseline.path != "":
		return errors.New("--against measures what to compare with, and --baseline reads it: leave one out")
	case local || flags.shard != (shardFlags{}):
		return errors.New("--against is for one process: leave out --shards and --shard")
	}
	return nil
}

// duetRun is a run against two targets, and what becomes of the other side.
type duetRun struct {
	*session.Duet
	options compare.Options
	folder  *session.Folder
	run     *measure.Measurement
}

// startTogether is how long before the first request of both sides all is ready.
const startTogether = time.Second

// open reads the other target. It is nil if there is none.
func (f *duetFlags) open(l *session.Loader, in *session.Inputs, compared *compareFlags) (*duetRun, error) {
	if f.path == "" {
		return nil, nil
	}
	o, err := compared.options()
	if err != nil {
		return nil, err
	}
	d, err := l.NewDuet(in, f.path, f.alternate)
	return &duetRun{Duet: d, options: o}, err
}

func (a *app) consentDuet(d *duetRun, yes bool) error {
	for i, side := range d.Sides {
		p := d.Plan(i, 0)
		err := a.consent(side.Scenario, p, yes)
		if d.OneEnvironment && len(p.OverCap()) > 0 {
			err = fmt.Errorf("both targets are one environment, so its users get twice as many: %w", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *duetRun) prepare(dir *session.Folder, overwrite bool) (err error) {
	if d.folder, err = d.OtherFolder(dir, overwrite); err != nil {
		return err
	}
	other := d.Sides[1]
	s := other.Scenario
	labels := dir.Provenance.Labels.Hide(s.Target.Secrets().Hide) // each side's without the other's secrets
	dir.Provenance.Labels = labels
	d.folder.Describe(s, provenance(labels, other.Parts, report.TermsOf(s)), session.Formats{})
	if err := d.folder.Clear(); err != nil {
		return err
	}
	d.folder.Provenance = provenance(labels, other.Parts, termsOf(s, runShare{}))
	return nil
}

// sendBoth runs both sides from one instant on.
func (a *app) sendBoth(ctx context.Context, dir *session.Folder, flags *runFlags,
	view *progress.Display, d *duetRun) (*measure.Measurement, error) {
	defer session.KeepHeapSmall(a.env.lookup)()
	var targets [2]readyTarget
	var accounts [2]*ledger.Account
	for i, side := range d.Sides {
		var err error
		demand := ledger.Demand{Scenario: side.Scenario}
		if accounts[i], _, err = a.reserve(&flags.ledger, demand); err != nil {
			return nil, err
		}
		defer a.settle(accounts[i])
		if targets[i], err = a.ready(ctx, side); err != nil && i > 0 {
			err = fmt.Errorf("%s: %w", d.Name, err)
		}
		if err != nil {
			return nil, err
		}
		defer targets[i].stop()
	}
	start, sides := time.Now().Add(startTogether), runner.NewSides(d.Alternate)
	folders, views := [2]*session.Folder{dir, d.folder}, [2]*progress.Display{view, nil}
	all, err := d.Run(ctx, func(ctx context.Context, i int) (*measure.Measurement, error) {
		return a.measure(ctx, d.Sides[i].Scenario, targets[i].operation, folders[i], flags.answers,
			views[i], runShare{startAt: start, side: sides[i], account: accounts[i],
				nameUser: flags.samples.NameUser()})
	})
	d.run = all[1]
	return all[0], couldNotStart(ctx, err)
}

// judge writes the other side's results, and returns it as what the run is compared with: also if
// they can't be written.
func (d *duetRun) judge() (*session.EarlierRuns, error) {
	r, err := report.Judge(d.run)
	if err != nil {
		return nil, err
	}
	other := compare.Run{Name: d.Name, Verdict: r.Verdict, Measurement: d.run}
	return &session.EarlierRuns{Name: d.Name, Runs: []compare.Run{other}, Options: d.options},
		d.folder.Write(r, d.run, session.Formats{})
}
