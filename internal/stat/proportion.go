package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Proportion is how often something happened to so many.
type Proportion struct{ Count, Of float64 }

// Difference is an interval of b's share less a's by Newcombe's hybrid of Wilson's scores (1998,
// method 10), of observations that are worth fewer independent ones: by how much the standard error
// is larger than theirs would be. It reaches z standard errors.
func Difference(a, b Proportion, standardError, z float64) (low, high float64) {
	if a.Of <= 0 || b.Of <= 0 {
		return -1, 1
	}
	p, q := a.Count/a.Of, b.Count/b.Of
	inflation := 1.0
	if variance := p*(1-p)/a.Of + q*(1-q)/b.Of; variance > 0 {
		inflation = max(standardError*standardError/variance, 1)
	}
	pLow, pHigh := wilson(p, a.Of/inflation, z)
	qLow, qHigh := wilson(q, b.Of/inflation, z)
	return q - p - math.Hypot(q-qLow, pHigh-p), q - p + math.Hypot(qHigh-q, p-pLow)
}

// Interval is Wilson's interval of a share, of observations that are worth fewer independent ones:
// by how much the standard error is larger than theirs would be. It reaches z standard errors.
func (p Proportion) Interval(standardError, z float64) (low, high float64) {
	share := Ratio(p.Count, p.Of)
	low, high = wilson(share, p.Of/p.inflation(standardError), z)
	if p.Count == 0 {
		low = 0 // not what rounding leaves
	}
	return low, high
}

// Beyond is how many standard errors a share is above what is allowed, above 0 and below 1: the
// score that [Proportion.Interval] is made of.
func (p Proportion) Beyond(allowed, standardError float64) float64 {
	return (Ratio(p.Count, p.Of) - allowed) /
		math.Sqrt(allowed*(1-allowed)*p.inflation(standardError)/p.Of)
}

// inflation is how many of the observations are worth one independent one; at least 1.
func (p Proportion) inflation(standardError float64) float64 {
	share := Ratio(p.Count, p.Of)
	return max(Ratio(standardError*standardError, share*(1-share)/p.Of), 1)
}

// wilson is the score interval of a share of n observations.
func wilson(p, n, z float64) (low, high float64) {
	shrink := 1 + z*z/n
	middle := (p + z*z/(2*n)) / shrink
	half := z / shrink * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(middle-half, 0), min(middle+half, 1)
}

// Excludes is the share that n observations without an event exclude with 95 %: of so many with that share
// none would have had one in one case of twenty. It is about 3/n.
func Excludes(n float64) float64 {
	if n < 1 {
		return 1
	}
	return -math.Expm1(math.Log(0.05) / n)
}

// ToExclude is how many observations without an event exclude a share, by the rule of three: 3/share, a bit
// more than it takes. It is 0 of a share that is not between 0 and 1.
func ToExclude(share float64) float64 {
	if share <= 0 || share >= 1 {
		return 0
	}
	return math.Ceil(3/share - 1e-6)
}

// Exact is the interval of a share by Clopper and Pearson (1934), which covers it with the confidence at
// least.
func (p Proportion) Exact(confidence float64) (low, high float64) {
	tail := (1 - confidence) / 2
	high = 1
	if p.Count > 0 {
		low = mathext.InvRegIncBeta(p.Count, p.Of-p.Count+1, tail)
	}
	if p.Count < p.Of {
		high = mathext.InvRegIncBeta(p.Count+1, p.Of-p.Count, 1-tail)
	}
	return low, high
}

// Excess says how many standard deviations a share of n independent observations is
// above what is allowed: the signed root of the likelihood ratio, which is right
// for few and for none as well.
func Excess(share, n, allowed float64) float64 {
	x := (share*n + 0.5) / (n + 1)
	deviance := x*math.Log(x/allowed) + (1-x)*math.Log((1-x)/(1-allowed))
	z := math.Sqrt(2 * n * max(deviance, 0))
	if x < allowed {
		return -z
	}
	return z
}
