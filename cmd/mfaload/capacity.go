package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfaload/capacity"
	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/live/progress"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/scenario"
	"mfaload/session"
	"mfaload/session/ledger"
	"mfaload/session/search"
)

type capacityFlags struct {
	out       string
	overwrite bool
	yes       bool
	plan      bool
	resume    string
	maxRate   string
	budget    string
	target    targetFlags
	soak      soakFlags
	contract  contractFlags
	ledger    ledgerFlags
	labels    labelFlags
}

func newCapacity(a *app) *cobra.Command {
	f := &capacityFlags{}
	c := &cobra.Command{
		Use:   "capacity [--resume DIR] SCENARIO",
		Short: "Find the highest rate at which the thresholds still hold",
		Long: `Find the highest rate at which the thresholds of a scenario still hold, and say how
sure that is. Trials at constant rates go up until something breaks, and then close in
on the limit; those next to it are repeated. The result is an interval with a
confidence, what breaks above it, and the curve of all trials.

The section capacity of the scenario says how to search: at least maxRate, which is
never exceeded. The stages of the load do not count. Each trial goes on with the users
where the one before it left off.

The results folder gets capacity.json and capacity.html, rewritten after every trial, and a
results folder of its own for each trial below trials/, which 'mfaload report' renders.

With --resume a search goes on that was killed, was interrupted, or came to the end of
its budget, with the trials that it made. The scenario and the flags are those that it
was begun with; others may be given: more --budget, another --target-rate, a --soak.

Exit codes: 0 found, and enough where a rate was asked for; 1 not enough, or the soak
broke or drifted; 4 not sure enough; 130 interrupted, with what was found so far.`,
		Example: `  mfaload capacity scenarios/capacity.yaml
  mfaload capacity --logins-per-day 2M --peak-factor 4 rollout.yaml
  mfaload capacity --target-rate 300/s --soak 1h --out results/capacity rollout.yaml
  mfaload capacity --plan --budget 1h rollout.yaml
  mfaload capacity --resume results/capacity --budget 2h`,
		Args: func(c *cobra.Command, args []string) error {
			if f.resume != "" && len(args) == 0 {
				return nil
			}
			return exactly("SCENARIO")(c, args)
		},
		ValidArgsFunction: scenarioFiles,
		RunE:              func(c *cobra.Command, args []string) error { return a.runCapacity(c, args, f) },
	}
	c.Flags().StringVar(&f.out, "out", "", "results folder (default results/{name}-capacity-{start})")
	c.Flags().BoolVar(&f.overwrite, "overwrite", false, "replace the results that the folder of --out holds")
	c.Flags().StringVar(&f.resume, "resume", "", "go on with the search in this results folder")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false,
		"start a search against a host that is not this machine without asking")
	c.Flags().BoolVar(&f.plan, "plan", false, "send nothing: print what the search would do at most")
	c.Flags().StringVar(&f.maxRate, "max-rate", "", "never try a higher rate (default capacity.maxRate)")
	c.Flags().StringVar(&f.budget, "budget", "",
		"the most time for all trials (default capacity.budget, or 30m)")
	f.target.add(c)
	f.soak.add(c)
	f.contract.add(c)
	f.contract.changes.add(c)
	f.ledger.add(c)
	f.labels.add(c)
	c.Flags().BoolVarP(&a.ui.Quiet, "quiet", "q", false, "show no progress")
	return c
}

// keptFlags are remembered for a search that goes on.
var keptFlags = []string{"max-rate", "budget", "target-rate", "logins-per-day", "peak-factor", "soak",
	"soak-share", "contract", "contract-overlay", "ledger"}

// runCapacity begins a search, or goes on with one.
func (a *app) runCapacity(c *cobra.Command, args []string, f *capacityFlags) error {
	var record *search.Setup
	if f.resume != "" {
		if f.out != "" || f.overwrite {
			return usage(c, errors.New("--resume goes on in the folder that it names: leave out --out and "+
				"--overwrite"))
		}
		var err error
		if record, err = search.Open(f.resume); err != nil {
			return err
		}
		defer record.Close()
		if err := setKeptFlags(c, record.Flags, f.resume); err != nil {
			return err
		}
		args = append(args, record.File)
	}
	if err := f.labels.parse(a.env.lookup); err != nil {
		return usage(c, err)
	}
	if err := f.target.parse(); err != nil {
		return usage(c, err)
	}
	if err := f.soak.parse(); err != nil {
		return usage(c, err)
	}
	if record == nil {
		record = newSearchRecord(c, args[0])
	}
	f.labels.labels = record.Labels.With(f.labels.labels)
	if err := f.labels.labels.Check(); err != nil {
		return usage(c, fmt.Errorf("--label, and the labels of the search: %w", err))
	}
	return a.capacity(c.Context(), args[0], f, record)
}

func newSearchRecord(c *cobra.Command, file string) *search.Setup {
	flags := map[string]string{}
	for _, name := range keptFlags {
		if flag := c.Flags().Lookup(name); flag.Changed {
			flags[name] = flag.Value.String()
			if strings.HasPrefix(name, "contract") || name == "ledger" {
				flags[name] = absolute(flags[name])
			}
		}
	}
	return search.NewSetup(absolute(file), flags)
}

// absolute is a path from wherever the search goes on; "-" stays what it is.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil && path != "-" {
		return full
	}
	return path
}

// setKeptFlags sets the flags that a search was begun with and the command lacks.
func setKeptFlags(c *cobra.Command, flags map[string]string, folder string) error {
	asked := c.Flags().Changed("target-rate") || c.Flags().Changed("logins-per-day")
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if !slices.Contains(keptFlags, name) || c.Flags().Changed(name) || asked &&
			(name == "target-rate" || name == "logins-per-day") {
			continue
		}
		if err := c.Flags().Set(name, flags[name]); err != nil {
			return fmt.Errorf("%s: --%s: %w", filepath.Join(folder, session.SearchFile), name, err)
		}
	}
	return nil
}

// targetFlags say which rate somebody needs.
type targetFlags struct {
	rate   string
	logins loginsFlags
	target *capacity.TargetRate // nil without
}

func (f *targetFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.rate, "target-rate", "",
		"say whether this rate is enough, and with which headroom")
	f.logins.add(c, "the same, for so many logins a day: 250000, 300k or 2M")
}

func (f *targetFlags) parse() error {
	switch {
	case f.rate != "" && f.logins.count != "":
		return errors.New("--target-rate and --logins-per-day say the same: leave one out")
	case f.rate != "":
		rate, err := scenario.ParseRate(f.rate)
		if err == nil && rate == 0 {
			err = errors.New("it is zero")
		}
		if err != nil {
			return fmt.Errorf("--target-rate: %w", err)
		}
		f.target = &capacity.TargetRate{Rate: float64(rate)}
	case f.logins.count != "":
		if err := f.logins.parse(); err != nil {
			return err
		}
		z := f.logins.sizing
		f.target = &capacity.TargetRate{Rate: z.Rate(), From: fmt.Sprintf("%s logins a day, times %g at the "+
			"peak", number.Count(uint64(z.LoginsPerDay)), z.PeakFactor)}
	}
	return nil
}

// parseCount reads a number of logins, such as 250000, 300k or 2M.
func parseCount(text string) (float64, error) {
	number, times := text, 1.0
	switch {
	case strings.HasSuffix(text, "k"):
		number, times = strings.TrimSuffix(text, "k"), 1e3
	case strings.HasSuffix(text, "M"):
		number, times = strings.TrimSuffix(text, "M"), 1e6
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n*times >= 1 && n*times <= 1e11) {
		return 0, fmt.Errorf("--logins-per-day %q is not a number from 1 to 100000M, such as 250000, 300k "+
			"or 2M", text)
	}
	return n * times, nil
}

// soakFlags ask for a long trial after the search.
type soakFlags struct {
	text, shareText string
	length          time.Duration // 0 without
	share           float64
}

func (f *soakFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.text, "soak", "",
		"hold a share of the found rate for this time, and look for times that drift up")
	c.Flags().StringVar(&f.shareText, "soak-share", "80%",
		"with --soak: the share of the rate that was found to hold")
}

func (f *soakFlags) parse() (err error) {
	if f.share, err = scenario.ParseShare(f.shareText); err != nil || f.share == 0 {
		return fmt.Errorf("--soak-share: %w", errors.Join(err, zeroShare(f.share)))
	}
	if f.text == "" {
		return nil
	}
	if f.length, err = scenario.ParseDuration(f.text); err != nil {
		return fmt.Errorf("--soak: %w", err)
	}
	if f.length < minSoak || f.length > maxSoak {
		return fmt.Errorf("--soak %s is not from %v to %v", f.text, minSoak, maxSoak)
	}
	return nil
}

func zeroShare(share float64) error {
	if share == 0 {
		return errors.New("a share above 0 is needed, such as 80%")
	}
	return nil
}

const (
	minSoak = 30 * time.Second
	maxSoak = 7 * 24 * time.Hour
)

func (a *app) capacity(ctx context.Context, file string, f *capacityFlags, record *search.Setup) (err error) {
	in, err := f.contract.loader(a).Load(file)
	if err != nil {
		return err
	}
	defer in.Scenario.Close()
	s, plan, err := a.planned(in, f, record)
	if err != nil {
		return err
	}
	resumed := f.resume != ""
	if f.plan {
		a.ui.Print("%s", plan.Text(s.Options))
		if resumed {
			a.ui.Print("%s\n", s.Standing())
		}
		return nil
	}
	widest := s.Widest()
	if err := session.EnoughDescriptors(widest); err != nil {
		return refused(err)
	}
	if err := a.consentSearch(s, plan, f.yes); err != nil {
		return err
	}
	if !resumed {
		if s.Folder, err = search.NewFolder(in.Scenario.Name, f.out, f.overwrite); err != nil {
			return err
		}
		about := provenance(s.Labels, in.Parts, report.TermsOf(in.Scenario))
		s.Folder.Describe(in.Scenario, about, session.Formats{})
		defer func() { err = endResults(s.Folder, err) }()
	}
	ctx, interrupted := a.interruptible(ctx, func() string {
		return fmt.Sprintf("the trials that ended are kept, and 'mfaload capacity --resume %s' goes on",
			s.Folder.Path())
	})
	defer interrupted()
	op, stop, err := a.operation(widest, in.Contract)
	if err != nil {
		return err
	}
	defer stop()
	if err := op.Preflight(ctx); err != nil {
		return notStarted(ctx, err)
	}
	account, err := a.reserveSearch(s, &f.ledger)
	if err != nil {
		return err
	}
	defer a.settle(account)
	admits(op, account)
	if resumed {
		err = s.SetInterruptedAside()
	} else {
		var end func()
		if end, err = s.Begin(record); err == nil {
			defer end()
		}
	}
	if err != nil {
		return err
	}
	a.ui.Say("%s: %s", in.Scenario.Name,
		strings.ReplaceAll(strings.TrimSuffix(plan.Text(s.Options), "\n"), "\n", "; "))
	if resumed {
		a.ui.Say("%s", s.Standing())
	}
	r, err := s.Run(ctx, op)
	switch {
	case err != nil:
		return err
	case r == nil:
		return notStarted(ctx, ctx.Err())
	}
	return a.concludeSearch(ctx, s, r)
}

// planned is a search with what is known before it begins.
func (a *app) planned(in *session.Inputs, f *capacityFlags, record *search.Setup) (*search.Trials,
	capacity.SearchPlan, error) {
	s := &search.Trials{Scenario: in.Scenario, Parts: in.Parts, Target: f.target.target,
		Soak: f.soak.length, SoakShare: f.soak.share, Version: versionText(),
		Labels: f.labels.of(in.Scenario), Say: a.ui.Say, Tell: a.ui.Tell}
	s.Show = func(trial capacity.TrialSpec, r *runner.Runner) (hide func()) {
		name := fmt.Sprintf("trial %d of at most %d, %.4g/s", trial.Number, s.Options.Trials, trial.Rate)
		return progress.ShowTrial(a.ui, name, r)
	}
	var err error
	if s.Options, err = f.options(in.Scenario); err != nil {
		return nil, capacity.SearchPlan{}, err
	}
	plan := capacity.NewSearchPlan(s.Options)
	if plan.Trials == 0 {
		return nil, plan, fmt.Errorf("the first trial alone takes %v, and the budget is %v\n%s",
			s.Options.Warmup+plan.First, s.Options.Budget,
			hint("raise capacity.budget or --budget, or lower capacity.trial"))
	}
	if f.resume != "" {
		err = s.Resume(record)
	}
	return s, plan, err
}

func (f *capacityFlags) options(s *scenario.Scenario) (o capacity.SearchOptions, err error) {
	if slices.ContainsFunc(s.Thresholds, func(t scenario.Threshold) bool {
		return t.Metric == scenario.Goodput
	}) {
		return o, fmt.Errorf("%s has thresholds.goodput, and each trial of a search has another rate\n%s",
			s.File, hint("remove it: response, errorRate and violationRate judge the same at every rate"))
	}
	if s.Load.Closed() || s.Load.Replay() != nil {
		return o, fmt.Errorf("%s has a closed load, or a replay, and neither has a rate to search\n%s",
			s.File, hint("write load.stages: a search sends at rates of its own"))
	}
	o = capacity.SearchOptions{Limits: capacity.Criteria(s), MaxRequests: s.Load.MaxRequests}
	if s.Capacity != nil {
		o.Capacity = *s.Capacity
	} else if f.maxRate == "" {
		return o, fmt.Errorf("%s has no section capacity\n%s", s.File,
			hint("add capacity: {maxRate: 500/s}, or --max-rate 500/s: no rate above it is tried"))
	} else {
		o.Capacity = scenario.NewCapacity(0)
	}
	if f.maxRate != "" {
		rate, err := scenario.ParseRate(f.maxRate)
		if err != nil || rate == 0 {
			return o, fmt.Errorf("--max-rate %q is not a rate above zero, such as 500/s", f.maxRate)
		}
		o.MaxRate = rate
		if s.Capacity == nil || o.StartRate > rate {
			o.StartRate = scenario.NewCapacity(rate).StartRate
		}
	}
	if f.budget != "" {
		if o.Budget, err = scenario.ParseDuration(f.budget); err != nil {
			return o, fmt.Errorf("--budget: %w", err)
		}
	}
	if t := f.target.target; t != nil && t.Rate > float64(o.MaxRate) {
		return o, fmt.Errorf("the target of %.4g/s is above the highest rate that "+
			"may be tried, %s\n%s", t.Rate, o.MaxRate,
			hint("raise capacity.maxRate or --max-rate above it: what is not tried can't be known"))
	}
	return o, nil
}

// concludeSearch prints the result whatever happens to the files.
func (a *app) concludeSearch(ctx context.Context, s *search.Trials, r *capacity.Result) error {
	text.EscapeAll(r)
	unwritten := s.Write(r)
	if err := (capacity.TerminalText{Color: a.ui.Color, Width: a.ui.Width}).Write(a.ui.Out, r); err != nil {
		unwritten = errors.Join(unwritten, fmt.Errorf("print the result: %w", err))
	}
	if unwritten != nil {
		return &exitError{exitInconclusive, fmt.Errorf("%w\n%s", unwritten,
			hint("the trials are kept in %s", filepath.Join(s.Folder.Path(), session.TrialsFolder)))}
	}
	fmt.Fprintf(a.ui.Out, "\nresults: %s\n", s.Folder.Path())
	if !r.Complete {
		fmt.Fprintf(a.ui.Out, "go on:   mfaload capacity --resume %s\n", s.Folder.Path())
	}
	if code := searchCode(ctx, r); code != exitPass {
		return &exitError{code: code}
	}
	return nil
}

func searchCode(ctx context.Context, r *capacity.Result) int {
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case r.Answer != nil && r.Answer.Enough == "no", r.Soak != nil && r.Soak.Verdict == capacity.Break:
		return exitFail
	case r.Answer != nil && r.Answer.Enough != "yes", r.Answer == nil && !r.Settled,
		r.Soak != nil && r.Soak.Verdict != capacity.Pass:
		return exitInconclusive
	}
	return exitPass
}

// reserveSearch reserves the most that the users of a search may get.
func (a *app) reserveSearch(s *search.Trials, f *ledgerFlags) (*ledger.Account, error) {
	most := s.Most()
	demand := ledger.Demand{Scenario: s.Scenario, Late: time.Duration(most.Duration * float64(time.Second))}
	for _, g := range most.Groups {
		demand.PerUser = append(demand.PerUser, g.PerUserDay)
	}
	account, _, err := a.reserve(f, demand)
	return account, err
}

// consentSearch asks before many requests go to a host that is not this machine,
// and refuses to ask a user more often than the caps allow, over all trials.
func (a *app) consentSearch(s *search.Trials, plan capacity.SearchPlan, yes bool) error {
	most := s.Most()
	for _, g := range most.OverCap() {
		return fmt.Errorf("group %q could send %s requests for a user in 24 hours, and maxPerUser "+
			"allows %s\n%s",
			g.Name, number.Count(g.PerUserDay), number.Count(g.Cap),
			hint("a search of %d trials may send %s requests: add users, lower capacity.maxRate, "+
				"capacity.budget or capacity.trials, write load.maxRequests, or raise maxPerUser; "+
				"nothing was sent", s.Options.Trials, number.Count(most.Requests)))
	}
	if err := withinLimits(most); err != nil || !s.Scenario.Target.IsRemote() {
		return err
	}
	a.ui.Tell("%s", plan.Text(s.Options))
	return a.confirm(s.Scenario, yes, "search", "up to "+number.Count(most.Requests)+" requests")
}
