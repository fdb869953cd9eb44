package compare

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
	got := holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		near(t, "corrected", got[i], want, 1e-12)
	}
}

func TestRankTest(t *testing.T) {
	// Four runs a side, all of one above all of the other: 2 of 70 ways to deal.
	apart := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	mixed := []float64{1, 8, 3, 6, 2, 7, 4, 5}
	p, corrected := rankTests([][]float64{apart, mixed, {9, 10, 11, 12, 13, 14, 15, 16}}, 4)
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
	shift, low, high := shiftInterval([]float64{1, 2, 3, 4}, []float64{11, 12, 13, 14}, 0.95)
	if shift != 10 || low != 7 || high != 13 {
		t.Errorf("shift %v from %v to %v, want 10 from 7 to 13", shift, low, high)
	}
}

func TestSplitsDealEveryWayOnce(t *testing.T) {
	n, first := 0, true
	splits(6, 3, func(chosen []bool) {
		if first && !(chosen[0] && chosen[1] && chosen[2]) {
			t.Error("the first split is not the real one")
		}
		n, first = n+1, false
	})
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
		length += float64(blockLength(x)) / n
		white += float64(blockLength(autoregressive(3000, 0, i))) / n
		long += longRunVariance(x) / n
	}
	near(t, "block length", length, 45, 12)
	near(t, "block length of noise", white, 3, 3)
	near(t, "long-run variance", long, 25, 2)
	if blockLength([]float64{1, 1, 1, 1, 1, 1}) != 1 || longRunVariance([]float64{2, 2, 2, 2, 2}) != 0 {
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
	found := changePoints(x, 0.05, 499, random())
	if len(found) != 2 || found[0].at != 12 || found[1].at != 25 {
		t.Errorf("found %v, want changes at 12 and 25", found)
	}
	called := 0
	for i := range uint64(60) {
		if len(changePoints(autoregressive(20, 0, i), 0.05, 99, random())) > 0 {
			called++
		}
	}
	if called > 9 {
		t.Errorf("of 60 series of noise, %d change", called)
	}
	if len(changePoints([]float64{1, 2, 3}, 0.05, 99, random())) != 0 {
		t.Error("three values change")
	}
}
