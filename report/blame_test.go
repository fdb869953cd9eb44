package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/scenario"
)

// batch is some requests that took so long, with what else a case changes.
type batch struct {
	n      int
	took   time.Duration
	change func(*measure.Observation)
}

func refused(o *measure.Observation) {
	o.Label, o.Refused, o.RateLimited, o.AsExpected = "429 REQUEST_LIMITED", true, true, true
}

func failing500(o *measure.Observation) { o.Label, o.AsExpected = "500", false }

func frozen(stood time.Duration) func(*measure.Observation) {
	return func(o *measure.Observation) { o.Harmed = stood }
}

func frozenTimeout(o *measure.Observation) { failed(o); o.Harmed = 500 * ms }

// blamed judges so many requests, and arrivals that were never sent.
func blamed(t *testing.T, unsent int, batches []batch, thresholds ...scenario.Threshold) *report.Report {
	r := newRun(t)
	total := unsent
	for _, b := range batches {
		total += b.n
		for range b.n {
			o := &measure.Observation{Intended: time.Duration(r.sent) * ms, Label: "201 OTP_REQUIRED",
				AsExpected: true}
			o.Sent, o.Done = o.Intended, o.Intended+b.took
			if b.change != nil {
				b.change(o)
			}
			r.recorder.Record(0, exercised(o))
			r.sent++
		}
	}
	r.finish = func(m *measure.Measurement) { m.Main.Scheduled = []uint64{uint64(total), 0} }
	got := r.judge(thresholds...)
	valid(t, got)
	return got
}

func share(metric scenario.Metric, limit float64, written string) scenario.Threshold {
	return scenario.Threshold{Metric: metric, Limit: limit, Written: written}
}

// TestBlame has the examples that made the rule of blame, with literal numbers.
func TestBlame(t *testing.T) {
	p995 := limit(scenario.Response, "p99.5", 99.5, 0.3, "300ms")
	p50 := limit(scenario.Response, "p50", 50, 0.2, "200ms")
	p99 := limit(scenario.Response, "p99", 99, 10, "10s")
	longest := limit(scenario.Response, "max", 0, 0.3, "300ms")
	mean := limit(scenario.Response, "mean", 0, 0.3, "300ms")
	for _, test := range []struct {
		name      string
		unsent    int
		batches   []batch
		threshold scenario.Threshold
		verdict   report.Verdict
		state     report.State
		reason    string
	}{
		{"arrivals that were never sent", 65, []batch{{9935, 19 * ms, nil}}, p995, report.Fail, report.Missed,
			"response p99.5 <= 300ms: observed ≥ 19 ms (65 of 10,000 arrivals were never served)"},
		{"requests without a response", 0, []batch{{9935, 19 * ms, nil}, {65, 5 * ms, failed}}, p995,
			report.Fail, report.Missed,
			"response p99.5 <= 300ms: observed ≥ 19 ms (65 of 10,000 arrivals were never served)"},
		{"the maximum of one of them", 0, []batch{{99, 19 * ms, nil}, {1, 5 * ms, failed}}, longest,
			report.Fail, report.Missed,
			"response max <= 300ms: observed ≥ 19 ms (1 of 100 arrivals were never served)"},
		{"the mean with one of them", 0, []batch{{99, 20 * ms, nil}, {1, 20 * ms, failed}}, mean, report.Fail,
			report.Missed,
			"response mean <= 300ms: observed ≥ 20 ms (1 of 100 arrivals were never served)"},
		{"fast refusals", 0, []batch{{670, 300 * time.Microsecond, refused}, {330, 250 * ms, nil}}, p50,
			report.Fail, report.Missed,
			"response p50 <= 200ms: observed 250 ms"},
		{"only refusals", 0, []batch{{100, ms, refused}}, p50, report.Inconclusive, report.NoData,
			"response p50 <= 200ms: no data: no request was served"},
		{"a freeze of mfaload", 0, []batch{{9900, 19 * ms, nil}, {100, 519 * ms, frozen(500 * ms)}}, p995,
			report.Inconclusive, report.Undecided,
			"response p99.5 <= 300ms: observed 519 ms; undecided: it may be met without what mfaload " +
				"itself did: 100 requests were sent late by mfaload itself, or were in flight while it " +
				"stood still"},
		{"a freeze, and a slow service", 0, []batch{{9900, 19 * ms, nil}, {100, 900 * ms, frozen(500 * ms)}},
			p995, report.Fail, report.Missed,
			"response p99.5 <= 300ms: observed 900 ms"},
		{"a freeze that broke errorRate", 0, []batch{{99, 19 * ms, nil}, {1, 519 * ms, frozenTimeout}},
			noErrors, report.Inconclusive, report.Undecided,
			"errorRate <= 0%: observed 1% (1 of 100): 1 × timeout; undecided: it may be met without what " +
				"mfaload itself did: 1 requests were sent late by mfaload itself, or were in flight while " +
				"it stood still"},
		{"errors next to a freeze", 0, []batch{{98, 19 * ms, nil}, {1, 519 * ms, frozenTimeout},
			{1, ms, failing500}}, noErrors, report.Fail, report.Missed,
			"errorRate <= 0%: observed 2% (2 of 100): 1 × 500, 1 × timeout"},
		{"all exactly at the limit", 0, []batch{{100, 300 * ms, nil}}, p95, report.Pass, report.Met, ""},
		{"in the limit's bucket, as nobody can tell", 0, []batch{{90, 299900 * time.Microsecond, nil},
			{10, 300 * ms, nil}}, p95, report.Pass, report.Met, ""},
		{"all just above the limit", 0, []batch{{100, 300100 * time.Microsecond, nil}}, p95, report.Fail,
			report.Missed,
			"response p95 <= 300ms: observed 300.1 ms"},
		{"a share just above its limit", 0, []batch{{9990, ms, nil}, {11, ms, failing500}},
			share(scenario.ErrorRate, 0.0011, "0.11%"), report.Pass, report.Met, ""},
		{"by a ten-thousandth", 0, []batch{{8982, ms, nil}, {9, ms, failing500}},
			share(scenario.ErrorRate, 0.001, "0.1%"), report.Fail, report.Missed,
			"errorRate <= 0.1%: observed 0.1001% (9 of 8,991): 9 × 500"},
		{"no response at all", 0, []batch{{40, ms, failed}}, noViolations, report.Inconclusive, report.NoData,
			"violationRate <= 0%: no data: no request got a complete response, so the contract was " +
				"never checked"},
		{"too few, and all of them right", 0, []batch{{50, ms, nil}}, p99, report.Inconclusive,
			report.Undecided,
			"too few requests to judge response p99 <= 10s: 50 of at least 100; run longer or faster"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := blamed(t, test.unsent, test.batches, test.threshold)
			if got.Verdict != test.verdict || got.Thresholds[0].State != test.state ||
				got.Thresholds[0].Passed != (test.state == report.Met) {
				t.Errorf("verdict %s, threshold %+v", got.Verdict, got.Thresholds[0])
			}
			if test.reason != "" && got.Reasons[0] != test.reason {
				t.Errorf("reason %q, want %q", got.Reasons[0], test.reason)
			}
		})
	}
}

// TestDoubtNeverBeatsCertainty: 50 of 50 responses are 500, and p99 has too few.
func TestDoubtNeverBeatsCertainty(t *testing.T) {
	p99 := limit(scenario.Response, "p99", 99, 10, "10s")
	if got := blamed(t, 0, []batch{{50, ms, failing500}}, noErrors, p99); got.Verdict != report.Fail {
		t.Errorf("errors: %s, %q", got.Verdict, got.Reasons)
	}
	if got := blamed(t, 0, []batch{{49, ms, nil}, {1, ms, violating}}, noViolations,
		p99); got.Verdict != report.Fail {
		t.Errorf("the contract: %s, %q", got.Verdict, got.Reasons)
	}
}

// TestReasonsDoNotRepeatThemselves: what excuses one threshold is said once.
func TestReasonsDoNotRepeatThemselves(t *testing.T) {
	got := blamed(t, 0, []batch{{99, ms, nil}, {1, 450 * ms, frozenTimeout}}, limit(scenario.Response, "max",
		0, 0.3, "300ms"), noErrors)
	if want := "errorRate <= 0%: observed 1% (1 of 100): 1 × timeout; undecided: as above"; len(
		got.Reasons) < 2 || got.Reasons[1] != want ||
		!strings.Contains(got.Reasons[0], "undecided: it may be met without what mfaload itself did: ") {
		t.Errorf("%q, want the second to be %q", got.Reasons, want)
	}
	if why := got.Thresholds[1].Why; why != got.Thresholds[0].Why {
		t.Errorf("the threshold by itself says %q", why)
	}
}

// TestNoDataIsNeverGreen looks at every format of a run in which nothing got a
// response.
func TestNoDataIsNeverGreen(t *testing.T) {
	r := newRun(t).send(40, ms, failed)
	r.finish = func(m *measure.Measurement) { m.Main.Scheduled = []uint64{20, 20} }
	got := r.judge(share(scenario.ErrorRate, 1, "100%"), noViolations)
	if got.Verdict != report.Inconclusive {
		t.Errorf("verdict %s", got.Verdict)
	}
	if th := got.Thresholds[1]; th.Passed || th.State != report.NoData || th.Why == "" {
		t.Errorf("%+v", th)
	}
	junit, err := render.JUnit(got)
	if err != nil {
		t.Fatal(err)
	}
	markdown, err := render.Markdown(got)
	if err != nil {
		t.Fatal(err)
	}
	var terminal bytes.Buffer
	if err := (render.Terminal{}).Write(&terminal, got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		string(junit):     `<skipped message="no data: `,
		string(markdown):  "| no data | ➖ no data |",
		terminal.String(): "  no data    violationRate <= 0%\n",
	} {
		if !strings.Contains(name, want) {
			t.Errorf("%q is not in\n%s", want, name)
		}
	}
}

// TestColumnsAddUp: 160 unexpected responses of 200 have a column in every table.
func TestColumnsAddUp(t *testing.T) {
	got := blamed(t, 0, []batch{{160, ms, unexpected}, {40, ms, failed}}, noErrors)
	q := got.Requests
	if q.Unexpected != 160 || q.Sent != q.AsExpected+q.Unexpected+q.Violating+q.Failed ||
		q.Scheduled != q.Sent+q.Unsent {
		t.Errorf("%+v", q)
	}
	markdown, err := render.Markdown(got)
	if err != nil {
		t.Fatal(err)
	}
	var terminal bytes.Buffer
	if err := (render.Terminal{}).Write(&terminal, got); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"markdown": string(markdown), "terminal": terminal.String()} {
		if !strings.Contains(text, "unexpected") || !strings.Contains(text, fmt.Sprint(160)) {
			t.Errorf("%s has no column of unexpected responses:\n%s", name, text)
		}
	}
}
