package capacity

import (
	"cmp"
	"math"
	"slices"

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

// estimate is where the limit seems to be, by a line through the trials next to
// it. It only says where to look: no interval rests on it.
func (s *search) estimate(p *posterior) (rate float64, ok bool) {
	if r, ok := s.refusal(); ok {
		return r.accepted, true
	}
	for i := range s.Limits {
		if r, is := s.crossingOf(i, p.quantile(0.5)); is && (!ok || r < rate) {
			rate, ok = r, true
		}
	}
	return min(max(rate, p.quantile(estimateTail)), p.quantile(1-estimateTail)), ok
}

// estimateTail is how likely the limit has to be beyond an estimate at least.
const estimateTail = 0.05

// crossingOf is where the i-th limit seems to be met; false where few trials tell.
func (s *search) crossingOf(i int, around float64) (rate float64, ok bool) {
	for range 3 {
		l := crossingLine{points: s.points(i, around)}
		if len(l.points) < estimateTrialsMin {
			return 0, false
		}
		if l.fit(); !(l.slope < 0) { // noise: the closest one, then
			closest := slices.MinFunc(l.points, func(a, b linePoint) int {
				return cmp.Compare(a.distance(), b.distance())
			})
			return closest.rate, closest.distance() < nearest
		}
		byRate := func(a, b linePoint) int { return cmp.Compare(a.rate, b.rate) }
		least, most := slices.MinFunc(l.points, byRate).rate, slices.MaxFunc(l.points, byRate).rate
		around = min(max(l.crossing, least*(1-s.Width)), most*(1+s.Width))
	}
	return around, true
}

const (
	// estimateTrialsMin is how many trials an estimate takes.
	estimateTrialsMin = 3
	// nearest is how near to the limit one of the times has to be, as a logarithm.
	nearest = 0.5
)

func (p linePoint) distance() float64 { return math.Abs(math.Log(p.inverse)) }

// crossingLine is how a time that a limit judges goes with the rate next to the limit.
// Its inverse falls about as a straight line, in queues as by the Universal
// Scalability Law, and near saturation it is as uncertain at one rate as at
// another: so trials at different rates tell of one crossing together.
type crossingLine struct {
	points []linePoint
	// slope is of the inverse by the rate.
	slope float64
	// crossing is the rate at which the time is the limit.
	crossing float64
	// The line goes through level at middle, which are known by a weight; lever is that of the
	// slope.
	middle, level, weight, lever float64
	// between is how much trials differ by more than their noise, as the standard deviation
	// of the rate that each would find.
	between float64
}

// linePoint is what a trial shows of a limit.
type linePoint struct {
	rate, seconds float64
	// inverse is the limit divided by the time, noise its variance were the trial
	// a second long; 0 is unknown. Tail is the slope of [Judged].
	inverse, noise, tail float64
}

// What a line is made of.
const (
	// farthestBelow and farthestAbove are how far from the crossing trials are, in
	// widths: beyond saturation a time says how long the trial was.
	farthestBelow = 2.0
	farthestAbove = 1.1
	// inverseMin and mostInverse are how far from the limit times are.
	inverseMin = 0.02
	inverseMax = 2.5
	// bend is how far an inverse may be off the line, of its distance from the limit.
	bend = 0.1
	// pointsMin is how many trials it takes.
	pointsMin = 4
	// steep is how many standard deviations a slope is from none: fewer would bound no interval.
	steep = 2.6
)

// fitLine fits the line of the i-th limit to the trials around it; false where
// they make none.
func (s *search) fitLine(p *posterior, i int) (l crossingLine, ok bool) {
	l.crossing = p.quantile(0.5)
	for range 3 {
		l.points = s.points(i, l.crossing)
		if len(l.points) < pointsMin || !l.fit() {
			return l, false
		}
	}
	return l, true
}

// points are those of the trials around a rate.
func (s *search) points(i int, around float64) (all []linePoint) {
	for _, t := range s.found.Trials {
		if len(t.Doubts) > 0 || t.Interrupted || t.Ended != "" || t.Refused > 0 || i >= len(t.Judged) ||
			t.Rate < around*(1-farthestBelow*s.Width) || t.Rate > around*(1+farthestAbove*s.Width) {
			continue
		}
		j, seconds := &t.Judged[i], float64(len(t.Seconds))
		if y := j.Over / j.Quantile; j.Quantile > 0 && y > inverseMin && y < inverseMax {
			all = append(all, linePoint{rate: t.Rate, seconds: seconds, inverse: y,
				noise: y * y * j.Spread * j.Spread * seconds, tail: j.Slope})
		}
	}
	return all
}

// fit is a regression with weights and random effects; false where it tells no crossing.
// The noise is that of all trials together, as one without a burst knows nothing of its
// own. Each trial also has a level of its own.
func (l *crossingLine) fit() bool {
	noise, tail := l.noise()
	l.unskew(noise, tail)
	own := make([]float64, len(l.points)) // the variance of each, without its level
	weights := make([]float64, len(l.points))
	for i, p := range l.points {
		off := bend * (p.inverse - 1)
		own[i] = noise/p.seconds + off*off
		weights[i] = 1 / own[i]
	}
	var steepness float64
	for range betweenRounds {
		steepness = l.regress(weights)
		if !(l.slope < 0) {
			return false
		}
		l.between = l.betweenTrials(own)
		for i := range weights {
			level := l.between * l.slope * l.crossing
			weights[i] = 1 / (own[i] + level*level)
		}
	}
	return steepness >= steep
}

// regress fits the line with weights, and returns how many standard deviations its slope is
// from none.
func (l *crossingLine) regress(weights []float64) (steepness float64) {
	var w, x, y, xx, xy float64
	for i, p := range l.points {
		w, x, y = w+weights[i], x+weights[i]*p.rate, y+weights[i]*p.inverse
	}
	x, y = x/w, y/w
	for i, p := range l.points {
		xx, xy = xx+weights[i]*(p.rate-x)*(p.rate-x), xy+weights[i]*(p.rate-x)*(p.inverse-y)
	}
	l.slope = xy / xx
	l.crossing = x + (1-y)/l.slope
	l.middle, l.level, l.weight, l.lever = x, y, w, xx
	return -l.slope * math.Sqrt(xx)
}

// off is how many standard deviations the line is from the limit at a rate (Fieller, 1954).
func (l *crossingLine) off(rate float64) float64 {
	away := rate - l.middle
	return math.Abs(l.level+l.slope*away-1) / math.Sqrt(1/l.weight+away*away/l.lever)
}

// end is the farthest rate on one side of the crossing that is so many standard deviations
// off, at most twice the crossing away.
func (l *crossingLine) end(direction, deviations float64) float64 {
	low, high := 0.0, l.crossing
	for range 40 {
		if middle := (low + high) / 2; l.off(l.crossing+direction*middle) > deviations {
			high = middle
		} else {
			low = middle
		}
	}
	return l.crossing + direction*high
}

// How much trials are taken to differ before any was made: the standard deviation of the
// rate that each would find in a time without end, and how many trials that is worth.
const (
	betweenPrior        = 0.01
	betweenPriorFreedom = 5.0
	betweenMax          = 0.2
	betweenRounds       = 4
)

// betweenTrials is how much trials differ by more than their noise, as the standard
// deviation of the rate that each would find, by Mandel and Paule (1970): so much that
// the squares of the residuals are as many as there are degrees of freedom. The prior
// counts as residuals of its own.
func (l *crossingLine) betweenTrials(own []float64) float64 {
	scale := -l.slope * l.crossing // of the inverse by the rate
	freedom := float64(len(l.points)) - 2 + betweenPriorFreedom
	low, high := 0.0, betweenMax
	for range 40 {
		between := (low + high) / 2
		squares := betweenPriorFreedom * betweenPrior * betweenPrior / (between * between)
		for i, p := range l.points {
			residual := p.inverse - 1 - l.slope*(p.rate-l.crossing)
			squares += residual * residual / (own[i] + scale*scale*between*between)
		}
		if squares > freedom {
			low = between
		} else {
			high = between
		}
	}
	return high
}

// freedom is that of the deviation.
func (l *crossingLine) freedom() float64 { return float64(len(l.points)) - 2 + betweenPriorFreedom }

// unskew takes from each inverse what it is too large by on average. A limit is of all requests of a time
// without end, of which rare bad minutes have most of those above it. So what counts is the mean of the
// trials' shares, and a share goes with a power of the trial's time, its tail: if the logarithm of that time
// has a variance by noise, its mean is below the time of all trials together by half of tail times the
// variance, and the mean of the inverse is above by another half of the variance.
func (l *crossingLine) unskew(noise, tail float64) {
	for i := range l.points {
		p := &l.points[i]
		p.inverse *= math.Exp(-(tail + 1) / 2 * noise / p.seconds)
	}
}

// noise is the mean of what is known of the points' noise, and of their tails.
func (l *crossingLine) noise() (noise, tail float64) {
	seconds := 0.0
	for _, p := range l.points {
		if p.noise > 0 {
			noise, tail, seconds = noise+p.noise*p.seconds, tail+p.tail*p.seconds, seconds+p.seconds
		}
	}
	seconds = max(seconds, 1)
	return max(noise/seconds, 1e-9), tail / seconds
}

// lineWindow is the interval in which the limit lies by the lines through the trials;
// false where there is none, or where trials contradict it. It is never narrower
// than what is looked for: a step between two trials looks like a line.
func (s *search) lineWindow(p *posterior) (w rateWindow, ok bool) {
	for i := range s.Limits {
		l, is := s.fitLine(p, i)
		if !is {
			continue
		}
		half, sure := s.Width/2*l.crossing, stat.StudentQuantile((1-s.Confidence)/2, l.freedom())
		c := rateWindow{low: min(l.crossing-half, l.end(-1, sure)),
			high: max(l.crossing+half, l.end(1, sure))}
		below := stat.StudentTail(l.off(c.low), l.freedom())
		above := stat.StudentTail(l.off(c.high), l.freedom())
		c.mass = min(1-below-above, lineConfidenceMax)
		if ok { // what any limit breaks, is broken
			c = rateWindow{min(w.low, c.low), min(w.high, c.high), min(w.mass, c.mass)}
		}
		w, ok = c, true
	}
	return w, ok && s.consistent(w)
}

// lineConfidenceMax is the most that a line says: that it is one is an assumption.
const lineConfidenceMax = 0.99

// reachMax is how far they may be from the middle, in half widths.
const reachMax = 1.1

// consistent says whether trials near an interval, on both sides of its middle,
// agree with it, and none beyond an end contradicts it. Those next to the middle
// have to be as near as its ends, as between them may be a step.
func (s *search) consistent(w rateWindow) bool {
	looks, middle := poolByRate(s.found.Trials), (w.low+w.high)/2
	holds := func(l rateEvidence) bool {
		return l.odds < 0 && l.rate < middle && l.rate > middle-reachMax*(middle-w.low)
	}
	breaks := func(l rateEvidence) bool {
		return l.odds > 0 && l.rate > middle && l.rate < middle+reachMax*(w.high-middle)
	}
	against := func(l rateEvidence) bool {
		return l.odds > oddsMax && l.rate <= w.low || l.odds < -oddsMax && l.rate >= w.high
	}
	return slices.ContainsFunc(looks, holds) && slices.ContainsFunc(looks, breaks) &&
		!slices.ContainsFunc(looks, against)
}
