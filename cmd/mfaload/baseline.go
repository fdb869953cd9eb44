package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
	"mfaload/session"
)

// baselineFlags say which earlier run a run is held against.
type baselineFlags struct {
	path  string
	flags compareFlags
}

func (f *baselineFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.path, "baseline", "",
		"hold the run against an earlier one: its results folder, or its measurement.json.gz")
	c.Flags().StringArrayVar(&f.flags.margins, "baseline-margin", nil, "as --margin of compare")
	c.Flags().StringSliceVar(&f.flags.metrics, "baseline-metrics", nil, "as --metrics of compare")
	c.Flags().BoolVar(&f.flags.allowDrift, "baseline-allow-drift", false, "as --allow-drift of compare")
}

// earlierRun is an earlier run that a run is held against; nil where there is none.
type earlierRun struct {
	run     compare.Run
	options compare.Options
}

// open reads the baseline before anything is sent, and refuses one that the
// coming run can't be compared with.
func (f *baselineFlags) open(s *scenario.Scenario, parts map[string]string) (*earlierRun, error) {
	if f.path == "" {
		return nil, nil
	}
	o, err := f.flags.options()
	if err != nil {
		return nil, err
	}
	run, err := session.ReadRun(f.path)
	if err != nil {
		return nil, err
	}
	coming := &measure.Measurement{Parts: parts}
	for _, g := range s.Groups {
		coming.Groups = append(coming.Groups, g.Name)
	}
	if why := compare.ObstaclesTo(run, compare.Run{Name: s.Name, Measurement: coming}); len(why) > 0 {
		return nil, fmt.Errorf("the baseline can't be compared with this run: %s\n%s",
			strings.Join(why, "; "),
			hint("nothing was sent; take a run of the same load, users and contract"))
	}
	return &earlierRun{run, o}, nil
}

// hold compares the run with its baseline, and lets that take part in the
// verdict.
func (b *earlierRun) hold(r *report.Report, m *measure.Measurement) (*compare.Comparison, error) {
	c, err := compare.Compare([]compare.Run{b.run}, []compare.Run{{Name: "this run", Verdict: r.Verdict,
		Measurement: m}}, b.options)
	if err != nil {
		return nil, err
	}
	r.HoldAgainst(b.run.Name, string(c.Verdict), c.Verdict == compare.Worse, c.Verdict == compare.Unclear,
		append(c.Reasons, c.Obstacles...))
	return c, nil
}

// writeComparison writes how the run compares with its baseline.
func writeComparison(dir *session.Folder, c *compare.Comparison) error {
	return errors.Join(
		dir.WriteFile("compare.json", func() ([]byte, error) { return report.Encode(c) }),
		dir.WriteFile("compare.html", c.HTML))
}
