package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

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
