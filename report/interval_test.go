package report_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mfaload/internal/testkit/noise"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

func noisy(name string, seconds int) *measure.Measurement {
	return noise.Find(name, seconds).Run(rand.New(rand.NewPCG(3, 0)), time.Unix(1_800_000_000, 0))
}

// A threshold whose limit is within the noise: without a confidence the observed value
// decides, and the first lines say how often a repeat would not; with one it is undecided.
func TestLimitWithinTheNoise(t *testing.T) {
	m := noisy("b", 120)
	observed := m.Main.Waits(-1, false)
	at := observed.Percentile(95).Time.Seconds()
	within, beyond := p95Limit(at*1.004), p95Limit(at*0.996)
	for _, c := range []struct {
		confidence float64
		limit      scenario.Threshold
		verdict    report.Verdict
		says       string
	}{
		{0, within, report.Pass, "a repeat would miss it in about 4 of 10 cases"},
		{0, beyond, report.Fail, "a repeat would meet it in about 4 of 10 cases"},
		{0.95, within, report.Inconclusive, "would decide"},
		{0.95, beyond, report.Inconclusive, "would decide"},
		{0.95, p95Limit(at * 1.2), report.Pass, ""},
		{0.95, p95Limit(at * 0.8), report.Fail, "±"},
	} {
		r := judgedWith(t, m, c.confidence, c.limit)
		if text := strings.Join(r.Reasons, "\n"); r.Verdict != c.verdict || !strings.Contains(text, c.says) {
			t.Errorf("%s with %g: %s, %q", c.limit, c.confidence, r.Verdict, text)
		}
		in := r.Thresholds[0].Interval
		if in == nil || in.Low >= r.Thresholds[0].Observed || in.High <= r.Thresholds[0].Observed ||
			(c.says == "would decide") != (in.Needed > 120 && in.Needed < 1e6) && c.confidence > 0 {
			t.Errorf("%s: %+v", c.limit, in)
		}
	}
}

// What runs are known to differ by is in the interval, and can be more than any length of
// run decides.
func TestRunsThatDiffer(t *testing.T) {
	m := noisy("a", 300)
	w := m.Main.Waits(-1, false)
	at := w.Percentile(95).Time.Seconds()
	judged := *m
	judged.Terms = report.Terms{Thresholds: []scenario.Threshold{p95Limit(at * 1.05)}, Confidence: 0.95,
		Between: 0.03, Token: report.GivenToken}.Encode()
	r, err := report.Judge(&judged)
	if err != nil {
		t.Fatal(err)
	}
	if th := r.Thresholds[0]; th.State != report.Undecided || th.Interval.High < 1.055*th.Observed ||
		th.Interval.High > 1.08*th.Observed || !strings.Contains(th.Why, "a longer run would not decide") {
		t.Errorf("%+v %+v", th, th.Interval)
	}
}

func timesLimit(stat string, quantile float64) scenario.Threshold {
	return scenario.Threshold{Metric: scenario.Response, Stat: stat, Quantile: quantile, Limit: 9,
		Written: "9s"}
}

func shareLimit(m scenario.Metric, limit float64) scenario.Threshold {
	return scenario.Threshold{Metric: m, Limit: limit, Written: fmt.Sprintf("%g%%", 100*limit)}
}

// A run says with its confidence that it is too short, that a percentile is of too few, and
// what needs no estimate is judged as without.
func TestWhatHasNoInterval(t *testing.T) {
	for _, c := range []struct {
		m     *measure.Measurement
		limit scenario.Threshold
		state report.State
		why   string
	}{
		{noisy("a", 15), p95Limit(1), report.Undecided,
			"too short to tell how much the figure varies: 15 s of at least 20 s"},
		{noisy("i", 60), timesLimit("p99", 99), report.Undecided,
			"300 requests are too few to tell how much a p99 varies: it takes 500"},
		{noisy("a", 15), timesLimit("max", 0), report.Met, ""},
		{noisy("a", 15), shareLimit(scenario.ErrorRate, 0), report.Met, ""},
		{noisy("a", 15), shareLimit(scenario.AchievedRate, 0.99), report.Met, ""},
		{noisy("a", 15), shareLimit(scenario.ErrorRate, 0.01), report.Met, ""},
		{noisy("a", 15), shareLimit(scenario.ErrorRate, 0.001), report.Undecided,
			"a run of about 40 s would decide"},
	} {
		th := judgedWith(t, c.m, 0.95, c.limit).Thresholds[0]
		if th.State != c.state || !strings.Contains(th.Why, c.why) {
			t.Errorf("%s: %s, %q, %+v", c.limit, th.State, th.Why, th.Interval)
		}
	}
}

// The ramp of a run is no noise: a repeat has the same.
func TestRampIsNoNoise(t *testing.T) {
	in := judgedWith(t, noisy("j", 300), 0, p95Limit(1)).Thresholds[0].Interval
	if in == nil || in.High/in.Low > 1.06 {
		t.Errorf("%+v", in)
	}
}

// With many thresholds at their limits, that one is missed by chance fails no run.
func TestManyThresholds(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it takes seconds")
	}
	s := noise.Find("a", 60)
	truth, failed := trueP95(s), 0
	for i := range 40 {
		m := s.Run(rand.New(rand.NewPCG(4, uint64(i))), time.Unix(1_800_000_000, 0))
		terms := report.Terms{Confidence: 0.8, Token: report.GivenToken}
		for range 12 {
			terms.Thresholds = append(terms.Thresholds, scenario.Threshold{Metric: scenario.Response,
				Stat: "p95", Quantile: 95, Limit: truth, Written: "x"})
		}
		m.Terms = terms.Encode()
		r, err := report.Judge(m)
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict == report.Fail {
			failed++
		}
	}
	if failed > 3 {
		t.Errorf("%d of 40 failed by chance", failed)
	}
}

// Earlier runs tell by how much runs differ, beyond what their seconds explain.
func TestEarlierRunsTellHowRunsDiffer(t *testing.T) {
	for name, want := range map[string][2]float64{"a": {0, 0.01}, "g5": {0.025, 0.09}} {
		s := noise.Find(name, 60)
		var runs []*measure.Measurement
		for i := range 10 {
			runs = append(runs, s.Run(rand.New(rand.NewPCG(8, uint64(i))), time.Unix(1_800_000_000, 0)))
		}
		thresholds := []scenario.Threshold{p95Limit(1), shareLimit(scenario.ErrorRate, 0.01)}
		if got := report.Between(runs, thresholds); got < want[0] || got > want[1] {
			t.Errorf("%s: %.4f", name, got)
		}
		if got := report.Between(runs[:2], thresholds); got != 0 {
			t.Errorf("two runs tell %v", got)
		}
	}
}

// Times that are next to nothing or a minute, minutes at a time, tell nothing of a median: its
// interval reaches far, and is a number all the same. So is any length that would decide.
func TestIntervalsHaveEnds(t *testing.T) {
	for _, seconds := range []int{20, 60, 600} {
		recorder, profile := measure.NewRecorder(1, nil, 0), measure.LoadProfile{}
		for i := range 20 * seconds {
			at := time.Duration(i) * 50 * time.Millisecond
			took := time.Microsecond
			if i >= 10*seconds {
				took = time.Minute
			}
			recorder.Record(0, &measure.Observation{Intended: at, Sent: at, Done: at + took, Label: "201",
				AsExpected: true})
			profile.Add(at, false)
		}
		m, err := recorder.Final()
		if err != nil {
			t.Fatal(err)
		}
		m.Schema, m.Profile, m.Groups = measure.Schema, profile, []string{"all"}
		m.Main.Planned = time.Duration(seconds) * time.Second
		m.Main.Scheduled, m.Warmup.Scheduled = []uint64{uint64(20 * seconds)}, []uint64{0}
		for _, limit := range []float64{1e-6, 1, 30, 60} {
			th := scenario.Threshold{Metric: scenario.Response, Stat: "p50", Quantile: 50, Limit: limit,
				Written: "x"}
			r := judgedWith(t, m, 0.999, th)
			if _, err := report.Encode(r); err != nil {
				t.Errorf("%d s, limit %g: %v", seconds, limit, err)
			}
		}
	}
	if got := report.About(1e30); got != "more than a month" {
		t.Error(got)
	}
}

// An end that tells nothing is left out, and no end has more than three digits.
func TestNoiseTextLeavesOutWhatTellsNothing(t *testing.T) {
	for _, c := range []struct {
		unit          string
		at, low, high float64
		want          string
	}{
		{"ms", 26.6, 23, 30.4, "± 3.7"},
		{"ms", 26.6, 25.31, 412.7, "(25.3 to 413)"},
		{"ms", 2661, 2531, 9127.4, "(2530 to 9130)"},
		{"ms", 26.6, 24.2, 463751960, "(at least 24.2)"},
		{"ms", 26.6, 0.0157, 61.2, "(at most 61.2)"},
		{"ms", 26.6, 0.0157, 463751960, "(too uncertain to bound)"},
		{"%", 0.1, 0, 0.5512, "(0 to 0.551)"},
	} {
		interval := &report.Interval{Low: c.low, High: c.high}
		th := report.Threshold{Unit: c.unit, Observed: c.at, Interval: interval}
		if got := th.NoiseText(); got != c.want {
			t.Errorf("%v: %q, want %q", c, got, c.want)
		}
	}
}
