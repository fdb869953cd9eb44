package stat

import (
	"math"
	"math/rand/v2"
	"slices"
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

// The example of Holm's correction by the other one; and tests that agree need no correction.
func TestHochberg(t *testing.T) {
	got := Hochberg([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.04, 0.04, 0.02} {
		near(t, "corrected", got[i], want, 1e-12)
	}
	if got := Hochberg([]float64{0.04, 0.05, 0.05}); !slices.Equal(got, []float64{0.05, 0.05, 0.05}) {
		t.Errorf("corrected %v", got)
	}
}

func TestPermutation(t *testing.T) {
	// Four runs a side, all of one above all of the other: 2 of 70 ways to deal.
	apart := [][]float64{{1, 2, 3, 4, 15, 16, 17, 18}}
	mixed := [][]float64{{1, 8, 3, 6, 2, 7, 4, 5}}
	constant := [][]float64{{3, 3, 3, 3, 3, 3, 3, 3}}
	// A noisy figure that some other deal divides perfectly.
	noisy := [][]float64{{10, 1, 2, 11, 12, 3, 4, 13}}
	p := NewPermutation([][][]float64{apart, mixed, constant, noisy, {mixed[0], apart[0]}}, 4)
	near(t, "p apart", p.P(0), 2.0/70, 1e-12)
	near(t, "p without spread", p.P(2), 1, 1e-12)
	near(t, "p of the series that moved most", p.P(4), 2.0/70, 1e-12)
	corrected := p.MaxT([]int{0, 1, 2, 3})
	near(t, "corrected", corrected[0], 2.0/70, 1e-12)
	if p.P(1) < 0.5 || corrected[1] < p.P(1) || corrected[2] != 1 || corrected[3] < p.P(3) ||
		len(p.MaxT(nil)) != 0 {
		t.Errorf("corrected = %v", corrected)
	}
	// By hand: means 2 and 5, variances 1 and 1, so that Student's statistic is 3/√(2/3).
	x := []float64{-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}
	near(t, "statistic", studentStatistic(x, 17.5, []bool{true, true, true, false, false, false}, 3),
		3/math.Sqrt(2.0/3), 1e-12)
}

// Of runs of the same service, one comparison in twenty calls a figure different at most.
func TestPermutationHoldsItsLevel(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 9))
	called := 0
	for range 400 {
		figures := make([][][]float64, 10)
		run := make([]float64, 8) // a part that all figures of a run have in common
		for j := range run {
			run[j] = random.NormFloat64()
		}
		for i := range figures {
			x := make([]float64, 8)
			for j := range x {
				x[j] = run[j] + math.Exp(random.NormFloat64())
			}
			figures[i] = [][]float64{x}
		}
		for _, p := range NewPermutation(figures, 4).MaxT([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			if p < 0.05 {
				called++
				break
			}
		}
	}
	if called > 24 {
		t.Errorf("%d of 400 alike are called different", called)
	}
}

// Clopper and Pearson's intervals as in R's binom.test: 0 of 200, 8 of 200, 200 of 200.
func TestExactIntervals(t *testing.T) {
	for _, test := range []struct{ count, of, low, high float64 }{
		{0, 200, 0, 0.0183}, {8, 200, 0.0174, 0.0773}, {200, 200, 0.9817, 1},
	} {
		low, high := Proportion{test.count, test.of}.Exact(0.95)
		near(t, "low", low, test.low, 5e-5)
		near(t, "high", high, test.high, 5e-5)
	}
}

func TestIntervalsByRanks(t *testing.T) {
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
// coefficient of 0.8 is about 45 long, and the long-run variance is 25.
func TestBlocksOfAnAutoregression(t *testing.T) {
	var length, white, long float64
	const n = 40
	for i := range uint64(n) {
		x := autoregressive(3000, 0.8, i)
		length += float64(BlockLength(x)) / n
		white += float64(BlockLength(autoregressive(3000, 0, i))) / n
		v, _ := LongRunVariance(x, 0)
		long += v / n
	}
	near(t, "block length", length, 45, 12)
	near(t, "block length of noise", white, 3, 3)
	near(t, "long-run variance", long, 25, 2)
	never, _ := LongRunVariance([]float64{2, 2, 2, 2, 2}, 0)
	if BlockLength([]float64{1, 1, 1, 1, 1, 1}) != 1 || never != 0 {
		t.Error("what never changes is correlated")
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

// Permeability constants of Hollander and Wolfe (1973, p. 69), as in R's help of wilcox.test. By hand:
// of the 50 differences the 25th and 26th are 0.30 and 0.31, and
// the interval cuts eight off at each end.
func TestHodgesLehmannAgainstR(t *testing.T) {
	x := []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	y := []float64{1.15, 0.88, 0.90, 0.74, 1.21}
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
	near(t, "excluded", math.Pow(1-Excludes(3000), 3000), 0.05, 1e-9)
	if x := Excludes(3000); x > 0.001 || x < 0.000998 || ToExclude(0.001) != 3000 || ToExclude(0) != 0 ||
		Excludes(0) != 1 {
		t.Error("the rule of three", x)
	}
}

// Norris' set of NIST's StRD is a line through 36 places whose certified values have 15
// digits. Three terms are held to a parabola that is exact.
func TestLeastSquares(t *testing.T) {
	x := []float64{0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5,
		666.9, 338.0, 447.5, 11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2, 999.0,
		779.0, 11.1, 118.3, 229.2, 669.1, 448.9, 0.5}
	y := []float64{0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1,
		668.8, 339.3, 448.9, 10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0, 998.5,
		778.9, 10.2, 117.6, 228.9, 668.4, 449.2, 0.2}
	var terms [][3]float64
	for _, v := range x {
		terms = append(terms, [3]float64{1, v, v * v})
	}
	f, ok := LeastSquares(terms, y, [3]bool{true, true})
	if !ok || f.Freedom != 34 || f.Coefficients[2] != 0 || f.Covariance[2][2] != 0 {
		t.Fatalf("%v: %+v", ok, f)
	}
	near(t, "intercept", f.Coefficients[0], -0.262323073774029, 1e-9)
	near(t, "slope", f.Coefficients[1], 1.00211681802045, 1e-12)
	near(t, "deviation of the intercept", math.Sqrt(f.Covariance[0][0]), 0.232818234301152, 1e-9)
	near(t, "deviation of the slope", math.Sqrt(f.Covariance[1][1]), 0.429796848199937e-03, 1e-12)
	near(t, "residual variance", f.Squares/f.Freedom, 0.782864662630069, 1e-9)
	for i, v := range x {
		y[i] = 3 - v/2 + v*v/400
	}
	f, ok = LeastSquares(terms, y, [3]bool{true, true, true})
	if !ok {
		t.Fatal("no parabola")
	}
	near(t, "constant", f.Coefficients[0], 3, 1e-8)
	near(t, "linear", f.Coefficients[1], -0.5, 1e-9)
	near(t, "quadratic", f.Coefficients[2], 1.0/400, 1e-11)
	near(t, "at 20", f.At([3]float64{1, 20, 400}), -6, 1e-8)
	near(t, "deviation at 20", f.DeviationAt([3]float64{1, 20, 400}), 0, 1e-8)
	for i := range terms {
		terms[i][2] = 2 * terms[i][1]
	}
	if f, ok = LeastSquares(terms, y, [3]bool{true, true, true}); ok {
		t.Errorf("terms that depend on each other: %+v", f)
	}
}

// By hand: of the ten pairs of 1, 3, 2, 5, 4 eight rise, and the median of their slopes is between
// 3/4 and 1.
func TestTrends(t *testing.T) {
	x := []float64{1, 3, 2, 5, 4}
	tau, p := MannKendall(x)
	near(t, "tau", tau, 0.6, 1e-12)
	near(t, "p", p, 2*NormalTail(5/math.Sqrt(5*4*15.0/18)), 1e-12)
	near(t, "slope", TheilSen(x), 0.875, 1e-12)
	slope, deviation := Slope([]float64{0, 1, 2, 3}, []float64{1, 3, 5, 7})
	near(t, "line", slope, 2, 1e-12)
	near(t, "its deviation", deviation, 0, 1e-11)
}

// The variance of a sum of independent values is that of a value times their number; of an
// autoregression it is larger by (1+φ)/(1−φ).
func TestSumVariance(t *testing.T) {
	var white, long float64
	for i := range uint64(40) {
		white += SumVariance(autoregressive(3000, 0, i)) / 3000 / 40
		long += SumVariance(autoregressive(3000, 0.5, i)) / 3000 / 40
	}
	near(t, "of noise", white, 1.5, 0.5) // the largest of eleven estimates
	near(t, "of an autoregression", long, 5, 1.5)
}

// None of 299 excludes a hundredth as surely as the signed root says.
func TestExcess(t *testing.T) {
	near(t, "as allowed", Excess(0.1, 1e9, 0.1), 0, 0.01)
	near(t, "above", Excess(0.11, 10_000, 0.1), 3.28, 0.05)
	if z := Excess(0, 299, 0.01); z > -1.6 || z < -2.2 {
		t.Errorf("none of 299: %v", z)
	}
}

// SteadyFrom leaves out what is above the rest, in whole batches, and says where that is not enough.
func TestSteadyFrom(t *testing.T) {
	series := func(level func(i int) float64) []float64 {
		random := rand.New(rand.NewPCG(3, 3))
		x := make([]float64, 200)
		for i := range x {
			x[i] = level(i) + 0.05*random.NormFloat64()
		}
		return x
	}
	step := func(at int) []float64 {
		return series(func(i int) float64 {
			if i < at {
				return 1
			}
			return 0
		})
	}
	for _, test := range []struct {
		name        string
		x           []float64
		first, last int
		ok          bool
	}{
		{"steady", step(0), 0, 0, true},
		{"a step at the end of a batch", step(20), 4, 5, true},
		{"a step within a batch", step(22), 5, 6, true},
		{"a step after the latest", step(60), 8, 8, false},
		{"a step after the middle", step(120), 8, 8, false},
		{"a rise", series(func(i int) float64 { return 0.001 * float64(i) }), 8, 8, false},
		{"a decay", series(func(i int) float64 { return math.Exp(-float64(i) / 5) }), 3, 5, true},
		{"all the same", make([]float64, 100), 0, 0, true},
	} {
		from, ok := SteadyFrom(test.x, 5, 8)
		if from < test.first || from > test.last || ok != test.ok {
			t.Errorf("%s: from batch %d on, %v; want %d to %d, %v", test.name, from, ok, test.first,
				test.last, test.ok)
		}
	}
	if rise := Rise(series(func(i int) float64 { return -0.001 * float64(i) })); math.Abs(rise+0.2) > 0.03 {
		t.Errorf("a fall of 0.2 is %g", rise)
	}
	if rise := Rise(series(func(i int) float64 { return 0.00002 * float64(i) })); rise != 0 {
		t.Errorf("a rise of 0.4 %% is %g", rise)
	}
}
