package stat

import "math"

// Autocovariances are those of a series at the lags from 0 to lagMax, or to the last that it has.
func Autocovariances(x []float64, lagMax int) []float64 {
	n := len(x)
	m := Mean(x)
	r := make([]float64, min(lagMax, n-1)+1)
	for k := range r {
		for t := k; t < n; t++ {
			r[k] += (x[t] - m) * (x[t-k] - m)
		}
		r[k] /= float64(n)
	}
	return r
}

// BlockLength returns how many units a block of the circular block bootstrap
// should have for a series, by the rule of Politis and White (2004) as
// corrected by Patton, Politis and White (2009): long enough to hold what hangs
// together, and as many blocks as that allows. It is at least 1.
func BlockLength(x []float64) int {
	n := len(x)
	if n < 4 {
		return 1
	}
	runs := max(5, int(math.Ceil(math.Sqrt(math.Log10(float64(n))))))
	most := int(math.Ceil(math.Sqrt(float64(n)))) + runs
	r := Autocovariances(x, 2*most)
	if r[0] <= 0 {
		return 1
	}
	m := min(2*insignificantFrom(r, n, runs, most), len(r)-1)
	var g, weighted float64
	for k := -m; k <= m; k++ {
		lag := max(k, -k)
		w := flatTop(float64(lag) / float64(max(m, 1)))
		g += w * r[lag]
		weighted += w * float64(lag) * r[lag]
	}
	if g <= 0 {
		return 1
	}
	b := math.Cbrt(2 * weighted * weighted / (4.0 / 3 * g * g) * float64(n))
	limit := math.Ceil(math.Min(3*math.Sqrt(float64(n)), float64(n)/3))
	return int(math.Max(1, math.Ceil(math.Min(b, limit))))
}

// insignificantFrom is the lag after which so many autocorrelations in a row
// could be those of noise.
func insignificantFrom(r []float64, n, runs, most int) int {
	limit := 2 * math.Sqrt(math.Log10(float64(n))/float64(n)) * r[0]
	inRow := 0
	for k := 1; k < len(r); k++ {
		if math.Abs(r[k]) < limit {
			inRow++
		} else {
			inRow = 0
		}
		if inRow == runs {
			return max(k-runs, 1)
		}
	}
	return most
}

// flatTop is the trapezoid of Politis and Romano: 1 up to a half, 0 from 1 on.
func flatTop(x float64) float64 { return math.Max(0, math.Min(1, 2*(1-x))) }

// rhoMax is the largest correlation of neighbours that a series of seconds can tell: what is remembered
// for longer looks like a level of its own.
const rhoMax = 0.97

// LongRunVariance estimates the sum v of all autocovariances of a series: the variance of its mean times
// its length. Rho is the correlation of neighbours that it takes for that, at most 0.97. The larger of
// two estimates counts. The first makes the series white by an autoregression of order 1 (Andrews and
// Monahan, 1992), whose coefficient is corrected for its bias. The second knows how much of the variance
// of a unit is sampling noise, 0 if nobody knows: noise is added to each unit apart, hides how much the
// rest is correlated, and is taken out of it first (errors in variables).
func LongRunVariance(x []float64, sampling float64) (v, rho float64) {
	n := len(x)
	r := Autocovariances(x, 1)
	if n < 4 || r[0] <= 0 {
		return 0, 0
	}
	v = prewhitened(x, r[1]/r[0])
	if level := r[0] - sampling; level > 0 {
		rho = math.Max(0, math.Min(rhoMax, r[1]/level))
		v = math.Max(v, sampling+level*(1+rho)/(1-rho))
	}
	return v, rho
}

// prewhitened is the long-run variance of a series whose neighbours are so correlated, by the residuals
// of an autoregression.
func prewhitened(x []float64, rho float64) float64 {
	n := len(x)
	rho = math.Max(-0.5, math.Min(rhoMax, rho+(1+3*rho)/float64(n)))
	m := Mean(x)
	residual := make([]float64, n-1)
	for t := 1; t < n; t++ {
		residual[t-1] = (x[t] - m) - rho*(x[t-1]-m)
	}
	return bartlett(residual) / ((1 - rho) * (1 - rho))
}

// bartlett is the long-run variance by Bartlett's weights, for a series that
// hardly hangs together.
func bartlett(x []float64) float64 {
	lags := int(math.Cbrt(float64(len(x))))
	r := Autocovariances(x, lags)
	sum := r[0]
	for k := 1; k < len(r); k++ {
		sum += 2 * (1 - float64(k)/float64(lags+1)) * r[k]
	}
	return math.Max(sum, r[0]/4)
}

// blockVariance is the same sum as the circular block bootstrap sees it, with
// blocks of a length.
func blockVariance(x []float64, length int) float64 {
	n, m := len(x), Mean(x)
	sum, total := 0.0, 0.0
	for t := range length {
		sum += x[t%n] - m
	}
	for t := range n {
		total += sum * sum
		sum += x[(t+length)%n] - x[t]
	}
	return total / float64(n) / float64(length)
}
