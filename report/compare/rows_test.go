package compare_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mfaload/internal/schematest"
	"mfaload/measure"
	"mfaload/report/compare"
)

// How long runs should be is said in a unit that people plan by.
func TestHowLongRunsShouldBe(t *testing.T) {
	for needed, want := range map[time.Duration]string{
		40 * time.Second:               "needs runs of about 40 s",
		time.Minute:                    "needs runs of about 60 s",
		2*time.Minute + time.Second:    "needs runs of about 3 min",
		119 * time.Minute:              "needs runs of about 119 min",
		2*time.Hour + time.Minute:      "needs runs of about 3 hours",
		48*time.Hour + time.Minute:     "needs runs of about 3 days",
		139*time.Hour + 54*time.Minute: "needs runs of about 6 days",
		31 * 24 * time.Hour:            "needs runs of about 31 days",
		31*24*time.Hour + time.Minute:  "needs runs longer than a month: ",
		100 * 365 * 24 * time.Hour:     "needs runs longer than a month: ",
	} {
		text := compare.MetricRow{Metric: "response.p95", Unit: "ms", Judgement: compare.Unclear,
			Needed: needed.Seconds()}.String()
		if !strings.Contains(text, "; "+want) {
			t.Errorf("%v: %s", needed, text)
		}
	}
	if text := (compare.MetricRow{Metric: "response.p95", Judgement: compare.Unclear,
		Needed: 1e15}).String(); !strings.Contains(text, "longer than a month") {
		t.Error(text) // more than a time.Duration can be
	}
	if text := (compare.MetricRow{Metric: "response.p95",
		Judgement: compare.Unclear}).String(); strings.Contains(text, "needs") {
		t.Error(text)
	}
}

// Where nothing was served there is no time to compare with, and no time of 0 ms.
func TestNoTimeIsNotZero(t *testing.T) {
	r := compare.MetricRow{Metric: "response.p95", Unit: "ms", New: 45.1, Change: 1e9, Low: 1e9, High: 1e9,
		Judgement: compare.Unclear, Margin: 5}
	want := "response p95 undecided: – → 45.1 ms, – (95% from – to –); margin 5%"
	if got := r.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	r.Base, r.New, r.NewAtLeast, r.Change = 12, 0, true, -100
	if got := r.String(); !strings.Contains(got, ": 12 → ≥ 0 ms, -100%") {
		t.Errorf("%q", got)
	}
}

// gate is a run of identical requests, of which the first ones fail.
func gate(name string, seed uint64, seconds, rate, failed int) compare.Run {
	r := newRun(name, seconds, rate)
	for s := range seconds {
		for i := range rate {
			r.record(s, 80*time.Millisecond, s*rate+i >= failed)
		}
	}
	return r.finish(rand.New(rand.NewPCG(seed, 3)))
}

// A gate of 1,200 identical requests can become green, and says what the requests
// exclude; somebody who insists on a margin learns what it takes.
func TestGateOf1200IdenticalRequests(t *testing.T) {
	a, b := []compare.Run{gate("a", 1, 60, 20, 0)}, []compare.Run{gate("b", 2, 60, 20, 0)}
	c := mustCompare(t, a, b, compare.Options{})
	if c.Verdict != compare.Same {
		t.Errorf("%s: %q", c.Verdict, c.Reasons)
	}
	r, want := row(t, c, "errorRate"), 0.25
	if math.Abs(r.High-want) > 0.01*want || r.Margin != r.High || !r.RuledOut ||
		r.Judgement != compare.Same {
		t.Errorf("%+v", r)
	}
	if remarks := strings.Join(c.Remarks, "\n"); !strings.Contains(remarks,
		"errorRate: nothing happened to 1200 requests, which rules out an increase of more than 0.249 "+
			"percentage points, and that is its margin; ruling out 0.1 percentage points takes 3000 "+
			"requests a run (--margin errorRate=0.1% insists on it)") {
		t.Errorf("%s", remarks)
	}
	strict := compare.Options{Margins: compare.Margins{{Name: "errorRate", Share: 0.001}}}
	c = mustCompare(t, a, b, strict)
	r = row(t, c, "errorRate")
	if c.Verdict != compare.Unclear || r.Requests != 3000 || r.Needed != 150 ||
		!strings.Contains(r.String(), "needs 3000 requests a run without an event (3 divided by the "+
			"margin); needs runs of about 3 min") {
		t.Errorf("%s, %+v: %s", c.Verdict, r, r)
	}
	c = mustCompare(t, []compare.Run{gate("a", 1, 150, 20, 0)}, []compare.Run{gate("b", 2, 150, 20, 0)},
		strict)
	if c.Verdict != compare.Same {
		t.Errorf("3,000 requests: %s %q", c.Verdict, c.Reasons)
	}
}

// What is advised for a rate without events is the rule of three: 50 minutes, not
// 42 hours.
func TestAdviceForRatesWithoutEvents(t *testing.T) {
	a, b := []compare.Run{gate("a", 1, 60, 1, 0)}, []compare.Run{gate("b", 2, 60, 1, 0)}
	r := row(t, mustCompare(t, a, b, compare.Options{Metrics: []string{"violationRate"}}), "violationRate")
	if r.Judgement != compare.Unclear || r.Needed != 3000 ||
		!strings.Contains(r.String(), "needs runs of about 50 min") {
		t.Errorf("%+v: %s", r, r)
	}
}

// A regression is found at that size as before, and one stray error is none.
func TestErrorsOfASmallGate(t *testing.T) {
	for failed, want := range map[int]compare.Judgement{1: compare.Unclear, 30: compare.Worse} {
		c := mustCompare(t, []compare.Run{gate("a", 1, 60, 20, 0)}, []compare.Run{spreadErrors("b", failed)},
			compare.Options{Metrics: []string{"errorRate"}})
		r := row(t, c, "errorRate")
		if r.Judgement != want || r.Margin != 0.1 || r.Low > r.Change || r.High < r.Change {
			t.Errorf("%d errors: %+v", failed, r)
		}
		if failed == 1 && (r.High < 0.3 || r.High > 0.8) { // Wilson's interval of 1 in 1,200 ends at 0.47 %
			t.Errorf("one error: up to %v", r.High)
		}
	}
}

// spreadErrors is a run of 1,200 requests with errors all over it.
func spreadErrors(name string, failed int) compare.Run {
	r := newRun(name, 60, 20)
	for s := range 60 {
		for i := range 20 {
			k := s*20 + i
			r.record(s, 80*time.Millisecond, k*failed/1200 == (k+1)*failed/1200)
		}
	}
	return r.finish(rand.New(rand.NewPCG(7, 3)))
}

// With runs as units too nothing is excluded that the requests do not exclude.
func TestRunsWithoutEvents(t *testing.T) {
	var a, b []compare.Run
	for i := range uint64(4) {
		a, b = append(a, gate("a", i, 30, 5, 0)), append(b, gate("b", 10+i, 30, 5, 0))
	}
	r := row(t, mustCompare(t, a, b, compare.Options{Metrics: []string{"errorRate"}}), "errorRate")
	if want := 0.5; math.Abs(r.High-want) > 0.01*want || r.Margin != r.High ||
		r.Judgement != compare.Same {
		t.Errorf("%+v", r)
	}
	strict := compare.Options{Metrics: []string{"errorRate"},
		Margins: compare.Margins{{Name: "errorRate", Share: 0.001}}}
	if r := row(t, mustCompare(t, a, b, strict), "errorRate"); r.Judgement != compare.Unclear ||
		r.Requests != 3000 {
		t.Errorf("%+v", r)
	}
}

// A group with few requests and no event does not decide.
func TestGroupsWithoutEventsDoNotDecide(t *testing.T) {
	grouped := func(name string, seed uint64) compare.Run {
		return inGroups(gate(name, seed, 300, 20, 0), 10)
	}
	o := compare.Options{Metrics: []string{"errorRate", "violationRate"},
		Margins: compare.Margins{{Name: "*Rate", Share: 0.001}}}
	c := mustCompare(t, []compare.Run{grouped("a", 1)}, []compare.Run{grouped("b", 2)}, o)
	few := 0
	for _, r := range c.Rows {
		if r.Group != "" && r.Judgement == compare.Unclear {
			few++
			if !r.Informs {
				t.Errorf("%+v", r)
			}
		}
	}
	if c.Verdict != compare.Same || few == 0 {
		t.Errorf("%s, %d rows: %q", c.Verdict, few, c.Reasons)
	}
}

// What only force compares is shown, and gets no judgement.
func TestForcedIsNotJudged(t *testing.T) {
	a, b := runs(calm, "a", 1), runs(with(calm, slower), "b", 2)
	b[0].Measurement.Parts["load"] = "other"
	c := mustCompare(t, a, b, compare.Options{Force: true})
	for _, r := range c.Rows {
		if r.Judgement != compare.NotJudged || r.RuledOut || r.Needed != 0 {
			t.Errorf("%+v", r)
		}
	}
	if c.Verdict != compare.Unclear || len(c.Rows) == 0 || len(c.Reasons) != 1 {
		t.Errorf("%s, %d rows: %q", c.Verdict, len(c.Rows), c.Reasons)
	}
	schematest.Valid(t, compare.JSONSchema(), encoded(t, c))
	var all []compare.Run
	for i := range uint64(16) {
		m := calm
		if i >= 9 {
			m = with(calm, slower)
		}
		r := runs(m, string(rune('a'+i)), i)[0]
		r.Measurement.Started = time.Unix(int64(1_800_000_000+3600*i), 0)
		all = append(all, r)
	}
	all[3].Measurement.Parts["load"] = "other"
	h, err := compare.Follow(all, compare.Options{Force: true, Metrics: []string{"response.p50"}})
	if err != nil {
		t.Fatal(err)
	}
	if h.Verdict != compare.Unclear || len(h.Obstacles) != 1 || len(h.LeftOut) != 0 || len(h.Runs) != 16 ||
		h.Lines[0].Changes[0].Judgement != compare.NotJudged {
		t.Errorf("%s, %q, %+v", h.Verdict, h.Obstacles, h.Lines)
	}
	schematest.Valid(t, compare.HistoryJSONSchema(), encoded(t, h))
	if h, err = compare.Follow(all, compare.Options{Metrics: []string{"response.p50"}}); err != nil ||
		h.Verdict != compare.Worse || len(h.LeftOut) != 1 {
		t.Errorf("not forced: %v, %s", err, h.Verdict)
	}
}

// inGroups deals the requests of a run of identical ones to two groups: one in so
// many is of the second.
func inGroups(r compare.Run, oneIn uint64) compare.Run {
	m := r.Measurement
	m.Groups = []string{"many", "few"}
	took := 80 * time.Millisecond
	histogram := func(n uint64) *measure.Histogram {
		h := measure.NewSparse()
		for range n {
			h.Record(took)
		}
		return h
	}
	cells := []*measure.Cell{}
	sums := []uint64{0, 0}
	for s := range m.Seconds.All() {
		n := s.Response.Count()
		for g, of := range []uint64{n - n/oneIn, n / oneIn} {
			h := histogram(of)
			s.Groups = append(s.Groups, &measure.GroupSecond{Group: g, Expected: of, Response: h, Service: h})
			sums[g] += of
		}
	}
	for g, n := range sums {
		h := histogram(n)
		cells = append(cells, &measure.Cell{Group: g, Label: "201 OTP_REQUIRED", AsExpected: n, Clean: n,
			Response: h, Service: h, Lateness: h})
	}
	m.Main.Cells, m.Main.Scheduled = cells, sums
	return r
}

// Who was never served is slower than anybody else: a percentile does not hide those
// who got no response, or were never sent, and refusals are not fast responses.
func TestNeverServedIsSlower(t *testing.T) {
	o := compare.Options{Metrics: []string{"response.p50", "response.p95", "response.mean"}}
	base := []compare.Run{withOutcomes("a", 1, 0, 0, 0)}
	for name, c := range map[string]struct {
		fresh compare.Run
		p95   compare.Judgement
		least bool
	}{
		"alike":             {withOutcomes("b", 2, 0, 0, 0), compare.Same, false},
		"8 % timeouts":      {withOutcomes("b", 2, 8, 0, 0), compare.Worse, true},
		"8 % never sent":    {withOutcomes("b", 2, 0, 8, 0), compare.Worse, true},
		"80 % turned away":  {withOutcomes("b", 2, 0, 0, 80), compare.Same, false},
		"3 % timeouts":      {withOutcomes("b", 2, 3, 0, 0), compare.Same, false},
		"all turned away":   {withOutcomes("b", 2, 0, 0, 100), compare.Unclear, false},
		"nobody was served": {withOutcomes("b", 2, 100, 0, 0), compare.Worse, true},
	} {
		r := row(t, mustCompare(t, base, []compare.Run{c.fresh}, o), "response.p95")
		if r.Judgement != c.p95 || r.NewAtLeast != c.least || r.BaseAtLeast {
			t.Errorf("%s: %+v: %s", name, r, r)
		}
		if c.least && !strings.Contains(r.String(), "→ ≥ ") {
			t.Errorf("%s: %s", name, r)
		}
	}
	if r := row(t, mustCompare(t, base, []compare.Run{withOutcomes("b", 2, 0, 0, 80)}, o),
		"response.p50"); r.Change < -1 || r.Change > 1 {
		t.Errorf("refusals make it look faster: %s", r)
	}
	var a, b []compare.Run
	for i := range uint64(4) {
		a, b = append(a, withOutcomes("a", i, 0, 0, 0)), append(b, withOutcomes("b", 10+i, 8, 0, 0))
	}
	if r := row(t, mustCompare(t, a, b, o), "response.p95"); r.Judgement != compare.Worse || !r.NewAtLeast {
		t.Errorf("runs as units: %+v", r)
	}
}

// withOutcomes is a run of 60 s at 20/s, of which so many of a hundred time out after
// ten seconds, are never sent, or are turned away at once.
func withOutcomes(name string, seed uint64, timeouts, unsent, refused int) compare.Run {
	random := rand.New(rand.NewPCG(seed, 5))
	recorder, profile := measure.NewRecorder(1, nil, 0), measure.LoadProfile{}
	for k := range 1200 {
		at := time.Duration(k) * 50 * time.Millisecond
		profile.Add(at, false)
		took := time.Duration(80e6 * math.Exp(0.02*random.NormFloat64()))
		o := &measure.Observation{Intended: at, Sent: at, Done: at + took, Label: "201 OTP_REQUIRED",
			AsExpected: true}
		switch turn := k * 37 % 100; { // spread evenly
		case turn < timeouts:
			o.Done, o.Label, o.Failed, o.AsExpected = at+10*time.Second, "timeout", true, false
		case turn < timeouts+unsent:
			continue
		case turn < timeouts+unsent+refused:
			o.Done, o.Label, o.Refused = at+300*time.Microsecond, "429 REQUEST_LIMITED", true
		}
		recorder.Record(0, o)
	}
	m, err := recorder.Final()
	if err != nil {
		panic(err)
	}
	like := newRun(name, 60, 20).m
	m.Schema, m.Scenario, m.Groups, m.Profile.Due, m.Parts = measure.Schema, "simulated", []string{"all"},
		profile.Due, like.Parts
	m.Main.Planned, m.Main.LastSent, m.Main.Scheduled, m.Warmup.Scheduled = time.Minute, time.Minute,
		[]uint64{1200}, []uint64{0}
	m.Generator, m.Started = like.Generator, time.Unix(1_800_000_000+int64(seed), 0).UTC()
	return compare.Run{Name: name, Measurement: m}
}

// goodRun is a run in which so many of 100 requests are slower than 100 ms, up to which a response is good.
func goodRun(name string, seed uint64, within time.Duration, slow int) []compare.Run {
	r := newRun(name, 120, 20)
	r.m.GoodWithin = []time.Duration{within}
	for i := range 120 * 20 {
		took := 80 * time.Millisecond
		if i%100 < slow {
			took = 150 * time.Millisecond
		}
		r.record(i/20, took, true)
	}
	return []compare.Run{r.finish(rand.New(rand.NewPCG(seed, 4)))}
}

// Goodput is compared like rates of errors, with fewer good responses being worse, and only by the same
// limits. It informs unless it is asked for.
func TestGoodputIsCompared(t *testing.T) {
	const limit = 100 * time.Millisecond
	asked := compare.Options{Metrics: []string{"goodput"}}
	base := goodRun("a", 1, limit, 0)
	for _, test := range []struct {
		slow      int
		judgement compare.Judgement
		new       float64
	}{{0, compare.Same, 100}, {5, compare.Worse, 95}} {
		r := row(t, mustCompare(t, base, goodRun("b", 2, limit, test.slow), asked), "goodput")
		if r.Judgement != test.judgement || r.Base != 100 || r.New != test.new || !r.Primary ||
			math.Abs(r.Change-(test.new-100)) > 1e-9 || r.Low > r.Change || r.High < r.Change ||
			r.Margin != 1 {
			t.Errorf("%d%% slow: %+v", test.slow, r)
		}
	}
	if r := row(t, mustCompare(t, goodRun("b", 2, limit, 5), base, asked), "goodput"); r.Judgement !=
		compare.Better {
		t.Errorf("%+v", r)
	}
	usual := mustCompare(t, base, goodRun("b", 2, limit, 5), compare.Options{})
	if r := row(t, usual, "goodput"); !r.Informs {
		t.Errorf("it decides and nobody asked: %+v", r)
	}
	c := mustCompare(t, base, goodRun("b", 2, 2*limit, 0), compare.Options{})
	if strings.Contains(fmt.Sprint(c.Rows), "goodput") ||
		!strings.Contains(fmt.Sprint(c.Remarks), "goodput") {
		t.Errorf("other limits: %q", c.Remarks)
	}
}
