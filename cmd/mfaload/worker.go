package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfaload/fleet"
	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/session/ledger"
	"mfaload/session/shards"
)

type workerFlags struct {
	join      string
	nats      natsFlags
	shard     int
	within    time.Duration
	out       string
	overwrite bool
	hosts     []string
	samples   samplesFlags
}

func newWorker(a *app) *cobra.Command {
	flags := &workerFlags{}
	c := &cobra.Command{
		Use:   "worker [SCENARIO]",
		Short: "Be one of the machines of a run that 'mfaload coordinate' leads",
		Long: `Be one of the machines of a run that 'mfaload coordinate' leads: claim a shard of
it, begin when all begin, and deliver what was measured. The scenario comes from
the coordinator as it is written, without the values of its variables: those are
taken from this worker's environment. Where it can't travel, or in place of it,
name the same file.

A worker trusts its coordinator: the scenario says which variables of this machine's
environment and which of its files of secrets are used, and where they are sent. With
--host the worker sends to these hosts only.

A worker keeps what it measured in its results folder in any case. When it hears
nothing of the coordinator for 3 s, or stood still for that long, it stops its load
and exits with 4; what the workers kept can be merged with 'mfaload merge'.

It leaves with 0 when its measurement was delivered: the verdict is the
coordinator's.`,
		Example: `  mfaload worker --join-file join
  mfaload worker --nats tls://nats.example:4222 --creds worker.creds --run pr-812`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(c, fmt.Errorf("unexpected argument %q", args[1]))
			}
			return nil
		},
		ValidArgsFunction: scenarioFiles,
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("host") && len(flags.hosts) == 0 {
				flags.hosts = []string{""} // which is none, and not all
			}
			w, err := flags.worker(a, strings.Join(args, ""))
			if err != nil {
				return usage(c, err)
			}
			return a.work(c.Context(), w)
		},
	}
	c.Flags().StringVar(&flags.join, "join-file", "",
		"the file that the coordinator wrote with --join-file; it is waited for")
	c.Flags().IntVar(&flags.shard, "shard", fleet.AnyShard,
		"the shard to claim, from 0 (default: "+strings.Join(indexVariables, ", ")+", or any that is free)")
	c.Flags().DurationVar(&flags.within, "start-within", 15*time.Minute,
		"leave when the run has not started by then")
	c.Flags().StringVar(&flags.out, "out", "",
		"results folder (default results/{name}-{run}-{shard}of{shards})")
	c.Flags().BoolVar(&flags.overwrite, "overwrite", false,
		"replace the results that the folder of --out holds")
	c.Flags().StringSliceVar(&flags.hosts, "host", nil,
		"send to this HOST or HOST:PORT only, whatever the coordinator's scenario says; several with "+
			"commas (default: all)")
	flags.nats.add(c)
	flags.samples.addKeep(c)
	c.Flags().BoolVarP(&a.ui.Quiet, "quiet", "q", false, "say nothing but errors")
	return c
}

func (f *workerFlags) worker(a *app, scenarioFile string) (*shards.Participant, error) {
	w := &shards.Participant{JoinFile: f.join, File: scenarioFile, Loader: (&contractFlags{}).loader(a),
		Out: f.out, Overwrite: f.overwrite, Tell: a.ui.Tell, NameUser: f.samples.NameUser()}
	external, err := f.nats.external()
	if err == nil {
		err = f.samples.Check()
	}
	switch {
	case err != nil:
		return nil, err
	case (external == nil) == (f.join == ""):
		return nil, errors.New("name one of --join-file and --nats")
	case f.within <= 0 || f.within > farthest:
		return nil, fmt.Errorf("--start-within %v is not above 0 and at most %v", f.within, farthest)
	}
	if w.Pins, err = shards.ParsePins(f.hosts); err != nil {
		return nil, err
	}
	if f.shard == fleet.AnyShard {
		if index, from := indexOf(a.env.lookup); index != "" {
			if f.shard, err = strconv.Atoi(index); err != nil || f.shard < 0 {
				return nil, fmt.Errorf("%s is no index of a shard", from)
			}
		}
	}
	if f.shard < fleet.AnyShard || f.shard >= measure.MaxShards {
		return nil, fmt.Errorf("--shard %d is not from 0 to %d", f.shard, measure.MaxShards-1)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	w.Fleet = fleet.Worker{External: external, Run: f.nats.run, Version: versionText(), Host: host,
		Shard: f.shard, Within: f.within, Say: a.ui.Say}
	return w, nil
}

func (a *app) work(ctx context.Context, w *shards.Participant) error {
	ctx, interrupted := a.interruptible(ctx, w.Kept)
	defer interrupted()
	defer w.Close()
	err := fleetError(w.Work(ctx))
	if dir := w.Folder(); dir != nil {
		err = endResults(dir, err)
	}
	return err
}

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
	side    *runner.DuetSide // of a run against two targets; nil else
	// nameUser is how the journal knows users; nil if it tells of none.
	nameUser func(string) string
	account  *ledger.Account // nil if nothing is counted
	used     *schedule.UsedToday
}

func (p runShare) count() int {
	if p.shard == nil {
		return 1
	}
	return p.shard.Count
}

// parse reads the flags as far as they can be without a scenario. The time is not
// compared with the clock.
func (f *shardFlags) parse(lookup func(string) (string, bool)) (p runShare, err error) {
	if f.startAt != "" {
		if p.startAt, err = parseInstant("start-at", f.startAt); err != nil {
			return p, err
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
	named.Run = cmp.Or(named.Run, "r")
	if err := named.Check(); err != nil {
		return p, fmt.Errorf("%s: %w", from, err)
	}
	return p, nil
}

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
		p.shard.Run = cmp.Or(p.shard.Run,
			s.Hash()[:12]+"-"+p.startAt.UTC().Format("20060102T150405.999999999Z"))
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

// await says what is waited for until shortly before the start.
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
