package report_test

import (
	"fmt"
	"strings"
	"testing"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/scenario"
)

// Whatever a run was, what is made for people stays within what takes it: GitHub
// refuses a comment of more than 64 KiB. What is left out is said.
func TestSizesAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it takes seconds")
	}
	const kib = 1 << 10
	for _, long := range []string{strings.Repeat("|", 5000), strings.Repeat("\U0001F512", 5000),
		strings.Repeat("`", 5000), strings.Repeat("word ", 1000), "short"} {
		r := full(t)
		group, threshold, shard := r.Groups[0], r.Thresholds[0],
			report.Shard{ShardFigures: &report.ShardFigures{}}
		threshold.State, threshold.Passed = report.Met, true
		r.Groups, r.Thresholds, r.Violations = nil, nil, nil
		r.Scenario, r.Description, r.Version, r.Run = long, long, long, long
		for i := range 1000 {
			name := fmt.Sprint(i, " ", long)
			threshold.Expression = name
			r.Thresholds = append(r.Thresholds, threshold)
			r.Reasons = append(r.Reasons, name)
			r.Statuses[name], r.Errors[name] = 1, 1
			r.Violations = append(r.Violations, report.Violation{Rule: name, Pointer: name, Level: "fail",
				Count: 1, Expected: long, Got: long,
				Example: report.Example{UserID: long, CorrelationID: long, TransactionID: long, Curl: long}})
			group.Name = name
			if i < 600 {
				r.Groups = append(r.Groups, group)
			}
			if shard.Index = i; i < 256 {
				r.Shards = append(r.Shards, shard)
			}
		}
		for i := range 600 {
			r.Coverage = append(r.Coverage, report.Coverage{Rule: fmt.Sprint(i, " ", long),
				Evaluated: uint64(i % 2)})
		}
		for i := range 500 {
			r.Violations = append(r.Violations, report.Violation{Rule: "one rule",
				Pointer: fmt.Sprint(i, long), Level: "fail", Count: 1, Expected: long, Got: long})
		}
		r.Thresholds[999].State, r.Thresholds[999].Passed, r.Thresholds[999].Expression = report.Missed,
			false, "the one that is missed"
		for format, of := range map[string]struct {
			render func() ([]byte, error)
			most   int
			more   []string
		}{
			"report.md": {func() ([]byte, error) { return render.Markdown(r) }, 64 * kib,
				[]string{"more groups in report.json",
					"more thresholds in report.json", "more violations in report.json",
					"more shards in report.json", "more reasons in report.json",
					"more kinds in report.json"}},
			"report.html": {func() ([]byte, error) { return render.HTML(r, measured(t)) }, 4096 * kib,
				[]string{"500 others", "576 more groups have no chart", "800 more thresholds in",
					"more reasons in", "more rules in"}},
			"terminal": {func() ([]byte, error) {
				var b strings.Builder
				err := render.Terminal{Width: 120, Full: true}.Write(&b, r)
				return []byte(b.String()), err
			}, 320 * kib, []string{"500 more groups in", "900 more thresholds (", "more reasons in"}},
			"junit.xml": {func() ([]byte, error) { return render.JUnit(r) }, 4096 * kib,
				[]string{"more rules in report.json", "more in report.json"}},
		} {
			data, err := of.render()
			if err != nil || len(data) > of.most {
				t.Errorf("%s with %.10q: %d bytes, %v", format, long, len(data), err)
			}
			t.Logf("%s with %.10q: %d bytes", format, long, len(data))
			for _, text := range append(of.more, "the one that is missed") {
				if !strings.Contains(string(data), text) {
					t.Errorf("%s with %.10q lacks %q", format, long, text)
				}
			}
		}
	}
}

// What programs read is bounded by what mfaload reads back, whatever was measured.
func TestSizesOfFilesForProgramsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it takes seconds")
	}
	long := strings.Repeat("\x1b", 20_000)
	m := measured(t)
	group := m.Violations[0]
	m.Violations = nil
	for i := range 500 {
		of := *group
		of.Pointer, of.Instances = fmt.Sprint("/", i, long[:5000]), nil
		for range measure.Instances {
			of.Instances = append(of.Instances, measure.Instance{Expected: long[:3000], Got: long[:3000],
				Example: measure.Example{
					UserID: long[:3000], CorrelationID: long[:3000], Method: "POST", URL: long, Body: long,
					Answer: &measure.MaskedResponse{Headers: []string{long}, Body: long}}})
		}
		m.Violations = append(m.Violations, &of)
	}
	var thresholds []scenario.Threshold
	for i := range 12_000 {
		limit := noViolations
		limit.Limit = float64(i%2) / 2
		thresholds = append(thresholds, limit)
	}
	terms := report.TermsOf(&scenario.Scenario{Thresholds: thresholds, Text: strings.Repeat("# {a} comment\n",
		200_000)})
	m.Terms = terms.Encode()
	r, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.JSON()
	if err != nil || len(text) > 128<<20 || r.Verdict != report.Fail {
		t.Errorf("report.json: %d bytes, %s, %v", len(text), r.Verdict, err)
	}
	if _, err := report.Decode(text); err != nil {
		t.Errorf("the largest report can't be read back: %v", err)
	}
	if o := r.LeftOut; o == nil || o.Thresholds != 2000 || o.Reasons == 0 || o.Causes == 0 ||
		o.ScenarioText == 0 {
		t.Errorf("left out: %+v", o)
	}
	if r.Thresholds[5999].Passed || !r.Thresholds[6000].Passed {
		t.Error("a threshold that is missed is left out before one that is met")
	}
	lines, err := render.NDJSON(m)
	if err != nil || len(lines) > 65<<20 {
		t.Errorf("violations.ndjson: %d bytes, %v", len(lines), err)
	}
	for _, want := range []string{`"answer_left_out":true`, `"in":"measurement.json.gz"}`, `"answer":{`,
		"bytes: see measurement.json.gz>"} {
		if !strings.Contains(string(lines), want) {
			t.Errorf("violations.ndjson lacks %s", want)
		}
	}
	t.Logf("report.json: %d bytes, violations.ndjson: %d bytes", len(text), len(lines))
}
