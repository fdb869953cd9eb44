package report

import (
	"fmt"
	"slices"
	"time"

	"mfaload/internal/number"
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
)

// judgement fills in a report's thresholds, verdict and reasons.
type judgement struct {
	report      *Report
	measurement *measure.Measurement
	sums        sums
	token       TokenSource
	tokenEnds   *time.Time // of a token that nothing renews; nil where that is not known
	doubts      []string   // why the run is inconclusive
	seconds     *measure.DoubtfulSeconds
	broken      []Cause // see violationCauses
	excused     string  // why the first threshold is undecided that mfaload may have harmed
}

func (j *judgement) judge(thresholds []scenario.Threshold) {
	j.oneShard()
	var missed, unclear []string
	for _, t := range thresholds {
		judged := j.threshold(t)
		j.report.Thresholds = append(j.report.Thresholds, judged)
		switch judged.State {
		case Met:
		case Missed:
			missed = append(missed, judged.Text())
		default:
			unclear = append(unclear, j.unclearText(judged))
		}
	}
	if j.endedInWarmup() {
		missed, unclear = nil, []string{j.warmupText()}
	}
	j.doubtGenerator()
	r, stop := j.report, j.measurement.Stopped
	switch {
	case stop != nil:
		j.stopped(stop, len(j.doubts) > 0)
	case j.measurement.Interrupted:
		r.Verdict = Interrupted
		r.Reasons = append(r.Reasons, j.interruptedText())
	case len(missed) > 0: // whatever is in doubt, this is not
		r.Verdict = Fail
	case len(j.doubts)+len(unclear) > 0:
		r.Verdict = Inconclusive
	default:
		r.Verdict = Pass
	}
	r.Reasons = append(r.Reasons, j.rebuiltRemarks()...)
	r.Reasons = append(r.Reasons, slices.Concat(missed, j.doubts, unclear)...)
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
	return &Stopped{number.Round(s.At.Seconds()), s.Condition, s.Observed}
}

func stopText(s *measure.Stop) string {
	text := fmt.Sprintf("stopped %s s into the run, %s: %s", number.Plain(number.Round(s.At.Seconds())), s.Condition, s.Observed)
	if s.Early {
		text += "; only what was due by then is counted"
	}
	return text
}

// remarks are what a reader should know beside the verdict.
func (j *judgement) remarks() (remarks []string) {
	s := j.sums.all
	remarks = append(remarks, j.workersRemarks()...)
	remarks = append(remarks, s.outcomeRemarks()...)
	if why := j.measurement.SecondsLost; why != "" {
		remarks = append(remarks, "the run second by second is lost: "+why+"; all other figures are whole")
	}
	if n := j.measurement.UngroupedViolations; n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d violations are counted but not listed: they fell into too many different places", n))
	}
	remarks = append(remarks, j.limitRemarks()...)
	remarks = append(remarks, j.forbiddenRemarks()...)
	remarks = append(remarks, j.burstRemarks()...)
	remarks = append(remarks, s.idleRemarks()...)
	remarks = append(remarks, tokenRemarks(&j.measurement.Main, j.token)...)
	remarks = append(remarks, j.tokenEnding()...)
	return append(remarks, j.userRemarks()...)
}
