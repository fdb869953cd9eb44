package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"mfaload/contract"
	"mfaload/live/progress"
	"mfaload/measure"
	"mfaload/pingone"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/scenario"
	"mfaload/session"
	"mfaload/session/ledger"
	"mfaload/session/shards"
)

type runFlags struct {
	out       string
	overwrite bool
	contract  contractFlags
	answers   int
	plan      planFlags
	formats   session.Formats
	listen    string
	baseline  baselineFlags
	yes       bool
	shard     shardFlags
	fleet     fleetFlags
	duet      duetFlags
	labels    labelFlags
	summary   summaryFlags
	samples   samplesFlags
	ledger    ledgerFlags
}

func newRun(a *app) *cobra.Command {
	flags := &runFlags{}
	c := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Run a scenario and judge what it measured",
		Long: `Run a scenario: send its requests on their schedule, check every response, print a
summary and write a report. The results folder gets report.json, which has
everything the summary shows and more, measurement.json.gz, the full histograms, and
what 'mfaload report' makes of them: report.html, report.md, junit.xml, latency.hlog
and violations.ndjson, the first violations of each kind line by line.

With --shard 3/8 --start-at TIME it is one of eight machines that do the run
together: every eighth request of the schedule is its own, and no other asks its
users. 'mfaload merge' judges what all of them measured.

The first SIGINT or SIGTERM, or the SIGHUP of a terminal that is closed, stops
sending, waits for the responses in flight and writes a report of what was measured.
It never makes a run longer. When all was sent already the verdict stands (0, 1 or
4), else the exit code is 130. A second SIGINT or SIGTERM quits at once: the journal
is kept, and 'mfaload report' makes the results of it. Under nohup the terminal may
be closed. That nobody reads what a run shows ends nothing.

Before a run against a host that is not this machine its plan is printed, and on
a terminal it has to be confirmed; elsewhere --yes does that. A user of such a
host gets at most 10 requests in a day, and 5 if the group expects a push, unless
the scenario's maxPerUser says otherwise: a run that would send more is refused.
So is one that passes a documented limit and would shut its users out, unless
target.limits disregards that limit.

With --against OTHER each request also goes to the target of the scenario OTHER, at
the same instants and in an order drawn for each, and the two are compared. With
--alternate too, each second goes to one of the two targets, for those that can't
bear both. load.maxRequests is a cap over both.

With --plan nothing is sent: what a run would send is printed instead, by stage
and by group, with the messages that real users could receive, which limits of the
service it passes and when, the workers that it takes, and a plot of the rate. With
--format case it is the text of the support case that the vendor asks for before a
load test; what the scenario does not say is a marked blank.`,
		Example: `  mfaload run scenarios/quickstart.yaml
  PINGONE_ENV_ID=… PINGONE_ACCESS_TOKEN=… mfaload run --out results/friday rollout.yaml
  mfaload run --plan --latency 250ms rollout.yaml
  mfaload run --plan --format case --at 2026-12-05T06:00:00Z --logins-per-day 2M rollout.yaml
  mfaload run --shards 4 rollout.yaml
  mfaload run --shard 3/8 --start-at 2026-11-23T12:00:00Z --out shards/3 rollout.yaml`,
		Args:              exactly("SCENARIO"),
		ValidArgsFunction: scenarioFiles,
		RunE: func(c *cobra.Command, args []string) error {
			if flags.answers < 0 || flags.answers > measure.Instances {
				return usage(c, fmt.Errorf("--save-answers %d is not from 0 to %d", flags.answers,
					measure.Instances))
			}
			if err := errors.Join(flags.labels.parse(a.env.lookup), flags.summary.check()); err != nil {
				return usage(c, err)
			}
			latency, err := flags.plan.check()
			if err != nil {
				return usage(c, err)
			}
			if flags.plan.wanted && flags.shard != (shardFlags{}) {
				return usage(c, errors.New("--plan shows the whole run: leave out --shard, --start-at and "+
					"--run"))
			}
			local := c.Flags().Changed("shards")
			tolerated, err := flags.checkLocal(local)
			if err != nil {
				return usage(c, err)
			}
			if err := errors.Join(flags.duet.check(flags, local),
				flags.samples.Check()); err != nil {
				return usage(c, err)
			}
			if flags.plan.wanted {
				return a.plan(args[0], flags, latency)
			}
			if local {
				return a.runLocal(c.Context(), args[0], flags, tolerated)
			}
			part, err := flags.shard.parse(a.env.lookup)
			if err == nil && part.shard != nil && flags.baseline.path != "" {
				err = errors.New("--baseline takes a whole run, and --shard is a part of one: merge the " +
					"shards, and then compare")
			}
			if err != nil {
				return usage(c, err)
			}
			return a.run(c.Context(), args[0], flags, part)
		},
	}
	c.Flags().StringVar(&flags.out, "out", "", "results folder (default results/{name}-{start})")
	c.Flags().BoolVar(&flags.overwrite, "overwrite", false,
		"replace the results that the folder of --out holds")
	c.Flags().IntVar(&flags.answers, "save-answers", 0,
		fmt.Sprintf("whole responses to keep, masked, of each group of violations (at most %d)",
			measure.Instances))
	flags.contract.add(c)
	flags.contract.changes.addLoad(c)
	flags.plan.add(c)
	addFormats(c, &flags.formats)
	c.Flags().StringVar(&flags.listen, "listen", "",
		"serve a live page and Prometheus metrics at HOST:PORT, such as 127.0.0.1:9095")
	flags.baseline.add(c)
	flags.duet.add(c)
	c.Flags().BoolVarP(&flags.yes, "yes", "y", false,
		"start a run against a host that is not this machine without asking")
	flags.ledger.add(c)
	flags.labels.add(c)
	flags.summary.add(c)
	flags.samples.add(c)
	flags.shard.add(c)
	flags.fleet.add(c, "share the run among so many processes of this machine")
	c.Flags().BoolVarP(&a.ui.Quiet, "quiet", "q", false, "show no progress")
	return c
}

// checkLocal refuses what has no meaning for several processes, or for one.
func (f *runFlags) checkLocal(local bool) (tolerated float64, err error) {
	switch {
	case !local && f.fleet.tolerate != "":
		return 0, errors.New("--tolerate-lost needs --shards")
	case !local:
		return 0, nil
	case f.shard != (shardFlags{}):
		return 0, errors.New("--shards is the whole run, and --shard, --start-at and --run are for a part " +
			"of one")
	case f.listen != "":
		return 0, errors.New("--listen shows one process, and --shards makes several")
	}
	return f.fleet.check()
}

func (a *app) plan(file string, flags *runFlags, latency time.Duration) error {
	in, err := flags.contract.loader(a).Load(file)
	if err != nil {
		return err
	}
	s := in.Scenario
	defer s.Close()
	duet, err := flags.duet.open(flags.contract.loader(a), in, &flags.baseline.flags)
	if err != nil {
		return err
	}
	if duet == nil {
		return a.printPlan(s, session.PlanHere(s, latency), &flags.plan, flags.fleet.shards,
			shards.TokenFetches(s, flags.fleet.shards))
	}
	for i, side := range duet.Sides {
		if i > 0 && flags.plan.format != "json" {
			a.ui.Print("\nand against the target of %s, %s:\n\n", duet.Name, duet.When())
		}
		note := shards.TokenFetches(side.Scenario, 0)
		if err := a.printPlan(side.Scenario, duet.Plan(i, latency), &flags.plan, 0, note); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) run(ctx context.Context, file string, flags *runFlags, part runShare) (err error) {
	in, err := flags.contract.loader(a).Load(file)
	if err != nil {
		return err
	}
	s, parts := in.Scenario, in.Parts
	defer s.Close()
	earlier, err := flags.baseline.open(s, parts)
	if err != nil {
		return err
	}
	duet, err := flags.duet.open(flags.contract.loader(a), in, &flags.baseline.flags)
	if err != nil {
		return err
	}
	dir, err := session.NewFolder(part.folder(s.Name), flags.out, flags.overwrite)
	if err != nil {
		return err
	}
	labels := flags.labels.of(s)
	dir.Describe(s, provenance(labels, parts, report.TermsOf(s)), flags.formats)
	defer func() { err = endResults(dir, err) }()
	if err := part.fit(s); err != nil {
		return err
	}
	if err := a.mayStart(s, dir, part, duet, flags.yes); err != nil {
		return err
	}
	view, err := progress.Open(a.ui, flags.listen, versionText(), a.env.lookup)
	if err != nil {
		return err
	}
	defer view.Close()
	if err := dir.Clear(); err != nil {
		return err
	}
	ctx, interrupted := a.interruptible(ctx, dir.Kept)
	defer interrupted()
	terms := termsOf(s, part)
	terms.Between = max(terms.Between, earlier.Between(s.Thresholds))
	dir.Provenance = provenance(labels, parts, terms)
	var m *measure.Measurement
	var other *session.Folder
	part.nameUser = flags.samples.NameUser()
	if duet == nil {
		part.account, part.used, err = a.reserve(&flags.ledger, ledger.Demand{Scenario: s, Shard: part.shard,
			Start: part.startAt, PassOver: true})
		if err != nil {
			return err
		}
		defer a.settle(part.account)
		m, err = a.send(ctx, in, dir, flags.answers, view, part)
	} else if err = duet.prepare(dir, flags.overwrite); err == nil {
		other = duet.folder
		defer other.Unlock()
		m, err = a.sendBoth(ctx, dir, flags, view, duet)
	}
	if err != nil {
		return err
	}
	// Of samples, or of the other side: the results of the run are written in any case.
	unwritten := flags.samples.Write(dir, other)
	if duet != nil {
		var otherErr error
		earlier, otherErr = duet.judge()
		unwritten = errors.Join(unwritten, otherErr)
	}
	runtime.GC() // what only sending needed, before the results take their share
	if err = a.judge(m, dir, flags.formats, earlier, &flags.summary); unwritten != nil {
		return &exitError{exitInconclusive, unwritten}
	}
	return err
}

// mayStart finds out whether this machine and the person at it agree to a run, or to both sides of one.
func (a *app) mayStart(s *scenario.Scenario, dir *session.Folder, part runShare, d *duetRun, yes bool) error {
	if d == nil {
		if err := session.EnoughDescriptors(s); err != nil {
			return refused(err)
		}
		session.WarnOfDisk(dir, session.Resources(s, part.count()), a.ui.Tell)
		return a.consent(s, session.PlanHere(s, 0), yes)
	}
	if err := session.EnoughDescriptors(s, d.Sides[1].Scenario); err != nil {
		return refused(err)
	}
	session.WarnOfDisk(dir, d.Disk(), a.ui.Tell)
	return a.consentDuet(d, yes)
}

// termsOf are the terms of a run, with when its token ends. Those of shards leave
// that out: they have to be the same, and each may have a token of its own.
func termsOf(s *scenario.Scenario, part runShare) report.Terms {
	terms := report.TermsOf(s)
	if at, known := pingone.TokenEnds(&s.Target); known && part.shard == nil {
		terms.TokenEnds = &at
	}
	return terms
}

func provenance(labels measure.RunLabels, parts map[string]string, terms report.Terms) session.Provenance {
	return session.Provenance{Version: versionText(), Labels: labels, Parts: parts, Terms: terms.Encode()}
}

// endResults lets others write to the results folder, at the end of a run and its
// error. Where the run did not start, its report says so: no earlier one is taken for
// its.
func endResults(dir *session.Folder, err error) error {
	defer dir.Unlock()
	if err == nil || dir.IsStarted() {
		return err
	}
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != exitNotStarted && exit.code != exitInterrupted ||
		errors.Is(err, errNotConfirmed) {
		dir.Discard()
		return err
	}
	if failed := dir.WriteNotStarted(exit.Error()); failed != nil {
		return &exitError{exit.code, fmt.Errorf("%w\n%s", err, hint("its report can't be written: %v",
			failed))}
	}
	return err
}

func (a *app) send(ctx context.Context, in *session.Inputs, dir *session.Folder, answers int,
	view *progress.Display, part runShare) (*measure.Measurement, error) {
	defer session.KeepHeapSmall(a.env.lookup)()
	to, err := a.ready(ctx, in)
	if err != nil {
		return nil, err
	}
	defer to.stop()
	if a.await(ctx, part); ctx.Err() != nil {
		return nil, notStarted(ctx, ctx.Err())
	}
	m, err := a.measure(ctx, in.Scenario, to.operation, dir, answers, view, part)
	return m, couldNotStart(ctx, err)
}

type readyTarget struct {
	operation *pingone.Operation
	stop      func()
}

// ready makes what sends to the scenario's target, and tries whether it is there.
func (a *app) ready(ctx context.Context, in *session.Inputs) (t readyTarget, err error) {
	if t.operation, t.stop, err = a.operation(in.Scenario, in.Contract); err != nil {
		return t, err
	}
	if err := t.operation.Preflight(ctx); err != nil {
		t.stop()
		return t, notStarted(ctx, err)
	}
	return t, nil
}

// couldNotStart is the error of a run with what it means if that had to wait for its start.
func couldNotStart(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, runner.ErrLate):
		return late(err)
	case errors.Is(err, runner.ErrCancelled):
		return notStarted(ctx, err)
	}
	return err
}

func notStarted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &exitError{exitInterrupted,
			errors.New("interrupted before the first request: nothing was sent")}
	}
	next := "nothing was sent"
	var known interface{ Hint() string }
	if !errors.As(err, &known) {
		next += "; check target.authPath, and the network between here and there"
	} else if known.Hint() != "" {
		next += "; " + known.Hint()
	}
	return &exitError{exitNotStarted, fmt.Errorf("not started: %w\n%s", err, hint("%s", next))}
}

func (a *app) operation(s *scenario.Scenario, c *contract.Contract) (*pingone.Operation, func(), error) {
	op, stop, err := session.Operation(s, c)
	return op, stop, refused(err)
}

func refused(err error) error {
	var notStarted *session.NotStartedError
	if errors.As(err, &notStarted) {
		return &exitError{exitNotStarted, notStarted.Err}
	}
	return err
}

// measure runs the scenario and shows how far it has come.
func (a *app) measure(ctx context.Context, s *scenario.Scenario, op *pingone.Operation, dir *session.Folder,
	answers int, view *progress.Display, part runShare) (*measure.Measurement, error) {
	admits(op, part.account)
	config := runner.Config{Scenario: s, SaveAnswers: answers, Shard: part.shard, Side: part.side,
		Looks: looksAt(s), NameUser: part.nameUser, Used: part.used}
	run := session.New(config, op, dir, a.ui.Tell)
	if view != nil {
		done, err := view.Begin(ctx, s.Name, run.Runner)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	return run.Run(ctx, runner.Start{At: part.startAt})
}

// looksAt are the looks at a run that ends as soon as it is decided; nil for others.
func looksAt(s *scenario.Scenario) *runner.Looks {
	l := report.NewLooks(s)
	if l == nil {
		return nil
	}
	return &runner.Looks{At: l.At, Decided: l.Decided}
}

// judge judges a run, writes its results and shows them.
func (a *app) judge(m *measure.Measurement, dir *session.Folder, formats session.Formats,
	earlier *session.EarlierRuns, show *summaryFlags) error {
	verdict, err := session.Conclude(m, dir, formats, earlier, show.summary(a))
	switch {
	case err != nil && verdict == "":
		return err
	case err != nil:
		return &exitError{exitInconclusive, err}
	}
	show.openPage(a, dir)
	if code := verdictCodes[verdict]; code != exitPass {
		return &exitError{code: code}
	}
	return nil
}
