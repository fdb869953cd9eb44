package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"mfaload/fleet"
	"mfaload/internal/disk"
	"mfaload/measure"
	"mfaload/pingone"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/runner/schedule"
	"mfaload/session"
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
	c.Flags().BoolVarP(&a.ui.quiet, "quiet", "q", false, "say nothing but errors")
	return c
}

// worker checks the flags.
func (f *workerFlags) worker(a *app, scenarioFile string) (*worker, error) {
	w := &worker{app: a, flags: f, own: scenarioFile}
	external, err := f.nats.external()
	switch {
	case err != nil:
		return nil, err
	case (external == nil) == (f.join == ""):
		return nil, errors.New("name one of --join-file and --nats")
	case f.within <= 0 || f.within > farthest:
		return nil, fmt.Errorf("--start-within %v is not above 0 and at most %v", f.within, farthest)
	}
	if w.pins, err = parsePins(f.hosts); err != nil {
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
	w.Worker = fleet.Worker{External: external, Run: f.nats.run, Version: versionText(), Host: host,
		Shard: f.shard, Within: f.within,
		Load: w.load, Say: a.ui.say}
	return w, nil
}

// worker is a machine's part in a run.
type worker struct {
	fleet.Worker
	app    *app
	flags  *workerFlags
	pins   hostPins
	own    string // the scenario's file; empty for the coordinator's
	loaded *session.Inputs
	dir    atomic.Pointer[session.Folder] // once it has a shard
}

// keptPart says what a worker that quits at once leaves of its shard.
func (w *worker) keptPart() string {
	if dir := w.dir.Load(); dir != nil {
		return dir.Kept()
	}
	return "nothing was measured yet"
}

func (a *app) work(ctx context.Context, w *worker) error {
	ctx, interrupted := a.interruptible(ctx, w.keptPart)
	defer interrupted()
	defer func() {
		if w.loaded != nil {
			_ = w.loaded.Scenario.Close()
		}
	}()
	if w.flags.join != "" {
		began := time.Now()
		join, err := awaitJoin(ctx, w.flags.join, w.Within)
		if err != nil {
			return fleetError(err)
		}
		w.Join, w.Within = join, w.Within-time.Since(began)
	}
	err := fleetError(w.Work(ctx))
	if dir := w.dir.Load(); dir != nil {
		err = endResults(dir, err)
	}
	return err
}

// awaitJoin reads the join file. It is waited for: coordinator and workers are
// started at the same time.
func awaitJoin(ctx context.Context, path string, within time.Duration) (*fleet.Join, error) {
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		data, err := disk.Read(path, maxIdentity)
		if err == nil {
			j, err := fleet.ParseJoin(data)
			if err != nil {
				return nil, &exitError{exitUsage, fmt.Errorf("read the join file %s: %w\n%s", path, err,
					hint("take the one that 'mfaload coordinate --join-file' wrote"))}
			}
			return j, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, &exitError{exitUsage, fmt.Errorf("read the join file: %w", err)}
		}
		select {
		case <-waiting.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("%w: there is no join file %s: is the coordinator up, with --join-file?",
				fleet.ErrNotStarted, path)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// load reads the scenario of the run.
func (w *worker) load(_ context.Context, offer fleet.Offer) (*fleet.WorkerScenario, error) {
	loaded, err := w.app.unpack(offer, w.own, w.pins)
	if err != nil {
		return nil, err
	}
	w.loaded = loaded
	read := &fleet.WorkerScenario{Hash: loaded.Scenario.Hash(),
		Shard: func(of measure.Shard) (fleet.ShardRun, error) { return w.part(offer, of) }}
	if len(loaded.Scenario.Load.StopOn) > 0 {
		read.SnapshotEvery = time.Second
	}
	return read, nil
}

// part prepares a shard of the run.
func (w *worker) part(offer fleet.Offer, of measure.Shard) (*workerPart, error) {
	s := w.loaded.Scenario
	p := &workerPart{worker: w, answers: offer.Answers, shard: of}
	if err := schedule.CheckShard(s, p.shard); err != nil {
		return nil, err
	}
	if err := session.EnoughDescriptors(s); err != nil {
		return nil, refused(err)
	}
	var err error
	name := fmt.Sprintf("%s-%s-%dof%d", s.Name, offer.Run, of.Index, of.Count)
	if p.dir, err = session.NewFolder(name, w.flags.out, w.flags.overwrite); err != nil {
		return nil, err
	}
	w.dir.Store(p.dir)
	p.dir.Describe(s, provenance(w.loaded.Parts, report.TermsOf(s)), session.Formats{})
	session.WarnOfDisk(p.dir, session.Resources(s, of.Count), w.app.ui.tell)
	if err := p.dir.Clear(); err != nil {
		return nil, err
	}
	return p, nil
}

// workerPart is a shard of a run on this machine, as a [fleet.ShardRun].
type workerPart struct {
	*worker
	shard   measure.Shard
	answers int
	dir     *session.Folder
	op      *pingone.Operation
	stop    func()
	session *session.Session
	soFar   func() (*measure.Part, error)
	guard   *runner.Guard  // the coordinator's conditions
	ticks   *measure.Ticks // nil where nothing ends the run
	lately  []measure.Tick
	second  int64 // of the last one
	kept    bool
}

// Prepare gets the token and looks at the target.
func (p *workerPart) Prepare(ctx context.Context) error {
	s := p.loaded.Scenario
	var err error
	if p.op, p.stop, err = p.app.operation(s, p.loaded.Contract); err != nil {
		return err
	}
	if err := p.op.Preflight(ctx); err != nil {
		return err
	}
	// Unguarded, because the coordinator judges all shards together.
	config := runner.Config{Scenario: s, SaveAnswers: p.answers, Shard: &p.shard, Unguarded: true}
	p.session = session.New(config, p.op, p.dir, p.app.ui.tell)
	r := p.session.Runner
	p.soFar = r.Snapshots()
	if len(s.Load.StopOn) > 0 {
		p.guard = runner.NewGuard(s.Load.StopOn)
		p.ticks = r.Ticks(p.guard.Requests())
	}
	return nil
}

// Run sends the shard's requests.
func (p *workerPart) Run(ctx context.Context, start runner.Start) (*measure.Measurement, error) {
	defer session.KeepHeapSmall(p.app.env.lookup)()
	return p.session.Run(ctx, start)
}

// Snapshot says how far the run has come.
func (p *workerPart) Snapshot() (*fleet.Snapshot, error) {
	soFar, err := p.soFar()
	if err != nil {
		return nil, err
	}
	r := p.session.Runner
	now := r.Progress()
	s := &fleet.Snapshot{Elapsed: now.Elapsed, Progress: now.Progress, InFlight: now.InFlight,
		Planned: r.Schedule().Due(), SoFar: soFar}
	if p.ticks == nil {
		return s, nil
	}
	if second := int64(now.Elapsed.Round(time.Second) / time.Second); second > p.second {
		p.second, p.lately = second, fleet.Keep(p.lately, p.ticks.Take(now.Elapsed))
	}
	if s.Ticks = p.lately; p.guard.Requests() {
		s.Own = r.Own(fleet.OwnFrom(now.Elapsed))
	}
	return s, nil
}

// Stop ends the load for a reason that the coordinator found.
func (p *workerPart) Stop(why measure.Stop) {
	if p.session != nil {
		p.session.Runner.Stop(why)
	}
}

// Keep writes the shard's own results.
func (p *workerPart) Keep(m *measure.Measurement) error {
	r, err := report.Judge(m)
	if err != nil {
		return err
	}
	p.kept = true
	if err := p.dir.Write(r, m, session.Formats{}); err != nil {
		return err
	}
	p.app.ui.say("what was measured is in %s", filepath.Join(p.dir.Path(), session.MeasurementFile))
	return nil
}

// Close ends the simulator, if there is one.
func (p *workerPart) Close() {
	if p.stop != nil {
		p.stop()
	}
}
