package stat

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"
)

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

// rhoMax is the largest correlation of neighbors that a series of seconds can tell: what is remembered
// for longer looks like a level of its own.
const rhoMax = 0.97

// LongRunVariance estimates the sum v of all autocovariances of a series: the variance of its mean times
// its length. Rho is the correlation of neighbors that it takes for that, at most 0.97. The larger of
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

// prewhitened is the long-run variance of a series whose neighbors are so correlated, by the residuals
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
// is hardly correlated.
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

// MeanError estimates the standard error of the mean of a series whose neighbors are
// correlated, and how many degrees of freedom the estimate has. Sampling is the variance of a
// value that is sampling noise, 0 if nobody knows. Slow is how many of the lowest frequencies are to be
// left out, because something was taken out of the series.
//
// The series is taken for white noise and an autoregression of order 1 on top, of unknown size
// and memory, which is what the level of a busy service looks like from second to second. The
// likelihood of each size and memory (Whittle, 1953) weighs what the error would be with it. A
// best fit alone would be too sure: a short series hardly tells a long memory from none, and it
// is the long ones that make the error large.
func MeanError(x []float64, sampling float64, slow int) (deviation, freedom float64) {
	if together := (len(x) + valuesMax - 1) / valuesMax; together > 1 {
		return MeanError(means(x, together), sampling/float64(together), slow)
	}
	n := len(x)
	p := periodogram(x)
	p = p[min(slow, len(p)):]
	if p.empty() {
		return 0, freedomMax
	}
	var all mixture
	all.add(p.fit(0, 0, sampling), math.Log(memoryless))
	for memory := memoryMin; memory <= math.Max(memoryMax, float64(n)/16); memory *= math.Sqrt2 {
		prior := math.Log(math.Pow(memory, -favorShort))
		for _, part := range levelParts {
			all.add(p.fit(math.Exp(-1/memory), part, sampling), prior)
		}
	}
	return all.student(float64(n))
}

const (
	// memoryMin and memoryMax are the memories that are thought of, in values: the time in which a
	// correlation falls to 1/e. Longer series may have longer ones.
	memoryMin, memoryMax = 0.5, 35
	// favorShort is how much likelier short memories are than long ones of twice their length, as an
	// exponent; memoryless is the weight of none. They are chosen so that intervals of series from
	// 60 to 600 values with correlations from 0 to 0.95 hold what they claim.
	favorShort, memoryless = 0.4, 40
	// samplingError is how well sampling noise is known, of its logarithm.
	samplingError = 0.1
	freedomMax    = 1e6
)

// valuesMax bounds how many values are looked at: of more, neighbors are taken together, as what
// makes the error large lasts longer.
const valuesMax = 600

// means are those of so many values in a row; those that are left over are not in them.
func means(x []float64, together int) []float64 {
	all := make([]float64, len(x)/together)
	for i := range all {
		all[i] = Mean(x[i*together : (i+1)*together])
	}
	return all
}

// levelParts are the shares of the variance that a level may have.
var levelParts = []float64{.01, .02, .04, .06, .08, .12, .16, .2, .25, .3, .35, .4, .5, .6, .7, .8, .9, 1}

// spectrum is how much of a series' variance is at each frequency above 0, with the cosine of
// the frequency.
type spectrum []struct{ power, cosine float64 }

func periodogram(x []float64) spectrum {
	n := len(x)
	m := Mean(x)
	centered := make([]float64, n)
	for i, v := range x {
		centered[i] = v - m
	}
	if n < 3 {
		return nil
	}
	waves := fourier.NewFFT(n).Coefficients(nil, centered)
	p := make(spectrum, (n-1)/2)
	for k := range p {
		w := waves[k+1]
		p[k].power = (real(w)*real(w) + imag(w)*imag(w)) / float64(n)
		p[k].cosine = math.Cos(2 * math.Pi * float64(k+1) / float64(n))
	}
	return p
}

func (p spectrum) empty() bool {
	for _, at := range p {
		if at.power > 0 {
			return false
		}
	}
	return true
}

// fitted is a spectrum that was fitted: its logarithm of the likelihood, and its value at
// frequency 0, which is the variance of the mean times the length of the series.
type fitted struct{ likelihood, atZero float64 }

// fit fits the size of a spectrum of white noise and of a level that has a part of the variance,
// with a correlation of neighbors.
func (p spectrum) fit(correlation, part, sampling float64) fitted {
	sum, logs := 0.0, 0.0
	square, product := 1+correlation*correlation, 1.0
	for k, at := range p {
		shape := 1 - part + part*(1-correlation*correlation)/(square-2*correlation*at.cosine)
		sum += at.power / shape
		if product *= shape; k%8 == 7 { // one logarithm of eight
			logs, product = logs+math.Log(product), 1
		}
	}
	size := sum / float64(len(p))
	f := fitted{-float64(len(p))*math.Log(size) - logs - math.Log(product),
		size * (1 - part + part*(1+correlation)/(1-correlation))}
	if sampling > 0 {
		off := math.Log(size*math.Max(1-part, 1e-3)/sampling) / samplingError
		f.likelihood -= off * off / 2
	}
	return f
}

// mixture are variances that a series may have, with the logarithms of their weights.
type mixture struct{ weights, variances []float64 }

func (m *mixture) add(f fitted, prior float64) {
	m.weights, m.variances = append(m.weights, f.likelihood+prior), append(m.variances, f.atZero)
}

// student is the distribution of Student's that has the same 16 % and 2.5 % as normal variables
// whose variances are the mixture's divided by n.
func (m *mixture) student(n float64) (deviation, freedom float64) {
	best, total := math.Inf(-1), 0.0
	for _, w := range m.weights {
		best = math.Max(best, w)
	}
	for i, w := range m.weights {
		m.weights[i] = math.Exp(w - best)
		total += m.weights[i]
	}
	scale := math.Sqrt(slices.Max(m.variances))
	reach := func(tail float64) float64 {
		return bisect(0, 10, func(z float64) bool {
			above := 0.0
			for i, w := range m.weights {
				if w > 1e-9 {
					above += w / total * NormalTail(z*scale/math.Sqrt(m.variances[i]))
				}
			}
			return above <= tail
		})
	}
	inner, outer := reach(0.16), reach(0.025)
	freedom = math.Exp(bisect(math.Log(2), math.Log(freedomMax), func(log float64) bool {
		f := math.Exp(log)
		return StudentQuantile(0.025, f)/StudentQuantile(0.16, f) <= outer/inner
	}))
	return scale * outer / StudentQuantile(0.025, freedom) / math.Sqrt(n), freedom
}

// bisect finds where a condition begins to be true, between two values.
func bisect(low, high float64, reached func(float64) bool) float64 {
	for range 40 {
		if middle := (low + high) / 2; reached(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// SteadyFrom finds from which of its batches on a series of logarithms is steady: 0 if it is from its
// beginning. Batches are of so many values. It is false if it is not from the latest batch on, which it then
// returns. It takes twice as many batches as that at least.
//
// The rule is MSER (White, 1997; White, Cobb and Spratt, 2000): what is left out is what makes the
// squared standard error of the mean of the rest smallest, by batches, and at most half of them. Of
// places that are as good but for noise, the first counts. As MSER often leaves something out of a series
// that is steady from the beginning, the beginning also has to differ from the rest by more
// than noise makes it, with the correlation of the rest; 1 in 500 does by chance. The rest must not rise
// or fall.
func SteadyFrom(x []float64, together, latest int) (from int, ok bool) {
	from = truncated(means(x, together))
	rest := x[from*together:]
	if from > 0 && !differ(x[:from*together], rest) {
		from, rest = 0, x
	}
	if from > latest || Rise(rest) != 0 {
		return latest, false
	}
	return from, true
}

// differ says whether the mean of the beginning of a series is another one than that of the rest.
func differ(beginning, rest []float64) bool {
	deviation, freedom := MeanError(rest, 0, 0)
	ours := deviation * math.Sqrt(float64(len(rest))/float64(len(beginning)))
	return math.Abs(Mean(beginning)-Mean(rest)) >
		StudentQuantile(differByChance/2, math.Max(freedom, differFreedom))*math.Hypot(ours, deviation)
}

const (
	// differByChance is how often the beginning of a steady series is taken for another.
	differByChance = 0.002
	// differFreedom bounds what a short rest may be unsure of: with fewer degrees of freedom nothing would
	// differ from it.
	differFreedom = 6
	// asGood is by how much the rest may be worse than the best one, as a multiple of what a batch
	// contributes: a walk of squares of normal variables, which lead away from 2, seldom is more.
	asGood = 4
)

// truncated is how many of the first values to leave out, by MSER.
func truncated(x []float64) int {
	n := len(x)
	errors := make([]float64, n/2+1)
	sum, squares := 0.0, 0.0 // of the distances from the mean
	for k := n - 1; k >= 0; k-- {
		size := float64(n - k)
		away := x[k] - sum/math.Max(size-1, 1)
		if size > 1 {
			squares += away * away * (size - 1) / size
		}
		if sum += x[k]; k <= n/2 {
			errors[k] = squares / size / size
		}
	}
	smallest := slices.Min(errors)
	return slices.IndexFunc(errors, func(e float64) bool { return e <= smallest*(1+asGood/float64(n)) })
}

// Rise is by how much a series of logarithms rises from its beginning to its end, by a straight line: 0 if
// that is below 1 %, or may be chance, however neighbors are correlated. 1 in 100 steady series is said to
// rise or fall.
func Rise(logs []float64) (rise float64) {
	n := float64(len(logs))
	m, variance := Mean(logs), (n*n-1)/12
	for i, v := range logs {
		rise += (float64(i) - (n-1)/2) * (v - m) / variance
	}
	scores := make([]float64, len(logs))
	for i, v := range logs {
		at := float64(i) - (n-1)/2
		scores[i] = at * (v - m - rise/n*at) / variance * n
	}
	deviation, freedom := MeanError(scores, 0, 0)
	if math.Abs(rise) <= max(riseMin, StudentQuantile(riseByChance/2, freedom)*deviation) {
		return 0
	}
	return rise
}

const (
	// riseByChance is how often a steady series is said to rise or fall; riseMin is what matters to nobody.
	riseByChance = 0.01
	riseMin      = 0.01
)
