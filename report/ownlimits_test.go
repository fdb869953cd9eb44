package report_test

import (
	"strings"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
)

// What mfaload itself could not send is in no rate and no percentile, makes the
// run inconclusive, and comes with what to do.
func TestOwnLimitsMakeARunInconclusive(t *testing.T) {
	for _, reason := range measure.OwnLimits() {
		r := newRun(t).send(90, 50*time.Millisecond, nil)
		r.finish = func(m *measure.Measurement) {
			m.Main.Scheduled = []uint64{50, 50}
			m.Main.Withheld = []measure.Withheld{{Group: 0, Reason: reason, Count: 5},
				{Group: 1, Reason: reason, Count: 5}}
		}
		got := r.judge(p95, noErrors, noViolations, achieved)
		if got.Verdict != report.Inconclusive || len(got.Reasons) == 0 {
			t.Fatalf("%s: %s, %q", reason, got.Verdict, got.Reasons)
		}
		text, remedy, _ := strings.Cut(got.Reasons[0], ": ")
		if text != "10 requests were not sent, "+reason || remedy == "" {
			t.Errorf("%q", got.Reasons[0])
		}
		for _, th := range got.Thresholds {
			if !th.Passed {
				t.Errorf("%s: missed %+v", reason, th)
			}
		}
	}
}
