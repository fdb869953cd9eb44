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
