package capacity

import (
	"math"

	"mfaload/internal/stat"
)

// series are a count and what it is a share of, second by second.
type series struct{ over, of []float64 }

func (s series) share() float64 {
	n := sum(s.of)
	if n == 0 {
		return 0
	}
	return sum(s.over) / n
}

// variance of the share, were it measured again and again: by the batch size
// that gives the largest, as neighbours in time resemble each other and nobody
// knows how far that reaches.
func (s series) variance() (largest float64) {
	share, n := s.share(), sum(s.of)
	residuals := make([]float64, len(s.over))
	for i := range residuals {
		residuals[i] = s.over[i] - share*s.of[i]
	}
	for size := 1; size == 1 || len(residuals)/size >= leastBatches; size *= 2 {
		squares, batches := 0.0, float64(len(residuals)/size)
		for i := 0; i+size <= len(residuals); i += size {
			x := sum(residuals[i : i+size])
			squares += x * x
		}
		if batches > 1 {
			covered := batches * float64(size) / float64(len(residuals))
			largest = max(largest, squares/covered*batches/(batches-1)/(n*n))
		}
	}
	return largest
}

// leastBatches is how many batches tell a variance at least.
const leastBatches = 6

func sum(xs []float64) (total float64) {
	for _, x := range xs {
		total += x
	}
	return total
}

// excess says how many standard deviations a share of n independent requests is
// above what is allowed: the signed root of the likelihood ratio, which is right
// for few and for none as well.
func excess(share, n, allowed float64) float64 {
	x := (share*n + 0.5) / (n + 1)
	deviance := x*math.Log(x/allowed) + (1-x)*math.Log((1-x)/(1-allowed))
	z := math.Sqrt(2 * n * max(deviance, 0))
	if x < allowed {
		return -z
	}
	return z
}

// mostOdds is the most that one trial says, in logarithmic odds: one in twenty
// times it may be wrong for reasons that it can't see, so that what matters is
// tried twice.
var mostOdds = math.Log(0.95 / 0.05)

func clampOdds(odds float64) float64 { return min(max(odds, -mostOdds), mostOdds) }

// oddsOf are the logarithmic odds of a normal deviate.
func oddsOf(z float64) float64 {
	return clampOdds(logOdds(z))
}

// logOdds are they where one trial may say anything: finite for any z.
func logOdds(z float64) float64 {
	const least = 1e-300
	return math.Log(max(stat.NormalTail(-z), least)) - math.Log(max(stat.NormalTail(z), least))
}

// probability of logarithmic odds.
func probability(odds float64) float64 { return 1 / (1 + math.Exp(-odds)) }
