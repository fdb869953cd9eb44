package stat

import "math"

// BatchesMin is how many batches tell a variance at least.
const BatchesMin = 6

// SumVariance is the variance of the sum of a series whose mean is 0, were it measured again and
// again: by the batch size that gives the largest, as neighbours in time resemble each other and
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
