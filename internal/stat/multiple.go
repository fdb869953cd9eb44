package stat

import "slices"

// Holm corrects p-values for their number, by Holm's step-down (1979): the probability
// that any of them is below a level by chance is at most that level, however
// they depend on one another.
func Holm(p []float64) []float64 {
	corrected := make([]float64, len(p))
	highest := 0.0
	for i, k := range ascending(p) {
		highest = max(highest, min(1, float64(len(p)-i)*p[k]))
		corrected[k] = highest
	}
	return corrected
}

// tie is within what part of each other statistics count as equal.
const tie = 1e-9

// stepDown corrects permutation tests by the largest statistic that each deal gives among the tests
// that are not yet dealt with (Westfall and Young, 1993). Of each test it takes its statistic in each deal,
// that of the real one first; the larger one is the rarer.
func stepDown(statistics [][]float64) []float64 {
	real := make([]float64, len(statistics))
	for i, list := range statistics {
		real[i] = list[0]
	}
	order := ascending(real)
	largest := slices.Clone(statistics[order[0]])
	corrected := make([]float64, len(real))
	for _, k := range order {
		for deal, x := range statistics[k] {
			largest[deal] = max(largest[deal], x)
		}
		corrected[k] = shareFrom(largest, real[k])
	}
	highest := 0.0
	for _, k := range slices.Backward(order) {
		highest = max(highest, corrected[k])
		corrected[k] = highest
	}
	return corrected
}

// shareFrom is the share of the values that are as large as a limit or larger.
func shareFrom(x []float64, limit float64) float64 {
	as := 0
	for _, v := range x {
		if v >= limit*(1-tie) {
			as++
		}
	}
	return float64(as) / float64(len(x))
}
