package stat

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"
)

// MeanError estimates the standard error of the mean of a series whose neighbours are
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

// valuesMax bounds how many values are looked at: of more, neighbours are taken together, as what
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

// empty says that there is nothing that varies.
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
// with a correlation of neighbours.
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
