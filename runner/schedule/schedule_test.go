package schedule_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

const ms = time.Millisecond

var (
	load, constant, ramp, recorded = testkit.Load, testkit.Constant, testkit.Ramp, testkit.Recorded
	oneGroup, group, closedLoad    = testkit.OneGroup, testkit.Group, testkit.Closed
)

func arrivalTimes(s *scenario.Scenario) (at []time.Duration) {
	for a := range schedule.New(s).All() {
		at = append(at, a.At)
	}
	return at
}

func TestScheduleLiterals(t *testing.T) {
	for _, test := range []struct {
		name string
		load scenario.Load
		want []time.Duration
	}{
		{"constant", load(constant(4, time.Second)), []time.Duration{0, 250 * ms, 500 * ms, 750 * ms}},
		{"slow", load(constant(0.5, 4*time.Second)), []time.Duration{0, 2 * time.Second}},
		{"a fraction is no arrival", load(constant(1, 2500*ms)), []time.Duration{0, time.Second}},
		{"pause first", load(constant(0, time.Second), constant(2, time.Second)),
			[]time.Duration{time.Second, 1500 * ms}},
		{"pause between", load(constant(1, 2*time.Second), constant(0, 3*time.Second),
			constant(1, 2*time.Second)),
			[]time.Duration{0, time.Second, 5 * time.Second, 6 * time.Second}},
		// R(t) = t²/2·10: due at √(k/5).
		{"ramp from zero", load(scenario.Stage{From: 0, To: 10, Duration: time.Second}),
			[]time.Duration{0, 447213595, 632455532, 774596669, 894427191}},
		{"ramp to zero", load(scenario.Stage{From: 10, To: 0, Duration: time.Second}),
			[]time.Duration{0, 105572809, 225403331, 367544468, 552786405}},
		// The half arrival that the first stage leaves is made whole by the second.
		{"a stage ends between two", load(constant(1, 1500*ms), constant(2, time.Second)),
			[]time.Duration{0, time.Second, 1750 * ms}},
		{"thirds", load(constant(3, time.Second)), []time.Duration{0, 333333333, 666666666}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := arrivalTimes(oneGroup(test.load))
			if diff := cmp.Diff(test.want, got, within(time.Nanosecond)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func within(d time.Duration) cmp.Option {
	return cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() <= d })
}

func TestScheduleOfAnHour(t *testing.T) {
	s := oneGroup(load(constant(500, time.Hour)))
	s.Groups = []scenario.Group{
		{Name: "a", IDs: []string{"a0", "a1", "a2"}, Weight: 3},
		{Name: "b", IDs: []string{"b0"}, Weight: 1},
	}
	users := map[string]int{}
	n := uint64(0)
	for a := range schedule.New(s).All() {
		if a.Index != n {
			t.Fatalf("arrival %d has index %d", n, a.Index)
		}
		if want := time.Duration(n) * 2 * ms; (a.At - want).Abs() > 1 {
			t.Fatalf("arrival %d is due at %v, want %v", n, a.At, want)
		}
		users[a.User.ID]++
		n++
	}
	if n != 1_800_000 {
		t.Errorf("%d arrivals, want 1,800,000", n)
	}
	if diff := cmp.Diff(map[string]int{"a0": 450_000, "a1": 450_000, "a2": 450_000, "b0": 450_000},
		users); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkScheduleOfAnHour(b *testing.B) {
	for b.Loop() {
		for range schedule.New(oneGroup(load(constant(500, time.Hour)))).All() {
		}
	}
}

func TestScheduleIsTheSameOnEveryReading(t *testing.T) {
	s := oneGroup(load(constant(50, 10*time.Second), scenario.Stage{From: 50, To: 100,
		Duration: 5 * time.Second}))
	s.Load.Arrivals, s.Load.Warmup = scenario.Poisson, time.Second
	first := slices.Collect(schedule.New(s).All())
	sch := schedule.New(s)
	if diff := cmp.Diff(first, slices.Collect(sch.All())); diff != "" {
		t.Error(diff)
	}
	if uint64(len(first)) != sch.Count() {
		t.Errorf("%d arrivals, Count says %d", len(first), sch.Count())
	}
	s.Load.Seed = 2
	if slices.Equal(first, slices.Collect(schedule.New(s).All())) {
		t.Error("another seed gives the same schedule")
	}
}

func TestScheduleIsMonotoneWithinTheRunAndCounts(t *testing.T) {
	loads := map[string]scenario.Load{
		"odd rates": load(constant(0.1, 10*time.Second), constant(90.0/60, 7*time.Second),
			constant(1.0/3, 9*time.Second)),
		"ramps": load(scenario.Stage{From: 0, To: 37, Duration: 11 * time.Second},
			scenario.Stage{From: 37, To: 3, Duration: 5 * time.Second}),
		"ramp pause": load(scenario.Stage{From: 10, To: 0, Duration: 3 * time.Second},
			constant(0, 2*time.Second), scenario.Stage{From: 0, To: 10, Duration: 3 * time.Second}),
		"split": load(slices.Repeat([]scenario.Stage{constant(7.7, 130*ms)}, 100)...),
	}
	for name, l := range loads {
		for _, process := range []scenario.Arrivals{scenario.Uniform, scenario.Poisson} {
			l.Arrivals = process
			s := oneGroup(l)
			sch := schedule.New(s)
			at := arrivalTimes(s)
			if !slices.IsSorted(at) || at[0] < 0 || at[len(at)-1] > sch.End() {
				t.Errorf("%s, %s: the arrivals are out of order or out of the run", name, process)
			}
			total := 0.0
			for _, st := range l.Stages {
				total += float64(st.From+st.To) / 2 * st.Duration.Seconds()
			}
			if want := int(math.Floor(total + 1e-6)); process == scenario.Uniform && len(at) != want {
				t.Errorf("%s: %d arrivals, want %d", name, len(at), want)
			}
		}
	}
}

// However a ramp is cut into stages, its arrivals stay where they are.
func TestRampsSplit(t *testing.T) {
	whole := load(scenario.Stage{From: 5, To: 105, Duration: 10 * time.Second})
	split := load(scenario.Stage{From: 5, To: 35, Duration: 3 * time.Second},
		scenario.Stage{From: 35, To: 42, Duration: 700 * ms}, scenario.Stage{From: 42, To: 105,
			Duration: 6300 * ms})
	if diff := cmp.Diff(arrivalTimes(oneGroup(whole)), arrivalTimes(oneGroup(split)),
		within(10)); diff != "" {
		t.Error(diff)
	}
}

func TestWarmupComesBeforeTheFirstStage(t *testing.T) {
	s := oneGroup(load(constant(2, time.Second), constant(4, time.Second)))
	s.Load.Warmup = 1500 * ms
	var warmup, judged []time.Duration
	for a := range schedule.New(s).All() {
		if a.Warmup {
			warmup = append(warmup, a.At)
		} else {
			judged = append(judged, a.At)
		}
	}
	if diff := cmp.Diff([]time.Duration{0, 500 * ms, 1000 * ms}, warmup); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]time.Duration{1500 * ms, 2000 * ms, 2500 * ms, 2750 * ms, 3000 * ms, 3250 * ms},
		judged); diff != "" {
		t.Error(diff)
	}
}

// The gaps of poisson arrivals follow the exponential distribution: the largest
// distance between both distribution functions (Kolmogorov-Smirnov) stays
// below the limit that chance exceeds once in a thousand.
func TestPoissonGaps(t *testing.T) {
	l := load(constant(100, 1000*time.Second))
	l.Arrivals = scenario.Poisson
	at := arrivalTimes(oneGroup(l))
	gaps := make([]float64, len(at)-1)
	for i := range gaps {
		gaps[i] = (at[i+1] - at[i]).Seconds()
	}
	slices.Sort(gaps)
	n, distance := float64(len(gaps)), 0.0
	for i, g := range gaps {
		f := 1 - math.Exp(-100*g)
		distance = max(distance, math.Abs(f-float64(i)/n), math.Abs(f-float64(i+1)/n))
	}
	if limit := 1.95 / math.Sqrt(n); distance > limit {
		t.Errorf("distance %.4f, limit %.4f", distance, limit)
	}
	if math.Abs(n-100_000) > 4*math.Sqrt(100_000) {
		t.Errorf("%.0f arrivals, want about 100,000", n)
	}
}
