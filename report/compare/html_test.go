package compare_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/report/render/chart/charttest"
	"mfaload/scenario"
)

// The figures of the page are those of compare.json, and each is shown once.
func TestPageHasTheFiguresOfTheJSON(t *testing.T) {
	slow := with(calm, func(m *model) { m.errors = 0.02 })
	base, fresh := runs(calm, "main", 1), runs(slow, "branch", 2)
	for i, r := range []compare.Run{base[0], fresh[0]} {
		r.Measurement.Terms = report.TermsOf(&scenario.Scenario{Target: scenario.Target{
			AuthPath: fmt.Sprintf("https://auth-%d.example", i)}}).Encode()
		r.Measurement.Labels = measure.RunLabels{"commit": fmt.Sprint(i)}
	}
	c := mustCompare(t, base, fresh, compare.Options{})
	data, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	page := charttest.Read(t, data)
	shown := map[string][]string{}
	for _, label := range []string{"figures that decide", "other figures"} {
		for _, row := range page.Tables[label] {
			if shown[row[0]] != nil {
				t.Errorf("%s is shown twice", row[0])
			}
			shown[row[0]] = append(row, label)
		}
	}
	same := func(what, text string, want float64) {
		t.Helper()
		x, err := strconv.ParseFloat(strings.NewReplacer("%", "", " percentage points", "", "+", "", ",", "",
			" s", "").Replace(strings.TrimPrefix(text, "≥ ")), 64)
		if err != nil || math.Abs(x-want) > 0.05+0.006*math.Abs(want) {
			t.Errorf("%s is %q, want %v", what, text, want)
		}
	}
	for _, r := range c.Rows {
		name := strings.Replace(r.Metric, ".", " ", 1)
		if r.Group != "" {
			name = r.Group + " " + name
		}
		row := shown[name]
		if row == nil || (row[9] == "figures that decide") != r.Primary {
			t.Errorf("%s: %v", name, row)
			continue
		}
		for column, want := range map[int]float64{2: r.Base, 3: r.New, 5: r.Change, 7: r.Margin} {
			if row[column] != "–" {
				same(fmt.Sprint(name, ", column ", column), row[column], want)
			}
		}
	}
	if len(shown) != len(c.Rows) || len(c.Rows) < 10 {
		t.Errorf("%d figures are shown of %d", len(shown), len(c.Rows))
	}
	sides := page.Tables["runs"]
	for i, run := range []compare.RunInfo{c.Base.Runs[0], c.New.Runs[0]} {
		row := sides[i]
		if row[0] != []string{"base", "new"}[i] || row[1] != run.Name || row[5] != run.Target ||
			run.Target == "" || row[6] != "commit="+fmt.Sprint(i) || row[7] != run.Version {
			t.Errorf("%v, want %+v", row, run)
		}
		same("the requests", row[4], float64(run.Sent))
		same("the length", row[3], run.Duration)
	}
}

// Of many groups the page shows the shape of the whole, and folds the others; what changed beyond a screen
// is folded too.
func TestPageIsTwoScreens(t *testing.T) {
	side := compare.Side{Runs: []compare.RunInfo{{Name: "a"}}}
	c := &compare.Comparison{Verdict: compare.Worse, Conclusion: "worse: response p95 +20%",
		Base: side, New: side}
	points := []compare.QuantileShift{{Quantile: 50, Base: 1, New: 2}, {Quantile: 99, Base: 1, New: 2}}
	for i := range 20 {
		group := fmt.Sprint("group-", i)
		c.Rows = append(c.Rows, compare.MetricRow{Group: group, Metric: "response.p95", Unit: "ms",
			Judgement: compare.Worse})
		c.Shifts = append(c.Shifts, compare.Shift{Group: group, Time: "response", Points: points})
	}
	c.Shifts = append(c.Shifts, compare.Shift{Time: "response", Points: points})
	data, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	open, _, _ := strings.Cut(string(data), "<details><summary>40 more charts")
	n := strings.Count(open, "<figure")
	if n != 2 || !strings.Contains(open, "response time: shift function") {
		t.Errorf("%d charts are open", n)
	}
	if !strings.Contains(string(data), "<summary>13 more changes</summary>") {
		t.Error("20 changes are open")
	}
	if n := strings.Count(string(data), "<figure"); n != 42 {
		t.Errorf("%d charts in all", n)
	}
}
