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

// midranks are the ranks of x from 1 on; equal values share theirs.
func midranks(x []float64) []float64 {
	order := ascending(x)
	ranks := make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return ranks
}

// MannWhitney tests for each of several figures whether its first m values and
// the others have the same distribution: Mann and Whitney's test, exactly, from
// all ways to deal the values to the two sides, so that ties are allowed for. It
// returns the two-sided p-values, alone and corrected for their number: by
// Westfall and Young's step-down, which deals the values of all figures alike.
// There is at least one figure, and all have as many values, more than m.
func MannWhitney(figures [][]float64, m int) (p, corrected []float64) {
	n := len(figures[0])
	var ranks [][]float64
	for _, values := range figures {
		ranks = append(ranks, midranks(values))
	}
	distances := make([][]float64, len(figures)) // by figure and deal; the first is the real one
	middle := float64(m) * float64(n+1) / 2
	for chosen := range deals(n, m) {
		for i := range ranks {
			sum := 0.0
			for j, in := range chosen {
				if in {
					sum += ranks[i][j]
				}
			}
			distances[i] = append(distances[i], math.Abs(sum-middle))
		}
	}
	tails := make([][]float64, len(figures))
	for i := range distances {
		tails[i] = tailShares(distances[i])
		p = append(p, tails[i][0])
	}
	return p, minP(tails)
}

// tailShares says of each value what share of all is as large or larger.
func tailShares(x []float64) []float64 {
	sorted := slices.Sorted(slices.Values(x))
	shares := make([]float64, len(x))
	for i, v := range x {
		below, _ := slices.BinarySearch(sorted, v-1e-9)
		shares[i] = float64(len(x)-below) / float64(len(x))
	}
	return shares
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
