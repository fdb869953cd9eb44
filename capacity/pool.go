package capacity

import (
	"cmp"
	"math"
	"slices"

	"mfaload/internal/stat"
)

// rateEvidence is what all trials at a rate say of it together.
type rateEvidence struct{ rate, odds float64 }

// poolByRate takes the trials at each rate together, by rate; those that count for
// nothing are left out. Their normal deviates are added, not their odds: a trial
// that says little says it with the same bias the next time, and four times
// "rather not" is no "certainly not". A long trial weighs more than a short one.
func poolByRate(trials []*Trial) (all []rateEvidence) {
	trials = slices.DeleteFunc(slices.Clone(trials), func(t *Trial) bool { return t.Broken == 0.5 })
	slices.SortStableFunc(trials, func(a, b *Trial) int { return cmp.Compare(a.At, b.At) })
	for len(trials) > 0 {
		n, z, squares := 0, 0.0, 0.0
		for ; n < len(trials) && trials[n].At <= trials[0].At*(1+1e-9); n++ {
			seconds := max(trials[n].Length.Seconds(), 1)
			z += stat.NormalQuantile(1-trials[n].Broken) * math.Sqrt(seconds)
			squares += seconds
		}
		z /= math.Sqrt(squares)
		all = append(all, rateEvidence{trials[0].At, logOdds(z)})
		trials = trials[n:]
	}
	return all
}
