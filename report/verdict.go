package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"mfaload/measure"
	"mfaload/scenario"
)

// When a run says nothing of the service. These limits hold for every run; no
// scenario can move them.
const (
	// MaxOwnLateness is how late a send may be by mfaload's own fault. A
	// generator that exceeds it in more than LateShare of its sends, and in at
	// least LateSends of them, did not offer the load that the scenario describes.
	MaxOwnLateness = 50 * time.Millisecond
	LateShare      = 0.01
	LateSends      = 10
	// MaxCPU is the most of the processors' time that mfaload may use, as a
	// share. Above it requests wait for mfaload, and it is measured as theirs.
	// It is also the most that it may use and have to wait for, where hiccups
	// show that the wait is felt.
	MaxCPU = 0.80
	// FeltHiccup is the p99 of hiccups from which on waiting for processors is
	// felt.
	FeltHiccup = 2 * time.Millisecond
	// MaxHiccup is how late a wait may end that does nothing else. Where more
	// than LateShare of them, and at least LateSends, end later, answers were
	// read as late as that, and the times are not the service's.
	MaxHiccup = 20 * time.Millisecond
)

// judgement fills in a report's thresholds, verdict and reasons.
type judgement struct {
	report      *Report
	measurement *measure.Measurement
	sums        sums
	token       TokenSource
	doubts      []string // why the run is inconclusive
}

func (j *judgement) judge(thresholds []scenario.Threshold) {
	j.oneShard()
	var broken, own []string // by the service; or perhaps by mfaload itself
	for _, t := range thresholds {
		judged := j.threshold(t)
		j.report.Thresholds = append(j.report.Thresholds, judged)
		if judged.Passed {
			continue
		}
		broken = append(broken, fmt.Sprintf("%s: observed %s", judged.Expression, judged.observed()))
		if why := j.ownLateness(t); why != "" {
			own = append(own, why)
		}
	}
	few := len(j.doubts)
	j.doubtGenerator()
	r, stop := j.report, j.measurement.Stopped
	switch {
	case stop != nil:
		j.stopped(stop, len(j.doubts) > few)
	case j.measurement.Interrupted:
		r.Verdict = Interrupted
		r.Reasons = append(r.Reasons, j.interruptedText())
	case len(j.doubts) > 0 || len(own) > 0 && len(own) == len(broken):
		r.Verdict = Inconclusive
	case len(broken) > 0:
		r.Verdict = Fail
	default:
		r.Verdict = Pass
	}
	r.Reasons = append(r.Reasons, j.rebuiltRemarks()...)
	r.Reasons = append(r.Reasons, slices.Concat(j.doubts, own, broken)...)
	r.Reasons = append(r.Reasons, j.remarks()...)
}

// stopped judges a run that its scenario ended. That too little was measured
// then for some thresholds is no wonder; times are not the service's where the
// generator is in doubt.
func (j *judgement) stopped(stop *measure.Stop, doubtful bool) {
	r := j.report
	r.Verdict = Fail
	if stop.OfTimes && doubtful || j.lostTooMany() {
		r.Verdict = Inconclusive
	}
	r.Stopped = newStopped(stop)
	if of := j.stoppedShards(); len(of) > 0 {
		r.Reasons = append(r.Reasons, of...)
	} else {
		r.Reasons = append(r.Reasons, stopText(stop))
	}
}

func newStopped(s *measure.Stop) *Stopped {
	return &Stopped{round(s.At.Seconds()), s.Condition, s.Observed}
}

func stopText(s *measure.Stop) string {
	text := fmt.Sprintf("stopped %s s into the run, %s: %s", trim(round(s.At.Seconds())), s.Condition, s.Observed)
	if s.Early {
		text += "; only what was due by then is counted"
	}
	return text
}

// threshold judges one threshold, and doubts the run where too little was
// measured to judge it.
func (j *judgement) threshold(t scenario.Threshold) Threshold {
	s := j.of(t)
	judged := Threshold{Expression: t.String(), Group: t.Group, Unit: "%", Limit: percent(t.Limit), AtLeast: t.Metric == scenario.AchievedRate}
	observed := 0.0
	switch t.Metric {
	case scenario.Response, scenario.Service:
		h := s.response
		if t.Metric == scenario.Service {
			h = s.service
		}
		judged.Unit, judged.Limit = "ms", round(1000*t.Limit)
		d := statistic(h, t)
		judged.Observed, judged.Passed = ms(d), d.Seconds() <= t.Limit
		j.doubtSamples(t, h.Count())
		return judged
	case scenario.ErrorRate:
		observed = ratio(s.failed-s.unheard()+s.neverSent()+s.answered-s.expected, float64(s.judged()))
	case scenario.ViolationRate:
		observed = ratio(s.violating, float64(s.answered))
	case scenario.RateLimitedRate:
		observed = ratio(s.limited, float64(s.answered))
	case scenario.AchievedRate:
		observed = s.achieved(&j.measurement.Main, 0)
	}
	judged.Passed = observed <= t.Limit
	if t.Metric == scenario.AchievedRate {
		judged.Passed = observed >= t.Limit
	}
	judged.Observed = percent(observed)
	j.doubtSamples(t, s.judged())
	return judged
}

// achieved is the share of the planned rate at which requests were sent, as if
// the last had been sent so much earlier.
func (s *sum) achieved(p *measure.Phase, earlier time.Duration) float64 {
	planned := ratio(s.scheduled-s.withheld[measure.RanOut]-s.ownWithheld(), p.Planned.Seconds())
	if planned == 0 {
		return 1
	}
	return ratio(s.sent()+s.inFlight, max(p.Planned, sendingTime(p)-earlier).Seconds()) / planned
}

// ownLateness says that only mfaload's own lateness may have broken a rate: in a
// short run that of the last request alone is enough.
func (j *judgement) ownLateness(t scenario.Threshold) string {
	late := j.measurement.Main.Own.Max()
	if t.Metric != scenario.AchievedRate || j.of(t).achieved(&j.measurement.Main, late) < t.Limit {
		return ""
	}
	return fmt.Sprintf("mfaload itself was late, by up to %s ms: without that it may have kept %s; use an idler machine, or run longer", trim(ms(late)), t)
}

// of is the sum that a threshold judges.
func (j *judgement) of(t scenario.Threshold) *sum {
	for i, name := range j.measurement.Groups {
		if name == t.Group {
			return j.sums.groups[i]
		}
	}
	return j.sums.all
}

// percent is a share in percent, to 3 significant digits below 1 %, so that a
// share above 0 is never shown as 0.
func percent(share float64) float64 {
	x := share * 100
	if x >= 1 || x == 0 {
		return round(x)
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(x)))
	return math.Round(x*scale) / scale
}

func statistic(h *measure.Histogram, t scenario.Threshold) time.Duration {
	switch t.Stat {
	case "min":
		return h.Min()
	case "mean":
		return h.Mean()
	case "max":
		return h.Max()
	default:
		return h.Percentile(t.Quantile)
	}
}

// observed is the value as the report's texts show it.
func (t Threshold) observed() string { return fmt.Sprintf("%s %s", trim(t.Observed), t.Unit) }

// doubtSamples doubts a percentile of fewer requests than it takes for one of
// them to lie beyond it: it is just their maximum.
func (j *judgement) doubtSamples(t scenario.Threshold, n uint64) {
	needed := uint64(1)
	if t.Quantile > 0 && t.Quantile < 100 {
		needed = uint64(math.Ceil(100/(100-t.Quantile) - 1e-9))
	}
	if n < needed {
		j.doubts = append(j.doubts, fmt.Sprintf("too few requests to judge %s: %d of at least %d; run longer or faster", t, n, needed))
	}
}

// remarks are what a reader should know beside the verdict.
func (j *judgement) remarks() (remarks []string) {
	s := j.sums.all
	remarks = append(remarks, j.workersRemarks()...)
	if n := s.neverSent(); n > 0 {
		remarks = append(remarks, fmt.Sprintf(
			"%d arrivals were never sent: their waiting is in no percentile, so response times are lower bounds", n))
	}
	if why := j.measurement.SecondsLost; why != "" {
		remarks = append(remarks, "the run second by second is lost: "+why+"; all other figures are whole")
	}
	if n := j.measurement.UngroupedViolations; n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d violations are counted but not listed: they fell into too many different places", n))
	}
	remarks = append(remarks, j.limitRemarks()...)
	remarks = append(remarks, s.idleRemarks()...)
	remarks = append(remarks, tokenRemarks(&j.measurement.Main, j.token)...)
	return append(remarks, j.userRemarks()...)
}
