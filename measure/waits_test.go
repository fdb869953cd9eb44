package measure_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// TestBeyondCountsWhatIsCertain shows what counts as above a limit: nothing that
// nobody measured.
func TestBeyondCountsWhatIsCertain(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name   string
		values []time.Duration
		limit  time.Duration
		want   uint64
	}{
		{"nothing", nil, 300 * ms, 0},
		{"all exactly at it", []time.Duration{300 * ms, 300 * ms, 300 * ms}, 300 * ms, 0},
		{"all beyond it, in its bucket", []time.Duration{300*ms + 1, 300*ms + 2}, 300 * ms, 2},
		{"some in its bucket, the maximum beyond it", []time.Duration{ms, 300*ms + 1, 300*ms + 2}, 300 * ms,
			1},
		{"some exactly at it, where a bucket begins", []time.Duration{512 * time.Microsecond, ms},
			512 * time.Microsecond, 1},
		{"the bucket after it", []time.Duration{ms, 301 * ms, 302 * ms}, 300 * ms, 2},
		{"above the range", []time.Duration{ms, 2 * time.Hour, 3 * time.Hour}, 300 * ms, 2},
		{"above the range, as the limit is", []time.Duration{ms, 2 * time.Hour, 4 * time.Hour}, 3 * time.Hour,
			1},
	} {
		for kind, h := range map[string]*measure.Histogram{"dense": measure.NewHistogram(),
			"sparse": measure.NewSparse()} {
			for _, v := range test.values {
				h.Record(v)
			}
			if got := h.Beyond(test.limit); got != test.want {
				t.Errorf("%s, %s: %d, want %d", test.name, kind, got, test.want)
			}
		}
	}
}

// TestWaitsAgainstOracle holds what limits judge against the observations one by
// one, measured and at best.
func TestWaitsAgainstOracle(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 5))
		all := testkit.MixedObservations(rng, 1500)
		r := measure.NewRecorder(2, nil, 0)
		for i, o := range all {
			r.Record(i, o)
		}
		m, err := r.Measurement()
		if err != nil {
			t.Fatal(err)
		}
		m.Main.Scheduled = []uint64{0, 0}
		for _, o := range all {
			m.Main.Scheduled[o.Group]++
		}
		m.Main.Scheduled[0] += 30 // never sent
		for _, group := range []int{-1, 0, 1} {
			for _, service := range []bool{false, true} {
				holdWaits(t, all, m, group, service)
			}
		}
	}
}

func holdWaits(t *testing.T, all []*measure.Observation, m *measure.Measurement, group int, service bool) {
	t.Helper()
	const never = time.Duration(1<<63 - 1)
	var measured, best []time.Duration
	for _, o := range all {
		if group >= 0 && o.Group != group || o.Refused || o.Label == measure.IdleClosed {
			continue
		}
		frozen := o.Harmed
		if o.Own >= measure.HarmFloor {
			frozen -= o.Own
		}
		took, atBest := o.Done-o.Intended, o.Done-o.Intended-o.Harmed
		if service {
			took, atBest = o.Done-o.Sent, o.Done-o.Sent-frozen
		}
		if o.Failed {
			if took = never; frozen == 0 {
				atBest = never
			}
		}
		measured, best = append(measured, took), append(best, atBest)
	}
	if group < 1 {
		for range 30 {
			measured, best = append(measured, never), append(best, never)
		}
	}
	slices.Sort(measured)
	slices.Sort(best)
	waits, bests := m.Main.Waits(group, service), m.Main.BestWaits(group, service)
	if waits.Count() != uint64(len(measured)) {
		t.Fatalf("%d waits, want %d", waits.Count(), len(measured))
	}
	above := func(of []time.Duration, limit time.Duration) uint64 {
		i, _ := slices.BinarySearch(of, limit+1)
		return uint64(len(of) - i)
	}
	for _, limit := range []time.Duration{1, 1e6, 5e7, 3e8, 1e9, 2e9, 3e9} {
		// A limit shares its bucket with the times of one part in 500 around it.
		if got, most, least := waits.Beyond(limit), above(measured, limit),
			above(measured, limit+limit/500); got > most || got < least {
			t.Errorf("group %d: %d above %v, want %d to %d", group, got, limit, least, most)
		}
		if got, most, least := bests.Beyond(limit), above(best, limit),
			above(best, limit+limit/500); got > most || got+2 < least {
			t.Errorf("group %d: %d above %v at best, want %d to %d", group, got, limit, least, most)
		}
	}
	for _, p := range []float64{1, 50, 75, 90, 99, 100} {
		want := measured[measure.Rank(p, uint64(len(measured)))-1]
		got := waits.Percentile(p)
		if got.AtLeast != (want == never) || !got.AtLeast &&
			(got.Time < want || got.Time > want+want/500+time.Microsecond) {
			t.Errorf("group %d: p%g = %v, want %v", group, p, got, want)
		}
	}
}

// TestLowerBoundsOfThoseNeverServed shows what is known of a time that nobody saw
// the end of.
func TestLowerBoundsOfThoseNeverServed(t *testing.T) {
	h := func(values ...time.Duration) *measure.Histogram {
		h := measure.NewSparse()
		for _, v := range values {
			h.Record(v)
		}
		return h
	}
	w := measure.Waits{Served: []*measure.Histogram{h(time.Second, 3*time.Second)},
		Failed: []*measure.Histogram{h(10 * time.Second)}, Untimed: 1}
	for p, want := range map[float64]measure.Bound{
		25: {Time: time.Second}, 75: {Time: 3 * time.Second, AtLeast: true},
		100: {Time: 10 * time.Second, AtLeast: true},
	} {
		got := w.Percentile(p)
		if got.AtLeast != want.AtLeast || got.Time.Round(10*time.Millisecond) != want.Time {
			t.Errorf("p%g = %+v, want %+v", p, got, want)
		}
	}
	if mean := w.Mean(); !mean.AtLeast || mean.Time.Round(time.Millisecond) != 3500*time.Millisecond {
		t.Errorf("mean = %+v", mean)
	}
	none := measure.Waits{Served: []*measure.Histogram{h()}, Untimed: 2}
	if got := none.Min(); got.Time != 0 || !got.AtLeast {
		t.Errorf("min = %+v", got)
	}
	if got := (&measure.Waits{}).Max(); got != (measure.Bound{}) {
		t.Errorf("max of nothing = %+v", got)
	}
}
