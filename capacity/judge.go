package capacity

import (
	"fmt"
	"math"
	"slices"
	"time"

	"mfaload/internal/stat"
	"mfaload/scenario"
)

// Judged is what a trial says of one limit.
type Judged struct {
	Limit string
	// Observed and Allowed are shares of the requests, or means in seconds.
	Observed, Allowed float64
	// Effective is how many independent requests would say as much.
	Effective float64
	// Quantile is the time that the allowed share of requests is above, or the
	// mean, in seconds; 0 where the limit is of no time.
	Quantile float64
	// Over is the limit of it.
	Over float64
	// Spread is the standard deviation of Quantile, as a share of it; 0 is not
	// known, far above the limit.
	Spread float64
	// Slope is how steeply the share of requests falls with the time there, as the ratio of their
	// logarithms: 1 for a mean, 0 is not known.
	Slope float64
	// Broken is how likely it is that a trial without end breaks the limit.
	Broken float64
	// Open says that the trial is too short to judge the limit, and that nothing
	// suggests that it is broken.
	Open bool
	// RateInterval says that the limit is of a rate of events.
	Rate bool
}

// farBelow is the level of half of a limit: a time that no request was above is far
// from it.
const farBelow = atLimit + 2

// verdictMin is how likely a trial has to be right for a verdict.
const verdictMin = 0.8

// Line is the trial in a line.
func (t *Trial) Line(most int) string {
	f := t.Figures
	text := fmt.Sprintf("trial %d of at most %d: %s for %d s: %s; p50 %s ms, p95 %s ms, p99 %s ms, %d of "+
		"%d as expected", t.Number, most, rateText(t.Rate),
		len(t.Seconds), t.Verdict, f.Response.Text("p50"), f.Response.Text("p95"), f.Response.Text("p99"),
		f.Requests.AsExpected, f.Requests.Scheduled)
	if t.Verdict != Pass {
		text += "; " + t.By
	}
	for _, reason := range t.Reasons {
		text += "; " + reason
	}
	return text
}

// Judge says what a trial's outcome says of its rate.
func Judge(a TrialSpec, o *Outcome, limits []Criterion) *Trial {
	t := &Trial{TrialSpec: a, Outcome: *o, Verdict: Inconclusive, Broken: 0.5, At: a.Rate}
	if o.Recovered.missed() {
		t.By, t.Overloaded = LimitedByBacklog, true
		t.Reasons = []string{fmt.Sprintf("nothing was tried: after %v the service was not back at its "+
			"former response time", o.Recovered.Took.Round(time.Second))}
		return t
	}
	piled := o.Backlog.grew()
	if t.Reasons = o.Doubts; !piled {
		t.Reasons = slices.Concat(o.Doubts, o.checkLittle())
	}
	if len(t.Reasons) > 0 {
		t.Doubts, t.By, t.Overloaded = t.Reasons, LimitedByGenerator, piled
		return t
	}
	t.weigh(a, limits)
	if t.Verdict == Break && !t.atBestToo(a, limits) {
		t.Verdict, t.Broken, t.By = Inconclusive, 0.5, LimitedByGenerator
		t.Doubts = []string{ownDoing}
		t.Reasons = append(t.Reasons, t.Doubts...)
	}
	return t
}

const ownDoing = "what breaks may be mfaload's own doing: without what it held up itself, the trial does " +
	"not say so; " +
	"use a machine with more or idler processors, or remove load.workers"

// atBestToo says whether a trial is a break without what mfaload itself may have
// caused too.
func (t *Trial) atBestToo(a TrialSpec, limits []Criterion) bool {
	if t.Best == nil {
		return true
	}
	best := &Trial{TrialSpec: a, Outcome: *t.atBest(), At: a.Rate}
	best.weigh(a, limits)
	return best.Verdict == Break
}

// weigh weighs all that the trial may break by, and concludes.
func (t *Trial) weigh(a TrialSpec, limits []Criterion) {
	o := &t.Outcome
	piled := o.Backlog.grew()
	worst := t.judgeLimits(limits)
	b := judgeBacklog(a, o)
	t.Growing = piled || b.Broken > verdictMin
	switch {
	case piled:
		worst, t.By = oddsMax, LimitedByBacklog
		t.Judged = append(t.Judged, Judged{Limit: LimitedByBacklog, Observed: o.Backlog.share(),
			Allowed: unservedShare, Effective: o.Backlog.Due, Broken: probability(oddsMax)})
		t.Reasons = append(t.Reasons, o.Backlog.text())
	case b.Broken > probability(worst):
		worst, t.By = logit(b.Broken), LimitedByBacklog
		t.Judged = append(t.Judged, b)
		t.Reasons = append(t.Reasons, fmt.Sprintf("the response time went up by %.3g ms within the trial: "+
			"a longer one would not end well", b.Observed*1000))
	}
	if o.Ended != "" {
		worst, t.By = oddsMax, o.Ended
		t.Reasons = append(t.Reasons, o.endedText(a))
	}
	if worst > 0 && o.Refused > 0 {
		t.By = LimitedByRefusals
	}
	t.conclude(clampOdds(worst))
}

// conclude makes the odds that the rate is too high a verdict.
func (t *Trial) conclude(worst float64) {
	t.Broken = probability(worst)
	t.Overloaded = t.Broken >= verdictMin && t.By != LimitedByRefusals
	switch {
	case t.Interrupted: // whoever stopped it may have seen how it went
		t.Broken = 0.5
		t.Reasons = append(t.Reasons, "it was stopped before its end")
	case t.Broken >= verdictMin:
		t.Verdict = Break
	case t.Broken <= 1-verdictMin+1e-9:
		t.Verdict = Pass
	default:
		t.Reasons = append(t.Reasons, fmt.Sprintf("%s is too close to its limit for a trial of this length",
			t.By))
	}
}

// judgeLimits judges all limits and returns the odds that the worst of them is
// broken. What is open takes no part in that: a rate of which no event was seen,
// and no more than weakly a time that is far from its limit.
func (t *Trial) judgeLimits(limits []Criterion) (worst float64) {
	worst, weak := math.Inf(-1), false
	closest, closestBy := math.Inf(-1), ""
	for i := range limits {
		j := judgeLimit(&limits[i], i, &t.Outcome)
		t.Judged = append(t.Judged, j)
		odds := logit(j.Broken)
		if odds > closest {
			closest, closestBy = odds, j.Limit
		}
		if j.Open {
			weak = weak || limits[i].timed()
		} else if odds > worst {
			worst, t.By = odds, j.Limit
		}
	}
	if weak {
		worst = max(worst, logit(1-verdictMin))
	}
	if worst <= logit(1-verdictMin) {
		t.By = closestBy
	}
	return worst
}

func logit(p float64) float64 { return math.Log(p) - math.Log1p(-p) }

// judgeLimit judges the i-th limit.
func judgeLimit(l *Criterion, i int, o *Outcome) Judged {
	j := Judged{Limit: l.Name, Allowed: l.Allowed, Rate: l.ofFewEvents()}
	if l.Metric == scenario.AchievedRate {
		j.Observed = 1 - o.Achieved
		j.Broken = probability(oddsMax)
		if j.Observed <= l.Allowed {
			j.Broken = probability(-oddsMax)
		}
		return j
	}
	s := o.series(i, atLimit)
	n := stat.Sum(s.of)
	j.Observed, j.Effective = s.share(), n
	switch {
	case n == 0:
		j.Broken = 0.5
	case l.Mean:
		j.Broken = judgeMean(l, i, o, &j)
	case l.Allowed == 0:
		// None may be over it: there is nothing to estimate.
		j.Broken = probability(-oddsMax)
		if j.Observed > 0 {
			j.Broken = probability(oddsMax)
		}
	default:
		t := tail{inflation: s.inflation()}
		far := j.Observed == 0
		if l.timed() {
			far = stat.Sum(o.series(i, farBelow).over) == 0
			t = o.tail(l, i)
			j.Quantile, j.Over, j.Spread, j.Slope = o.Quantiles[i], l.Over, t.spread, t.slope
		}
		j.Effective = n / t.inflation
		j.Broken = probability(oddsOf(t.excess(l, &j)))
		j.Open = far && j.Broken > 1-verdictMin
	}
	return j
}

func judgeMean(l *Criterion, i int, o *Outcome, j *Judged) float64 {
	s := o.series(i, atLimit)
	for k := range o.Seconds {
		s.over[k] = o.Seconds[k].Tallies[i].Sum
	}
	j.Observed, j.Allowed = s.share(), l.Over
	j.Quantile, j.Over, j.Spread = j.Observed, l.Over, math.Sqrt(s.variance())/j.Observed
	j.Slope = 1
	spread := max(math.Sqrt(s.variance()), 1e-4*l.Over) // no mean is known better than that
	return probability(oddsOf((j.Observed - l.Over) / spread))
}

// countSeries are the requests of each second that the i-th limit judges, and those
// above one of its levels.
func (o *Outcome) series(i, level int) (s countSeries) {
	for k := range o.Seconds {
		t := &o.Seconds[k].Tallies[i]
		s.over, s.of = append(s.over, t.Over[level]), append(s.of, t.Of)
	}
	return s
}

// tail is what the levels tell of the time that the allowed share is above.
type tail struct {
	// slope is how steeply the share falls there: the logarithm of the share by
	// that of the time.
	slope float64
	// inflation is how many requests say as much as one would if they did not
	// wait in the same queues.
	inflation float64
	// spread is the standard deviation of the quantile, as a share of it.
	spread float64
}

// tail looks at the requests around the time that the allowed share is above.
// Where more are above the limit, those at the limit tell how much they say.
func (o *Outcome) tail(l *Criterion, i int) (t tail) {
	level, above := 0, 0.0
	s := o.series(i, level)
	for s.share() < l.Allowed && level < levels-1 {
		above = s.share()
		level++
		s = o.series(i, level)
	}
	if share := s.share(); level > 0 && share >= l.Allowed {
		drop := math.Log(share / max(above, 0.5/stat.Sum(s.of)))
		t.slope = drop / math.Log(ofLimit[level-1]/ofLimit[level])
		t.spread = math.Sqrt(s.variance()) / share / t.slope
	}
	if level < atLimit {
		s = o.series(i, atLimit)
	}
	t.inflation = s.inflation()
	return t
}

// inflation is the variance of the share, of what it would be if the requests
// were independent.
func (s countSeries) inflation() float64 {
	share := s.share()
	if share <= 0 || share >= 1 {
		return 1
	}
	return max(s.variance()*stat.Sum(s.of)/(share*(1-share)), 1)
}

// excess says how many standard deviations a share of the requests is above
// what is allowed. Where hardly any is above the limit they can't be counted:
// how far the time that the allowed share is above is from the limit tells
// more, by the slope of the tail.
func (t tail) excess(l *Criterion, j *Judged) float64 {
	z := stat.Excess(j.Observed, j.Effective, l.Allowed)
	if j.Quantile > 0 && j.Quantile < l.Over && j.Observed*j.Effective < aboveMin {
		spread := math.Sqrt((1 - l.Allowed) / (l.Allowed * j.Effective)) // of the share's logarithm
		z = min(z, max(t.slope*math.Log(j.Quantile/l.Over)/spread, -farAtMost))
	}
	return z
}

// farAtMost is the most standard deviations that the slope of a tail says: the
// next burst of requests that wait for one another may have a longer one.
const farAtMost = 0.7

// aboveMin is how many independent requests above a limit can't be counted on.
const aboveMin = 3

// When a response time that goes up is a backlog.
const (
	steepTrend   = 3    // standard deviations of the slope
	largeTrend   = 0.25 // of the mean, over the trial
	manyRequests = 3    // more in flight at the end than at the start
)

// judgeBacklog finds a response time that goes up from second to second.
func judgeBacklog(a TrialSpec, o *Outcome) Judged {
	j := Judged{Limit: LimitedByBacklog}
	var at, mean []float64
	for k := range o.Seconds {
		if s := &o.Seconds[k]; s.Sent > 0 {
			at, mean = append(at, float64(k)), append(mean, s.Response/s.Sent)
		}
	}
	if len(mean) < 2*stat.BatchesMin {
		return j
	}
	slope, spread := stat.Slope(at, mean)
	j.Observed = slope * float64(len(o.Seconds))
	average := stat.Mean(mean)
	if slope > steepTrend*spread && j.Observed > largeTrend*average && j.Observed*a.Rate > manyRequests {
		j.Broken = probability(oddsOf(slope / spread))
	}
	return j
}

// countSeries are a count and what it is a share of, second by second.
type countSeries struct{ over, of []float64 }

func (s countSeries) share() float64 { return stat.Ratio(stat.Sum(s.over), stat.Sum(s.of)) }

// variance of the share, were it measured again and again: the larger of what batches of
// seconds say, and of what an autoregression says, as a batch is hardly longer than what
// the service remembers of the seconds before. A trial is never worth less than a few
// seconds that are independent.
func (s countSeries) variance() float64 {
	share, n := s.share(), stat.Sum(s.of)
	residuals := make([]float64, len(s.over))
	for i := range residuals {
		residuals[i] = s.over[i] - share*s.of[i]
	}
	seconds := float64(len(residuals))
	longRun, _ := stat.LongRunVariance(residuals, n*share*(1-share)/max(seconds, 1))
	squares := 0.0
	for _, r := range residuals {
		squares += r * r
	}
	return max(stat.SumVariance(residuals), min(seconds*longRun, squares*seconds/independentMin)) / (n * n)
}

// independentMin is how many independent seconds a trial is worth at least.
const independentMin = 2.5

// refusal is what a trial with 429s tells of a rate limit: a token bucket, and
// most others, accepts as much as it allows and refuses the rest.
type refusal struct {
	// accepted is the rate that was not refused, once anything was.
	accepted float64
	// burst is how many requests came through beyond that at first.
	burst float64
}

// refusedSecondsMin is how many seconds tell the rate that is accepted.
const refusedSecondsMin = 5

// refusal returns what the trial tells of a rate limit.
func (t *Trial) refusal() (r refusal, ok bool) {
	if t.Refused == 0 || t.By != LimitedByRefusals {
		return r, false
	}
	all := append(append([]TrialSecond{}, t.Before...), t.Seconds...)
	first := 0
	for first < len(all) && all[first].Expected == all[first].Sent {
		first++
	}
	after := all[min(first+1, len(all)):]
	if len(after) < refusedSecondsMin {
		return r, false
	}
	for _, s := range after {
		r.accepted += s.Expected / float64(len(after))
	}
	r.burst = max(t.Rate-r.accepted, 0) * float64(first+1)
	return r, r.accepted > 0
}

// refusal is that of the lowest rate that was refused.
func (s *search) refusal() (r refusal, ok bool) {
	lowest := math.Inf(1)
	for _, t := range s.found.Trials {
		if found, is := t.refusal(); is && t.Rate < lowest {
			r, ok, lowest = found, true, t.Rate
		}
	}
	return r, ok
}

// untilRefused is how long a rate has to be tried until a rate limit shows that
// accepts somewhat less and lets a burst through first.
func (r refusal) untilRefused(rate float64) time.Duration {
	if rate <= r.accepted {
		return 0
	}
	return time.Duration(1.2*r.burst/(rate-r.accepted)*1e9) + refusedSecondsMin*time.Second
}

// placeRefused makes a refused trial speak of the rate that is accepted, so that no
// other one has to be refused to find it.
func (s *search) placeRefused(t *Trial) {
	if r, ok := t.refusal(); ok && s.StopOn429 {
		t.At = min(t.Rate, r.accepted*(1+edge*s.Width))
		t.Broken = probability(4 * oddsMax) // what a limiter refuses is no matter of chance
	}
}
