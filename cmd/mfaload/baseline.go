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

// baselineFlags say which earlier runs a run is compared with.
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

// earlierMax is how many earlier runs a run is compared with at most: the latest.
const earlierMax = 20

// earlierRuns are the runs that a run is compared with; nil where there is none.
type earlierRuns struct {
	name    string
	runs    []compare.Run
	leftOut []string // earlier runs that can't be compared, and why
	options compare.Options
}

// open reads the baseline before anything is sent, and refuses one that the
// coming run can't be compared with.
func (f *baselineFlags) open(s *scenario.Scenario, parts map[string]string) (*earlierRuns, error) {
	if f.path == "" {
		return nil, nil
	}
	o, err := f.flags.options()
	if err != nil {
		return nil, err
	}
	all, err := session.ReadRuns(f.path)
	if err != nil {
		return nil, err
	}
	coming := &measure.Measurement{Parts: parts}
	for _, g := range s.Groups {
		coming.Groups = append(coming.Groups, g.Name)
	}
	b := &earlierRuns{name: f.path, options: o}
	b.runs, b.leftOut = compare.ComparableTo(all, compare.Run{Name: s.Name, Measurement: coming})
	if len(b.runs) == 0 {
		return nil, fmt.Errorf("the baseline can't be compared with this run: %s\n%s",
			strings.Join(b.leftOut, "; "),
			hint("nothing was sent; take a run of the same load, users and contract"))
	}
	b.runs = b.runs[max(0, len(b.runs)-earlierMax):]
	if len(b.runs) == 1 {
		b.name = b.runs[0].Name
	}
	return b, nil
}

// between is by how much the earlier runs differ for reasons of their own, 0 if that is not known.
func (b *earlierRuns) between(thresholds []scenario.Threshold) float64 {
	if b == nil {
		return 0
	}
	if b.options.Between > 0 {
		return b.options.Between
	}
	var all []*measure.Measurement
	for _, r := range b.runs {
		all = append(all, r.Measurement)
	}
	return report.Between(all, thresholds)
}

// hold compares the run with its baseline, and lets that take part in the
// verdict. What can't be compared, nil, makes it inconclusive, and loses no result.
func (b *earlierRuns) hold(r *report.Report, m *measure.Measurement) *compare.Comparison {
	c, err := compare.Compare(b.runs, []compare.Run{{Name: "this run", Verdict: r.Verdict,
		Measurement: m}}, b.options)
	if err != nil {
		r.HoldAgainst(b.name, string(compare.Unclear), false, true, []string{err.Error()})
		return nil
	}
	for _, why := range b.leftOut {
		c.Remarks = append(c.Remarks, "left out of the baseline: "+why)
	}
	r.HoldAgainst(b.name, string(c.Verdict), c.Verdict == compare.Worse, c.Verdict == compare.Unclear,
		append(c.Reasons, c.Obstacles...))
	return c
}

// writeComparison writes how the run compares with its baseline.
func writeComparison(dir *session.Folder, c *compare.Comparison) error {
	return errors.Join(
		dir.WriteFile("compare.json", func() ([]byte, error) { return report.Encode(c) }),
		dir.WriteFile("compare.html", c.HTML))
}
