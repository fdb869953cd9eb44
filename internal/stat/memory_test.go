package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Intervals of the mean hold what they claim, of series with noise of a known variance and a
// level with a memory, and are not much wider than they have to be.
func TestMeanErrorHolds(t *testing.T) {
	const noise, level, runs = 0.0078, 0.0025, 100
	for _, c := range []struct {
		n                  int
		correlation        float64
		sampling           float64
		heldMin, widestMax float64 // of 1; in widths of the true error
	}{
		{120, 0, noise, 0.93, 1.4}, {120, 0.5, noise, 0.93, 1.4}, {300, 0, noise, 0.91, 1.2},
		{300, 0.8, noise, 0.9, 1.3}, {300, 0.95, noise, 0.84, 1.2}, {600, 0.95, noise, 0.9, 1.2},
		{300, 0, 0, 0.91, 1.2}, {300, 0.9, 0, 0.87, 1.3},
	} {
		r := c.correlation
		truth := math.Sqrt((noise + level*(1+r)/(1-r)) / float64(c.n))
		held, width := 0, 0.0
		for i := range runs {
			random := rand.New(rand.NewPCG(uint64(c.n), uint64(i)))
			x, own := make([]float64, c.n), math.Sqrt(level)*random.NormFloat64()
			for k := range x {
				own = r*own + math.Sqrt(level*(1-r*r))*random.NormFloat64()
				x[k] = own + math.Sqrt(noise)*random.NormFloat64()
			}
			deviation, freedom := MeanError(x, c.sampling, 0)
			half := deviation * StudentQuantile(0.025, freedom)
			if math.Abs(Mean(x)) <= half {
				held++
			}
			width += half / (1.96 * truth) / runs
		}
		t.Logf("%d values, correlation %g, noise %g: held %.3f, width %.2f", c.n, r, c.sampling,
			float64(held)/runs, width)
		if float64(held) < c.heldMin*runs || width > c.widestMax {
			t.Errorf(
				"%d values, correlation %g, noise %g: held %d of %d, %.2f times as wide as the true error",
				c.n,
				r,
				c.sampling,
				held,
				runs,
				width,
			)
		}
	}
}

func TestMeanErrorOfNothing(t *testing.T) {
	for _, x := range [][]float64{nil, {1}, {1, 2}, {3, 3, 3, 3}} {
		if deviation, freedom := MeanError(x, 0, 0); !(deviation >= 0 && freedom > 0) ||
			math.IsInf(deviation, 0) {
			t.Error(x, deviation, freedom)
		}
	}
}
