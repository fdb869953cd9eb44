package schedule_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"mfaload/runner/schedule"
	"mfaload/scenario"
)

func wave(low, high scenario.Rate, period, crest, d time.Duration) scenario.Stage {
	return scenario.Stage{Wave: &scenario.Wave{Low: low, High: high, Period: period, Crest: crest},
		Duration: d}
}

func TestKindsOfStages(t *testing.T) {
	seconds := func(all ...float64) (at []time.Duration) {
		for _, s := range all {
			at = append(at, time.Duration(math.Round(s*1e9)))
		}
		return at
	}
	repeated := load(constant(1, 2*time.Second), constant(0, time.Second))
	repeated.Repeat = 2
	exactly := load(constant(2, time.Second), constant(0, time.Second))
	exactly.Requests, exactly.Repeat = 3, 2
	capped := load(constant(2, time.Hour))
	capped.Warmup, capped.MaxRequests = time.Second, 4
	for _, test := range []struct {
		name string
		load scenario.Load
		want []time.Duration
		end  time.Duration
	}{
		{"steps", load(scenario.Stage{From: 1, To: 4, Steps: 3, Duration: 3 * time.Second}),
			seconds(0, 1, 1.4, 1.8, 2.125, 2.375, 2.625), 3 * time.Second}, // 1/s, 2.5/s, 4/s
		{"spike", load(scenario.Stage{From: 1, To: 1, Spike: &scenario.Spike{Rate: 4, At: 2 * time.Second,
			For: 500 * ms}, Duration: 4 * time.Second}),
			seconds(0, 1, 2, 2.25, 2.5), 4 * time.Second},
		{"spike at the start", load(scenario.Stage{Spike: &scenario.Spike{Rate: 4, For: 500 * ms},
			Duration: time.Second}),
			seconds(0, 0.25), time.Second},
		// R(t) = 2t − sin(πt/2)·4/π, solved by bisection elsewhere.
		{"sine from its lowest rate", load(wave(0, 4, 4*time.Second, 2*time.Second, 2*time.Second)),
			seconds(0, 1.124487151, 1.470516209, 1.746684055), 2 * time.Second},
		{"profile", load(recorded(false, 0.1, 0, 0.2)), seconds(0, 20, 25), 30 * time.Second},
		{"profile of lines", load(recorded(true, 0, 0.4, 0)), seconds(0, 7.071067812, 10, 12.928932188),
			20 * time.Second},
		{"repeat", repeated, seconds(0, 1, 3, 4), 6 * time.Second},
		{"requests of a stage", load(scenario.Stage{From: 3, To: 3, Requests: 4, Duration: 1333333334},
			constant(1, time.Second)),
			seconds(0, 1.0/3, 2.0/3, 1, 4.0/3), 2333333334},
		{"requests of the load", exactly, seconds(0, 0.5, 2), 2500 * ms},
		{"cap", capped, seconds(0, 0.5, 1, 1.5), 2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := oneGroup(test.load)
			if diff := cmp.Diff(test.want, arrivalTimes(s), within(2)); diff != "" {
				t.Error(diff)
			}
			sch := schedule.New(s)
			if end := sch.End(); (end - test.end).Abs() > 1 {
				t.Errorf("it ends at %v, want %v", end, test.end)
			}
			if n := sch.Count(); n != uint64(len(test.want)) {
				t.Errorf("it counts %d", n)
			}
		})
	}
}

// upto is the integral of the stages' rates, added up in thin slices: an
// oracle that knows no formula but that of the rate.
func upto(stages []scenario.Stage, t float64) (sum float64) {
	for i := range stages {
		st := &stages[i]
		length := min(t, st.Duration.Seconds())
		for j := range st.Pieces() {
			p := st.Piece(j)
			if d := min(length-p.Start, p.Length); d > 0 {
				const slices = 1000
				for k := range slices {
					sum += p.Rate((float64(k)+0.5)/slices*d) * d / slices
				}
			}
		}
		if t -= length; t <= 0 {
			break
		}
	}
	return sum
}

// anyStage makes a stage of any kind from a source of chance.
func anyStage(r *rand.Rand) scenario.Stage {
	pick := func(least, most float64) float64 { return least + r.Float64()*(most-least) }
	d := time.Duration(pick(0.01, 60) * 1e9)
	a, b := scenario.Rate(pick(0, 50)), scenario.Rate(pick(0, 50))
	switch r.IntN(8) {
	case 0:
		return constant(a, d)
	case 1:
		return ramp(a, b, d)
	case 2:
		return ramp(0, b, d)
	case 3:
		return scenario.Stage{From: a, To: b, Steps: 2 + r.IntN(9), Duration: d}
	case 4:
		return scenario.Stage{From: a, To: a, Spike: &scenario.Spike{Rate: b, At: d / 4, For: d / 3},
			Duration: d}
	case 5:
		return constant(0, d)
	case 6:
		return wave(min(a, b)*scenario.Rate(r.IntN(2)), max(a, b), time.Duration(pick(1, 30)*1e9),
			time.Duration(pick(0, 20)*1e9), d)
	}
	return recorded(r.IntN(2) == 0, a, 0, b, 7)
}

// checkSchedule holds a schedule to what is true of every one.
func checkSchedule(t *testing.T, s *scenario.Scenario) {
	t.Helper()
	sch := schedule.New(s)
	all := slices.Collect(sch.All())
	if uint64(len(all)) != sch.Count() {
		t.Fatalf("%d arrivals, Count says %d", len(all), sch.Count())
	}
	last := time.Duration(0)
	for i, a := range all {
		if a.Index != uint64(i) || a.At < last || a.At > sch.End() {
			t.Fatalf("arrival %d: index %d, at %v after %v, end %v", i, a.Index, a.At, last, sch.End())
		}
		last = a.At
	}
	// Shards only filter: what three machines send is what one would.
	var union []schedule.Arrival
	for shard := range uint64(3) {
		for a := range sch.All() {
			if a.Index%3 == shard {
				union = append(union, a)
			}
		}
	}
	slices.SortStableFunc(union, func(a, b schedule.Arrival) int { return int(a.Index) - int(b.Index) })
	if !slices.Equal(all, union) {
		t.Fatal("the shards' union is not the whole")
	}
}

// However stages are put together, the k-th request of a uniform load is due
// when the integral of the rate reaches k, and there are as many as that has
// whole numbers.
func TestArrivalsFollowTheIntegral(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		var stages []scenario.Stage
		for range 1 + r.IntN(4) {
			stages = append(stages, anyStage(r))
		}
		s := oneGroup(load(stages...))
		checkSchedule(t, s)
		at := arrivalTimes(s)
		total := upto(stages, 1e9)
		if math.Abs(float64(len(at))-math.Floor(total)) > 1 || math.Abs(total-math.Round(total)) > 0.05 &&
			float64(len(at)) != math.Floor(total) {
			t.Fatalf("%d arrivals of %.3f: %v", len(at), total, stages)
		}
		for k := 0; k < len(at); k += 1 + len(at)/15 {
			if got := upto(stages, at[k].Seconds()); math.Abs(got-float64(k)) > 0.05 {
				t.Fatalf("arrival %d is due when the integral is %.4f: %v", k, got, stages)
			}
		}
	}
}

// However a ramp, a constant rate or a wave is cut in two, at the same times
// the same requests are due: to a nanosecond, or what a ten thousandth of a
// request takes where the rate is so low that rounding moves it further.
func TestAnySplitIsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 120 {
		d := time.Duration(1e9 + r.Int64N(1000e9))
		cut := time.Duration(1 + r.Int64N(int64(d)-1))
		a, b := r.Float64()*40, r.Float64()*40*float64(r.IntN(2))
		if r.IntN(2) == 0 {
			a, b = b, a
		}
		middle := a + (b-a)*cut.Seconds()/d.Seconds()
		whole, split := ramp(scenario.Rate(a), scenario.Rate(b), d), []scenario.Stage{
			ramp(scenario.Rate(a), scenario.Rate(middle), cut),
			ramp(scenario.Rate(middle), scenario.Rate(b), d-cut)}
		if r.IntN(3) == 0 {
			period := time.Minute + time.Duration(r.Int64N(3600e9))
			whole = wave(scenario.Rate(min(a, b)), scenario.Rate(max(a, b)), period, period/3, d)
			// The second half starts somewhere in the wave: its crest is that of a later turn.
			crest := ((period/3-cut)%period + period) % period
			split = []scenario.Stage{wave(whole.Wave.Low, whole.Wave.High, period, period/3, cut),
				wave(whole.Wave.Low, whole.Wave.High, period, crest, d-cut)}
		}
		one, two := arrivalTimes(oneGroup(load(whole))), arrivalTimes(oneGroup(load(split...)))
		if len(one)-len(two) > 1 || len(two)-len(one) > 1 {
			t.Fatalf("%d arrivals whole, %d split", len(one), len(two))
		}
		sch := schedule.New(oneGroup(load(whole)))
		for k := range min(len(one), len(two)) {
			late := (one[k] - two[k]).Abs()
			if late <= 2 {
				continue
			}
			if requests := late.Seconds() * sch.Rate(min(one[k], two[k])); requests > 1e-4 {
				t.Fatalf("arrival %d: %v whole, %v split: %.6f requests", k, one[k], two[k], requests)
			}
		}
	}
}

// The arithmetic of a constant stage is that of a rate limiter's reservations.
func TestConstantStagesAreARateLimiter(t *testing.T) {
	for _, perSecond := range []float64{0.1, 1.0 / 3, 7.7, 999, 20_000} {
		l := load(constant(scenario.Rate(perSecond), time.Duration(5000/perSecond*1e9)))
		start := time.Unix(0, 0)
		limiter := rate.NewLimiter(rate.Limit(perSecond), 1)
		for i, at := range arrivalTimes(oneGroup(l)) {
			if want := limiter.ReserveN(start, 1).DelayFrom(start); (at - want).Abs() > 1 {
				t.Fatalf("%v/s: arrival %d is due at %v, the limiter says %v", perSecond, i, at, want)
			}
		}
	}
}

// With a number of requests a poisson load has exactly as many, and they still
// lie at random over the whole of it.
func TestPoissonWithANumberOfRequests(t *testing.T) {
	l := load(ramp(0, 200, 100*time.Second))
	l.Arrivals, l.Requests = scenario.Poisson, 10_000
	s := oneGroup(l)
	checkSchedule(t, s)
	at := arrivalTimes(s)
	if len(at) != 10_000 {
		t.Fatalf("%d arrivals", len(at))
	}
	// The share of R up to an arrival is uniform between 0 and 1.
	distance := 0.0
	for i, a := range at {
		f := math.Pow(a.Seconds()/100, 2)
		distance = max(distance, math.Abs(f-float64(i)/1e4), math.Abs(f-float64(i+1)/1e4))
	}
	if limit := 1.95 / 100; distance > limit || distance < 0.001 {
		t.Errorf("distance %.4f, limit %.4f", distance, limit)
	}
	l.Requests, l.MaxRequests = 0, 17
	capped := oneGroup(l)
	checkSchedule(t, capped)
	l.MaxRequests = 18
	if n, end := len(arrivalTimes(capped)), schedule.New(capped).End(); n != 17 ||
		end != arrivalTimes(oneGroup(l))[17] {
		t.Errorf("%d arrivals up to %v", n, end)
	}
}

// The gaps of a poisson load are exponential in R whatever the rate does.
func TestPoissonGapsFollowTheRate(t *testing.T) {
	stages := []scenario.Stage{wave(20, 180, 100*time.Second, 0, 500*time.Second),
		recorded(true, 10, 200, 100, 40)}
	l := load(stages...)
	l.Arrivals = scenario.Poisson
	var gaps []float64
	before := 0.0
	for _, at := range arrivalTimes(oneGroup(l)) {
		r := 0.0
		if t := at.Seconds(); t < 500 {
			r = stages[0].Upto(t)
		} else {
			r = stages[0].Total() + stages[1].Upto(t-500)
		}
		gaps, before = append(gaps, r-before), r
	}
	slices.Sort(gaps)
	n, distance := float64(len(gaps)), 0.0
	for i, g := range gaps {
		f := 1 - math.Exp(-g)
		distance = max(distance, math.Abs(f-float64(i)/n), math.Abs(f-float64(i+1)/n))
	}
	if limit := 1.95 / math.Sqrt(n); distance > limit || n < 50_000 {
		t.Errorf("%.0f gaps, distance %.4f, limit %.4f", n, distance, limit)
	}
}

func TestRateAndPlace(t *testing.T) {
	l := load(constant(10, 10*time.Second), ramp(10, 30, 10*time.Second))
	l.Stages[1].Name = "up"
	l.Warmup, l.Repeat = 5*time.Second, 2
	sch := schedule.New(oneGroup(l))
	for _, test := range []struct {
		at    time.Duration
		rate  float64
		place schedule.Place
	}{
		{0, 10, schedule.Place{Warmup: true, Name: "warm-up"}},
		{5 * time.Second, 10, schedule.Place{Stage: 1, Stages: 2, Cycle: 1, Cycles: 2, Name: "10/s"}},
		{20 * time.Second, 20, schedule.Place{Stage: 2, Stages: 2, Cycle: 1, Cycles: 2, Name: "up"}},
		{25 * time.Second, 10, schedule.Place{Stage: 1, Stages: 2, Cycle: 2, Cycles: 2, Name: "10/s"}},
		{42500 * ms, 25, schedule.Place{Stage: 2, Stages: 2, Cycle: 2, Cycles: 2, Name: "up"}},
		{45 * time.Second, 0, schedule.Place{}},
	} {
		place, _ := sch.Place(test.at)
		if diff := cmp.Diff(test.place, place); diff != "" {
			t.Errorf("%v: %s", test.at, diff)
		}
		if rate := sch.Rate(test.at); math.Abs(rate-test.rate) > 1e-9 {
			t.Errorf("%v: %v/s, want %v/s", test.at, rate, test.rate)
		}
	}
	if sch.Peak() != 30 {
		t.Errorf("the peak is %v", sch.Peak())
	}
}

// FuzzSchedule builds loads from numbers and holds their schedules to what is
// true of every one.
func FuzzSchedule(f *testing.F) {
	f.Add(uint64(1), uint64(0), uint8(1), uint16(0), uint16(0), false)
	f.Add(uint64(2), uint64(9), uint8(3), uint16(40), uint16(0), true)
	f.Add(uint64(3), uint64(5), uint8(2), uint16(0), uint16(25), false)
	f.Fuzz(func(t *testing.T, a, b uint64, repeat uint8, requests, most uint16, poisson bool) {
		r := rand.New(rand.NewPCG(a, b))
		l := load(anyStage(r), anyStage(r), constant(5, time.Second))
		l.Repeat, l.MaxRequests = int(repeat%5), uint64(most)
		if l.Warmup = time.Duration(r.IntN(3)) * time.Second; l.Stages[0].Begins() == 0 {
			l.Warmup = 0
		}
		if requests > 0 {
			l.Requests, l.Repeat = uint64(requests%1000), 1000
		}
		if poisson {
			l.Arrivals = scenario.Poisson
		}
		s := oneGroup(l)
		checkSchedule(t, s)
		if n := schedule.New(s).Count(); l.MaxRequests > 0 && n > l.MaxRequests || l.Requests > 0 &&
			l.MaxRequests == 0 && l.Warmup == 0 && n != l.Requests {
			t.Fatalf("%d arrivals of %d, at most %d", n, l.Requests, l.MaxRequests)
		}
	})
}

func BenchmarkScheduleOfADay(b *testing.B) {
	for _, stage := range []scenario.Stage{constant(50, 24*time.Hour), ramp(0, 100, 24*time.Hour),
		wave(0, 100, 24*time.Hour, 12*time.Hour, 24*time.Hour)} {
		b.Run(stage.String(), func(b *testing.B) {
			for b.Loop() {
				for range schedule.New(oneGroup(load(stage))).All() {
				}
			}
		})
	}
}

func TestMeanRate(t *testing.T) {
	s := schedule.New(oneGroup(load(constant(10, 2*time.Second), scenario.Stage{From: 10, To: 30,
		Duration: 2 * time.Second}, constant(0, time.Second))))
	for _, test := range []struct {
		from, to time.Duration
		want     float64
	}{
		{0, time.Second, 10}, {2 * time.Second, 4 * time.Second, 20}, {time.Second, 3 * time.Second, 12.5},
		{4 * time.Second, 5 * time.Second, 0}, {4 * time.Second, 9 * time.Second, 0},
		{time.Second, time.Second, 0},
	} {
		if got := s.MeanRate(test.from, test.to); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("from %v to %v: %v, want %v", test.from, test.to, got, test.want)
		}
	}
}
