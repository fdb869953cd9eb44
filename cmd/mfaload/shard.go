package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// shardFlags share a run among machines, and say when it starts.
type shardFlags struct{ shard, startAt, run string }

func (f *shardFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.shard, "shard", "",
		"be one of several machines of one run: 3/8, counted from 0; or /8, and the index from "+
			""+strings.Join(indexVariables, ", "))
	c.Flags().StringVar(&f.startAt, "start-at", "",
		"start at a time such as 2026-11-23T12:00:00Z; all shards of a run need the same")
	c.Flags().StringVar(&f.run, "run", "",
		"with --shard: the run's name, the same for all shards (default: made from the scenario's hash and "+
			"--start-at)")
}

// indexVariables hold a machine's index in what schedules machines: Kubernetes'
// indexed jobs, Slurm's arrays, Nomad's counts.
var indexVariables = []string{"JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID", "NOMAD_ALLOC_INDEX"}

// farthest is how far ahead a run may be started.
const farthest = 7 * 24 * time.Hour

// runShare is which part of a run this machine does, and when. The zero value is all
// of it, at once.
type runShare struct {
	shard   *measure.Shard
	startAt time.Time
}

// count is how many parts the run has.
func (p runShare) count() int {
	if p.shard == nil {
		return 1
	}
	return p.shard.Count
}

// parse reads the flags as far as they can be without a scenario. The time is not
// held against the clock.
func (f *shardFlags) parse(lookup func(string) (string, bool)) (p runShare, err error) {
	if f.startAt != "" {
		if p.startAt, err = time.Parse(time.RFC3339Nano, f.startAt); err != nil {
			return p, fmt.Errorf("--start-at %q is no time such as 2026-11-23T12:00:00Z", f.startAt)
		}
	}
	switch {
	case f.shard == "" && f.run != "":
		return p, errors.New("--run needs --shard")
	case f.shard == "":
		return p, nil
	case f.startAt == "":
		return p, errors.New("--shard needs --start-at: all shards of a run start at one time")
	}
	index, count, ok := strings.Cut(f.shard, "/")
	p.shard = &measure.Shard{Run: f.run}
	if p.shard.Count, err = strconv.Atoi(count); !ok || err != nil {
		return p, fmt.Errorf("--shard %q is not of the form 3/8, or /8", f.shard)
	}
	from := "--shard " + f.shard
	if index == "" {
		if index, from = indexOf(lookup); index == "" {
			return p, fmt.Errorf("--shard %s needs an index: write it, as in 3%s, or set %s", f.shard,
				f.shard, strings.Join(indexVariables, ", "))
		}
	}
	if p.shard.Index, err = strconv.Atoi(index); err != nil {
		return p, fmt.Errorf("%s: %q is no index of a shard", from, index)
	}
	named := *p.shard
	if named.Run == "" {
		named.Run = "r"
	}
	if err := named.Check(); err != nil {
		return p, fmt.Errorf("%s: %w", from, err)
	}
	return p, nil
}

// indexOf returns the index that the environment has, and where it is from.
func indexOf(lookup func(string) (string, bool)) (index, from string) {
	for _, name := range indexVariables {
		if index, _ := lookup(name); index != "" {
			return index, name + "=" + index
		}
	}
	return "", ""
}

// fit holds the part against the scenario and the clock before anything is sent.
func (p *runShare) fit(s *scenario.Scenario) error {
	if p.shard != nil {
		if p.shard.Run == "" {
			p.shard.Run = s.Hash()[:12] + "-" + p.startAt.UTC().Format("20060102T150405.999999999Z")
		}
		if err := schedule.CheckShard(s, *p.shard); err != nil {
			return fmt.Errorf("--shard %s: %w", p.shard, err)
		}
	}
	if p.startAt.IsZero() {
		return nil
	}
	switch left := time.Until(p.startAt); {
	case left <= 0:
		return late(fmt.Errorf("%w %v ago", runner.ErrLate, -left.Round(time.Second)))
	case left > farthest:
		return fmt.Errorf("--start-at %s is more than %d days ahead\n%s", p.startAt.Format(time.RFC3339),
			farthest/(24*time.Hour), hint("is the year right, and the time zone?"))
	}
	return nil
}

func late(err error) error {
	return &exitError{exitNotStarted, fmt.Errorf("not started: %w\n%s", err,
		hint("nothing was sent; choose a later --start-at, with time for all machines to come up, and hold "+
			"their clocks against the same source"))}
}

// folder names the results of the part where no other name was asked for.
func (p *runShare) folder(name string) string {
	started := p.startAt
	if started.IsZero() {
		started = time.Now()
	}
	name += "-" + started.UTC().Format("20060102T150405Z")
	if p.shard != nil {
		name += fmt.Sprintf("-%dof%d", p.shard.Index, p.shard.Count)
	}
	return name
}

// await says what is waited for until shortly before the start: the runner waits
// for the rest.
func (a *app) await(ctx context.Context, p runShare) {
	left := func() time.Duration { return time.Until(p.startAt) - time.Second }
	if p.startAt.IsZero() || left() <= 0 {
		return
	}
	what := ""
	if p.shard != nil {
		what = fmt.Sprintf(", as shard %s of the run %s", p.shard, p.shard.Run)
	}
	a.ui.Say("waiting for the start at %s%s", p.startAt.UTC().Format(time.RFC3339Nano), what)
	for left() > 0 && ctx.Err() == nil {
		a.ui.Say("%v left", (left() + time.Second).Round(time.Second))
		machine.TimerWait(ctx, time.Now().Add(min(left(), 30*time.Second)))
	}
}
