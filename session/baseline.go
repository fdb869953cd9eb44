package session

import (
	"errors"
	"fmt"
	"strings"

	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
)

// earlierMax is how many earlier runs a run is compared with at most: the latest.
const earlierMax = 20

// EarlierRuns are the runs that a run is compared with; nil if there is none.
type EarlierRuns struct {
	Name    string
	Runs    []compare.Run
	Options compare.Options
	leftOut []string // earlier runs that can't be compared, and why
}

// OpenBaseline reads the baseline of a run of a scenario before anything is sent, and refuses one that
// the coming run can't be compared with. An empty path is none.
func OpenBaseline(path string, o compare.Options, s *scenario.Scenario,
	parts map[string]string) (*EarlierRuns, error) {
	if path == "" {
		return nil, nil
	}
	if s.Load.Until != "" {
		return nil, fmt.Errorf("--baseline compares runs of one length, and load.until ends the run when "+
			"its thresholds are decided\n%s", text.Hint("remove load.until"))
	}
	all, err := ReadRuns(path)
	if err != nil {
		return nil, err
	}
	coming := &measure.Measurement{Parts: parts}
	for _, g := range s.Groups {
		coming.Groups = append(coming.Groups, g.Name)
	}
	b := &EarlierRuns{Name: path, Options: o}
	b.Runs, b.leftOut = compare.ComparableTo(all, compare.Run{Name: s.Name, Measurement: coming})
	if len(b.Runs) == 0 {
		return nil, fmt.Errorf("the baseline can't be compared with this run: %s\n%s",
			strings.Join(b.leftOut, "; "),
			text.Hint("nothing was sent; take a run of the same load, users and contract"))
	}
	b.Runs = b.Runs[max(0, len(b.Runs)-earlierMax):]
	if len(b.Runs) == 1 {
		b.Name = b.Runs[0].Name
	}
	return b, nil
}

// Between is by how much the earlier runs differ for reasons of their own, 0 if that is not known.
func (b *EarlierRuns) Between(thresholds []scenario.Threshold) float64 {
	if b == nil {
		return 0
	}
	if b.Options.Between > 0 {
		return b.Options.Between
	}
	var all []*measure.Measurement
	for _, r := range b.Runs {
		all = append(all, r.Measurement)
	}
	return report.Between(all, thresholds)
}

// hold compares the run with its baseline, and lets that take part in the
// verdict. What can't be compared, nil, makes it inconclusive, and loses no result.
func (b *EarlierRuns) hold(r *report.Report, m *measure.Measurement) *compare.Comparison {
	c, err := compare.Compare(b.Runs, []compare.Run{{Name: "this run", Verdict: r.Verdict,
		Measurement: m}}, b.Options)
	if err != nil {
		r.HoldAgainst(b.Name, string(compare.Unclear), false, true, []string{err.Error()})
		return nil
	}
	for _, why := range b.leftOut {
		c.Remarks = append(c.Remarks, "left out of the baseline: "+why)
	}
	r.HoldAgainst(b.Name, string(c.Verdict), c.Verdict == compare.Worse, c.Verdict == compare.Unclear,
		append(c.Reasons, c.Obstacles...), c.Decisive()...)
	return c
}

func (f *Folder) writeComparison(c *compare.Comparison) error {
	return errors.Join(f.WriteFile("compare.json", func() ([]byte, error) { return report.Encode(c) }),
		f.WriteFile("compare.html", c.HTML))
}
