package measure_test

import (
	"testing"
	"time"

	"mfaload/measure"
)

// A request is slow above the limit of its group; without one above the time that is set. Failures and
// violating responses count whatever they take, and what there is no room for is counted.
func TestTracedRequestsAreThoseWorthLookingAt(t *testing.T) {
	const ms = time.Millisecond
	r := measure.NewRecorder(2, nil, 0)
	traced := r.Traced()
	record := func(group int, took time.Duration, change func(*measure.Observation)) {
		o := &measure.Observation{Group: group, Done: took, Label: "201", AsExpected: true,
			GoodWithin: measure.GoodWithin([]time.Duration{0, 50 * ms}, group),
			Names:      func() (string, string, string) { return "c", "t", "s" }}
		if change != nil {
			change(o)
		}
		r.Record(0, o)
	}
	record(0, 900*ms, nil) // what is slow is not known yet
	traced.SlowAbove(100 * ms)
	record(0, 100*ms, nil)
	record(0, 101*ms, nil)
	record(1, 50*ms, nil)
	record(1, 51*ms, nil)
	record(0, ms, func(o *measure.Observation) { o.Failed, o.AsExpected, o.Label = true, false, "timeout" })
	record(0, 2*ms, func(o *measure.Observation) {
		o.Violations = []measure.RuleViolation{{Rule: "a", Fails: true}, {Rule: "b"},
			{Rule: "a", Fails: true}}
	})
	all, left := traced.Take()
	var got []measure.TraceReason
	for _, a := range all {
		got = append(got, a.Reason)
		if a.TraceID != "t" || a.SpanID != "s" || a.CorrelationID != "c" {
			t.Errorf("%+v has not its names", a)
		}
	}
	want := []measure.TraceReason{measure.TracedFailed, measure.TracedViolating, measure.TracedSlow,
		measure.TracedSlow}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || left != 0 ||
		len(all[1].Rules) != 1 {
		t.Errorf("%v, want %v; %d left; %+v", got, want, left, all)
	}
	for range 30 {
		record(0, 200*ms, nil)
	}
	if all, left := traced.Take(); len(all) == 0 || len(all)+int(left) != 30 {
		t.Errorf("%d requests, and %d left out, of 30", len(all), left)
	}
}
