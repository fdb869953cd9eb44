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

// minP corrects permutation tests for their number by Westfall and Young's step-down (1993): that
// is Holm's where the tests are independent, and finds more where they are not, because all tests
// see the same deals. Of each test it takes the p-value that each deal gives, that of the real one
// first.
func minP(tails [][]float64) (corrected []float64) {
	statistics := make([][]float64, len(tails))
	for i, list := range tails {
		statistics[i] = make([]float64, len(list))
		for deal, p := range list {
			statistics[i][deal] = -p
		}
	}
	return stepDown(statistics)
}

// tie is within what statistics count as equal.
const tie = 1e-12

// stepDown corrects permutation tests by the largest statistic that each deal gives among the tests
// that are not yet dealt with. Of each test it takes its statistic in each deal, that of the real
// one first; the larger one is the rarer.
func stepDown(statistics [][]float64) []float64 {
	real := make([]float64, len(statistics))
	for i, list := range statistics {
		real[i] = list[0]
	}
	order := ascending(real)
	largest := slices.Clone(statistics[order[0]])
	corrected := make([]float64, len(real))
	for _, k := range order {
		as := 0
		for deal, x := range statistics[k] {
			largest[deal] = max(largest[deal], x)
			if largest[deal] >= real[k]-tie {
				as++
			}
		}
		corrected[k] = float64(as) / float64(len(largest))
	}
	highest := 0.0
	for _, k := range slices.Backward(order) {
		highest = max(highest, corrected[k])
		corrected[k] = highest
	}
	return corrected
}
