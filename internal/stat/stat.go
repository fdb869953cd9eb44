// Package stat has the statistics that verdicts are made with. It knows nothing
// of load tests: what depends on what, and which figures decide, its callers say.
//
// A probability is from 0 to 1, and a tail one-sided unless it says otherwise. Nothing here keeps
// state: what is drawn comes from the generator that the caller seeds, or from a fixed seed, so
// that the same values give the same result.
//
// Distributions are right to a relative 1e-9 for 1 to 1e6 degrees of freedom, and
// all tails from 0.5 down to 1e-300: a test holds them to tables of that range.
package stat

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Sum adds the values up.
func Sum(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum
}

// Mean is the arithmetic mean; 0 of no values.
func Mean(x []float64) float64 { return Sum(x) / float64(max(len(x), 1)) }

// Median is the middle value, or the mean of the two in the middle. There has to be one.
func Median(x []float64) float64 { return middle(slices.Sorted(slices.Values(x))) }

// middle is the median of sorted values.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Deviation estimates the standard deviation of what the values are a sample of; 0
// of fewer than two.
func Deviation(x []float64) float64 {
	m, sum := Mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(max(len(x)-1, 1)))
}

// Ratio is x of something; 0 of nothing.
func Ratio(x, of float64) float64 {
	if of <= 0 {
		return 0
	}
	return x / of
}

// Cumulate adds the values up: there is one sum more than values, and the first is 0.
func Cumulate(x []float64) []float64 {
	sums := make([]float64, len(x)+1)
	for i, v := range x {
		sums[i+1] = sums[i] + v
	}
	return sums
}

// Steps undoes [Cumulate].
func Steps(sums []float64) []float64 {
	x := slices.Clone(sums[1:])
	for i := range x {
		x[i] -= sums[i]
	}
	return x
}

// ascending returns the indices of x, that of the smallest value first.
func ascending(x []float64) []int {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	return order
}

// StudentTail is the probability that a variable with Student's distribution is
// above t. Freedom is at least 1; t may be infinite.
func StudentTail(t, freedom float64) float64 {
	switch square := t * t; {
	case t < 0:
		return 1 - StudentTail(-t, freedom)
	case square < 1: // near the middle the other side of the beta function keeps the digits
		return 0.5 - mathext.RegIncBeta(0.5, freedom/2, square/(freedom+square))/2
	default: // not of the square: it may be infinite
		return mathext.RegIncBeta(freedom/2, 0.5, 1/(1+t/freedom*t)) / 2
	}
}

// StudentQuantile is the value that a variable with Student's distribution
// exceeds with probability tail, which is above 0 and up to 0.5.
func StudentQuantile(tail, freedom float64) float64 {
	low, high := 0.0, 1.0
	for StudentTail(high, freedom) > tail {
		low, high = high, 2*high
	}
	for {
		middle := low + (high-low)/2
		switch {
		case middle == low || middle == high:
			return high
		case StudentTail(middle, freedom) > tail:
			low = middle
		default:
			high = middle
		}
	}
}

// NormalTail is the probability that a normal variable is above z.
func NormalTail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// NormalQuantile is the value that a normal variable exceeds with probability
// tail, from 0 (infinite) to 1; of what is no probability, NaN.
func NormalQuantile(tail float64) float64 {
	if !(tail >= 0 && tail <= 1) {
		return math.NaN()
	}
	return -mathext.NormalQuantile(tail)
}
