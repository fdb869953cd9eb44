package report_test

import (
	"maps"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
)

// Who abandons the flow, or is at its end, leaves no step unsent; what could not be sent does.
func TestSkippedStepsAreNotUnsent(t *testing.T) {
	m := stories["one-second"].measurement(t)
	m.Steps = measure.NewSteps([]string{"otp.abandon", "otp.checkOTP"}, 0, time.Second)
	m.Steps.Main.Scheduled = []uint64{3, 10}
	m.Steps.Main.Withheld = []measure.Withheld{{Group: 0, Reason: measure.Abandoned, Count: 3},
		{Group: 1, Reason: measure.NotPossible, Count: 4}, {Group: 1, Reason: measure.NoPasscode, Count: 6}}
	r, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	f := r.Flow
	if q := f.Requests; q.Scheduled != 6 || q.Unsent != 6 {
		t.Errorf("scheduled %d, unsent %d", q.Scheduled, q.Unsent)
	}
	if !maps.Equal(f.Steps[0].Skipped, map[string]uint64{measure.Abandoned: 3}) ||
		!maps.Equal(f.Steps[1].Skipped, map[string]uint64{measure.NotPossible: 4}) {
		t.Errorf("skipped %v and %v", f.Steps[0].Skipped, f.Steps[1].Skipped)
	}
	if !maps.Equal(f.Steps[1].Withheld, map[string]uint64{measure.NoPasscode: 6}) {
		t.Errorf("withheld %v", f.Steps[1].Withheld)
	}
}
