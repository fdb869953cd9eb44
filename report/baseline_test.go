package report_test

import (
	"slices"
	"testing"

	"mfaload/report"
)

func TestBaselineTakesPartInTheVerdict(t *testing.T) {
	for _, c := range []struct {
		alone          report.Verdict
		worse, unclear bool
		want           report.Verdict
	}{
		{report.Pass, false, false, report.Pass},
		{report.Pass, true, false, report.Fail},
		{report.Pass, false, true, report.Inconclusive},
		{report.Fail, false, true, report.Fail},
		{report.Inconclusive, true, false, report.Inconclusive},
		{report.Interrupted, true, false, report.Interrupted},
	} {
		r := &report.Report{Verdict: c.alone, Reasons: []string{"own"}}
		r.HoldAgainst("main", "judgement", c.worse, c.unclear, []string{"p95"})
		said := slices.Contains(r.Reasons, "baseline: p95")
		if r.Verdict != c.want || r.Baseline.Alone != c.alone || said != (c.worse || c.unclear) ||
			(r.Reasons[0] == "own") == (c.alone == report.Pass && said) { // what decides stands first
			t.Errorf("%s, worse %v, unclear %v: %s %v", c.alone, c.worse, c.unclear, r.Verdict, r.Reasons)
		}
	}
}

// Thousands of figures that are worse do not fill the report.
func TestReasonsOfABaselineAreBounded(t *testing.T) {
	r := &report.Report{Verdict: report.Pass}
	r.HoldAgainst("main", "judgement", true, false, make([]string, 5000))
	if n := len(r.Reasons); n != 21 || r.Reasons[20] != "baseline: 4980 more reasons in compare.json" {
		t.Errorf("%d reasons, the last %q", n, r.Reasons[n-1])
	}
}
