package report_test

import (
	"fmt"
	"strings"
	"testing"

	"mfaload/report"
)

// Whatever a run was, what is made for people stays within what takes it: GitHub
// refuses a comment of more than 64 KiB. What is left out is said.
func TestSizesAreBounded(t *testing.T) {
	const kib = 1 << 10
	for _, long := range []string{strings.Repeat("|", 5000), strings.Repeat("\U0001F512", 5000), strings.Repeat("`", 5000), strings.Repeat("word ", 1000), "short"} {
		r := full(t)
		group, threshold, shard := r.Groups[0], r.Thresholds[0], report.Shard{ShardFigures: &report.ShardFigures{}}
		threshold.State, threshold.Passed = report.Met, true
		r.Groups, r.Thresholds, r.Violations = nil, nil, nil
		r.Scenario, r.Description, r.Version, r.Run = long, long, long, long
		for i := range 1000 {
			name := fmt.Sprint(i, " ", long)
			threshold.Expression = name
			r.Thresholds = append(r.Thresholds, threshold)
			r.Reasons = append(r.Reasons, name)
			r.Statuses[name], r.Errors[name] = 1, 1
			r.Violations = append(r.Violations, report.Violation{Rule: name, Pointer: name, Level: "fail", Count: 1, Expected: long, Got: long,
				Example: report.Example{UserID: long, CorrelationID: long, TransactionID: long, Curl: long}})
			group.Name = name
			if i < 600 {
				r.Groups = append(r.Groups, group)
			}
			if shard.Index = i; i < 256 {
				r.Shards = append(r.Shards, shard)
			}
		}
		r.Thresholds[999].State, r.Thresholds[999].Passed, r.Thresholds[999].Expression = report.Missed, false, "the one that is missed"
		for format, of := range map[string]struct {
			render func() ([]byte, error)
			most   int
			more   []string
		}{
			"report.md": {r.Markdown, 64 * kib, []string{"more groups in report.json", "more thresholds in report.json", "more violations in report.json",
				"more shards in report.json", "more reasons in report.json", "more kinds in report.json"}},
			"report.html": {func() ([]byte, error) { return r.HTML(measured(t)) }, 4096 * kib, []string{"500 more groups are in", "800 more thresholds are in", "more reasons are in"}},
			"terminal": {func() ([]byte, error) {
				var b strings.Builder
				err := report.Terminal{Width: 120}.Write(&b, r)
				return []byte(b.String()), err
			}, 256 * kib, []string{"500 more groups in", "900 more thresholds in", "more reasons in"}},
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
