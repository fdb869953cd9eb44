package stat

import (
	"math"
	"math/rand/v2"
	"slices"
)

// segmentMin is how many values there have to be on each side of a change: one
// alone may be an accident.
const segmentMin = 2

// ChangePoint is a place in a series where its distribution changes.
type ChangePoint struct {
	// At is the index of the first value that is different.
	At int
	// P is the probability of such a change by chance.
	P float64
}

// ChangePoints finds where the distribution of a series changes: the divisive
// method by energy distances of Matteson and James (2014). The best place to
// divide any segment is tested by shuffling within the segments; where it is
// significant, the search goes on in the segments that it makes.
func ChangePoints(x []float64, level float64, shuffles int, random *rand.Rand) []ChangePoint {
	var found []ChangePoint
	bounds := []int{0, len(x)}
	for {
		at, best := bestDivision(x, bounds)
		if at < 0 {
			return found
		}
		p := divisionProbability(x, bounds, best, shuffles, random)
		if p > level {
			return found
		}
		found = append(found, ChangePoint{at, p})
		slices.SortFunc(found, func(a, b ChangePoint) int { return a.At - b.At })
		i, _ := slices.BinarySearch(bounds, at)
		bounds = slices.Insert(bounds, i, at)
	}
}

// bestDivision is where to divide any of the segments between bounds so that
// its parts are farthest from each other; below 0 where none is long enough.
func bestDivision(x []float64, bounds []int) (at int, best float64) {
	at = -1
	for i := 1; i < len(bounds); i++ {
		if k, q := divide(x[bounds[i-1]:bounds[i]]); k > 0 && (at < 0 || q > best) {
			at, best = bounds[i-1]+k, q
		}
	}
	return at, best
}

// divide finds the division of x into two whose scaled energy distance is
// largest; 0 where x is too short.
func divide(x []float64) (at int, best float64) {
	n := len(x)
	// left and right are sums of distances within the parts, across between them.
	var left, right, across float64
	for i := range x {
		for _, y := range x[:i] {
			right += math.Abs(x[i] - y)
		}
	}
	for k := 1; k <= n-segmentMin; k++ {
		moved := x[k-1] // goes from the right to the left
		toLeft, toRight := 0.0, 0.0
		for _, y := range x[:k-1] {
			toLeft += math.Abs(moved - y)
		}
		for _, y := range x[k:] {
			toRight += math.Abs(moved - y)
		}
		left += toLeft
		right -= toRight
		across += toRight - toLeft
		if k < segmentMin {
			continue
		}
		a, b := float64(k), float64(n-k)
		energy := 2*across/(a*b) - left/(a*(a-1)/2) - right/(b*(b-1)/2)
		if q := a * b / (a + b) * energy; at == 0 || q > best {
			at, best = k, q
		}
	}
	return at, best
}

// divisionProbability is the share of shuffled series that can be divided as
// well. The series is among them.
func divisionProbability(x []float64, bounds []int, best float64, shuffles int, random *rand.Rand) float64 {
	as := 1
	y := slices.Clone(x)
	for range shuffles {
		for i := 1; i < len(bounds); i++ {
			segment := y[bounds[i-1]:bounds[i]]
			random.Shuffle(len(segment), func(a, b int) { segment[a], segment[b] = segment[b], segment[a] })
		}
		if _, q := bestDivision(y, bounds); q >= best*(1-1e-12) {
			as++
		}
	}
	return float64(as) / float64(shuffles+1)
}

// BatchesMin is how many batches tell a variance at least.
const BatchesMin = 6

// SumVariance is the variance of the sum of a series whose mean is 0, were it measured again and
// again: by the batch size that gives the largest, as neighbors in time resemble each other and
// nobody knows how far that reaches.
func SumVariance(x []float64) (largest float64) {
	for size := 1; size == 1 || len(x)/size >= BatchesMin; size *= 2 {
		squares, batches := 0.0, float64(len(x)/size)
		for i := 0; i+size <= len(x); i += size {
			sum := Sum(x[i : i+size])
			squares += sum * sum
		}
		if batches > 1 {
			covered := batches * float64(size) / float64(len(x))
			largest = max(largest, squares/covered*batches/(batches-1))
		}
	}
	return largest
}

// Slope is that of a straight line through y at x, and its standard deviation by [SumVariance].
// It takes values at two places at least.
func Slope(x, y []float64) (slope, deviation float64) {
	mx, my := Mean(x), Mean(y)
	xx, xy := 0.0, 0.0
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	slope = xy / xx
	scores := make([]float64, len(x))
	for i := range x {
		scores[i] = (x[i] - mx) * (y[i] - my - slope*(x[i]-mx))
	}
	return slope, max(math.Sqrt(SumVariance(scores))/xx, 1e-12)
}

// MannKendall is Kendall's rank correlation of a series with time, and the two-sided probability of
// one as large without a trend, by the normal approximation with a correction for continuity. Ties
// make the probability too large.
func MannKendall(x []float64) (tau, p float64) {
	n, score := float64(len(x)), 0.0
	for i := range x {
		for _, later := range x[i+1:] {
			switch {
			case later > x[i]:
				score++
			case later < x[i]:
				score--
			}
		}
	}
	deviation := math.Sqrt(n * (n - 1) * (2*n + 5) / 18)
	return score / (n * (n - 1) / 2), 2 * NormalTail(max(math.Abs(score)-1, 0)/deviation)
}

// TheilSen is the median slope of a series from place to place, of all its pairs: there is at least one.
func TheilSen(x []float64) float64 {
	var slopes []float64
	for i := range x {
		for j := i + 1; j < len(x); j++ {
			slopes = append(slopes, (x[j]-x[i])/float64(j-i))
		}
	}
	return Median(slopes)
}

// Peak is a heap of a density: its highest place, and where it begins and, exclusively, ends.
type Peak struct{ At, From, To int }

// valley is how much of the lower of two heaps a valley between them has at most.
const valley = 0.7

// Peaks smooths counts by a normal kernel with a bandwidth in places, and divides
// them at the valleys that are deep enough. There is at least one heap.
func Peaks(counts []float64, bandwidth int) []Peak {
	y := smooth(counts, bandwidth)
	all := []Peak{{}}
	lowest := 0 // since the last peak
	for i := range y {
		last := &all[len(all)-1]
		if y[i] < y[lowest] {
			lowest = i
		}
		switch {
		case y[i] > y[last.At] && y[lowest] > valley*y[last.At]:
			last.At, lowest = i, i // the same heap, higher up
		case y[lowest] <= valley*y[last.At] && y[lowest] <= valley*y[i]:
			last.To = lowest
			all = append(all, Peak{At: i, From: lowest})
			lowest = i
		}
	}
	all[len(all)-1].To = len(y)
	return all
}

func smooth(x []float64, bandwidth int) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		for d := -3 * bandwidth; d <= 3*bandwidth; d++ {
			if j := i + d; j >= 0 && j < len(x) {
				y[i] += x[j] * math.Exp(-float64(d*d)/float64(2*bandwidth*bandwidth))
			}
		}
	}
	return y
}
