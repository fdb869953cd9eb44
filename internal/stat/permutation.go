package stat

import (
	"iter"
	"math"
	"math/rand/v2"
	"slices"
)

// dealsMax bounds how many ways to deal values to two sides are looked at:
// all of them up to nine a side, a seeded sample beyond.
const dealsMax = 50_000

// deals are ways to choose m of n things, as a slice that says of each
// whether it is chosen. The first is the one that chooses the first m.
func deals(n, m int) iter.Seq[[]bool] {
	return func(yield func([]bool) bool) {
		chosen := make([]bool, n)
		if choices(n, m) > dealsMax {
			sampleDeals(chosen, m, yield)
			return
		}
		var choose func(from, left int) bool
		choose = func(from, left int) bool {
			if left == 0 {
				return yield(chosen)
			}
			for i := from; i <= n-left; i++ {
				chosen[i] = true
				if !choose(i+1, left-1) {
					return false
				}
				chosen[i] = false
			}
			return true
		}
		choose(0, m)
	}
}

func sampleDeals(chosen []bool, m int, yield func([]bool) bool) {
	random := rand.New(rand.NewPCG(1, uint64(len(chosen))))
	for i := range chosen {
		chosen[i] = i < m
	}
	for range dealsMax + 1 {
		if !yield(chosen) {
			return
		}
		random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	}
}

// choices is how many ways there are to choose m of n.
func choices(n, m int) float64 {
	c := 1.0
	for i := range m {
		c = c * float64(n-i) / float64(i+1)
	}
	return c
}

// Permutation has the statistics of several figures in every deal of their values to two sides, that of the
// real one first. All figures are dealt alike, so that what depends on each other stays so.
type Permutation struct{ statistics [][]float64 }

// NewPermutation tests whether the first m values of figures and the others have the same mean. A figure may
// have several series, of which the one that moved most counts. The statistic is Student's with the pooled
// variance of the deal itself: a figure that is noisy on both sides can't hide those that are not, as it
// could by its ranks, which have the same few values in every figure. There is at least one figure; all
// series have as many values, more than m. What has no spread has no statistic, and takes no part.
func NewPermutation(figures [][][]float64, m int) *Permutation {
	n := len(figures[0][0])
	centred := make([][][]float64, len(figures))
	totals := make([][]float64, len(figures)) // sums of squares
	for i, series := range figures {
		for _, values := range series {
			x, total := make([]float64, n), 0.0
			mean := Mean(values)
			for j, v := range values {
				x[j] = v - mean
				total += x[j] * x[j]
			}
			centred[i], totals[i] = append(centred[i], x), append(totals[i], total)
		}
	}
	p := &Permutation{statistics: make([][]float64, len(figures))}
	for chosen := range deals(n, m) {
		for i, series := range centred {
			most := 0.0
			for k, x := range series {
				most = max(most, studentStatistic(x, totals[i][k], chosen, m))
			}
			p.statistics[i] = append(p.statistics[i], most)
		}
	}
	return p
}

// studentStatistic is how far the chosen values, m of them, are from the others in standard errors of the
// pooled variance; the values' mean is 0, and total is the sum of their squares.
func studentStatistic(x []float64, total float64, chosen []bool, m int) float64 {
	if total == 0 {
		return 0
	}
	sum := 0.0
	for j, in := range chosen {
		if in {
			sum += x[j]
		}
	}
	a, b := float64(m), float64(len(x)-m)
	between := sum * sum * (1/a + 1/b)
	within := total - between
	if within <= 1e-12*total {
		return math.Inf(1)
	}
	return math.Sqrt(between / within * (a + b - 2))
}

// P is the two-sided p-value of a figure alone.
func (p *Permutation) P(figure int) float64 {
	return shareFrom(p.statistics[figure], p.statistics[figure][0])
}

// MaxT are the p-values of some figures, corrected for their number by Westfall and Young's step-down with
// the largest statistic of each deal.
func (p *Permutation) MaxT(figures []int) []float64 {
	if len(figures) == 0 {
		return nil
	}
	var statistics [][]float64
	for _, i := range figures {
		statistics = append(statistics, p.statistics[i])
	}
	return stepDown(statistics)
}

// HodgesLehmann is the median of all differences between a value of b and one
// of a, and an interval for it that belongs to Mann and
// Whitney's test: it covers the shift with at least the confidence.
func HodgesLehmann(a, b []float64, confidence float64) (shift, low, high float64) {
	var d []float64
	for _, x := range a {
		for _, y := range b {
			d = append(d, y-x)
		}
	}
	slices.Sort(d)
	c := cutOff(len(a), len(b), (1-confidence)/2)
	return middle(d), d[c], d[len(d)-1-c]
}

// cutOff is how many of the sorted differences may be cut off at each end: the
// largest c for which the rank statistic is at most c with probability tail or
// less, less one. It is at least 0.
func cutOff(m, n int, tail float64) int {
	counts := rankCounts(m, n)
	total, sum := choices(m+n, m), 0.0
	for u, ways := range counts {
		if sum += ways; sum/total > tail {
			return max(u-1, 0)
		}
	}
	return 0
}

// rankCounts counts the ways to deal m+n values for each value of Mann and
// Whitney's statistic.
func rankCounts(m, n int) []float64 {
	counts := make([]float64, m*n+1)
	counts[0] = 1
	// The product of (1−q^(n+i)) / (1−q^i) for i from 1 to m.
	for i := 1; i <= m; i++ {
		for u := m * n; u >= n+i; u-- {
			counts[u] -= counts[u-n-i]
		}
		for u := i; u <= m*n; u++ {
			counts[u] += counts[u-i]
		}
	}
	return counts
}

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

// Hochberg corrects p-values for their number, by Hochberg's step-up (1988): no corrected one is above that
// of [Holm], and if all are below a level, so are all corrected. It holds its level for tests that are
// independent or depend on one another positively, as two-sided ones of means that move together do (Simes'
// inequality).
func Hochberg(p []float64) []float64 {
	corrected := make([]float64, len(p))
	lowest := 1.0
	order := ascending(p)
	for i, k := range slices.Backward(order) {
		lowest = min(lowest, float64(len(p)-i)*p[k])
		corrected[k] = lowest
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

func shareFrom(x []float64, limit float64) float64 {
	as := 0
	for _, v := range x {
		if v >= limit*(1-tie) {
			as++
		}
	}
	return float64(as) / float64(len(x))
}
