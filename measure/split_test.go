package measure_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/measure"
)

// mixed are observations that end in all ways, harmed and not, late and early.
func mixed(rng *rand.Rand, n int) (all []*measure.Observation) {
	for range n {
		o := &measure.Observation{Group: rng.IntN(2), Intended: time.Duration(rng.Int64N(6e9)), Label: "201",
			AsExpected: rng.IntN(4) > 0}
		o.Own = time.Duration(rng.Int64N(3e6))
		o.Sent = o.Intended + o.Own + time.Duration(rng.Int64N(2))*time.Second
		o.Done = o.Sent + time.Duration(rng.Int64N(2e9))
		if o.Own >= measure.HarmFloor {
			o.Harmed = o.Own
		}
		if rng.IntN(4) == 0 {
			o.Harmed += time.Duration(rng.Int64N(int64(o.Done - o.Sent + 1)))
		}
		switch rng.IntN(8) {
		case 0:
			o.Label, o.Refused, o.RateLimited = "429", true, true
		case 1:
			o.Label, o.Failed, o.AsExpected = "timeout", true, false
		case 2:
			o.Label, o.Failed, o.AsExpected, o.Refused = "connection refused", true, false, true
		case 3:
			o.Label, o.Failed, o.AsExpected = measure.IdleClosed, true, false
		}
		all = append(all, o)
	}
	return all
}

// TestSecondsSplitWhatWasServed holds what the seconds say was served, and how fast
// at best, against the observations one by one.
func TestSecondsSplitWhatWasServed(t *testing.T) {
	for seed := range uint64(8) {
		all := mixed(rand.New(rand.NewPCG(seed, 3)), 800)
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
	if got.Refused != refused || got.Unserved != unserved || got.Unheard != unheard ||
		got.Doubtful != doubtful {
		t.Errorf("second %d of %d: %+v, want %d refused, %d unserved, %d unheard, %d doubtful", second, group,
			got, refused, unserved, unheard, doubtful)
	}
}
