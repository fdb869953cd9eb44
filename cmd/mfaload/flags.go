package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mfaload/fleet"
	"mfaload/internal/text"
	"mfaload/live/console"
	"mfaload/measure"
	"mfaload/report/compare"
	"mfaload/runner/plan"
	"mfaload/runner/plan/plantext"
	"mfaload/scenario"
	"mfaload/scenario/form"
	"mfaload/session"
)

type planFlags struct {
	wanted              bool
	latency, format, at string
	start               time.Time
	logins              loginsFlags
}

func (f *planFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.wanted, "plan", false, "print what would be sent, and send nothing (also --dry-run)")
	c.Flags().StringVar(&f.latency, "latency", "",
		"with --plan: the latency to assume (default: a threshold of p99, or else 200ms)")
	c.Flags().StringVar(&f.format, "format", "text",
		"with --plan: text, json, or case, the text of the support case that the vendor asks for")
	c.Flags().StringVar(&f.at, "at", "",
		"with --plan: when the run would start, such as 2026-11-23T12:00:00Z, for limits of a day")
	formats(c, planFormats...)
	f.logins.add(c, "with --plan --format case: justify the load by so many logins a day: 250000, 300k or 2M")
	c.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "dry-run" { // what other tools call it
			name = "plan"
		}
		return pflag.NormalizedName(name)
	})
}

func (f *planFlags) check() (latency time.Duration, err error) {
	switch {
	case !f.wanted && (f.latency != "" || f.format != "text" || f.at != ""):
		return 0, errors.New("--latency, --format and --at need --plan")
	case !slices.Contains(planFormats, f.format):
		return 0, fmt.Errorf("--format %q is none of text, json and case", f.format)
	case f.logins.count != "" && f.format != "case":
		return 0, errors.New("--logins-per-day needs --plan --format case")
	}
	if err := f.logins.parse(); err != nil {
		return 0, err
	}
	if f.at != "" {
		if f.start, err = parseInstant("at", f.at); err != nil {
			return 0, err
		}
	}
	if f.latency == "" {
		return 0, nil
	}
	latency, err = scenario.ParseDuration(f.latency)
	if err == nil && (latency == 0 || latency > time.Hour) {
		err = fmt.Errorf("%s is not above 0 and up to 1h", f.latency)
	}
	if err != nil {
		return 0, fmt.Errorf("--latency: %w", err)
	}
	return latency, nil
}

var planFormats = []string{"text", "json", "case"}

// loginsFlags say how many logins a load stands for.
type loginsFlags struct {
	count  string
	peak   float64
	sizing *plan.Sizing // nil without
}

func (f *loginsFlags) add(c *cobra.Command, help string) {
	c.Flags().StringVar(&f.count, "logins-per-day", "", help)
	c.Flags().Float64Var(&f.peak, "peak-factor", 4,
		"with --logins-per-day: how many times the mean rate the busiest time has")
}

func (f *loginsFlags) parse() error {
	if f.count == "" {
		return nil
	}
	logins, err := parseCount(f.count)
	if err == nil && !(f.peak >= 1 && f.peak <= 1000) {
		err = fmt.Errorf("--peak-factor %v is not from 1 to 1000", f.peak)
	}
	f.sizing = &plan.Sizing{LoginsPerDay: logins, PeakFactor: f.peak}
	return err
}

// parseInstant reads the time of a flag.
func parseInstant(flag, text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		err = fmt.Errorf("--%s %q is no time such as 2026-11-23T12:00:00Z", flag, text)
	}
	return at, err
}

// printPlan prints what a run would send, with a note on what it takes besides;
// that may be empty.
func (a *app) printPlan(s *scenario.Scenario, p *plan.RunPlan, flags *planFlags, shards int,
	note string) error {
	p.Share(shards)
	if !flags.start.IsZero() {
		p.StartAt(flags.start)
	}
	if flags.format == "json" {
		e := json.NewEncoder(a.ui.Data)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(p)
	}
	if flags.format == "case" {
		_, err := io.WriteString(a.ui.Out, plantext.Case(p, s, flags.logins.sizing, a.ui.Width))
		return err
	}
	text := plantext.Page(p, a.ui.Width, time.Now(), "; nothing was sent")
	if note != "" {
		text += "\n" + note + "\n"
	}
	_, err := io.WriteString(a.ui.Out, text)
	return err
}

// changeFlags change a scenario for once; its form checks them like what the file has.
type changeFlags struct{ scenario.Changes }

func (f *changeFlags) add(c *cobra.Command) {
	c.Flags().Var(f, "set", "change a key of the scenario, such as load.stages[0].rate=5/s; may be repeated")
	c.Flags().StringSliceVar(&f.Groups, "group", nil, "send for these groups of users only")
}

// addLoad adds those that change the load.
func (f *changeFlags) addLoad(c *cobra.Command) {
	f.add(c)
	c.Flags().StringVar(&f.Rate, "rate", "", "change the rate of the scenario's only stage, such as 5/s")
	c.Flags().StringVar(&f.Duration, "duration", "",
		"change the length of the scenario's only stage, such as 30s")
	c.Flags().StringVar(&f.RateFactor, "rate-factor", "", "multiply all rates of the scenario, such as 50%")
}

// Set, String and Type make it a flag of its own. Errors don't quote the value: it may be a secret.
func (f *changeFlags) Set(text string) error {
	change, err := form.ParseSetting(text)
	f.Changes.Set = append(f.Changes.Set, change)
	return err
}

func (f *changeFlags) String() string { return "" }
func (f *changeFlags) Type() string   { return "KEY=VALUE" }

// labelsVariable has labels for every command that takes some.
const labelsVariable = "MFALOAD_LABELS"

// labelFlags say what a run can be found by.
type labelFlags struct {
	given  []string
	labels measure.RunLabels
}

func (f *labelFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.given, "label", nil, "a label to find the results by, such as "+
		"commit=4f2a1c; may be repeated, and wins over the list in "+labelsVariable)
}

// parse reads the flags and the variable. Errors quote no value: it may be a secret.
func (f *labelFlags) parse(lookup func(string) (string, bool)) error {
	var listed []string
	text, _ := lookup(labelsVariable)
	for label := range strings.SplitSeq(text, ",") {
		if label = strings.TrimSpace(label); label != "" {
			listed = append(listed, label)
		}
	}
	labels, err := measure.ParseRunLabels(listed)
	if err != nil {
		return fmt.Errorf("%s: %w", labelsVariable, err)
	}
	given, err := measure.ParseRunLabels(f.given)
	if err == nil {
		f.labels = labels.With(given)
		err = f.labels.Check()
	}
	if err != nil {
		return fmt.Errorf("--label: %w", err)
	}
	return nil
}

// of are the labels of a run of a scenario: without its secrets.
func (f *labelFlags) of(s *scenario.Scenario) measure.RunLabels {
	labels := f.labels
	if s.Changed != "" {
		labels = labels.With(measure.RunLabels{"changed": text.Clip(s.Changed, 150)})
	}
	return labels.Hide(s.Target.Secrets().Hide)
}

type natsFlags struct {
	urls                 []string
	creds, nkey          string
	ca, certificate, key string
	run                  string
}

func (f *natsFlags) add(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.urls, "nats", nil,
		"an external NATS server or cluster: tls://host:port, several with commas")
	c.Flags().StringVar(&f.creds, "creds", "",
		"with --nats: a file with the user's credentials (JWT and seed)")
	c.Flags().StringVar(&f.nkey, "nkey", "", "with --nats: a file with the user's NKey seed")
	c.Flags().StringVar(&f.ca, "nats-ca", "",
		"with --nats: a PEM file of authorities to trust as well as the system's")
	c.Flags().StringVar(&f.certificate, "nats-cert", "",
		"with --nats: a PEM file with a client certificate, for mutual TLS")
	c.Flags().StringVar(&f.key, "nats-key", "", "with --nats-cert: a PEM file with its key")
	c.Flags().StringVar(&f.run, "run", "",
		"with --nats: the run's name, the same for all: letters, digits, _ and -")
}

// external returns the server that the flags name; nil where they name none.
func (f *natsFlags) external() (*fleet.External, error) {
	switch {
	case len(f.urls) == 0 && (f.creds != "" || f.nkey != "" || f.ca != "" || f.certificate != "" ||
		f.key != "" || f.run != ""):
		return nil, errors.New("--creds, --nkey, --nats-ca, --nats-cert, --nats-key and --run need --nats")
	case len(f.urls) == 0:
		return nil, nil
	case f.run == "":
		return nil, errors.New("--nats needs --run: a name for the run, the same for all")
	case f.creds != "" && f.nkey != "":
		return nil, errors.New("--creds and --nkey are two ways to be somebody: use one of them")
	case (f.certificate == "") != (f.key == ""):
		return nil, errors.New("--nats-cert and --nats-key need each other")
	}
	if err := fleet.CheckRun(f.run); err != nil {
		return nil, err
	}
	e := &fleet.External{URLs: f.urls, Creds: f.creds, NKey: f.nkey, CA: f.ca, Certificate: f.certificate,
		Key: f.key}
	return e, e.Check()
}

func fleetError(err error) error {
	code := exitUsage
	var refusal *session.NotStartedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal): // it says so itself
		return refused(err)
	case errors.Is(err, fleet.ErrMismatch):
	case errors.Is(err, fleet.ErrNotStarted):
		code, err = exitNotStarted, fmt.Errorf("%w\n%s", err, hint("nothing was sent"))
	case errors.Is(err, fleet.ErrCutOff):
		code = exitInconclusive
	case errors.Is(err, context.Canceled):
		code = exitInterrupted
		if err == context.Canceled {
			err = errors.New("interrupted")
		}
	}
	return &exitError{code, err}
}

type baselineFlags struct {
	path  string
	flags compareFlags
}

func (f *baselineFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.path, "baseline", "",
		"compare the run with an earlier one, by its results folder or measurement.json.gz, or with "+
			"those in a folder of results folders: three or more tell how much runs differ")
	c.Flags().StringVar(&f.flags.between, "baseline-between", "", "as --between of compare")
	c.Flags().StringVar(&f.flags.rule, "baseline-rule", string(compare.Different), "as --rule of compare")
	c.Flags().StringArrayVar(&f.flags.margins, "baseline-margin", nil, "as --margin of compare")
	c.Flags().StringSliceVar(&f.flags.metrics, "baseline-metrics", nil, "as --metrics of compare")
	c.Flags().BoolVar(&f.flags.allowDrift, "baseline-allow-drift", false, "as --allow-drift of compare")
}

// open reads the baseline before anything is sent, and refuses one that the
// coming run can't be compared with.
func (f *baselineFlags) open(s *scenario.Scenario, parts map[string]string) (*session.EarlierRuns, error) {
	o, err := f.flags.options()
	if err != nil {
		return nil, err
	}
	return session.OpenBaseline(f.path, o, s, parts)
}

// summaryFlags say how results are shown.
type summaryFlags struct {
	kind          string
	verbose, open bool
}

func (f *summaryFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.kind, "summary", session.SummaryKinds[0],
		"what to print at the end: short (one screen), full, json (report.json) or none")
	_ = c.RegisterFlagCompletionFunc("summary", cobra.FixedCompletions(session.SummaryKinds,
		cobra.ShellCompDirectiveNoFileComp))
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "the same as --summary full")
	c.Flags().BoolVar(&f.open, "open", false, "open report.html in the browser at the end")
}

func (f *summaryFlags) check() error {
	if f.verbose && f.kind == session.SummaryKinds[0] {
		f.kind = "full"
	}
	return session.CheckSummary(f.kind)
}

func (f *summaryFlags) summary(a *app) *session.Summary {
	return &session.Summary{Kind: f.kind, Out: a.ui.Out, Data: a.ui.Data, Color: a.ui.Color,
		Width: a.ui.Width}
}

// openPage opens the report if that is wanted. That it can't is no error of the run.
func (f *summaryFlags) openPage(a *app, dir *session.Folder) {
	if !f.open {
		return
	}
	if err := console.OpenPage(dir.Page(), a.env.lookup); err != nil {
		a.ui.Tell("mfaload: %s: %v\n", dir.Page(), err)
	}
}
