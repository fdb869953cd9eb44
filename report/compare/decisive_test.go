package compare_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/internal/testkit/noise"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
)

// primary are the names of the rows that decide.
func primary(c *compare.Comparison) (names []string) {
	for _, r := range c.Rows {
		if r.Primary {
			names = append(names, strings.TrimPrefix(r.Group+" "+r.Metric, " "))
		}
		if !r.Primary && !r.Informs {
			names = append(names, "neither: "+r.Metric)
		}
	}
	return names
}

// The figures of thresholds and margins decide, or those that are named in full, or three.
func TestWhichFiguresDecide(t *testing.T) {
	terms := report.TermsOf(&scenario.Scenario{Thresholds: []scenario.Threshold{
		{Metric: scenario.Response, Stat: "p99", Quantile: 99, Limit: 1, Written: "1s"},
		{Metric: scenario.Response, Stat: "p99.9", Quantile: 99.9, Limit: 1, Written: "1s"},
		{Metric: scenario.ViolationRate, Written: "0%"},
	}}).Encode()
	rates := report.TermsOf(&scenario.Scenario{Thresholds: []scenario.Threshold{
		{Metric: scenario.AchievedRate, Limit: 0.99, Written: "99%"}}}).Encode()
	margin := func(name string) compare.Margins { return compare.Margins{{Name: name, Share: 0.05}} }
	for _, test := range []struct {
		terms   []byte
		options compare.Options
		want    []string
	}{
		{nil, compare.Options{}, []string{"response.p50", "response.p95", "errorRate"}},
		{terms, compare.Options{}, []string{"response.p99", "errorRate", "violationRate"}},
		{rates, compare.Options{}, []string{"response.p50", "response.p95", "errorRate", "achievedRate"}},
		{nil, compare.Options{Margins: margin("p90")}, []string{"response.p90", "service.p90", "errorRate"}},
		{nil, compare.Options{Margins: margin("*")}, []string{"response.p50", "response.p95", "errorRate"}},
		{terms, compare.Options{Margins: margin("response.p50")},
			[]string{"response.p50", "response.p99", "errorRate", "violationRate"}},
		{nil, compare.Options{Metrics: []string{"service.p9[05]"}}, []string{"service.p90", "service.p95"}},
		{nil, compare.Options{Metrics: []string{"response", "service.mean"}}, []string{"service.mean"}},
		{terms, compare.Options{Metrics: []string{"errorRate"}}, []string{"errorRate"}},
	} {
		for n := range 2 {
			a, b := runs(calm, "a", 1, 2, 3, 4)[:1+3*n], runs(calm, "b", 5, 6, 7, 8)[:1+3*n]
			b[len(b)-1].Measurement.Terms = test.terms
			test.options.Resamples = 100
			if got := primary(mustCompare(t, a, b, test.options)); !slices.Equal(got, test.want) {
				t.Errorf("%+v, %d runs a side: %v, want %v", test.options, len(a), got, test.want)
			}
		}
	}
}

// What does not decide is shown and changes no verdict.
func TestOtherFiguresInform(t *testing.T) {
	m := with(calm, func(m *model) { m.rate, m.seconds = 100, 200 })
	modes := with(m, func(m *model) { m.slowShare, m.slowTimes = 0.025, 12 })
	c := mustCompare(t, runs(m, "a", 1), runs(modes, "b", 2),
		compare.Options{Margins: compare.Margins{{Name: "response.p50", Share: 0.05}}})
	if r := row(t, c, "response.shape"); r.Judgement != compare.Worse || c.Verdict != compare.Same {
		t.Errorf("%s, shape %+v", c.Conclusion, r)
	}
	var text strings.Builder
	if err := (compare.Terminal{}).Write(&text, c); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nwhat else changed\n", "  response shape worse: ", "modes at ",
		"--all, --html FILE", "  no regression beyond the margins: response p50 at most "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if lines := strings.Count(text.String(), "\n"); lines > 24 {
		t.Errorf("%d lines are more than a screen:\n%s", lines, text.String())
	}
}

// A change of the margin is called by one rule and not by the other.
func TestRules(t *testing.T) {
	a, b := runs(calm, "a", 1, 2, 3, 4), runs(with(calm, slower), "b", 5, 6, 7, 8)
	for n := range 2 {
		for rule, want := range map[compare.ChangeRule]compare.Judgement{compare.Different: compare.Worse,
			compare.Beyond: compare.Unclear} {
			o := compare.Options{Metrics: []string{"response.p50", "response.shape"}, Rule: rule,
				Between: 1e-6, Margins: compare.Margins{{Name: "*", Share: 0.09}}}
			c := mustCompare(t, a[:1+3*n], b[:1+3*n], o)
			if r := row(t, c, "response.p50"); r.Change > 9 && r.Change < 11 && r.Judgement != want ||
				c.Rule != rule {
				t.Errorf("%s, %d runs a side: %+v", rule, 1+3*n, r)
			}
			o.Margins = nil
			if r := row(t, mustCompare(t, a[:1+3*n], b[:1+3*n], o), "response.p50"); r.Judgement !=
				compare.Worse {
				t.Errorf("%s, margin 5%%: %+v", rule, r)
			}
		}
	}
}

// One run a side can't tell a change from what runs usually differ by; earlier runs can.
func TestWhatRunsDifferBy(t *testing.T) {
	o := compare.Options{Metrics: []string{"response.p50"}}
	by := func(scale float64) model { return with(calm, func(m *model) { m.scale = scale }) }
	a, seven := runs(by(1), "a", 1), runs(by(1.07), "b", 9)
	c := mustCompare(t, a, seven, o)
	r := row(t, c, "response.p50")
	if r.Judgement != compare.Unclear || !c.UnlessRunsDiffer || c.Between != 3 ||
		!strings.Contains(r.Remark, "usually differ by up to 3%") {
		t.Errorf("7%%: %+v", r)
	}
	c = mustCompare(t, a, runs(by(1.1), "b", 9), o)
	if c.Verdict != compare.Worse ||
		!strings.Contains(c.Conclusion, "unless runs differ by more than the usual 3%") {
		t.Errorf("10%%: %s", c.Conclusion)
	}
	o.Between = 0.002
	if c = mustCompare(t, a, seven, o); c.Verdict != compare.Worse || c.UnlessRunsDiffer || c.Between != 0.2 {
		t.Errorf("given: %+v", c)
	}
	o.Between = 0.05
	if c = mustCompare(t, a, seven, o); c.Verdict != compare.Unclear {
		t.Errorf("given as much: %s", c.Conclusion)
	}
	o.Between = 0
	at := runs(by(1.07), "b", 9)
	at[0].Measurement.Started = a[0].Measurement.Started.Add(5 * time.Millisecond)
	if c = mustCompare(t, a, at, o); c.Verdict != compare.Worse || c.UnlessRunsDiffer || c.Between != 0 {
		t.Errorf("at the same instants: %s", c.Conclusion)
	}
	steady := runs(by(1), "a", 1, 2, 3, 4)
	if c = mustCompare(t, steady, seven, o); c.Verdict != compare.Worse || c.UnlessRunsDiffer ||
		c.Unit.Kind != "seconds" {
		t.Errorf("steady history: %s", c.Conclusion)
	}
	moody := slices.Concat(runs(by(1), "a", 1), runs(by(1.08), "a", 2), runs(by(1.02), "a", 3))
	if c = mustCompare(t, moody, seven, o); c.Verdict != compare.Unclear {
		t.Errorf("history of runs that differ: %s", c.Conclusion)
	}
}

// Schedules of other arrivals are no difference of what was achieved.
func TestAchievedRateOfRandomArrivals(t *testing.T) {
	a, b := noise.Find("m", 60).Sides(rand.New(rand.NewPCG(4, 4)), 1, 1, 1)
	c := mustCompare(t, named("a", a), named("b", b), compare.Options{Metrics: []string{"achievedRate"}})
	r := row(t, c, "achievedRate")
	if r.Judgement != compare.Same || r.Base != 100 || r.New != 100 || r.P != 1 {
		t.Errorf("%d and %d requests: %+v", a[0].Main.Sent(), b[0].Main.Sent(), r)
	}
}

// A hundred responses of another kind in one second are no evidence of many.
func TestDriftCountsSeconds(t *testing.T) {
	refusing := func(seed uint64, seconds int) compare.Run {
		r := runs(calm, "b", seed)[0]
		m := r.Measurement
		cell := &measure.Cell{Label: "503", Response: measure.NewSparse(), Service: measure.NewSparse(),
			Lateness: measure.NewSparse()}
		for _, s := range slices.Collect(m.Seconds.All())[:seconds] {
			n := uint64(100 / seconds)
			for range n {
				cell.Response.Record(time.Millisecond)
				s.Response.Record(time.Millisecond)
			}
			s.Ends = append(s.Ends, measure.End{Label: "503", Count: n})
		}
		m.Main.Cells = append(m.Main.Cells, cell)
		return r
	}
	for seconds, clear := range map[int]bool{1: false, 50: true} {
		c := mustCompare(t, runs(calm, "a", 1), []compare.Run{refusing(2, seconds)},
			compare.Options{Metrics: []string{"achievedRate"}, Resamples: 100})
		if len(c.Drift) != 1 || c.Drift[0].Clear != clear || c.Drift[0].Seconds != float64(seconds) {
			t.Errorf("in %d seconds: %+v", seconds, c.Drift)
		}
	}
}
