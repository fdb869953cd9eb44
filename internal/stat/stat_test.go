package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestHolm(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		near(t, "corrected", got[i], want, 1e-12)
	}
}

func TestRankTest(t *testing.T) {
	// Four runs a side, all of one above all of the other: 2 of 70 ways to deal.
	apart := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	mixed := []float64{1, 8, 3, 6, 2, 7, 4, 5}
	p, corrected := MannWhitney([][]float64{apart, mixed, {9, 10, 11, 12, 13, 14, 15, 16}}, 4)
	near(t, "p apart", p[0], 2.0/70, 1e-12)
	near(t, "p mixed", p[1], 1, 1e-12)
	// Figures that go together need no correction for their number.
	near(t, "corrected", corrected[0], 2.0/70, 0.03)
	if corrected[0] < p[0] || corrected[0] >= 0.06 || corrected[1] != 1 {
		t.Errorf("corrected = %v", corrected)
	}
	// Mann and Whitney's table: 5 against 5, two-sided 5 %: U at most 2.
	if c := cutOff(5, 5, 0.025); c != 2 {
		t.Errorf("5 against 5 cut off %d differences, want 2", c)
	}
	if c := cutOff(10, 10, 0.025); c != 23 {
		t.Errorf("10 against 10 cut off %d differences, want 23", c)
	}
	shift, low, high := HodgesLehmann([]float64{1, 2, 3, 4}, []float64{11, 12, 13, 14}, 0.95)
	if shift != 10 || low != 7 || high != 13 {
		t.Errorf("shift %v from %v to %v, want 10 from 7 to 13", shift, low, high)
	}
}

func TestDealsAreEveryWayOnce(t *testing.T) {
	n, first := 0, true
	for chosen := range deals(6, 3) {
		if first && !(chosen[0] && chosen[1] && chosen[2]) {
			t.Error("the first deal is not the real one")
		}
		n, first = n+1, false
	}
	if n != 20 {
		t.Errorf("%d ways to choose 3 of 6, want 20", n)
	}
}

func autoregressive(n int, phi float64, seed uint64) []float64 {
	random := rand.New(rand.NewPCG(seed, 1))
	x := make([]float64, n)
	for i := range x {
		x[i] = random.NormFloat64()
		if i > 0 {
			x[i] += phi * x[i-1]
		}
	}
	return x
}

// What is known of an autoregression: the best block for 3,000 values with a
// coefficient of 0.8 is some 45 long, and the long-run variance is 25.
func TestBlocksOfAnAutoregression(t *testing.T) {
	var length, white, long float64
	const n = 40
	for i := range uint64(n) {
		x := autoregressive(3000, 0.8, i)
		length += float64(BlockLength(x)) / n
		white += float64(BlockLength(autoregressive(3000, 0, i))) / n
		long += LongRunVariance(x) / n
	}
	near(t, "block length", length, 45, 12)
	near(t, "block length of noise", white, 3, 3)
	near(t, "long-run variance", long, 25, 2)
	if BlockLength([]float64{1, 1, 1, 1, 1, 1}) != 1 || LongRunVariance([]float64{2, 2, 2, 2, 2}) != 0 {
		t.Error("what never changes hangs together")
	}
}

func TestChangePoints(t *testing.T) {
	random := func() *rand.Rand { return rand.New(rand.NewPCG(5, 6)) }
	var x []float64
	r := random()
	for i := range 40 {
		level := 0.0
		if i >= 12 {
			level = 3
		}
		if i >= 25 {
			level = -2
		}
		x = append(x, level+r.NormFloat64()/2)
	}
	found := ChangePoints(x, 0.05, 499, random())
	if len(found) != 2 || found[0].At != 12 || found[1].At != 25 {
		t.Errorf("found %v, want changes at 12 and 25", found)
	}
	called := 0
	for i := range uint64(60) {
		if len(ChangePoints(autoregressive(20, 0, i), 0.05, 99, random())) > 0 {
			called++
		}
	}
	if called > 9 {
		t.Errorf("of 60 series of noise, %d change", called)
	}
	if len(ChangePoints([]float64{1, 2, 3}, 0.05, 99, random())) != 0 {
		t.Error("three values change")
	}
}

// Permeability constants of Hollander and Wolfe (1973, p. 69), as in R's help of wilcox.test: W is 35,
// the one-sided p 0.1272. By hand: of the 50 differences the 25th and 26th are 0.30 and 0.31, and
// the interval cuts eight off at each end.
func TestMannWhitneyAgainstR(t *testing.T) {
	x := []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	y := []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	p, _ := MannWhitney([][]float64{append(append([]float64{}, x...), y...)}, len(x))
	near(t, "p", p[0], 2*0.1272, 1e-4)
	shift, low, high := HodgesLehmann(y, x, 0.95)
	near(t, "shift", shift, 0.305, 1e-9)
	near(t, "low", low, -0.15, 1e-9)
	near(t, "high", high, 0.76, 1e-9)
}

// The examples of Newcombe's papers of 1998: 81 of 263, and 48 of 80 against 56 of 70.
func TestProportionsAgainstNewcombe(t *testing.T) {
	z := NormalQuantile(0.025)
	low, high := wilson(81.0/263, 263, z)
	near(t, "Wilson's lower end", low, 0.2553, 5e-5)
	near(t, "Wilson's upper end", high, 0.3662, 5e-5)
	low, high = Difference(Proportion{48, 80}, Proportion{56, 70}, 0, z)
	near(t, "lower end", low, 0.0524, 5e-5)
	near(t, "upper end", high, 0.3339, 5e-5)
	if Excludes(3000) != 0.001 || ToExclude(0.001) != 3000 || ToExclude(0) != 0 || Excludes(0) != 1 {
		t.Error("the rule of three")
	}
}
