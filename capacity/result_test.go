package capacity_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mfaload/capacity"
	"mfaload/internal/schematest"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// measured is a run at a constant rate as a runner measures it: times go from
// one to another over the run.
func measured(t *testing.T, rate float64, warmup, length time.Duration, from, to time.Duration,
	spread float64) (*measure.Measurement, *report.Report) {
	t.Helper()
	s := &scenario.Scenario{Name: "m", Groups: []scenario.Group{{Name: "all", IDs: []string{"a"}}},
		Load: scenario.Load{Stages: []scenario.Stage{{From: scenario.Rate(rate),
			To: scenario.Rate(rate), Duration: length}}, Warmup: warmup},
		Thresholds: thresholds()}
	random := rand.New(rand.NewPCG(1, 1))
	recorder := measure.NewRecorder(1, nil, 0)
	profile := measure.LoadProfile{}
	end := warmup + length
	sent := [2]uint64{}
	for k := 0; ; k++ {
		at := time.Duration(float64(k) / rate * 1e9)
		if at >= end {
			break
		}
		took := float64(from) + float64(to-from)*float64(at)/float64(end)
		took *= math.Exp(spread * random.NormFloat64())
		warm := at < warmup
		recorder.Record(0, &measure.Observation{Intended: at, Sent: at, Done: at + time.Duration(took),
			Label: "201 OTP_REQUIRED", AsExpected: true, Warmup: warm})
		profile.Add(at, false)
		if warm {
			sent[0]++
		} else {
			sent[1]++
		}
	}
	m, err := recorder.Final()
	if err != nil {
		t.Fatal(err)
	}
	m.Schema, m.Scenario, m.Groups, m.Profile.Due = measure.Schema, "m", []string{"all"}, profile.Due
	m.Warmup.Planned, m.Main.Start, m.Main.Planned, m.Main.LastSent = warmup, warmup, length, end
	m.Warmup.Scheduled, m.Main.Scheduled = sent[:1], sent[1:]
	m.Generator.Hiccups = measure.NewHistogram()
	m.Terms = report.TermsOf(s).Encode()
	r, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

func thresholds() []scenario.Threshold {
	return []scenario.Threshold{
		{Metric: scenario.Response, Stat: "p95", Quantile: 95, Limit: 0.15, Written: "150ms"},
		{Metric: scenario.Response, Stat: "mean", Limit: 0.1, Written: "100ms"},
		{Metric: scenario.ErrorRate, Written: "0%"}, {Metric: scenario.AchievedRate, Limit: 0.99,
			Written: "99%"},
	}
}

func limits() []capacity.Criterion {
	return capacity.Criteria(&scenario.Scenario{Thresholds: thresholds()})
}

func TestRead(t *testing.T) {
	m, r := measured(t, 100, 2*time.Second, 20*time.Second, 50*time.Millisecond, 50*time.Millisecond, 0.3)
	o := capacity.Read(m, r, limits(), 5)
	if len(o.Before) != 2 || len(o.Seconds) != 20 || len(o.Doubts) > 0 {
		t.Fatalf("%d and %d seconds, doubts %v", len(o.Before), len(o.Seconds), o.Doubts)
	}
	sent, took, above := 0.0, 0.0, 0.0
	for _, s := range o.Seconds {
		sent, took, above = sent+s.Sent, took+s.Tallies[1].Sum, above+s.Tallies[0].Over[4]
	}
	if sent != 2000 || math.Abs(took/sent-r.Response.Mean/1000) > 1e-4 || above != 0 {
		t.Errorf("%v requests of %v s, %v above the limit; the report has %v ms", sent, took/sent, above,
			r.Response.Mean)
	}
	if q := o.Quantiles; len(q) != 4 || math.Abs(q[0]-r.Response.P95/1000) > 1e-6 || q[1] != 0 {
		t.Errorf("quantiles %v, the report has %v ms", q, r.Response.P95)
	}
	tr := capacity.Judge(capacity.TrialSpec{Rate: 100, Length: 20 * time.Second}, o, limits())
	if tr.Verdict != capacity.Pass || tr.Growing {
		t.Errorf("%s by %s: %v", tr.Verdict, tr.By, tr.Reasons)
	}
}

// A number in flight that is not rate × time makes a trial worth nothing.
func TestLittle(t *testing.T) {
	m, r := measured(t, 100, 0, 20*time.Second, 50*time.Millisecond, 50*time.Millisecond, 0.3)
	o := capacity.Read(m, r, limits(), 7)
	tr := capacity.Judge(capacity.TrialSpec{Rate: 100, Length: 20 * time.Second}, o, limits())
	if tr.Verdict != capacity.Inconclusive || tr.By != capacity.LimitedByGenerator ||
		!strings.Contains(strings.Join(tr.Reasons, ""), "Little's law") {
		t.Errorf("%s by %s: %v", tr.Verdict, tr.By, tr.Reasons)
	}
}

// Percentiles that still pass do not hide a backlog.
func TestGrows(t *testing.T) {
	m, r := measured(t, 100, 0, 60*time.Second, 20*time.Millisecond, 100*time.Millisecond, 0.1)
	tr := capacity.Judge(capacity.TrialSpec{Rate: 100, Length: 60 * time.Second}, capacity.Read(m, r,
		limits(), 0), limits())
	if tr.Verdict != capacity.Break || tr.By != capacity.LimitedByBacklog {
		t.Errorf("%s by %s: %v", tr.Verdict, tr.By, tr.Reasons)
	}
}

func TestSoakFindsDrift(t *testing.T) {
	for _, test := range []struct {
		to   time.Duration
		want capacity.TrialVerdict
	}{{50 * time.Millisecond, capacity.Pass}, {65 * time.Millisecond, capacity.Break}} {
		m, r := measured(t, 50, 0, 10*time.Minute, 50*time.Millisecond, test.to, 0.2)
		a := capacity.TrialSpec{Rate: 50, Length: 10 * time.Minute}
		s := capacity.NewSoak(a, 0.8, m, capacity.Read(m, r, limits(), 0), limits())
		if s.Verdict != test.want || s.Block != 60 || len(s.Drifts[0].Values) != 10 {
			t.Errorf("to %v: %s, %v, %+v", test.to, s.Verdict, s.Reasons, s.Drifts[0])
		}
	}
}

// synthetic are trials of a service that follows the law exactly but for noise.
func synthetic(lambda, sigma, kappa, noise float64) (trials []*capacity.Trial) {
	random := rand.New(rand.NewPCG(3, 3))
	for i, n := range []float64{0.5, 1, 2, 4, 8, 12, 16, 20} {
		x := lambda * n / (1 + sigma*(n-1) + kappa*n*(n-1))
		mean := n / x * math.Exp(noise*random.NormFloat64()) * 1000
		tr := &capacity.Trial{TrialSpec: capacity.TrialSpec{Number: i + 1, Rate: x}, Verdict: capacity.Pass,
			Broken: 0.05, By: "response p95 <= 150ms", At: x}
		tr.Figures = report.Figures{Requests: report.Requests{Scheduled: 1000, Sent: 1000, Answered: 1000,
			AsExpected: 1000}, Rate: report.Rate{Planned: x, Achieved: x},
			Response: report.Times{Mean: mean, P50: mean, P95: 2 * mean, P99: 3 * mean},
			Service:  report.Times{Mean: mean}, Statuses: map[string]uint64{"201 OTP_REQUIRED": 1000},
			Errors: map[string]uint64{}}
		tr.Seconds, tr.InFlight, tr.Expected, tr.Served = make([]capacity.TrialSecond, 30), n, n, x
		trials = append(trials, tr)
	}
	return trials
}

func TestUSL(t *testing.T) {
	u, ok := capacity.FitUSL(synthetic(50, 0.03, 0.0005, 0.01))
	if !ok {
		t.Fatal("no fit")
	}
	for name, b := range map[string]struct {
		got  capacity.Coefficient
		want float64
	}{"λ": {u.Lambda, 50}, "σ": {u.Sigma, 0.03}, "κ": {u.Kappa, 0.0005}} {
		if b.got.Low > b.want || b.got.High < b.want || math.Abs(b.got.Value-b.want) > 0.3*b.want {
			t.Errorf("%s = %+v, want %v", name, b.got, b.want)
		}
	}
	if low, high := u.Band(10); low > u.Throughput(10) || high < u.Throughput(10) ||
		high-low > 0.1*u.Throughput(10) {
		t.Errorf("the band is %v to %v around %v", low, high, u.Throughput(10))
	}
	if want := math.Sqrt((1 - u.Sigma.Value) / u.Kappa.Value); u.PeakInFlight != want {
		t.Errorf("peak at %v, want %v", u.PeakInFlight, want)
	}
	if _, ok := capacity.FitUSL(synthetic(50, 0.03, 0, 0)[:3]); ok {
		t.Error("three points were fitted")
	}
}

func TestAnswer(t *testing.T) {
	f := &capacity.SearchResult{Low: 400, High: 410, Confidence: 0.97, LimitedBy: "response p95 <= 150ms"}
	for _, test := range []struct {
		rate   float64
		enough string
		first  string
	}{
		{300, "yes", "300/s is enough: 400/s holds, which is 33% more"},
		{500, "no", "500/s is not enough: 410/s is too much already, 18% less"},
		{405, "unclear", "mfaload can't tell whether 405/s is enough: the limit is between 400/s and 410/s"},
	} {
		a := f.Check(capacity.TargetRate{Rate: test.rate})
		if a.Enough != test.enough || len(a.Sentences) != 2 || a.Sentences[0] != test.first ||
			a.Sentences[1] != "the first limit is response p95 <= 150ms, at a rate between 400/s and 410/s" {
			t.Errorf("%v/s: %s, %q", test.rate, a.Enough, a.Sentences)
		}
	}
}

// whole is a result with everything that there may be in one.
func whole(t *testing.T) *capacity.Result {
	t.Helper()
	f := &capacity.SearchResult{Low: 400, High: 410, Confidence: 0.97, LimitedBy: "response p95 <= 150ms",
		Why: "done", Settled: true, Trials: synthetic(50, 0.03, 0.0005, 0.02)}
	r := f.Result()
	r.Scenario, r.Started = "<rollout>", time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	a := f.Check(capacity.TargetRate{Rate: 300, From: "2,000,000 logins a day, times 4 at the peak"})
	m, rep := measured(t, 50, 0, 2*time.Minute, 50*time.Millisecond, 50*time.Millisecond, 0.2)
	ask := capacity.TrialSpec{Rate: 50, Length: 2 * time.Minute}
	r.Answer, r.Soak = &a, capacity.NewSoak(ask, 0.8, m, capacity.Read(m, rep, limits(), 0), limits())
	return r
}

// The page shows the curve.
func TestResult(t *testing.T) {
	r := whole(t)
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"300/s (2,000,000 logins a day, times 4 at the peak) is enough",
		"between 400/s and 410/s", "Response time by offered rate",
		"Throughput by offered rate", "Universal Scalability Law", "Soak: percentiles", "&lt;rollout&gt;",
		"<svg"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page has no %q", want)
		}
	}
	var b strings.Builder
	if err := (capacity.TerminalText{}).Write(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"300/s (2,000,000 logins a day, times 4 at the peak) is enough: 400/s " +
		"holds, which is 33% more.", "CAPACITY  between 400/s and 410/s, with 97% confidence",
		"limited by response p95 <= 150ms", "knee at", "scalability law: λ", "closest to its limit",
		"soak\n  pass  50/s for 2m0s"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// A search without anything found has a form too.
func TestNothingFound(t *testing.T) {
	r := (&capacity.SearchResult{}).Result()
	if _, err := r.HTML(); err != nil {
		t.Fatal(err)
	}
}

// Validators of others take capacity.json, of a whole search and of none.
func TestResultFitsItsSchemaForOthers(t *testing.T) {
	var documents [][]byte
	for _, r := range []*capacity.Result{whole(t), (&capacity.SearchResult{}).Result()} {
		text, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, text)
	}
	schematest.Fits(t, capacity.JSONSchema(), documents...)
}

// Who was never served is slower than any limit, whether a request was given up on or
// never sent; refusals are not among the times.
func TestNeverServedIsSlowerThanAnyLimit(t *testing.T) {
	a := capacity.TrialSpec{Rate: 100, Length: 20 * time.Second}
	judge := func(bend func(recorder *measure.Recorder, k int, o *measure.Observation) bool) *capacity.Trial {
		s := &scenario.Scenario{Name: "m", Groups: []scenario.Group{{Name: "all", IDs: []string{"a"}}},
			Thresholds: thresholds()[:1]}
		recorder, profile := measure.NewRecorder(1, nil, 0), measure.LoadProfile{}
		for k := range 2000 {
			at := time.Duration(k) * 10 * time.Millisecond
			o := &measure.Observation{Intended: at, Sent: at, Done: at + 50*time.Millisecond,
				Label: "201 OTP_REQUIRED", AsExpected: true}
			profile.Add(at, false)
			if bend(recorder, k, o) {
				recorder.Record(0, o)
			}
		}
		m, err := recorder.Final()
		if err != nil {
			t.Fatal(err)
		}
		m.Schema, m.Scenario, m.Groups, m.Profile.Due = measure.Schema, "m", []string{"all"}, profile.Due
		m.Main.Planned, m.Main.LastSent, m.Main.Scheduled, m.Warmup.Scheduled = a.Length, a.Length,
			[]uint64{2000}, []uint64{0}
		m.Generator.Hiccups, m.Terms = measure.NewHistogram(), report.TermsOf(s).Encode()
		r, err := report.Judge(m)
		if err != nil {
			t.Fatal(err)
		}
		limits := capacity.Criteria(s)
		return capacity.Judge(a, capacity.Read(m, r, limits, 0), limits)
	}
	for name, c := range map[string]struct {
		bend func(*measure.Recorder, int, *measure.Observation) bool
		want capacity.TrialVerdict
	}{
		"all served": {func(*measure.Recorder, int, *measure.Observation) bool { return true },
			capacity.Pass},
		"timeouts of 8 %": {func(_ *measure.Recorder, k int, o *measure.Observation) bool {
			if k%12 == 0 {
				o.Done, o.Label, o.Failed, o.AsExpected = o.Intended+100*time.Millisecond, "timeout", true,
					false
			}
			return true
		}, capacity.Break},
		"8 % never sent": {func(_ *measure.Recorder, k int, _ *measure.Observation) bool {
			return k%12 != 0
		}, capacity.Break},
		"seconds without any": {func(_ *measure.Recorder, k int, _ *measure.Observation) bool {
			return k < 500 || k >= 660
		}, capacity.Break},
		"slow, and refusals": {func(_ *measure.Recorder, k int, o *measure.Observation) bool {
			if k%10 != 0 { // nine of ten are turned away at once
				o.Done, o.Label, o.AsExpected, o.Refused = o.Intended+300*time.Microsecond, "429", true, true
			} else if o.Done += 90 * time.Millisecond; k%100 == 0 {
				o.Done += time.Second
			}
			return true
		}, capacity.Break},
		"exactly the limit": {func(_ *measure.Recorder, _ int, o *measure.Observation) bool {
			o.Done = o.Intended + 150*time.Millisecond
			return true
		}, capacity.Pass},
	} {
		if tr := judge(c.bend); tr.Verdict != c.want || c.want == capacity.Break &&
			tr.By == capacity.LimitedByBacklog {
			t.Errorf("%s: %s by %s: %+v %v", name, tr.Verdict, tr.By, tr.Judged, tr.Reasons)
		}
	}
}
