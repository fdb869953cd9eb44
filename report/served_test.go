package report_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/scenario"
)

// refusedTwoThirds is a request of a run that the service serves in 200 ms and
// mostly refuses in half a millisecond. Some fail after 500 ms.
func refusedTwoThirds(k int, o *measure.Observation) {
	o.Sent, o.Own, o.Done = o.Intended, 0, o.Intended+200*ms
	switch {
	case k%3 > 0:
		o.Done = o.Intended + ms/2
		refused(o)
	case k%24 < 6:
		o.Done = o.Intended + 500*ms
		failed(o)
	}
}

// TestTimesAreOfWhatWasServed: refusals come back in a fraction of the time, so no
// format shows them among the times.
func TestTimesAreOfWhatWasServed(t *testing.T) {
	m := mergedOf(t, 2, refusedTwoThirds, nil)
	r := judged(t, m)
	if got := r.Response; got.P50 != 200 || got.P99 != 500 || !slices.Contains(got.AtLeast, "p99") {
		t.Errorf("%+v", got)
	}
	for _, s := range r.Shards {
		if s.Response.Min != 200 || s.Response.P50 != r.Response.P50 || s.Response.P99 != r.Response.P99 ||
			!slices.Equal(s.Response.AtLeast, r.Response.AtLeast) || s.Service.P50 != r.Service.P50 {
			t.Errorf("shard %d: %+v, the whole %+v", s.Index, s.Response, r.Response)
		}
	}
	data, err := series(m)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(row []string, name string) float64 {
		x, _ := strconv.ParseFloat(row[slices.Index(rows[0], name)], 64)
		return x
	}
	for _, row := range rows[1:] {
		sent, served := column(row, "sent"), column(row, "served")
		if sent > 0 && (sent != 100 || served < 24 || served > 26 ||
			column(row, "response_min_ms") != 200 || column(row, "service_p50_ms") != 200) {
			t.Errorf("%q", row)
		}
	}
	page, err := render.HTML(r, m)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(page), "<h3>Service time")
	_, text, _ = strings.Cut(text, "<h3>Response time")
	if !strings.Contains(text, "are in no line") ||
		!strings.Contains(text, "never served") ||
		strings.Contains(text, "<td>0.5") {
		t.Errorf("the chart of the response time: %.2000s", text)
	}
}

// TestContractThatWasNeverChecked: responses that no rule applies to say nothing of
// the contract.
func TestContractThatWasNeverChecked(t *testing.T) {
	gateway := func(o *measure.Observation) { o.Label = "503 not from the service" }
	unchecked := func(o *measure.Observation) { o.Evaluated = []uint64{0} }
	for name, test := range map[string]struct {
		batches []batch
		want    report.State
		why     string
	}{
		"no rule exercised": {[]batch{{40, ms, unchecked}}, report.NoData,
			"no rule of the contract was exercised"},
		"nothing of the service's own": {[]batch{{40, ms, gateway}}, report.NoData,
			"no response was the service's own (40 × 503 not from the service)"},
		"one of the service's own": {[]batch{{40, ms, gateway}, {1, ms, nil}}, report.Met, ""},
		"one that breaks a rule":   {[]batch{{40, ms, gateway}, {1, ms, violating}}, report.Missed, ""},
	} {
		got := blamed(t, 0, test.batches, noErrors, noViolations)
		th := got.Thresholds[1]
		if th.State != test.want || !strings.Contains(th.Why, test.why) {
			t.Errorf("%s: %+v", name, th)
		}
		want := map[report.State]report.Verdict{report.NoData: report.Inconclusive, report.Met: report.Pass,
			report.Missed: report.Fail}[test.want]
		if got.Verdict != want {
			t.Errorf("%s: %s %q", name, got.Verdict, got.Reasons)
		}
	}
	// A group has responses of its own.
	group := scenario.Threshold{Metric: scenario.ViolationRate, Group: "sms", Written: "0%"}
	if th := blamed(t, 0, []batch{{40, ms, func(o *measure.Observation) { gateway(o); o.Group = 1 }},
		{40, ms, nil}}, noErrors, group).Thresholds[1]; th.State != report.NoData {
		t.Errorf("%+v", th)
	}
}

// TestMarkdownHasTheRemedy: a reason ends in what to do, so it is not cut before.
func TestMarkdownHasTheRemedy(t *testing.T) {
	r := &report.Report{Reasons: []string{strings.Repeat("why ", 150) +
		"raise load.workers, or remove it"}}
	got, err := render.Markdown(r)
	if err != nil || !strings.Contains(string(got), "raise load.workers, or remove it") {
		t.Errorf("%s, %v", got, err)
	}
}

// TestNothingWasServed: where all requests were refused there are no times of others.
func TestNothingWasServed(t *testing.T) {
	got := blamed(t, 0, []batch{{40, ms, refused}}, noViolations)
	if text := strings.Join(got.Reasons, "\n"); !strings.Contains(text, "40 of 40 requests were refused") ||
		!strings.Contains(text, "nothing was served, so there are no times") {
		t.Error(text)
	}
}
