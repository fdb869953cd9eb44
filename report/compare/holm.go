package compare

import (
	"cmp"
	"slices"
)

// holm corrects p-values for their number, by Holm's step-down: the probability
// that any of them is below a level by chance is at most that level, however
// they depend on one another.
func holm(p []float64) []float64 {
	corrected := make([]float64, len(p))
	highest := 0.0
	for i, k := range ascending(p) {
		highest = max(highest, min(1, float64(len(p)-i)*p[k]))
		corrected[k] = highest
	}
	return corrected
}

// ascending returns the indices of p, the smallest value first.
func ascending(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	return order
}
