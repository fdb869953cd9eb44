package stat

import (
	"cmp"
	"math"
	"slices"
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
