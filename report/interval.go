package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"mfaload/internal/number"
	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report/units"
	"mfaload/scenario"
)

// Interval says how sure a threshold's figure is: how far runs like this one differ
// because of what varies within a run.
type Interval struct {
	// Ends, in the unit of the threshold.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// The share of such intervals that hold the figure of a run without end, in percent.
	Confidence float64 `json:"confidence"         schema:"maximum=100"`
	// The estimated share of runs like this one that miss the threshold, from 0 to 1.
	RepeatMisses float64 `json:"repeat_misses"      schema:"maximum=1"`
	// About how long the judged part of a run has to be for its interval not to hold the
	// limit, in seconds; left out if this run's does not, or if no length is enough.
	Needed float64 `json:"needed_s,omitempty"`
}

const defaultConfidence = 0.95

type noise struct {
	interval *Interval
	// missed is the probability of a figure as far beyond the limit if the service were
	// just at it, met that of one as far within.
	missed, met float64
	// memory is over how many units the figure is correlated, 0 if that is not known.
	memory float64
	// why there is no interval.
	why string
}

// seriesAtOnce bounds the memory for the seconds of groups.
const seriesAtOnce = 16

func (j *assessment) measureNoise(thresholds []scenario.Threshold) []noise {
	all := make([]noise, len(thresholds))
	if j.measurement.SecondsLost != "" {
		for i := range all {
			all[i].why = "the figures per second are lost"
		}
		return all
	}
	j.eachSeries(thresholds, func(i int, s *units.Series) {
		if judged := &j.report.Thresholds[i]; judged.State != NoData {
			all[i] = j.noiseOf(thresholds[i], judged, s)
			judged.Interval = all[i].interval
		}
	})
	return all
}

func (j *assessment) eachSeries(thresholds []scenario.Threshold, yield func(i int, s *units.Series)) {
	of := map[int][]int{} // the thresholds of each group
	for i, t := range thresholds {
		g := j.groupOf(t)
		of[g] = append(of[g], i)
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(of)), seriesAtOnce) {
		for k, s := range units.Read(j.measurement, some) {
			for _, i := range of[some[k]] {
				yield(i, s)
			}
		}
	}
}

// noiseOf estimates how a figure varies, from how much each unit moves it.
func (j *assessment) noiseOf(t scenario.Threshold, judged *Threshold, s *units.Series) noise {
	switch t.Metric {
	case scenario.Response, scenario.Service:
		return j.noiseOfTimes(t, judged, s)
	case scenario.AchievedRate:
		return j.noiseOfAchieved(t, judged, s)
	case scenario.Goodput:
		return j.noiseOfGoodput(judged, s)
	}
	return j.noiseOfShare(t, judged, s)
}

// errorOf is that of a figure, after what its schedule explains.
func (j *assessment) errorOf(f units.Influence, s *units.Series) (e units.Error, why string) {
	if s.N < units.Min {
		return e, fmt.Sprintf("the run is too short to tell how much the figure varies: %d s of at least "+
			"%d s", s.N*s.Seconds, units.Min*s.Seconds)
	}
	// More than arrivals by chance vary from unit to unit.
	if due := s.Planned(j.measurement); len(due) > 1 && varies(due) {
		f = f.Without(due)
	}
	return f.Error(), ""
}

// varies says whether a load was planned that is not the same from second to second.
func varies(due []float64) bool {
	d := stat.Deviation(due)
	return d*d > 2*stat.Mean(due)
}

func (j *assessment) noiseOfTimes(t scenario.Threshold, judged *Threshold, s *units.Series) noise {
	service := t.Metric == scenario.Service
	var f units.Influence
	switch {
	case judged.ObservedAtLeast:
		return noise{why: "the figure is that of arrivals that were never served"}
	case t.Quantile > 0 && t.Quantile < 100:
		var ok bool
		if f, ok = s.Quantile(t.Quantile, service); !ok {
			return noise{why: fmt.Sprintf("%s requests are too few to tell how much a %s varies: it takes %s",
				number.Count(judged.Of), t.Stat, number.Count(uint64(math.Ceil(500/(100-t.Quantile)))))}
		}
	case t.Stat == "mean":
		f = s.Mean(service)
	default: // the smallest or the largest: what they would be next time nobody knows
		return noise{}
	}
	of, why := j.errorOf(f, s)
	if why != "" {
		return noise{why: why}
	}
	e := j.estimate(of, 1)
	observed, limit := judged.Observed, judged.Limit
	half := math.Min(e.reach*e.Deviation, endless)
	away := math.Log(observed / limit)
	return e.noise(away, observed*math.Exp(-half), observed*math.Exp(half), j.report.Duration)
}

// endless bounds the logarithm of how far an interval reaches: JSON has no number for one without end.
const endless = 20

func (j *assessment) noiseOfAchieved(t scenario.Threshold, judged *Threshold, s *units.Series) noise {
	sent := s.Share(func(c *measure.CountsOf[float64]) measure.ShareOf[float64] {
		return measure.ShareOf[float64]{N: c.Sent(), Of: c.Scheduled}
	})
	of, why := j.errorOf(sent, s)
	if why != "" || of.Deviation == 0 { // all was sent: no run like this one sends less
		return noise{}
	}
	e := j.estimate(of, judged.Observed/100)
	half := 100 * e.reach * e.Deviation
	return e.noise(t.Limit-judged.Observed/100, max(0, judged.Observed-half), judged.Observed+half,
		j.report.Duration)
}

func (j *assessment) noiseOfShare(t scenario.Threshold, judged *Threshold, s *units.Series) noise {
	return j.noiseOfProportion(stat.Proportion{Count: float64(judged.Count), Of: float64(judged.Of)},
		t.Limit, sharesOf[t.Metric], s)
}

// noiseOfProportion is that of a share of which no more may be than a limit, in percent.
func (j *assessment) noiseOfProportion(p stat.Proportion, limit float64,
	share func(*measure.CountsOf[float64]) measure.ShareOf[float64], s *units.Series) noise {
	if limit <= 0 || limit >= 1 { // one is too many, or all are allowed: nothing to estimate
		return noise{}
	}
	of := units.Error{Freedom: manyDegrees}
	if p.Count > 0 {
		var why string
		if of, why = j.errorOf(s.Share(share), s); why != "" {
			return noise{why: why}
		}
	}
	e := j.estimate(of, p.Count/p.Of)
	low, high := p.Interval(e.Deviation, e.reach)
	away := p.Beyond(limit, e.Deviation)
	e.between, e.Deviation = stat.Ratio(e.between, e.Deviation), 1 // away is in standard errors
	n := e.noise(away, 100*low, 100*high, j.report.Duration)
	if n.interval != nil && n.interval.Needed > 0 && p.Count == 0 {
		n.interval.Needed = j.report.Duration * e.reach * e.reach * (1 - limit) / limit / p.Of
	}
	return n
}

var sharesOf = map[scenario.Metric]func(*measure.CountsOf[float64]) measure.ShareOf[float64]{
	scenario.ErrorRate:       (*measure.CountsOf[float64]).ErrorRate,
	scenario.ViolationRate:   (*measure.CountsOf[float64]).ViolationRate,
	scenario.RateLimitedRate: (*measure.CountsOf[float64]).RateLimitedRate,
}

// estimate is a standard error and what is known of it.
type estimate struct {
	units.Error
	confidence, reach float64
	between           float64 // what runs differ by for reasons of their own
}

// estimate takes what runs differ by as a share of the figure, which has a scale.
func (j *assessment) estimate(of units.Error, scale float64) estimate {
	deviation := of.Deviation
	e := estimate{Error: of, confidence: cmp.Or(j.confidence, defaultConfidence)}
	if tau := j.between * scale; tau > 0 && deviation > 0 { // Welch and Satterthwaite: tau is taken for known
		both := deviation*deviation + tau*tau
		e.Freedom = min(e.Freedom*both*both/math.Pow(deviation, 4), manyDegrees)
		e.Deviation, e.between = math.Sqrt(both), tau
	}
	e.reach = stat.StudentQuantile((1-e.confidence)/2, e.Freedom)
	return e
}

// manyDegrees are as many degrees of freedom as make a difference.
const manyDegrees = 1e6

// noise is that of a figure that is so far beyond its limit, or within where it is below 0,
// on the scale of the standard error.
func (e estimate) noise(away, low, high, duration float64) noise {
	n := noise{missed: 1, met: 1, memory: e.Memory, interval: &Interval{Low: number.RoundTo(low, 4),
		High: number.RoundTo(high, 4), Confidence: number.RoundTo(100*e.confidence, 6)}}
	switch {
	case e.Deviation > 0:
		t := away / e.Deviation
		n.missed, n.met = stat.StudentTail(t, e.Freedom), stat.StudentTail(-t, e.Freedom)
		n.interval.RepeatMisses = number.Round(stat.StudentTail(-t/math.Sqrt2, e.Freedom))
		if math.Abs(t) <= e.reach {
			n.interval.Needed = e.needed(away, duration)
		}
	case away > 0:
		n.missed, n.interval.RepeatMisses = 0, 1
	default:
		n.met = 0
	}
	return n
}

// power is how many standard errors more it takes to decide in nine of ten cases.
const power = 1.28

// needed is how long runs have to be to decide, in seconds, in nine of ten cases; 0 if no
// length is enough.
func (e estimate) needed(away, duration float64) float64 {
	within := e.Deviation*e.Deviation - e.between*e.between
	to := e.reach + power
	allowed := away*away/(to*to) - e.between*e.between
	if allowed <= 0 {
		return 0
	}
	return math.Ceil(duration * within / allowed)
}

func (t Threshold) holds() bool {
	return t.Interval != nil && t.Interval.Low <= t.Limit && t.Limit <= t.Interval.High
}

// beSure makes those thresholds undecided that the noise of the run leaves open: one is
// met if its interval ends within the limit, and missed if that is no chance among as many
// as there are (Holm).
func (j *assessment) beSure(thresholds []scenario.Threshold, all []noise) {
	var tests []float64
	for _, n := range all {
		tests = append(tests, n.missed)
	}
	corrected, level := stat.Holm(tests), (1-j.confidence)/2
	for i, n := range all {
		t := &j.report.Thresholds[i]
		decides := n.interval == nil && n.why == ""
		switch {
		case t.State != Met && t.State != Missed || decides || t.ObservedAtLeast:
		case n.interval == nil && thresholds[i].Limit == 0:
		case n.interval == nil:
			t.undecided(n.why)
		case t.State == Met && n.met <= level || t.State == Missed && corrected[i] <= level:
		default:
			t.undecided(t.open())
		}
	}
}

func (t *Threshold) undecided(why string) { t.State, t.Passed, t.Why = Undecided, false, why }

// open says what an interval leaves open, and what would decide.
func (t Threshold) open() string {
	i := t.Interval
	text := fmt.Sprintf("%s at %s%% confidence", t.span(t.Unit), number.Plain(i.Confidence))
	if i.Needed > 0 {
		return text + "; a run of " + About(i.Needed) + " would decide"
	}
	return text + "; a longer run would not decide"
}

// LongestRun is how many seconds a run may be asked to last: a month.
const LongestRun = 31 * 86400

// About says how long a run is to be, in seconds, as roughly as anybody knows.
func About(seconds float64) string {
	const minute, hour, day = 60, 3600, 86400
	switch { // not as a time.Duration: it may be longer than one can be
	case seconds <= 2*minute:
		return fmt.Sprintf("about %.0f s", math.Ceil(seconds/10)*10)
	case seconds <= 2*hour:
		return fmt.Sprintf("about %.0f min", math.Ceil(seconds/minute))
	case seconds <= 2*day:
		return fmt.Sprintf("about %.0f hours", math.Ceil(seconds/hour))
	case seconds <= LongestRun:
		return fmt.Sprintf("about %.0f days", math.Ceil(seconds/day))
	}
	return "more than a month"
}

// NoiseText says how sure the observed value is: "± 14 ms", or from where to where if that
// is not alike to both sides; "" if nobody knows.
func (t Threshold) NoiseText() string {
	i := t.Interval
	if i == nil {
		return ""
	}
	down, up := t.Observed-i.Low, i.High-t.Observed
	if t.Unit == "ms" && up <= 1.2*down {
		return "± " + number.Significant(number.RoundTo((up+down)/2, 2))
	}
	return "(" + t.span("") + ")"
}

// farEnd is how many times a time the end of its interval is, or what part of it, that tells nothing
// but that the run is too short.
const farEnd = 20

// span says from where to where the interval reaches, without the ends that tell nothing.
func (t Threshold) span(unit string) string {
	low, high := number.RoundTo(t.Interval.Low, 3), number.RoundTo(t.Interval.High, 3)
	end := func(x float64) string { return number.WithUnit(number.Significant(x), unit) }
	if unit == "" {
		end = number.Significant
	}
	above, below := true, true
	if t.Unit == "ms" {
		above, below = low*farEnd >= t.Observed, high <= t.Observed*farEnd
	}
	switch {
	case above && below:
		return number.Significant(low) + " to " + end(high)
	case above:
		return "at least " + end(low)
	case below:
		return "at most " + end(high)
	}
	return "too uncertain to bound"
}

func (j *assessment) noiseRemarks() (remarks []string) {
	for _, t := range j.report.Thresholds {
		if !t.holds() || t.State != Met && t.State != Missed {
			continue
		}
		does, n := "miss", t.Interval.RepeatMisses
		if t.State == Missed {
			does, n = "meet", 1-n
		}
		remarks = append(
			remarks,
			fmt.Sprintf("%s: observed %s, about as close to the limit as runs differ: a repeat would "+
				"%s it in about %.0f of 10 cases", t.Expression, t.NoisyText(), does,
				max(1, math.Round(10*n))),
		)
	}
	return remarks
}

// BetweenMin is how many earlier runs tell by how much runs differ.
const BetweenMin = 3

// Between is by how much earlier runs of a load differ for reasons that their seconds do not explain,
// as a relative standard deviation: the largest of the times that the thresholds are on. It is 0 of
// fewer than [BetweenMin] runs.
func Between(runs []*measure.Measurement, thresholds []scenario.Threshold) (between float64) {
	if len(runs) < BetweenMin {
		return 0
	}
	for _, t := range thresholds {
		if t.Metric != scenario.Response && t.Metric != scenario.Service {
			continue
		}
		var logs []float64
		within := 0.0
		for _, m := range runs {
			j := assessment{measurement: m, report: &Report{Thresholds: make([]Threshold, 1)}}
			w := m.Main.Waits(j.groupOf(t), t.Metric == scenario.Service)
			if at := Statistic(&w, t).Time.Seconds(); at > 0 {
				logs = append(logs, math.Log(at))
			}
			j.report.Thresholds[0] = Threshold{Observed: 1, Limit: 2, Of: w.Count()}
			if of := j.measureNoise([]scenario.Threshold{t})[0]; of.interval != nil {
				half := math.Log(of.interval.High/of.interval.Low) / 2 / stat.NormalQuantile(0.025)
				within += half * half / float64(len(runs))
			}
		}
		if d := stat.Deviation(logs); len(logs) >= BetweenMin {
			between = math.Max(between, math.Sqrt(math.Max(d*d-within, 0)))
		}
	}
	return between
}
