package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfaload/fleet"
	"mfaload/measure"
	"mfaload/session/shards"
)

// workerFlags are the flags of the verb worker.
type workerFlags struct {
	join      string
	nats      natsFlags
	shard     int
	within    time.Duration
	out       string
	overwrite bool
	hosts     []string
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
	c.Flags().BoolVarP(&a.ui.Quiet, "quiet", "q", false, "say nothing but errors")
	return c
}

// worker checks the flags.
func (f *workerFlags) worker(a *app, scenarioFile string) (*shards.Participant, error) {
	w := &shards.Participant{JoinFile: f.join, File: scenarioFile, Loader: (&contractFlags{}).loader(a),
		Out: f.out, Overwrite: f.overwrite, Tell: a.ui.Tell}
	external, err := f.nats.external()
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
