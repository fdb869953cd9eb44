package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// The causes of a threshold of a group are that group's, those of a threshold of all
// are everybody's. The warm-up has no part in either.
func TestCausesAreOfTheGroup(t *testing.T) {
	of := func(metric scenario.Metric, group string) scenario.Threshold {
		return scenario.Threshold{Metric: metric, Group: group, Limit: 0, Written: "0%"}
	}
	r := newRun(t).send(40, ms, func(o *measure.Observation) {
		violating(o)
		if o.Group == 1 {
			o.Violations[0].Rule, o.Violations[0].Pointer = "links.self", "/_links"
		}
	}).send(20, ms, func(o *measure.Observation) {
		if o.Group == 1 {
			unexpected(o)
		} else {
			failed(o)
		}
	}).send(10, ms, func(o *measure.Observation) {
		violating(o)
		o.Warmup = true
	})
	r.finish = func(m *measure.Measurement) {
		m.Main.Scheduled, m.Warmup.Scheduled = []uint64{30, 30}, []uint64{5, 5}
	}
	got := r.judge(of(scenario.ViolationRate, ""), of(scenario.ViolationRate, "email"),
		of(scenario.ViolationRate, "sms"),
		of(scenario.ErrorRate, ""), of(scenario.ErrorRate, "email"), of(scenario.ErrorRate, "sms"))
	valid(t, got)
	var causes [][]report.Cause
	for _, th := range got.Thresholds {
		causes = append(causes, th.Causes)
	}
	user, links := report.Cause{What: "echo.user at /user/id", Count: 20},
		report.Cause{What: "links.self at /_links", Count: 20}
	timeouts, unavailable := report.Cause{What: "timeout", Count: 10}, report.Cause{What: "503", Count: 10}
	want := [][]report.Cause{{user, links}, {user}, {links}, {unavailable, timeouts}, {timeouts},
		{unavailable}}
	if diff := cmp.Diff(want, causes); diff != "" {
		t.Error(diff)
	}
	if text := strings.Join(got.Reasons, "\n"); !strings.Contains(text, "20 × links.self at /_links\n") {
		t.Error(text)
	}
}
