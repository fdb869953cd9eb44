package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mfaload/fleet"
	"mfaload/live/progress"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/session"
	"mfaload/session/ledger"
	"mfaload/session/shards"
)

type coordinateFlags struct {
	fleetFlags
	listen, joinFile string
	advertise        []string
	identity         string
	nats             natsFlags
	within           time.Duration
	contract         contractFlags
	out              string
	overwrite        bool
	answers          int
	formats          session.Formats
	baseline         baselineFlags
	yes              bool
	ledger           ledgerFlags
	labels           labelFlags
	summary          summaryFlags
}

// fleetFlags are those of all runs with a coordinator.
type fleetFlags struct {
	shards   int
	tolerate string
}

func (f *fleetFlags) add(c *cobra.Command, what string) {
	c.Flags().IntVar(&f.shards, "shards", 0, what)
	c.Flags().StringVar(&f.tolerate, "tolerate-lost", "",
		"with --shards: the share of shards that may be lost, such as 5%")
}

func (f *fleetFlags) check() (tolerated float64, err error) {
	if f.shards < 1 || f.shards > measure.MaxShards {
		return 0, fmt.Errorf("--shards %d is not from 1 to %d", f.shards, measure.MaxShards)
	}
	return parseTolerated(f.tolerate)
}

func newCoordinate(a *app) *cobra.Command {
	flags := &coordinateFlags{}
	c := &cobra.Command{
		Use:   "coordinate SCENARIO",
		Short: "Lead a run on many machines",
		Long: `Lead a run on many machines: wait for a worker for each shard ('mfaload worker'),
have all begin at one time, show how far they are, and judge what they measured
together as one machine's run is judged: the same report, verdict and exit codes.

With --listen the coordinator is a NATS server itself, with a certificate and a
token that are made for this run; the file of --join-file has what workers need.
With --nats an external server or cluster is used. All connections are TLS 1.3, and
nothing is stored on the server.

The scenario travels to the workers as it is written; its variables are filled in
from each worker's own environment, so that secrets do not travel.

When not all shards are ready in time, nothing is sent (3). A worker that is silent
for more than 2.5 s, or takes too long, is out for good. A shard that is lost makes
the run inconclusive (4), unless --tolerate-lost allows it. SIGINT stops the load
everywhere, and what was measured is reported.`,
		Example: `  mfaload coordinate --shards 8 --listen :4222 --join-file join rollout.yaml
  mfaload coordinate --shards 20 --nats tls://nats.example:4222 --creds lead.creds --run pr-812 rollout.yaml`,
		Args:              exactly("SCENARIO"),
		ValidArgsFunction: scenarioFiles,
		RunE: func(c *cobra.Command, args []string) error {
			external, err := flags.check()
			var tolerated float64
			if err == nil {
				tolerated, err = flags.fleetFlags.check()
			}
			if err == nil {
				err = flags.labels.parse(a.env.lookup)
			}
			if err == nil {
				err = flags.summary.check()
			}
			if err != nil {
				return usage(c, err)
			}
			return a.coordinate(c.Context(), args[0], flags, external, tolerated)
		},
	}
	flags.fleetFlags.add(c, "the number of shards, each a worker's (required)")
	c.Flags().StringVar(&flags.listen, "listen", "", "be the NATS server, at HOST:PORT, such as :4222")
	c.Flags().StringVar(&flags.joinFile, "join-file", "",
		"with --listen: write what workers need to join to this file")
	c.Flags().StringSliceVar(&flags.advertise, "advertise", nil,
		"with --listen: HOST:PORT where workers reach it (default: the addresses of this machine)")
	c.Flags().StringVar(&flags.identity, "identity", "",
		"with --listen: a certificate, key and token that were made before ('mfaload k8s')")
	flags.nats.add(c)
	c.Flags().Bool("replace", false, "")
	// it is there
	_ = c.Flags().MarkDeprecated("replace", "nothing is left on a NATS server that would have to be removed")
	c.Flags().DurationVar(&flags.within, "join-within", 10*time.Minute,
		"how long workers have to join and to get ready")
	c.Flags().StringVar(&flags.out, "out", "", "results folder (default results/{name}-{start})")
	c.Flags().BoolVar(&flags.overwrite, "overwrite", false,
		"replace the results that the folder of --out holds")
	c.Flags().IntVar(&flags.answers, "save-answers", 0,
		fmt.Sprintf("whole responses to keep, masked, of each group of violations (at most %d)",
			measure.Instances))
	flags.contract.add(c)
	flags.contract.changes.addLoad(c)
	addFormats(c, &flags.formats)
	flags.baseline.add(c)
	flags.ledger.add(c)
	flags.labels.add(c)
	flags.summary.add(c)
	c.Flags().BoolVarP(&flags.yes, "yes", "y", false,
		"start a run against a host that is not this machine without asking")
	c.Flags().BoolVarP(&a.ui.Quiet, "quiet", "q", false, "show no progress")
	return c
}

func (f *coordinateFlags) check() (*fleet.External, error) {
	external, err := f.nats.external()
	switch {
	case err != nil:
		return nil, err
	case (external == nil) == (f.listen == ""):
		return nil, errors.New("name one of --listen and --nats")
	case external != nil && (f.joinFile != "" || f.advertise != nil || f.identity != ""):
		return nil, errors.New("--join-file, --advertise and --identity need --listen")
	case external == nil && f.joinFile == "" && f.identity == "":
		return nil, errors.New("--listen needs --join-file: without it no worker can join")
	case f.within <= 0 || f.within > farthest:
		return nil, fmt.Errorf("--join-within %v is not above 0 and at most %v", f.within, farthest)
	case f.answers < 0 || f.answers > measure.Instances:
		return nil, fmt.Errorf("--save-answers %d is not from 0 to %d", f.answers, measure.Instances)
	}
	for _, a := range f.advertise {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return nil, fmt.Errorf("--advertise %q is not HOST:PORT", a)
		}
	}
	return external, nil
}

func (a *app) coordinate(ctx context.Context, file string, flags *coordinateFlags, external *fleet.External,
	tolerated float64) (err error) {
	run, err := a.newFleetRun(file, &flags.contract, flags.shards, &flags.labels)
	if err != nil {
		return err
	}
	defer run.Close()
	earlier, dir, err := a.openFleetRun(run, flags.out, flags.overwrite, flags.yes, flags.formats,
		&flags.baseline)
	if err != nil {
		return err
	}
	defer func() { err = endResults(dir, err) }()
	ctx, interrupted := a.interruptible(ctx, keptByWorkers)
	defer interrupted()
	c := &run.Coordinator
	c.Within, c.External, c.Plan.Answers = flags.within, external, flags.answers
	settle, err := a.reserveFleet(run, &flags.ledger)
	if err != nil {
		return err
	}
	defer func() { settle(err) }()
	if c.Plan.Run = flags.nats.run; external == nil {
		if err := run.Listen(flags.listen, flags.advertise, flags.identity, flags.joinFile); err != nil {
			return refused(err)
		}
		defer c.Embedded.Close()
	}
	m, err := a.runFleet(ctx, run, tolerated)
	if err != nil {
		return err
	}
	return a.judge(m, dir, flags.formats, earlier, &flags.summary)
}

func (a *app) newFleetRun(file string, contract *contractFlags, count int,
	labels *labelFlags) (*shards.FleetRun, error) {
	loader := contract.loader(a)
	run, err := shards.NewFleetRun(file, loader, count, versionText())
	if err == nil {
		run.Coordinator.Plan.Labels = labels.of(run.Scenario)
	}
	return run, err
}

// openFleetRun does what can fail before anybody waits for workers.
func (a *app) openFleetRun(run *shards.FleetRun, out string, overwrite, yes bool, formats session.Formats,
	baseline *baselineFlags) (earlier *session.EarlierRuns, dir *session.Folder, err error) {
	s := run.Scenario
	if earlier, err = baseline.open(s, run.Parts); err != nil {
		return nil, nil, err
	}
	p := runShare{}
	if dir, err = session.NewFolder(p.folder(s.Name), out, overwrite); err != nil {
		return nil, nil, err
	}
	dir.Describe(s, provenance(run.Coordinator.Plan.Labels, run.Parts, report.TermsOf(s)), formats)
	needed := session.Plan(s, 0).CoordinatorResources(run.Coordinator.Plan.Shards)
	session.WarnOfDisk(dir, &needed, a.ui.Tell)
	if err := a.consent(s, session.PlanHere(s, 0), yes); err != nil {
		return nil, nil, endResults(dir, err)
	}
	return earlier, dir, dir.Clear()
}

func (a *app) runFleet(ctx context.Context, run *shards.FleetRun,
	tolerated float64) (*measure.Measurement, error) {
	plan := &run.Coordinator.Plan
	if plan.Withheld != "" {
		a.ui.Say("the scenario does not travel, and workers must have it: %s", plan.Withheld)
	}
	if text := shards.TokenFetches(run.Scenario, plan.Shards); text != "" {
		a.ui.Say("%s", text)
	}
	hide := progress.ShowFleet(a.ui, &run.Coordinator)
	result, err := run.Coordinator.Lead(ctx)
	hide()
	if err != nil {
		return nil, fleetError(err)
	}
	m, err := run.Merge(result, tolerated)
	if err != nil {
		return nil, &exitError{exitInconclusive, fmt.Errorf("%w\n%s", err,
			hint("the workers keep what they measured: merge it with 'mfaload merge'"))}
	}
	a.ui.Say("the clocks of all workers were read to %v", (result.RoundTrip / 2).Round(time.Microsecond))
	return m, nil
}

// reserveFleet reserves what all workers will send: they share no folder. At the end all of it counts, if
// the run began: what a worker sent, only the worker knows.
func (a *app) reserveFleet(run *shards.FleetRun, f *ledgerFlags) (settle func(error), err error) {
	account, _, err := a.reserve(f, ledger.Demand{Scenario: run.Scenario, Late: run.Coordinator.Within,
		Unguarded: true})
	return func(err error) {
		if exit := new(exitError); errors.As(err, &exit) && exit.code == exitNotStarted {
			a.settle(account)
		} else if err := account.CloseAsSent(); err != nil {
			a.ui.Tell("mfaload: %v\n", err)
		}
	}, err
}

func keptByWorkers() string {
	return "the workers end their load within 3 s and keep what they measured: merge it with 'mfaload merge'"
}

// runLocal runs the shards as processes of this machine, with a server in this one.
func (a *app) runLocal(ctx context.Context, file string, flags *runFlags, tolerated float64) (err error) {
	run, err := a.newFleetRun(file, &flags.contract, flags.fleet.shards, &flags.labels)
	if err != nil {
		return err
	}
	defer run.Close()
	earlier, dir, err := a.openFleetRun(run, flags.out, flags.overwrite, flags.yes, flags.formats,
		&flags.baseline)
	if err != nil {
		return err
	}
	defer func() { err = endResults(dir, err) }()
	folder := filepath.Join(dir.Path(), session.ShardsFolder)
	ctx, interrupted := a.interruptible(ctx, func() string {
		return fmt.Sprintf("the workers end their load within 3 s and keep what they measured: 'mfaload "+
			"merge %s' judges it", folder)
	})
	defer interrupted()
	c := &run.Coordinator
	c.Plan.Answers, c.Within = flags.answers, time.Minute
	settle, err := a.reserveFleet(run, &flags.ledger)
	if err != nil {
		return err
	}
	defer func() { settle(err) }()
	join := filepath.Join(run.Dir(), "join")
	if err := run.Listen("127.0.0.1:0", nil, "", join); err != nil {
		return refused(err)
	}
	defer c.Embedded.Close()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program of the workers: %w", err)
	}
	workers, err := shards.StartProcesses(c, program, file, join, folder, flags.samples.WorkerFlags()...)
	if err != nil {
		return refused(err)
	}
	defer workers.End()
	m, err := a.runFleet(ctx, run, tolerated)
	if err != nil {
		return err
	}
	workers.End()
	unwritten := flags.samples.WriteShards(dir)
	if err = a.judge(m, dir, flags.formats, earlier, &flags.summary); unwritten != nil {
		return &exitError{exitInconclusive, unwritten}
	}
	return err
}
