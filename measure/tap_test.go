package measure_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
)

// What is handed out while a run goes on is at its end what the run measured.
func TestSnapshots(t *testing.T) {
	r := measure.NewRecorder(2, nil, 0)
	soFar := r.Snapshots()
	var last *measure.Part
	for i := range 1000 {
		at := time.Duration(i) * time.Millisecond
		o := &measure.Observation{Group: i % 2, Warmup: i < 100, Label: "201", AsExpected: i%7 > 0, Failed: i%70 == 0, Refused: i%30 == 11,
			Intended: at, Sent: at + time.Millisecond, Done: at + time.Duration(i)*time.Millisecond, Own: time.Duration(i)}
		if i%50 == 1 && o.AsExpected {
			o.Violations = []measure.RuleViolation{{Rule: "r", Pointer: "/", Fails: true}}
		}
		r.Record(i, o)
		if i%300 == 0 || i == 999 {
			var err error
			if last, err = soFar.Take(); err != nil {
				t.Fatal(err)
			}
		}
	}
	m, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	m.Shard = &measure.Shard{Run: "r", Index: 0, Count: 2}
	want, err := measure.PartOf(m)
	if err != nil {
		t.Fatal(err)
	}
	if last.Sent() != 900 || last.Apart == 0 || last.Response.Count() >= 900-last.Apart || last.Violating == 0 || last.Failed == 0 || last.Clean == 0 {
		t.Errorf("it holds %d responses, %d violating, %d failed, %d clean", last.Response.Count(), last.Violating, last.Failed, last.Clean)
	}
	last.NeverSent = want.NeverSent // of which nothing is known yet
	if diff := cmp.Diff(want, last, cmp.Comparer(func(a, b *measure.Histogram) bool { return a.Equal(b) })); diff != "" {
		t.Error(diff)
	}
}
