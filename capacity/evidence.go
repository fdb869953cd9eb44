package capacity

import (
	"math"

	"mfaload/internal/stat"
)

// countSeries are a count and what it is a share of, second by second.
type countSeries struct{ over, of []float64 }

func (s countSeries) share() float64 { return stat.Ratio(stat.Sum(s.over), stat.Sum(s.of)) }

// variance of the share, were it measured again and again.
func (s countSeries) variance() float64 {
	share, n := s.share(), stat.Sum(s.of)
	residuals := make([]float64, len(s.over))
	for i := range residuals {
		residuals[i] = s.over[i] - share*s.of[i]
	}
	return stat.SumVariance(residuals) / (n * n)
}

// oddsMax is the most that one trial says, in logarithmic odds: one in twenty
// times it may be wrong for reasons that it can't see, so that what matters is
// tried twice.
var oddsMax = math.Log(0.95 / 0.05)

func clampOdds(odds float64) float64 { return min(max(odds, -oddsMax), oddsMax) }

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
