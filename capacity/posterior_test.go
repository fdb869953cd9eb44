package capacity

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func tried(rate, broken float64, length time.Duration) *Trial {
	return &Trial{TrialSpec: TrialSpec{Rate: rate, Length: length}, At: rate, Broken: broken}
}

// Four trials that say "rather not" each are no certainty, while two that are
// sure are surer together; a long one outweighs a short one that contradicts it.
func TestPool(t *testing.T) {
	for _, c := range []struct {
		name       string
		trials     []*Trial
		least, top float64 // probability that the rate is too high
	}{
		{"one", []*Trial{tried(100, 0.05, time.Minute)}, 0.0499, 0.0501},
		{"four rather not", []*Trial{tried(100, 0.25, time.Minute), tried(100, 0.25, time.Minute),
			tried(100, 0.25, time.Minute), tried(100, 0.25, time.Minute)}, 0.08, 0.1},
		{"two that are sure", []*Trial{tried(100, 0.95, time.Minute), tried(100, 0.95, time.Minute)}, 0.985,
			0.995},
		{"one that counts for nothing", []*Trial{tried(100, 0.05, time.Minute), tried(100, 0.5, time.Hour)},
			0.0499, 0.0501},
		{"a contradiction", []*Trial{tried(100, 0.05, time.Minute), tried(100, 0.95, time.Minute)}, 0.499,
			0.501},
		{"a long one", []*Trial{tried(100, 0.05, 9*time.Minute), tried(100, 0.95, time.Minute)}, 0.1, 0.2},
	} {
		looks := poolByRate(c.trials)
		if len(looks) != 1 || looks[0].rate != 100 {
			t.Errorf("%s: %v", c.name, looks)
			continue
		}
		if p := probability(looks[0].odds); p < c.least || p > c.top {
			t.Errorf("%s: too high with %.4f, want %v to %v", c.name, p, c.least, c.top)
		}
	}
}

// Rates are kept apart and in order, and what a limiter refused stays finite.
func TestPoolByRate(t *testing.T) {
	looks := poolByRate([]*Trial{tried(200, probability(4*oddsMax), time.Minute), tried(100, 0.05,
		time.Minute), tried(200, probability(4*oddsMax), time.Minute)})
	if len(looks) != 2 || looks[0].rate != 100 || looks[1].rate != 200 || math.IsInf(looks[1].odds, 0) ||
		looks[1].odds < oddsMax {
		t.Errorf("%v", looks)
	}
}

// Trials in which the time of a limit varies find the rate at which the requests of all of them together meet
// it, and not the one at which most trials do.
func TestLineIsOfAllTrialsTogether(t *testing.T) {
	const deviation, tail, seconds, slope = 0.3, 3, 120.0, 8
	random := rand.New(rand.NewPCG(1, 1))
	var l crossingLine
	for range 2000 {
		rate := 95 + 10*random.Float64()
		inverse := 1 - slope*(rate/100-1) // of the time that the allowed share of all requests is above
		own := math.Exp(tail*deviation*deviation/2 - deviation*random.NormFloat64())
		l.points = append(l.points, linePoint{rate: rate, seconds: seconds, inverse: inverse * own,
			noise: deviation * deviation * seconds, tail: tail})
	}
	if !l.fit() || math.Abs(l.crossing-100) > 0.3 {
		t.Errorf("the line crosses at %v, want 100", l.crossing)
	}
}

// What is sent until a service is back from an overload does not bring it to its limit again while it is
// still slow, and each rate has the response time that the service had there.
func TestRecoveryStaysBelowWhatHeld(t *testing.T) {
	s := &search{found: &SearchResult{}}
	for rate, p50 := range map[float64]float64{10: 14, 20: 14, 40: 15, 80: 25} {
		trial := tried(rate, 0.05, time.Minute)
		trial.Verdict, trial.Figures.Response.P50 = Pass, p50
		s.found.Trials = append(s.found.Trials, trial)
	}
	overload := tried(160, 0.95, time.Minute)
	overload.Verdict, overload.Overloaded = Break, true
	s.found.Trials = append(s.found.Trials, overload)
	r := s.recovery(time.Hour)
	for i, want := range []struct{ rate, median float64 }{{8, 0.014}, {40, 0.015}, {64, 0.021}} {
		if len(r.Rates) != 3 || math.Abs(r.Rates[i]-want.rate) > 1e-9 ||
			math.Abs(r.Medians[i]-want.median) > 1e-9 {
			t.Fatalf("%v at %v", r.Rates, r.Medians)
		}
	}
}
