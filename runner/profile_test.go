package runner_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
	"mfaload/scenario"
)

// A measurement says how many requests were due in which second and in which
// stage that was, whatever became of them.
func TestMeasurementHasTheProfile(t *testing.T) {
	l := load(constant(5, 2*time.Second), constant(0, time.Second))
	l.Warmup, l.Repeat = time.Second, 2
	synctest.Test(t, func(t *testing.T) {
		m := run(t, t.Context(), oneGroup(l), &service{answer: takes(100 * ms)})
		want := measure.LoadProfile{Due: []uint64{5, 5, 5, 0, 5, 5}, Stages: []measure.StageSpan{
			{Name: "warm-up", Warmup: true, End: time.Second},
			{Name: "5/s", Start: 1 * time.Second, End: 3 * time.Second},
			{Name: "pause", Start: 3 * time.Second, End: 4 * time.Second},
			{Name: "5/s", Start: 4 * time.Second, End: 6 * time.Second},
			{Name: "pause", Start: 6 * time.Second, End: 7 * time.Second},
		}}
		if diff := cmp.Diff(want, m.Profile); diff != "" {
			t.Error(diff)
		}
	})
}

// Repeated stages are named up to a bound.
func TestProfileIsBounded(t *testing.T) {
	l := load(scenario.Stage{From: 100, To: 100, Duration: 10 * ms})
	l.Repeat = 2000
	synctest.Test(t, func(t *testing.T) {
		m := run(t, t.Context(), oneGroup(l), &service{answer: takes(ms)})
		if n := len(m.Profile.Stages); n != 1000 {
			t.Errorf("%d stages", n)
		}
	})
}
