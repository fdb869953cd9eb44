package capacity_test

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"mfaload/capacity"
	"mfaload/report"
	"mfaload/report/render/chart/charttest"
)

// figure reads a figure of a page: "≥1,234.5/s", "12%".
func figure(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(strings.NewReplacer(",", "", "≥", "", "/s", "", "%", "").Replace(text), 64)
	if err != nil {
		t.Errorf("%q is no figure", text)
	}
	return x
}

// The figures of the page are those of capacity.json, as far as they are shown, and add up.
func TestPageHasTheFiguresOfTheJSON(t *testing.T) {
	r := whole(t)
	r.Trials[2].Figures.Requests.Sent, r.Trials[2].Figures.Requests.AsExpected = 12_345, 12_300
	for i := range r.Trials {
		r.Trials[i].Figures.Response.Max = 2 * r.Trials[i].Figures.Response.P99
	}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	p := charttest.Read(t, page)
	same := func(what, text string, want float64) {
		t.Helper()
		if got := figure(t, text); math.Abs(got-want) > 0.006*math.Abs(want) {
			t.Errorf("%s is %s, want %v", what, text, want)
		}
	}
	rows := p.Tables["trials"]
	if len(rows) != len(r.Trials) || len(rows) == 0 {
		t.Fatalf("%d rows of %d trials", len(rows), len(r.Trials))
	}
	sent := uint64(0)
	for i, trial := range r.Trials {
		row, f := rows[i], trial.Figures
		for column, want := range map[int]float64{0: float64(trial.Number), 1: trial.Rate,
			4: float64(f.Requests.Sent), 5: float64(f.Requests.AsExpected), 6: f.Response.Mean,
			7: f.Response.P95, 8: f.Response.P99} {
			same(fmt.Sprintf("column %d of trial %d", column, i+1), row[column], want)
		}
		broken := figure(t, row[9])
		if math.Abs(broken-100*trial.Broken) > 0.51 || row[3] != string(trial.Verdict) {
			t.Errorf("trial %d: %v, want %v %v", i+1, row, trial.Verdict, trial.Broken)
		}
		sent += f.Requests.Sent
	}
	same("the lower end", p.Facts["meets the thresholds"], *r.Rate.Low)
	same("the upper end", p.Facts["is too much"], *r.Rate.High)
	same("the target", p.Facts["target"], r.Answer.TargetRate)
	if got := figure(t, p.Facts["requests in the trials"]); got != float64(sent) {
		t.Errorf("%v requests in the trials, and they sent %d", got, sent)
	}
	curve := p.Tables["Response time by offered rate, as a table"]
	for i, row := range curve {
		if i > 0 && figure(t, row[0]) < figure(t, curve[i-1][0]) {
			t.Errorf("row %d is not in the order of the rates", i)
		}
	}
}

// The chart has a line for each threshold of a time, the target, and what was not tried; where all went
// well there is no chart of what did not.
func TestChartsShowWhatAReaderLooksFor(t *testing.T) {
	r := whole(t)
	low, highest := 200.0, 0.0
	r.Rate.Low = &low
	for i := range r.Trials {
		highest = max(highest, r.Trials[i].Rate)
		q := &r.Trials[i].Figures.Requests
		q.Scheduled, q.Sent, q.AsExpected = 100, 100, 100
	}
	r.Answer.TargetRate = math.Ceil(1.5 * highest)
	r.Thresholds = []capacity.ThresholdRate{
		{Limit: "response p95 <= 150ms", Time: &capacity.LimitedTime{Metric: "response", Stat: "p95",
			Whole: true, Limit: 150}},
		{Limit: "service p99 <= 250ms", Time: &capacity.LimitedTime{Metric: "service", Stat: "p99",
			Whole: true, Limit: 250}},
		{Limit: "email: response p50 <= 20ms", Time: &capacity.LimitedTime{Metric: "response", Stat: "p50",
			Limit: 20}},
		{Limit: "errorRate <= 0%"},
	}
	page := func() string {
		data, err := r.HTML()
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	text := page()
	for what, want := range map[string]bool{">p95 ≤ 150 ms<": true, ">service p99 ≤ 250 ms<": true,
		">p50 ≤ 20 ms<": false, fmt.Sprintf(">target %.4g/s<", r.Answer.TargetRate): true,
		">not tried<": true, ">the limit is here<": true, "Requests not as expected": false,
		"All requests of all trials ended as expected.": true, "&lt;=": false} {
		if strings.Contains(text, what) != want {
			t.Errorf("%q is there: %v", what, !want)
		}
	}
	r.Trials[0].Figures.Requests.AsExpected = 99
	if text = page(); !strings.Contains(text, "Requests not as expected") {
		t.Error("a trial failed, and there is no chart of that")
	}
}

// The verdict comes first, in a word.
func TestVerdictComesFirst(t *testing.T) {
	for want, change := range map[string]func(*capacity.Result){
		"ENOUGH":                        func(*capacity.Result) {},
		"NOT ENOUGH":                    func(r *capacity.Result) { r.Answer.Enough = "no" },
		"NOT SURE WHETHER IT IS ENOUGH": func(r *capacity.Result) { r.Answer.Enough = "unclear" },
		"FOUND":                         func(r *capacity.Result) { r.Answer, r.Complete = nil, true },
		"NOT COMPLETE":                  func(r *capacity.Result) { r.Answer = nil },
		"LESS SURE THAN ASKED FOR": func(r *capacity.Result) {
			r.Answer, r.Complete, r.Settled = nil, true, false
		},
	} {
		r := whole(t)
		change(r)
		page, err := r.HTML()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(page, []byte(`<p class="word">`+want+"</p>")) {
			t.Errorf("the page does not say %s", want)
		}
	}
}

// Times of an overload are lower bounds on the page too.
func TestPageShowsLowerBounds(t *testing.T) {
	r := whole(t)
	r.Trials[0].Figures.Response = report.Times{Mean: 9, P95: 10_004, P99: 10_005, Max: 10_005,
		AtLeast: []string{"p95", "p99", "max"}}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if row := charttest.Read(t, page).Tables["trials"][0]; !strings.HasPrefix(row[7], "≥") {
		t.Errorf("%v", row)
	}
}
