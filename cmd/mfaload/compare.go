package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/capacity"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
	"mfaload/session"
)

type compareFlags struct {
	margins    []string
	metrics    []string
	between    string
	rule       string
	force      bool
	allowDrift bool
	all        bool
	json       bool
	html       string
	history    string
	last       int
}

func (f *compareFlags) options() (o compare.Options, err error) {
	o = compare.Options{Metrics: f.metrics, Force: f.force, AllowDrift: f.allowDrift}
	for _, text := range f.margins {
		m, err := compare.ParseMargin(text)
		if err != nil {
			return o, err
		}
		o.Margins = append(o.Margins, m)
	}
	if f.between != "" {
		if o.Between, err = compare.ParseBetween(f.between); err != nil {
			return o, err
		}
	}
	if o.Rule, err = compare.ParseRule(f.rule); err != nil {
		return o, err
	}
	return o, compare.CheckMetrics(f.metrics)
}

func (f *compareFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.margins, "margin", nil,
		"a change that nobody minds, such as p95=5%, service.p99=20% or errorRate=0.1% (percentage "+
			"points), of a figure that decides then; may be repeated")
	c.Flags().StringSliceVar(&f.metrics, "metrics", nil,
		"compare only these figures, such as response,errorRate or response.p95: fewer figures tell more")
	c.Flags().BoolVar(&f.force, "force", false,
		"show the figures of runs that can't be compared: they are marked, and not judged")
	c.Flags().BoolVar(&f.allowDrift, "allow-drift", false, "do not mind when the responses look different")
	c.Flags().StringVar(&f.between, "between", "",
		"what times of runs of the same service differ by, such as 2% (their standard deviation)")
	c.Flags().StringVar(&f.rule, "rule", string(compare.Different),
		"when a change above the margin counts: different, if it is none by chance (one of exactly the "+
			"margin is called in every second case), or beyond, if what is above the margin is none")
}

func newCompare(a *app) *cobra.Command {
	f := &compareFlags{}
	c := &cobra.Command{
		Use:   "compare BASE NEW | BASE... -- NEW...",
		Short: "Say whether runs are better or worse than earlier ones",
		Long: `Say whether new runs are better or worse than earlier ones: times, rates of errors
and violations, and what the responses look like. Each figure is judged better, worse,
no difference found (a regression beyond its margin is ruled out) or undecided. The
figures of the scenario's thresholds and of --margin decide, and the error rate; if none
of them is a time, the response time's p50 and p95 too. All others inform (--all). Runs
that can't be compared (another load, other users, another contract or length, an
inconclusive run) are refused; --force shows their figures, and judges none.

A run is a results folder of 'mfaload run', or its measurement.json.gz; a folder of
results folders stands for all of them. With four or more runs a side, runs are the
units; with fewer, blocks of seconds are. Three earlier runs and more tell how much
runs differ, which one run a side can't.

Two results folders of 'mfaload capacity', or their capacity.json, say whether the
capacity changed: by how much, with a 95% interval, and whether a loss beyond the
margin (--margin capacity=10%) is ruled out.

With --against-history the results folders in a folder are put in order of time, and
the run is found where a change began.

Exit codes: 0 not worse, 1 worse, 4 undecided.`,
		Example: `  mfaload compare results/main results/branch
  mfaload compare --margin p95=5% --html compare.html main-1 main-2 main-3 main-4 -- new-1 new-2 new-3 new-4
  mfaload compare nightly -- results/branch
  mfaload compare --margin capacity=5% results/capacity-before results/capacity
  mfaload compare --against-history results --last 50`,
		RunE: func(c *cobra.Command, args []string) error {
			if files, err := capacitiesOf(args); err != nil {
				return usage(c, err)
			} else if len(files) > 0 {
				return a.compareCapacities(files, f)
			}
			o, err := f.options()
			if err != nil {
				return usage(c, err)
			}
			if f.history != "" {
				if len(args) > 0 || f.last < compare.HistoryMin {
					return usage(c, fmt.Errorf("--against-history takes no runs, and --last is at least %d",
						compare.HistoryMin))
				}
				return a.follow(f, o)
			}
			base, fresh, err := sidesOf(args, c.ArgsLenAtDash())
			if err != nil {
				return usage(c, err)
			}
			return a.compare(base, fresh, f, o)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.all, "all", false, "print all figures, and how they were compared")
	c.Flags().BoolVar(&f.json, "json", false, "print the comparison as JSON")
	c.Flags().StringVar(&f.html, "html", "", "write a page with the shift function of the times to this file")
	c.Flags().StringVar(&f.history, "against-history", "", "folder of results folders to find changes in")
	c.Flags().IntVar(&f.last, "last", 50, "with --against-history: so many of the latest runs")
	return c
}

// sidesOf divides the arguments: two of them, or two lists with -- between.
func sidesOf(args []string, dash int) (base, fresh []string, err error) {
	switch {
	case dash > 0 && dash < len(args):
		return args[:dash], args[dash:], nil
	case dash < 0 && len(args) == 2:
		return args[:1], args[1:], nil
	case dash >= 0 || len(args) < 2:
		return nil, nil, errors.New("BASE or NEW is missing")
	default:
		return nil, nil, errors.New("it is not clear which of the runs are new: write -- before the first " +
			"of them")
	}
}

func (a *app) compare(base, fresh []string, f *compareFlags, o compare.Options) error {
	sides := [2][]compare.Run{}
	for i, paths := range [][]string{base, fresh} {
		for _, path := range paths {
			runs, err := session.ReadRuns(path)
			if err != nil {
				return err
			}
			sides[i] = append(sides[i], runs...)
		}
	}
	c, err := compare.Compare(sides[0], sides[1], o)
	if err != nil {
		return err
	}
	terminal := compare.Terminal{Color: a.ui.Color, Width: a.ui.Width, All: f.all}
	return a.show(f, c, c.HTML, func() error { return terminal.Write(a.ui.Out, c) }, c.Verdict)
}

func (a *app) follow(f *compareFlags, o compare.Options) error {
	runs, err := session.ReadRuns(f.history)
	if err != nil {
		return err
	}
	slices.SortStableFunc(runs, func(a, b compare.Run) int {
		return a.Measurement.Started.Compare(b.Measurement.Started)
	})
	h, err := compare.Follow(runs[max(0, len(runs)-f.last):], o)
	if err != nil {
		return err
	}
	terminal := compare.Terminal{Color: a.ui.Color, Width: a.ui.Width}
	return a.show(f, h, h.HTML, func() error { return terminal.WriteHistory(a.ui.Out, h) }, h.Verdict)
}

// show prints a result, writes its page, and turns the verdict into a code.
func (a *app) show(f *compareFlags, result any, html func() ([]byte, error), print func() error,
	verdict compare.Judgement) error {
	text.EscapeAll(result)
	if f.html != "" {
		page, err := html()
		if err == nil {
			err = disk.Replace(f.html, page, 0o600)
		}
		if err != nil {
			return fmt.Errorf("write the page: %w\n%s", err, hint("choose another file with --html"))
		}
	}
	if f.json {
		data, err := report.Encode(result)
		if err != nil {
			return err
		}
		print = func() error { _, err := a.ui.Data.Write(data); return err }
	}
	if err := print(); err != nil {
		return fmt.Errorf("print the comparison: %w", err)
	}
	if code := compareCodes[verdict]; code != exitPass {
		return &exitError{code: code}
	}
	return nil
}

var compareCodes = map[compare.Judgement]int{
	compare.Better: exitPass, compare.Same: exitPass, compare.Worse: exitFail,
	compare.Unclear: exitInconclusive,
}

// capacitiesOf are the files of two searches for capacity; none if the sides are of something else.
func capacitiesOf(sides []string) (files []string, err error) {
	for _, path := range sides {
		file := path
		if s, err := os.Stat(path); err == nil && s.IsDir() {
			file = filepath.Join(path, session.CapacityFile)
		}
		if _, err := os.Stat(file); err == nil && strings.HasSuffix(file, ".json") {
			files = append(files, file)
		}
	}
	switch {
	case len(files) == 0:
		return nil, nil
	case len(files) != 2 || len(sides) != 2:
		return nil, errors.New("two searches for capacity can be compared, and nothing else with them: " +
			"name two results folders of 'mfaload capacity', or their capacity.json")
	}
	return files, nil
}

// compareCapacities says whether the capacity changed from one search to another.
func (a *app) compareCapacities(files []string, f *compareFlags) error {
	if len(f.metrics) > 0 {
		return errors.New("--metrics is for runs: two searches for capacity have no other figures")
	}
	margin, err := capacityMargin(f.margins)
	if err != nil {
		return err
	}
	var sides [2]*capacity.Result
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			sides[i], err = capacity.Decode(data)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w\n%s", file, err,
				hint("name two results folders of 'mfaload capacity'"))
		}
	}
	c, err := capacity.Compare(sides[0], sides[1], margin, f.force)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, hint("--force shows both, and judges nothing"))
	}
	terminal := capacity.TerminalText{Color: a.ui.Color, Width: a.ui.Width}
	return a.show(f, c, c.HTML, func() error { return terminal.WriteComparison(a.ui.Out, c) },
		compare.Judgement(c.Verdict))
}

// capacityMargin is the loss of capacity that nobody minds.
func capacityMargin(texts []string) (margin float64, err error) {
	margin = capacity.MarginDefault
	for _, t := range texts {
		share, ok := strings.CutPrefix(t, "capacity=")
		if !ok {
			return 0, fmt.Errorf("--margin %q is of a run's figure: of two searches write "+
				"--margin capacity=5%%", t)
		}
		if margin, err = scenario.ParseShare(share); err != nil || margin >= 1 {
			return 0, fmt.Errorf("--margin %q is not a share below 100%%, such as capacity=5%%", t)
		}
	}
	return margin, nil
}
