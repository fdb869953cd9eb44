package measure_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// What is handed out while a run goes on is at its end what the run measured.
func TestSnapshots(t *testing.T) {
	r := measure.NewRecorder(2, nil, 0)
	soFar := r.Snapshots()
	var last *measure.Part
	for i := range 1000 {
		at := time.Duration(i) * time.Millisecond
		o := &measure.Observation{Group: i % 2, Warmup: i < 100, Label: "201", AsExpected: i%7 > 0,
			Failed: i%70 == 0, Refused: i%30 == 11,
			Intended: at, Sent: at + time.Millisecond, Done: at + time.Duration(i)*time.Millisecond,
			Own: time.Duration(i)}
		if i%50 == 1 && o.AsExpected {
			o.Violations = []measure.RuleViolation{{Rule: "r", Pointer: "/", Fails: true}}
		}
		r.Record(i, o)
		if i%300 == 0 || i == 999 {
			last = soFar.Take()
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
	if last.Sent() != 900 || last.Apart == 0 || last.Response.Count() >= 900-last.Apart ||
		last.Violating == 0 || last.Failed == 0 || last.Clean == 0 {
		t.Errorf("it holds %d responses, %d violating, %d failed, %d clean", last.Response.Count(),
			last.Violating, last.Failed, last.Clean)
	}
	last.NeverSent = want.NeverSent // of which nothing is known yet
	if diff := cmp.Diff(want, last,
		cmp.Comparer(func(a, b *measure.Histogram) bool { return a.Equal(b) })); diff != "" {
		t.Error(diff)
	}
}

// What is taken bit by bit, while many record, is all of it and once.
func TestLiveTakesEverythingOnce(t *testing.T) {
	all := testkit.Observations(6, 8000)
	r := measure.NewRecorder(3, []string{"echo.user", "field.unknown"}, 0)
	l := r.Live()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < len(all); i += 8 {
				r.Record(w, all[i])
			}
		})
	}
	ended, response, service := measure.NewEndedRequests(3), measure.NewSparse(), measure.NewSparse()
	recorded := make(chan struct{})
	go func() { wg.Wait(); close(recorded) }()
	for over := false; !over; {
		select {
		case <-recorded:
			over = true // and once more
		default:
		}
		l.Take(ended, response, service, &measure.TransferTimes{})
	}
	want, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	for name, phases := range map[string][2]*measure.Phase{"judged": {&ended.Main, &want.Main},
		"warm-up": {&ended.Warmup, &want.Warmup}} {
		for _, group := range []int{-1, 0, 1, 2} {
			got, want := phases[0].Counts(group), phases[1].Counts(group)
			if want.Scheduled = want.Sent(); got != want {
				t.Errorf("%s, group %d: took %+v of %+v", name, group, got, want)
			}
			for _, serviced := range []bool{false, true} {
				got, want := phases[0].Waits(group, serviced), phases[1].Waits(group, serviced)
				if !got.Joined().Served[0].Equal(want.Joined().Served[0]) ||
					got.Unserved() != want.Unserved()-want.Untimed {
					t.Errorf("%s, group %d: other times", name, group)
				}
			}
		}
	}
	var taken uint64
	for _, phase := range []*measure.Phase{&ended.Main, &ended.Warmup} {
		w := phase.Waits(-1, true)
		taken += w.Count() - w.Unserved()
	}
	if response.Count() != taken || service.Count() != taken || taken == 0 {
		t.Errorf("%d times of %d served", response.Count(), taken)
	}
	broken := map[measure.BrokenRule]uint64{}
	for _, v := range want.Violations {
		broken[measure.BrokenRule{Rule: v.Rule, Fails: v.Fails}] += v.Count
	}
	if diff := cmp.Diff(broken, ended.Broken); diff != "" || len(broken) < 2 {
		t.Error(diff)
	}
	if ended.Counts != r.Progress() {
		t.Errorf("took %+v of %+v", ended.Counts, r.Progress())
	}
}

func TestBucketsHoldEverything(t *testing.T) {
	for name, h := range map[string]*measure.Histogram{"dense": measure.NewHistogram(),
		"sparse": measure.NewSparse()} {
		sum := 0.0
		for _, d := range []time.Duration{0, time.Microsecond, 40 * time.Millisecond, 40 * time.Millisecond,
			time.Minute, 2 * time.Hour} {
			h.Record(d)
			sum += d.Seconds()
		}
		var n uint64
		last, again := time.Duration(-1), 0.0
		for value, count := range h.Buckets {
			if value <= last {
				t.Errorf("%s: %v after %v", name, value, last)
			}
			n, last, again = n+count, value, again+value.Seconds()*float64(count)
		}
		if n != h.Count() || last != 2*time.Hour || math.Abs(again/sum-1) > 0.001 ||
			math.Abs(h.Sum()-sum) > 1e-9 {
			t.Errorf("%s: %d values up to %v, sum %v, %v", name, n, last, again, h.Sum())
		}
		for range h.Buckets {
			break // ends without a panic
		}
	}
}

// Ticks have every request once, by the second it was intended for, and are taken as
// sound where they are read; what they add up to is what was recorded.
func TestTicksAddUp(t *testing.T) {
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 5))
		r, all := measure.NewRecorder(2, nil, 0), testkit.Labels()
		ticks, sum, last := r.Ticks(true), measure.Tick{}, int64(0)
		for now := time.Second; now < 3*time.Minute; now += time.Duration(1+random.Int64N(3)) * time.Second {
			for range random.IntN(60) {
				r.Record(random.IntN(4), testkit.LateObservation(random, all, 2, now))
			}
			sent := ticks.Take(now)
			text, err := json.Marshal(sent)
			if err != nil {
				t.Fatal(err)
			}
			var tick measure.Tick
			if err := json.Unmarshal(text, &tick); err != nil {
				t.Fatal(err)
			}
			if err := tick.Check(); err != nil || tick.Second <= last {
				t.Fatalf("after %d s, at %d s: %v", last, tick.Second, err)
			}
			last = tick.Second
			sum.Merge(&tick)
		}
		m := testkit.Final(t, r)
		if err := sum.Check(); err != nil {
			t.Fatal(err)
		}
		counts := m.Main.Counts(-1)
		counts.Add(m.Warmup.Counts(-1))
		got := sum.Counts.Counts()
		got.Scheduled = 0 // nobody said what was due
		if diff := cmp.Diff(counts, got); diff != "" {
			t.Error(diff)
		}
		kept := slices.Collect(m.Seconds.All())
		if len(sum.Seconds) != len(kept) {
			t.Fatalf("%d seconds, want %d", len(sum.Seconds), len(kept))
		}
		for i, want := range kept {
			s := sum.Seconds[i]
			if s.Second != want.Second || !s.Response.Equal(want.Response) ||
				!s.Service.Equal(want.Service) ||
				s.Expected != want.Expected || s.Failed != want.Failed {
				t.Errorf("second %d is another", want.Second)
			}
		}
	}
}

// What a machine says again of its own part replaces what it said; parts of several
// machines add up, and the busiest counts.
func TestOwnPart(t *testing.T) {
	part := func(from int, due []uint64, seconds ...measure.OwnSecond) *measure.OwnPart {
		return &measure.OwnPart{Workers: 10, From: from, Profile: measure.LoadProfile{Due: due},
			Seconds: seconds}
	}
	busy := func(second int64, cpu time.Duration) measure.OwnSecond {
		return measure.OwnSecond{Second: second, Available: time.Second, CPU: cpu}
	}
	var one measure.OwnPart
	for _, p := range []*measure.OwnPart{
		part(0, []uint64{5, 5, 2}, busy(1, 600*time.Millisecond)),
		part(1, []uint64{5, 5, 5}, busy(1, 600*time.Millisecond), busy(3, 900*time.Millisecond)),
	} {
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		one.Extend(p)
	}
	sum := &measure.OwnPart{}
	sum.Merge(&one)
	sum.Merge(part(0, []uint64{1, 1, 1, 1, 1}, busy(3, 700*time.Millisecond), busy(4, 850*time.Millisecond)))
	want := &measure.OwnPart{Workers: 20, Profile: measure.LoadProfile{Due: []uint64{6, 6, 6, 6, 1}},
		Seconds: []measure.OwnSecond{
			busy(1, 600*time.Millisecond), busy(3, 900*time.Millisecond), busy(4, 850*time.Millisecond),
		}}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Error(diff)
	}
	if d := sum.Doubtful(nil); !d.Short[3] || !d.Short[4] || d.Short[1] || len(d.Capped) > 0 {
		t.Errorf("%+v", d)
	}
	for name, bad := range map[string]*measure.OwnPart{
		"workers below 0":      {Workers: -1},
		"before the start":     {From: -1},
		"a second before it":   part(5, nil, busy(4, 0)),
		"seconds not in order": part(0, nil, busy(4, 0), busy(3, 0)),
		"stages":               {Profile: measure.LoadProfile{Stages: []measure.StageSpan{{}}}},
		"busy below 0":         {Profile: measure.LoadProfile{AllBusy: []time.Duration{-1}}},
	} {
		if bad.Check() == nil {
			t.Errorf("a part with %s is taken", name)
		}
	}
}
