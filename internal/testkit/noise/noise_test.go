package noise_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/internal/testkit/noise"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// Measurements are whole, and the same for the same seed.
func TestMeasurements(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	for _, name := range noise.Names() {
		s := noise.Find(name, 30)
		m, again := s.Run(seeded(1), start), s.Run(seeded(1), start)
		if err := m.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n, want := float64(m.Main.Sent()), (s.Rate+max(s.RateEnd, s.Rate))/2*30; math.Abs(n/want-1) > 0.1 {
			t.Errorf("%s: %v requests, want %v", name, n, want)
		}
		x, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if y, err := again.Encode(); err != nil || string(x) != string(y) {
			t.Errorf("%s: the same seed gives another measurement: %v", name, err)
		}
	}
}

// The percentiles of requests that are independent are those of the log-normal distribution.
func TestPercentiles(t *testing.T) {
	m := noise.Find("a", 600).Run(seeded(2), time.Unix(0, 0))
	for p, z := range map[float64]float64{50: 0, 95: 1.6449, 99: 2.3263} {
		w := m.Main.Waits(-1, true)
		got, want := w.Percentile(p).Time.Seconds(), 0.040*math.Exp(0.4*z)
		if math.Abs(got/want-1) > 0.03 {
			t.Errorf("p%g: %v s, want %v", p, got, want)
		}
	}
}
