package stat

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Stretches are units of a series that were drawn: each stretch begins before one unit and ends
// before another. They are the same for all that is counted by unit.
type Stretches struct{ Starts, Ends []int }

// Whole draws each unit once.
func Whole(units int) Stretches { return Stretches{[]int{0}, []int{units}} }

// Draw draws circular blocks of a length until there are as many units as there were.
func (s *Stretches) Draw(random *rand.Rand, units, length int) {
	s.Starts, s.Ends = s.Starts[:0], s.Ends[:0]
	for left := units; left > 0; left -= length {
		start, n := random.IntN(units), min(length, left)
		end := min(start+n, units)
		s.Starts, s.Ends = append(s.Starts, start), append(s.Ends, end)
		if rest := n - (end - start); rest > 0 {
			s.Starts, s.Ends = append(s.Starts, 0), append(s.Ends, rest)
		}
	}
}

// Total adds up what the drawn units have, of what [Cumulate] added up over all units.
func (s Stretches) Total(cumulated []float64) (sum float64) {
	for i, start := range s.Starts {
		sum += cumulated[s.Ends[i]] - cumulated[start]
	}
	return sum
}

// Resampled is an estimate of a change, and what it was in units that were drawn again in blocks.
type Resampled struct {
	// Influence is how much each unit moves the estimate: its mean is 0, and the variance of its mean
	// is that of the estimate, to first order. It has one part for each side that is drawn apart.
	Influence [][]float64
	// Sampling is how much of the variance of a unit's influence is sampling noise, by the same parts; none
	// if nobody knows.
	Sampling []float64
	// Estimate is that of all units, Replicas those of what was drawn.
	Estimate float64
	Replicas []float64
	// Inflation is what the replicas are too narrow by; at least 1.
	Inflation float64
	// Deviation is the standard error of the estimate, Freedom its degrees of freedom.
	Deviation, Freedom float64
}

// UnitsMin is how many units blocks of a length take at least to tell anything: 20, and 6 blocks.
func UnitsMin(length int) int { return max(20, 6*length) }

// Correct estimates what the bootstrap in blocks of a length is too narrow by, and how many
// degrees of freedom it has.
func (r *Resampled) Correct(length int) {
	wide, narrow := 0.0, 0.0
	r.Inflation, r.Freedom = 1, freedomMax
	for i, x := range r.Influence {
		if len(x) == 0 {
			continue
		}
		sampling := 0.0
		if i < len(r.Sampling) {
			sampling = r.Sampling[i]
		}
		deviation, freedom := MeanError(x, sampling, 0)
		wide, r.Freedom = wide+deviation*deviation, min(r.Freedom, freedom)
		narrow += blockVariance(x, min(length, len(x))) / float64(len(x))
	}
	if narrow > 0 {
		r.Inflation = math.Sqrt(math.Max(1, wide/narrow))
	}
}

// Measure makes the standard error of the replicas.
func (r *Resampled) Measure() { r.Deviation = r.Inflation * Deviation(r.Replicas) }

// Widen adds the standard deviation of something else that moves the estimate.
func (r *Resampled) Widen(deviation float64) {
	wide := math.Hypot(r.Deviation, deviation)
	if r.Deviation > 0 {
		r.Inflation *= wide / r.Deviation
	}
	r.Deviation = wide
}

// P is the probability of a change as large by chance, two-sided. Two answers have to agree,
// the larger counts: Student's for the standard error, which knows that few
// blocks estimate it badly; and the share of drawn changes that reach beyond
// none at all, which knows when a change hangs on few units.
func (r *Resampled) P(change float64) float64 {
	if change == 0 {
		return 1
	}
	byError := 0.0
	if r.Deviation > 0 {
		byError = 2 * StudentTail(math.Abs(change)/r.Deviation, r.Freedom)
	}
	beyond, sign := 0, math.Copysign(1, change)
	for _, x := range r.Replicas {
		if d := r.Inflation * (x - r.Estimate); d*sign+math.Abs(change) <= 0 {
			beyond++
		}
	}
	byDraws := 2 * float64(beyond+1) / float64(len(r.Replicas)+1)
	return math.Min(1, math.Max(byError, byDraws))
}

// Reach is how many standard errors a 95 % interval by Student's distribution reaches.
func (r *Resampled) Reach() float64 { return StudentQuantile(0.025, r.Freedom) }

// Interval covers the change with 95 %, by both answers.
func (r *Resampled) Interval(change float64) (low, high float64) {
	half := r.Reach() * r.Deviation
	low, high = change-half, change+half
	if n := len(r.Replicas); n > 0 {
		sorted := slices.Sorted(slices.Values(r.Replicas))
		cut := n / 40
		low = math.Min(low, change+r.Inflation*(sorted[cut]-r.Estimate))
		high = math.Max(high, change+r.Inflation*(sorted[n-1-cut]-r.Estimate))
	}
	return low, high
}

// Significance is a change in standard errors.
func (r *Resampled) Significance(change float64) float64 {
	switch {
	case change == 0:
		return 0
	case r.Deviation == 0:
		return math.Inf(1)
	}
	return math.Abs(change) / r.Deviation
}

// Largest are, for estimates that were drawn together, the largest deviation of any of them in each
// draw, in its standard error.
type Largest []float64

// LargestOf takes at least one estimate; all have as many replicas.
func LargestOf(together []*Resampled) Largest {
	largest := make(Largest, len(together[0].Replicas))
	for _, r := range together {
		for b, x := range r.Replicas {
			if r.Deviation > 0 {
				largest[b] = math.Max(largest[b], math.Abs(r.Inflation*(x-r.Estimate))/r.Deviation)
			}
		}
	}
	return largest
}

// P is the probability that the largest deviation is as large by chance, of one with
// so many degrees of freedom.
func (l Largest) P(deviation, freedom float64) float64 {
	limit := math.Inf(1) // the value of the normal distribution that is as rare as Student's
	if tail := StudentTail(deviation, freedom); tail > 0 {
		limit = NormalQuantile(tail)
	}
	reach := 0
	for _, d := range l {
		if d >= limit {
			reach++
		}
	}
	return float64(reach+1) / float64(len(l)+1)
}

// Reach is how many standard errors a band that holds all estimates together with 95 % has to
// either side, around one with so many degrees of freedom.
func (l Largest) Reach(freedom float64) float64 {
	normal := slices.Sorted(slices.Values(l))[len(l)*95/100]
	return normal * StudentQuantile(0.025, freedom) / NormalQuantile(0.025)
}

// RatioInfluence says how much each unit moves the ratio of two sums, or its logarithm.
func RatioInfluence(above, below []float64, logarithmic bool) []float64 {
	influence := make([]float64, len(above))
	a, b := Mean(above), Mean(below)
	ratio := Ratio(a, b)
	for u := range influence {
		influence[u] = Ratio(above[u]-ratio*below[u], b)
		if logarithmic {
			influence[u] = Ratio(influence[u], ratio)
		}
	}
	return influence
}
