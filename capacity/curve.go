package capacity

import (
	"math"

	"mfaload/internal/stat"
)

// Coefficient is an estimate with its 95 % interval.
type Coefficient struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// USL is a fit of the Universal Scalability Law to the trials: with N requests
// in flight the throughput is λN / (1 + σ(N−1) + κN(N−1)).
type USL struct {
	Lambda Coefficient `json:"lambda"`
	Sigma  Coefficient `json:"sigma"`
	Kappa  Coefficient `json:"kappa"`
	// Peak is the largest throughput and PeakInFlight where it is; 0 where the law has
	// none, or has it far beyond what was measured.
	Peak         float64 `json:"peak"`
	PeakInFlight float64 `json:"peak_in_flight"`
	// Error is the root of the mean squared relative error of the times.
	Error  float64 `json:"relative_error"`
	Points int     `json:"points"`

	fit stat.Fit // of the mean time, in seconds
}

// FitUSL fits the law by least squares of the relative errors of the mean time:
// by Little's law that is N/X = (1 + σ(N−1) + κN(N−1)) / λ, a sum of three terms.
// A coefficient that would be negative is left out. It takes trials that broke as
// well, as long as most answers were as expected and no backlog grew; false with
// fewer than four of them.
func FitUSL(trials []*Trial) (u *USL, ok bool) {
	var n, r []float64
	rates, most := map[float64]bool{}, 0.0
	for _, t := range trials {
		rate, mean := t.Served, t.Figures.Response.Mean/1000
		if len(t.Doubts) > 0 || t.Interrupted || t.Ended != "" || t.Growing || rate == 0 || mean == 0 ||
			t.failing() {
			continue
		}
		n, r = append(n, rate*mean), append(r, mean)
		rates[t.Rate], most = true, max(most, rate)
	}
	if len(rates) < fitRates {
		return nil, false
	}
	for _, use := range [][3]bool{{true, true, true}, {true, true}, {true, false, true}, {true}} {
		if u, ok = fit(n, r, use); ok {
			u.dropFarPeak(most)
			return u, true
		}
	}
	return nil, false
}

// fitRates is how many different rates a fit takes, and peakBeyond how far above
// what was measured its largest throughput may be.
const (
	fitRates   = 4
	peakBeyond = 1.5
)

// dropFarPeak forgets a largest throughput that lies far beyond what was measured.
func (u *USL) dropFarPeak(most float64) {
	if u.Peak > peakBeyond*most {
		u.Peak, u.PeakInFlight = 0, 0
	}
}

// failing says whether too many requests failed for the times to mean anything.
func (t *Trial) failing() bool {
	return float64(t.Figures.Requests.AsExpected) < 0.95*float64(t.Figures.Requests.Scheduled)
}

func terms(n float64) [3]float64 { return [3]float64{1, n - 1, n * (n - 1)} }

// fit fits some of the terms.
func fit(n, r []float64, use [3]bool) (*USL, bool) {
	x, one := make([][3]float64, len(n)), make([]float64, len(n))
	for i := range n {
		for term, value := range terms(n[i]) {
			x[i][term] = value / r[i]
		}
		one[i] = 1
	}
	f, ok := stat.LeastSquares(x, one, use)
	if c := f.Coefficients; !ok || c[0] <= 0 || c[1] < 0 || c[2] < 0 {
		return nil, false
	}
	u := &USL{fit: f, Points: len(n), Error: math.Sqrt(f.Squares / float64(len(n)))}
	u.describe()
	return u, true
}

// describe turns coefficients into the law's. The interval of a ratio is that of
// its numerator, as λ is known best.
func (u *USL) describe() {
	c, student := u.fit.Coefficients, stat.StudentQuantile(0.025, u.fit.Freedom)
	spread := func(term int) float64 { return student * math.Sqrt(u.fit.Covariance[term][term]) }
	s := spread(0)
	u.Lambda = Coefficient{1 / c[0], 1 / (c[0] + s), 1 / max(c[0]-s, c[0]/100)}
	for term, to := range map[int]*Coefficient{1: &u.Sigma, 2: &u.Kappa} {
		s := spread(term)
		*to = Coefficient{c[term] / c[0], max(c[term]-s, 0) / c[0], (c[term] + s) / c[0]}
	}
	switch {
	case u.Kappa.Value > 0 && u.Sigma.Value < 1:
		u.PeakInFlight = math.Sqrt((1 - u.Sigma.Value) / u.Kappa.Value)
		u.Peak = u.Throughput(u.PeakInFlight)
	case u.Sigma.Value > 0:
		u.Peak = u.Lambda.Value / u.Sigma.Value
	}
}

// Throughput is that of the law with so many in flight.
func (u *USL) Throughput(n float64) float64 { return n / u.fit.At(terms(n)) }

// Band is the 95 % confidence band of the throughput with so many in flight.
func (u *USL) Band(n float64) (low, high float64) {
	time := u.fit.At(terms(n))
	s := stat.StudentQuantile(0.025, u.fit.Freedom) * u.fit.DeviationAt(terms(n))
	return n / (time + s), n / max(time-s, time/100)
}

// Knee is the rate that was tried with the most throughput for its response
// time: Kleinrock's power, rate divided by mean response time. Below it more
// load costs little time, above it more than it brings.
type Knee struct {
	Rate   float64 `json:"rate"`
	Method string  `json:"method"`
}

// kneeRates is how many different rates have to pass for one of them to be a knee.
const kneeRates = 3

// findKnee returns the knee; false where fewer than three rates passed.
func findKnee(trials []*Trial) (k Knee, ok bool) {
	best, passed := 0.0, map[float64]bool{}
	for _, t := range trials {
		if t.Verdict != Pass || t.Figures.Response.Mean == 0 {
			continue
		}
		passed[t.Rate] = true
		if power := t.Figures.Rate.Achieved / t.Figures.Response.Mean; power > best {
			best, k = power, Knee{t.Rate, "the rate that was tried with the largest quotient of rate and " +
				"mean response time (Kleinrock's power)"}
		}
	}
	return k, len(passed) >= kneeRates
}
