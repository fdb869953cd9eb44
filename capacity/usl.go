package capacity

import (
	"math"
	"slices"

	"mfaload/internal/stat"
)

// Bound is an estimate with its 95 % interval.
type Bound struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// USL is a fit of the Universal Scalability Law to the trials: with N requests
// in flight the throughput is λN / (1 + σ(N−1) + κN(N−1)).
type USL struct {
	Lambda Bound `json:"lambda"`
	Sigma  Bound `json:"sigma"`
	Kappa  Bound `json:"kappa"`
	// Peak is the largest throughput and PeakInFlight where it is; 0 where the law has
	// none, or has it far beyond what was measured.
	Peak         float64 `json:"peak"`
	PeakInFlight float64 `json:"peak_in_flight"`
	// Error is the root of the mean squared relative error of the times.
	Error  float64 `json:"relative_error"`
	Points int     `json:"points"`

	terms      []int       // of the three that are fitted
	covariance [][]float64 // of their coefficients
	student    float64
	c          [3]float64
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
		if len(t.Doubts) > 0 || t.Interrupted || t.Ended != "" || t.Growing || rate == 0 || mean == 0 || t.failing() {
			continue
		}
		n, r = append(n, rate*mean), append(r, mean)
		rates[t.Rate], most = true, max(most, rate)
	}
	if len(rates) < fitRates {
		return nil, false
	}
	for _, terms := range [][]int{{0, 1, 2}, {0, 1}, {0, 2}, {0}} {
		if len(n) < max(4, len(terms)+1) {
			return nil, false
		}
		if u, ok = fit(n, r, terms); ok {
			u.believe(most)
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

// believe forgets a largest throughput that lies far beyond what was measured.
func (u *USL) believe(most float64) {
	if u.Peak > peakBeyond*most {
		u.Peak, u.PeakInFlight = 0, 0
	}
}

// failing says whether too many requests failed for the times to mean anything.
func (t *Trial) failing() bool {
	return float64(t.Figures.Requests.AsExpected) < 0.95*float64(t.Figures.Requests.Scheduled)
}

func terms(n float64) [3]float64 { return [3]float64{1, n - 1, n * (n - 1)} }

// fit solves the normal equations for some of the terms.
func fit(n, r []float64, use []int) (*USL, bool) {
	k := len(use)
	a, b := make([][]float64, k), make([]float64, k)
	for i := range a {
		a[i] = make([]float64, k)
	}
	for p := range n {
		x := terms(n[p])
		for i, ti := range use {
			for j, tj := range use {
				a[i][j] += x[ti] * x[tj] / (r[p] * r[p])
			}
			b[i] += x[ti] / r[p]
		}
	}
	inverse, ok := invert(a)
	if !ok {
		return nil, false
	}
	u := &USL{terms: use, Points: len(n), student: stat.StudentQuantile(0.025, float64(max(len(n)-k, 1)))}
	for i, ti := range use {
		for j := range use {
			u.c[ti] += inverse[i][j] * b[j]
		}
		if u.c[ti] < 0 || ti == 0 && u.c[ti] == 0 {
			return nil, false
		}
	}
	squares := 0.0
	for p := range n {
		e := (u.time(n[p]) - r[p]) / r[p]
		squares += e * e
	}
	u.Error = math.Sqrt(squares / float64(len(n)))
	for i := range inverse {
		for j := range inverse[i] {
			inverse[i][j] *= squares / float64(len(n)-k)
		}
	}
	u.covariance = inverse
	u.describe()
	return u, true
}

// describe turns coefficients into the law's. The interval of a ratio is that of
// its numerator, as λ is known best.
func (u *USL) describe() {
	spread := func(term int) float64 {
		if i := slices.Index(u.terms, term); i >= 0 {
			return u.student * math.Sqrt(u.covariance[i][i])
		}
		return 0
	}
	s := spread(0)
	u.Lambda = Bound{1 / u.c[0], 1 / (u.c[0] + s), 1 / max(u.c[0]-s, u.c[0]/100)}
	for term, to := range map[int]*Bound{1: &u.Sigma, 2: &u.Kappa} {
		s := spread(term)
		*to = Bound{u.c[term] / u.c[0], max(u.c[term]-s, 0) / u.c[0], (u.c[term] + s) / u.c[0]}
	}
	switch {
	case u.Kappa.Value > 0 && u.Sigma.Value < 1:
		u.PeakInFlight = math.Sqrt((1 - u.Sigma.Value) / u.Kappa.Value)
		u.Peak = u.Throughput(u.PeakInFlight)
	case u.Sigma.Value > 0:
		u.Peak = u.Lambda.Value / u.Sigma.Value
	}
}

// time is the mean time with so many in flight.
func (u *USL) time(n float64) (sum float64) {
	for term, x := range terms(n) {
		sum += u.c[term] * x
	}
	return sum
}

// Throughput is that of the law with so many in flight.
func (u *USL) Throughput(n float64) float64 { return n / u.time(n) }

// Band is the 95 % confidence band of the throughput with so many in flight.
func (u *USL) Band(n float64) (low, high float64) {
	x, variance := terms(n), 0.0
	for i, ti := range u.terms {
		for j, tj := range u.terms {
			variance += x[ti] * x[tj] * u.covariance[i][j]
		}
	}
	s := u.student * math.Sqrt(max(variance, 0))
	return n / (u.time(n) + s), n / max(u.time(n)-s, u.time(n)/100)
}

// invert inverts a small matrix; false where it is singular.
func invert(a [][]float64) ([][]float64, bool) {
	k := len(a)
	m := make([][]float64, k)
	for i := range m {
		m[i] = append(slices.Clone(a[i]), make([]float64, k)...)
		m[i][k+i] = 1
	}
	for col := range k {
		pivot := col
		for row := col; row < k; row++ {
			if math.Abs(m[row][col]) > math.Abs(m[pivot][col]) {
				pivot = row
			}
		}
		m[col], m[pivot] = m[pivot], m[col]
		if math.Abs(m[col][col]) < 1e-12*math.Abs(a[col][col])+1e-300 {
			return nil, false
		}
		scale := m[col][col]
		for j := range m[col] {
			m[col][j] /= scale
		}
		for row := range k {
			if factor := m[row][col]; row != col {
				for j := range m[row] {
					m[row][j] -= factor * m[col][j]
				}
			}
		}
	}
	for i := range m {
		m[i] = m[i][k:]
	}
	return m, true
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

// FindKnee returns the knee; false where fewer than three rates passed.
func FindKnee(trials []*Trial) (k Knee, ok bool) {
	best, passed := 0.0, map[float64]bool{}
	for _, t := range trials {
		if t.Verdict != Pass || t.Figures.Response.Mean == 0 {
			continue
		}
		passed[t.Rate] = true
		if power := t.Figures.Rate.Achieved / t.Figures.Response.Mean; power > best {
			best, k = power, Knee{t.Rate, "the rate that was tried with the largest quotient of rate and mean response time (Kleinrock's power)"}
		}
	}
	return k, len(passed) >= kneeRates
}
