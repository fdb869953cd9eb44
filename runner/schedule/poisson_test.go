package schedule

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Any T(k), and any count, is the same whatever was computed before.
func TestSumsAreTheSameFromEverywhere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	once, again := newPoissonSums(7, 1), newPoissonSums(7, 1)
	for i := range 2000 {
		k := random.Uint64N(1 << (1 + i%42))
		at := once.at(k)
		if got := newPoissonSums(7, 1).at(k); got != at {
			t.Fatalf("T(%d) is %v and %v", k+1, at, got)
		}
		// Arrivals of one time count all or none.
		low, high := again.below(at), again.below(math.Nextafter(at, math.Inf(1)))
		if low > k || high <= k {
			t.Fatalf("before T(%d) there are %d, with it %d", k+1, low, high)
		}
		if next := once.at(k + 1); next < at {
			t.Fatalf("T(%d) is %v, T(%d) is %v", k+1, at, k+2, next)
		}
	}
	for _, other := range []*poissonSums{newPoissonSums(8, 1), newPoissonSums(7, 0)} {
		if other.at(0) == once.at(0) || other.at(1e12) == once.at(1e12) {
			t.Error("another seed, or another part, gives the same")
		}
	}
}

// Read one after another they are what they are by themselves, also across
// blocks.
func TestSumsInOrder(t *testing.T) {
	for _, first := range []uint64{0, 1<<20 - 700, 1<<32 - 300} {
		s, last := newPoissonSums(3, 1), 0.0
		for k := first; k < first+2000; k++ {
			at := s.at(k)
			if at < last || k%97 == 0 && newPoissonSums(3, 1).at(k) != at {
				t.Fatalf("T(%d) = %v after %v", k+1, at, last)
			}
			last = at
		}
	}
}

// Gaps are unit exponentials, independent of one another: within a block, across
// blocks, and over distances of any length.
func TestSumsAreThoseOfUnitExponentials(t *testing.T) {
	const n = 400_000
	s, gaps := newPoissonSums(11, 1), make([]float64, n)
	for k, last := uint64(0), 0.0; k < n; k++ {
		at := s.at(k)
		gaps[k], last = at-last, at
	}
	if d := farthest(gaps, func(x float64) float64 { return 1 - math.Exp(-x) }); d > 2.2/math.Sqrt(n) {
		t.Errorf("the gaps are off an exponential distribution by %v", d)
	}
	for _, lag := range []int{1, 2, blockSize - 1, blockSize, 2 * blockSize} {
		sum := 0.0
		for i := range n - lag {
			sum += (gaps[i] - 1) * (gaps[i+lag] - 1)
		}
		if r := sum / float64(n-lag); math.Abs(r) > 4.5/math.Sqrt(n) {
			t.Errorf("gaps %d apart are correlated: %v", lag, r)
		}
	}
	// The first of a block is as long as the others.
	var first []float64
	for i := 0; i < n; i += blockSize {
		first = append(first, gaps[i])
	}
	exponential := func(x float64) float64 { return 1 - math.Exp(-x) }
	if d := farthest(first, exponential); d > 2.2/math.Sqrt(float64(len(first))) {
		t.Errorf("the first gaps of blocks are off by %v", d)
	}
	// T(k) has mean k and variance k, over seeds; so has every stretch.
	const seeds = 4000
	for _, stretch := range [][2]uint64{{0, 10}, {0, 1000}, {250, 260}, {1 << 20, 1<<20 + 5000}, {0, 1 << 40},
		{1 << 40, 1<<40 + 1<<30}} {
		k, values := float64(stretch[1]-stretch[0]), make([]float64, seeds)
		for seed := range values {
			s, from := newPoissonSums(uint64(seed), 1), 0.0
			if stretch[0] > 0 {
				from = s.at(stretch[0] - 1)
			}
			values[seed] = (s.at(stretch[1]-1) - from - k) / math.Sqrt(k)
		}
		mean, square := 0.0, 0.0
		for _, v := range values {
			mean += v / seeds
			square += v * v / seeds
		}
		// The kurtosis of a gamma distribution is 3 + 6/k.
		if math.Abs(mean) > 4.5/math.Sqrt(seeds) || math.Abs(square-1) > 4.5*math.Sqrt((2+6/k)/seeds) {
			t.Errorf("%v: mean %v, variance %v of what it is to be", stretch, mean, square)
		}
	}
}

// Counts of a Poisson process have the mean and the variance of their length.
func TestSumsCount(t *testing.T) {
	const seeds = 4000
	for _, r := range []float64{3, 300, 1e6, 1.7e10} {
		mean, square := 0.0, 0.0
		for seed := range seeds {
			v := (float64(newPoissonSums(uint64(seed), 1).below(r)) - r) / math.Sqrt(r)
			mean += v / seeds
			square += v * v / seeds
		}
		if math.Abs(mean) > 4.5/math.Sqrt(seeds) || math.Abs(square-1) > 4.5*math.Sqrt((2+1/r)/seeds) {
			t.Errorf("%v: mean %v, variance %v of what it is to be", r, mean, square)
		}
	}
}

// farthest is how far values are off a distribution (Kolmogorov, Smirnov).
func farthest(values []float64, of func(float64) float64) (most float64) {
	sorted, n := slices.Sorted(slices.Values(values)), float64(len(values))
	for i, v := range sorted {
		p := of(v)
		most = max(most, p-float64(i)/n, float64(i+1)/n-p)
	}
	return most
}

func BenchmarkSums(b *testing.B) {
	s, k := newPoissonSums(1, 1), uint64(0)
	for b.Loop() {
		s.at(k)
		k++
	}
}

func BenchmarkSumsAnywhere(b *testing.B) {
	k := uint64(0)
	for b.Loop() {
		newPoissonSums(1, 1).at(k % 1_700_000_000_000)
		k += 1_234_567_891
	}
}
