package capacity

import (
	"math"
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
