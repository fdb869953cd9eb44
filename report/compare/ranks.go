package compare

import (
	"math"
	"math/rand/v2"
	"slices"
)

// mostSplits bounds how many ways to deal the runs to two sides are looked at:
// all of them up to nine runs a side, a seeded sample beyond.
const mostSplits = 50_000

// splits yields ways to choose m of n things, as a slice that says of each
// whether it is chosen. The first is the one that chooses the first m.
func splits(n, m int, yield func(chosen []bool)) {
	chosen := make([]bool, n)
	if choices(n, m) > mostSplits {
		sampleSplits(chosen, m, yield)
		return
	}
	var choose func(from, left int)
	choose = func(from, left int) {
		if left == 0 {
			yield(chosen)
			return
		}
		for i := from; i <= n-left; i++ {
			chosen[i] = true
			choose(i+1, left-1)
			chosen[i] = false
		}
	}
	choose(0, m)
}

func sampleSplits(chosen []bool, m int, yield func([]bool)) {
	random := rand.New(rand.NewPCG(1, uint64(len(chosen))))
	for i := range chosen {
		chosen[i] = i < m
	}
	yield(chosen)
	for range mostSplits {
		random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
		yield(chosen)
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

// rankTests tests for each metric whether its values in the first m runs and in
// the others have the same distribution: Mann and Whitney's test, exactly, from
// all ways to deal the runs to the two sides, so that ties are allowed for. It
// returns the two-sided p-values, alone and corrected for their number: by
// Westfall and Young's step-down, which is Holm's where the tests are
// independent, and finds more where they are not, because it deals the runs of
// all metrics alike.
func rankTests(values [][]float64, m int) (p, corrected []float64) {
	n, k := len(values[0]), len(values)
	ranks := make([][]float64, k)
	for i, v := range values {
		ranks[i] = midranks(v)
	}
	distances := make([][]float64, k) // by metric and split; the first is the real one
	middle := float64(m) * float64(n+1) / 2
	splits(n, m, func(chosen []bool) {
		for i := range ranks {
			sum := 0.0
			for j, in := range chosen {
				if in {
					sum += ranks[i][j]
				}
			}
			distances[i] = append(distances[i], math.Abs(sum-middle))
		}
	})
	tails := make([][]float64, k)
	for i := range distances {
		tails[i] = tailShares(distances[i])
		p = append(p, tails[i][0])
	}
	return p, stepDown(p, tails)
}

// tailShares says of each value what share of all is as large or larger.
func tailShares(x []float64) []float64 {
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	shares := make([]float64, len(x))
	for i, v := range x {
		below, _ := slices.BinarySearch(sorted, v-1e-9)
		shares[i] = float64(len(x)-below) / float64(len(x))
	}
	return shares
}

// stepDown corrects p by the smallest p-value that each split gives among the
// metrics that are not yet dealt with.
func stepDown(p []float64, tails [][]float64) []float64 {
	order := ascending(p)
	least := make([]float64, len(tails[0]))
	for s := range least {
		least[s] = 1
	}
	corrected := make([]float64, len(p))
	for i := len(order) - 1; i >= 0; i-- {
		k, as := order[i], 0
		for s := range least {
			least[s] = min(least[s], tails[k][s])
			if least[s] <= p[k]+1e-12 {
				as++
			}
		}
		corrected[k] = float64(as) / float64(len(least))
	}
	for i, highest := 0, 0.0; i < len(order); i++ {
		highest = max(highest, corrected[order[i]])
		corrected[order[i]] = highest
	}
	return corrected
}

// shiftInterval is the median of all differences between a value of b and one
// of a (Hodges and Lehmann), and an interval for it that belongs to Mann and
// Whitney's test: it covers the shift with at least the confidence.
func shiftInterval(a, b []float64, confidence float64) (shift, low, high float64) {
	var d []float64
	for _, x := range a {
		for _, y := range b {
			d = append(d, y-x)
		}
	}
	slices.Sort(d)
	shift = (d[(len(d)-1)/2] + d[len(d)/2]) / 2
	c := cutOff(len(a), len(b), (1-confidence)/2)
	return shift, d[c], d[len(d)-1-c]
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

// rankCounts counts the ways to deal m+n runs for each value of Mann and
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
