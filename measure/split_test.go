package measure_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// TestSecondsSplitWhatWasServed holds what the seconds say was served, and how fast
// at best, against the observations one by one.
func TestSecondsSplitWhatWasServed(t *testing.T) {
	for seed := range uint64(8) {
		all := testkit.MixedObservations(rand.New(rand.NewPCG(seed, 3)), 800)
		r := measure.NewRecorder(2, nil, 0)
		for i, o := range all {
			r.Record(i, o)
		}
		m, err := r.Measurement()
		if err != nil {
			t.Fatal(err)
		}
		m.Groups = []string{"a", "b"}
		for _, o := range all {
			m.Main.Scheduled[o.Group]++
		}
		data, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if m, err = measure.Decode(data); err != nil {
			t.Fatal(err)
		}
		for s := range m.Seconds.All() {
			compareSplit(t, all, s.Second, -1, &s.Split, s.Response, s.Service)
			for _, g := range s.Groups {
				compareSplit(t, all, s.Second, g.Group, &g.Split, g.Response, g.Service)
			}
		}
	}
}

func compareSplit(t *testing.T, all []*measure.Observation, second int64, group int, got *measure.Split,
	response, service *measure.Histogram) {
	t.Helper()
	served, best := measure.NewSparse(), measure.NewSparse()
	bestService := measure.NewSparse()
	var refused, unserved, unheard, doubtful uint64
	for _, o := range all {
		if int64(o.Intended/time.Second) != second || group >= 0 && o.Group != group {
			continue
		}
		frozen := o.Harmed
		if o.Own >= measure.HarmFloor {
			frozen -= o.Own
		}
		atBest := func() {
			best.Record(o.Done - o.Intended - o.Harmed)
			bestService.Record(o.Done - o.Sent - frozen)
		}
		switch {
		case o.Refused:
			refused++
		case o.Label == measure.IdleClosed:
			unheard++
		case o.Failed:
			if unserved++; frozen > 0 {
				doubtful++
				atBest()
			}
		default:
			served.Record(o.Done - o.Intended)
			atBest()
		}
	}
	gotServed, _ := got.Of(response, service)
	gotBest, gotBestService := got.AtBest(response, service)
	if !gotServed.Equal(served) || !gotBest.Equal(best) || !gotBestService.Equal(bestService) {
		t.Errorf("second %d of %d: served %d, want %d; at best %d of mean %v, want %d of mean %v", second,
			group,
			gotServed.Count(), served.Count(), gotBest.Count(), gotBest.Mean(), best.Count(), best.Mean())
	}
	if got.Refused != refused || got.Unserved != unserved || got.NotDelivered != unheard ||
		got.Doubtful != doubtful {
		t.Errorf("second %d of %d: %+v, want %d refused, %d unserved, %d unheard, %d doubtful", second, group,
			got, refused, unserved, unheard, doubtful)
	}
}
