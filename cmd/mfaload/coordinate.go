package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfaload/fleet"
	"mfaload/internal/disk"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/session"
)

// coordinateFlags are the flags of the verb coordinate.
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
}

// maxIdentity bounds files of identities, and join files, in bytes.
const maxIdentity = 1 << 20

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
		fmt.Sprintf("whole answers to keep, masked, of each group of violations (at most %d)",
			measure.Instances))
	flags.contract.add(c)
	addFormats(c, &flags.formats)
	flags.baseline.add(c)
	c.Flags().BoolVarP(&flags.yes, "yes", "y", false,
		"start a run against a host that is not this machine without asking")
	c.Flags().BoolVarP(&a.ui.quiet, "quiet", "q", false, "show no progress")
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
	l, err := a.newCoordination(file, &flags.contract, flags.shards, tolerated)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.open(a, flags.out, flags.overwrite, flags.yes, flags.formats, &flags.baseline); err != nil {
		return err
	}
	defer func() { err = endResults(l.dir, err) }()
	ctx, interrupted := a.interruptible(ctx, keptByWorkers)
	defer interrupted()
	l.coordinator.Within, l.coordinator.External, l.coordinator.Plan.Answers = flags.within, external, flags.answers
	if l.coordinator.Plan.Run = flags.nats.run; external == nil {
		if err := l.listen(flags.listen, flags.advertise, flags.identity, flags.joinFile); err != nil {
			return err
		}
		defer l.coordinator.Embedded.Close()
	}
	return l.run(ctx)
}

// coordination is a run that is led from here.
type coordination struct {
	coordinator fleet.Coordinator
	app         *app
	scenario    *scenario.Scenario
	bundle      *bundle
	tolerated   float64
	parts       map[string]string
	dir         *session.Folder
	formats     session.Formats
	baseline    *baseline
}

// newCoordination reads the scenario and finds what speaks against so many shards of it.
func (a *app) newCoordination(file string, contract *contractFlags, shards int,
	tolerated float64) (*coordination, error) {
	bundle, err := a.newBundle()
	if err != nil {
		return nil, err
	}
	l := &coordination{app: a, bundle: bundle, tolerated: tolerated}
	loader := contract.loader(a)
	in, err := loader.Load(file)
	if err != nil {
		l.close()
		return nil, err
	}
	s := in.Scenario
	l.scenario, l.parts = s, in.Parts
	err = schedule.CheckShard(s, measure.Shard{Run: "r", Index: 0, Count: shards})
	if err == nil {
		err = bundle.pack(s, loader)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	const most = 8 // times what a measurement is expected to have
	l.coordinator = fleet.Coordinator{Say: a.ui.say, Plan: fleet.Plan{
		MaxFinal: most * int64(min(session.Resources(s, shards).Results, math.MaxInt64/most)),
		Version:  versionText(), Hash: s.Hash(), Scenario: s.Name, Shards: shards,
		Length: schedule.New(s).End(), Drain: s.Load.Drain, StopOn: s.Load.StopOn,
		Spread: tokenSpread(s, shards), Files: bundle.files, Withheld: bundle.withheld,
	}}
	return l, nil
}

// newRunName names a run that has a server of its own.
func newRunName() string { return time.Now().UTC().Format("20060102T150405Z") }

func (l *coordination) close() {
	if l.scenario != nil {
		_ = l.scenario.Close()
	}
	l.bundle.close()
}

// open does what can fail before anybody waits for workers.
func (l *coordination) open(a *app, out string, overwrite, yes bool, formats session.Formats,
	baseline *baselineFlags) (err error) {
	if l.baseline, err = baseline.open(l.scenario, l.parts); err != nil {
		return err
	}
	l.formats = formats
	p := part{}
	if l.dir, err = session.NewFolder(p.folder(l.scenario.Name), out, overwrite); err != nil {
		return err
	}
	l.dir.Describe(l.scenario, provenance(l.parts, report.TermsOf(l.scenario)), formats)
	if plan := session.Plan(l.scenario, 0); l.coordinator.Plan.Shards > 0 {
		lead := plan.CoordinatorResources(l.coordinator.Plan.Shards)
		session.WarnOfDisk(l.dir, &lead, a.ui.tell)
	}
	if err := a.consent(l.scenario, yes); err != nil {
		return endResults(l.dir, err)
	}
	return l.dir.Clear()
}

// listen starts the server and writes the join file.
func (l *coordination) listen(address string, advertise []string, identityFile, joinFile string) error {
	identity, err := readIdentity(identityFile)
	if err != nil {
		return err
	}
	l.coordinator.Plan.Run = identity.Run
	if l.coordinator.Embedded, err = fleet.Listen(address, identity); err != nil {
		return &exitError{exitNotStarted, err}
	}
	if joinFile == "" {
		return nil
	}
	if len(advertise) == 0 {
		advertise, err = fleet.Addresses(l.coordinator.Embedded.Addr())
	}
	var join *fleet.Join
	if err == nil {
		join, err = identity.Join(advertise)
	}
	if err == nil {
		err = join.Write(joinFile)
	}
	if err != nil {
		l.coordinator.Embedded.Close()
		return err
	}
	l.app.ui.say("workers join with %s, at %s", joinFile, strings.Join(advertise, ", "))
	return nil
}

// readIdentity reads an identity that was made before, or makes one.
func readIdentity(path string) (*fleet.Identity, error) {
	if path == "" {
		return fleet.NewIdentity(newRunName())
	}
	data, err := disk.Read(path, maxIdentity)
	if err != nil {
		return nil, fmt.Errorf("read the identity: %w", err)
	}
	var identity fleet.Identity
	if err := json.Unmarshal(data, &identity); err != nil || identity.Token == "" {
		return nil, fmt.Errorf("read the identity %s: it is none\n%s", path, hint("'mfaload k8s' makes them"))
	}
	return &identity, nil
}

// run leads the run and judges what came of it.
func (l *coordination) run(ctx context.Context) error {
	if l.bundle.withheld != "" {
		l.app.ui.say("the scenario does not travel, and workers must have it: %s", l.bundle.withheld)
	}
	if text := tokenFetches(l.scenario, l.coordinator.Plan.Shards); text != "" {
		l.app.ui.say("%s", text)
	}
	hide := l.app.showFleet(l)
	result, err := l.coordinator.Lead(ctx)
	hide()
	if err != nil {
		return fleetError(err)
	}
	return l.judge(result)
}

// keptByWorkers says what a coordinator that quits at once leaves of its run.
func keptByWorkers() string {
	return "the workers end their load within 3 s and keep what they measured: merge it with 'mfaload merge'"
}

// judge merges and judges the shards that are there, also where there is none.
func (l *coordination) judge(result *fleet.RunResult) error {
	var all []*measure.Measurement
	for _, m := range result.Parts {
		if m != nil {
			all = append(all, m)
		}
	}
	m, lost, err := mergeAlike(all)
	lost = append(lost, result.Lost...)
	slices.SortFunc(lost, measure.CompareLostShards)
	if err == nil && m == nil {
		m, err = measure.NoMeasurement(l.about(result), l.coordinator.Plan.Run, l.coordinator.Plan.Shards,
			lost)
	}
	if err != nil {
		return &exitError{exitInconclusive, fmt.Errorf("%w\n%s", err,
			hint("the workers keep what they measured: merge it with 'mfaload merge'"))}
	}
	m.Merged.Lost, m.Merged.TolerateLost = lost, l.tolerated
	l.app.ui.say("the clocks of all workers were read to %v", (result.RoundTrip / 2).Round(time.Microsecond))
	return l.app.judge(m, l.dir, l.formats, l.baseline)
}

// mergeAlike merges measurements that are of one run; those that do not fit the others are lost.
// It returns nil where there is none.
func mergeAlike(all []*measure.Measurement) (m *measure.Measurement, lost []measure.LostShard, err error) {
	for len(all) > 0 {
		m, err = measure.Merge(all)
		var misfits *measure.MergeError
		if !errors.As(err, &misfits) {
			return m, lost, err
		}
		odd := map[int]bool{}
		for _, misfit := range misfits.Conflicts {
			if shard := all[misfit.Measurement].Shard; shard != nil && !odd[misfit.Measurement] {
				lost = append(lost, measure.LostShard{Index: shard.Index,
					Why: "its measurement does not fit those of the others: " + misfit.Why})
			}
			odd[misfit.Measurement] = true
		}
		var rest []*measure.Measurement
		for i, one := range all {
			if !odd[i] {
				rest = append(rest, one)
			}
		}
		all = rest
	}
	return nil, lost, nil
}

// about is what is known of a run without a measurement.
func (l *coordination) about(result *fleet.RunResult) *measure.Measurement {
	m := &measure.Measurement{Scenario: l.scenario.Name, Hash: l.coordinator.Plan.Hash,
		Version: l.coordinator.Plan.Version, Started: result.Started,
		Parts: l.parts, Terms: report.TermsOf(l.scenario).Encode()}
	for _, g := range l.scenario.Groups {
		m.Groups = append(m.Groups, g.Name)
	}
	return m
}

// tokenFetches says how many tokens the workers of a run fetch.
func tokenFetches(s *scenario.Scenario, shards int) string {
	if s.Target.ClientCredentials == nil || shards < 2 {
		return ""
	}
	return fmt.Sprintf("%d workers fetch a token each: %d fetches spread over %v before the start, and "+
		"each again when about four fifths of its token's life are over",
		shards, shards, tokenSpread(s, shards))
}

// tokenSpread is the time over which workers spread the fetching of tokens: ten
// a second, and at most half a minute.
func tokenSpread(s *scenario.Scenario, shards int) time.Duration {
	if s.Target.ClientCredentials == nil {
		return 0
	}
	return min(time.Duration(shards)*100*time.Millisecond, 30*time.Second)
}
