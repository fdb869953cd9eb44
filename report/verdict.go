package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report/units"
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

// assessment fills in a report's thresholds, verdict and reasons.
type assessment struct {
	report      *Report
	measurement *measure.Measurement
	sums        sums
	token       TokenSource
	tokenEnds   *time.Time // of a token that nothing renews; nil where that is not known
	doubts      []string   // why the run is inconclusive
	seconds     *measure.DoubtfulSeconds
	broken      []Cause // see violationCauses
	// See [Terms].
	confidence, between float64
	excused             string // why the first threshold is undecided that mfaload may have harmed
}

func (j *assessment) judge(thresholds, flow []scenario.Threshold) {
	j.oneShard()
	var missed, unclear []string
	for _, t := range thresholds {
		j.report.Thresholds = append(j.report.Thresholds, j.threshold(t))
	}
	if noise := j.measureNoise(thresholds); j.confidence > 0 {
		j.beSure(thresholds, noise)
	}
	j.judgeFlow(flow)
	for _, judged := range j.report.Thresholds {
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
	case stop != nil && stop.Decided:
		r.Stopped = newStopped(stop)
		fallthrough
	case stop == nil && !j.measurement.Interrupted:
		r.Verdict = verdictOf(missed, slices.Concat(j.doubts, unclear))
	case stop != nil:
		j.stopped(stop, len(j.doubts) > 0)
	default:
		r.Verdict = Interrupted
		r.Reasons = append(r.Reasons, j.interruptedText())
	}
	r.Reasons = append(r.Reasons, j.rebuiltRemarks()...)
	r.Reasons = append(r.Reasons, slices.Concat(missed, j.doubts, unclear)...)
	r.Reasons = append(r.Reasons, j.remarks()...)
	if stop != nil && stop.Decided {
		r.Reasons = append(r.Reasons, stop.Observed)
	}
}

// verdictOf is that of a run that was not ended from outside.
func verdictOf(missed, doubts []string) Verdict {
	switch {
	case len(missed) > 0: // whatever is in doubt, this is not
		return Fail
	case len(doubts) > 0:
		return Inconclusive
	}
	return Pass
}

// stopped judges a run that its scenario ended. That too little was measured
// then for some thresholds is no wonder; times are not the service's where the
// generator is in doubt.
func (j *assessment) stopped(stop *measure.Stop, doubtful bool) {
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
	text := fmt.Sprintf("stopped %s s into the run, %s: %s", number.Significant(s.At.Seconds()),
		s.Condition, s.Observed)
	if s.Early {
		text += "; only what was due by then is counted"
	}
	return text
}

// remarks are what a reader should know in addition to the verdict.
func (j *assessment) remarks() (remarks []string) {
	s := j.sums.all
	remarks = append(remarks, j.noiseRemarks()...)
	remarks = append(remarks, j.report.WarmupEnd.remarks()...)
	remarks = append(remarks, j.workersRemarks()...)
	remarks = append(remarks, j.connectionRemarks()...)
	remarks = append(remarks, s.outcomeRemarks()...)
	if why := j.measurement.SecondsLost; why != "" {
		remarks = append(remarks, "the figures per second are lost: "+why+"; all other figures are whole")
	}
	if n := j.measurement.UngroupedViolations; n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d violations are counted but not listed: they fell into "+
			"too many different places", n))
	}
	remarks = append(remarks, j.limitRemarks()...)
	remarks = append(remarks, j.forbiddenRemarks()...)
	remarks = append(remarks, j.burstRemarks()...)
	remarks = append(remarks, s.idleRemarks()...)
	remarks = append(remarks, tokenRemarks(&j.measurement.Main, j.token)...)
	remarks = append(remarks, j.tokenEnding()...)
	remarks = append(remarks, j.flowRemarks()...)
	return append(remarks, j.userRemarks()...)
}

// Baseline says how a run compares with the earlier one.
type Baseline struct {
	// What the user calls the earlier run.
	Run       string `json:"run"`
	Judgement string `json:"judgement"     schema:"enum=better|worse|no difference found|can't tell"`
	// The verdict without the baseline.
	Alone Verdict `json:"verdict_alone"`
	// The figures that decide, of both; compare.json has the others.
	Changes []BaselineChange `json:"changes,omitempty"`
}

// BaselineChange is a figure of the baseline and of the run.
type BaselineChange struct {
	// The group; left out for all.
	Group  string `json:"group,omitempty"`
	Metric string `json:"metric"`
	// Of base and new.
	Unit string  `json:"unit"      schema:"enum=ms|%|/s"`
	Base float64 `json:"base"`
	New  float64 `json:"new"`
	// In percent of the base, or in percentage points of a share; with its 95% interval.
	Change    float64 `json:"change"    schema:"signed"`
	Low       float64 `json:"low"       schema:"signed"`
	High      float64 `json:"high"      schema:"signed"`
	Points    bool    `json:"percentage_points,omitempty"`
	Judgement string  `json:"judgement" schema:"enum=better|worse|no difference found|can't tell|not judged"`
}

const maxBaselineReasons = 20

// HoldAgainst lets the comparison with a baseline take part in the verdict: a
// run that passes fails where it is worse, and is inconclusive where that can't
// be told. Reasons say why.
func (r *Report) HoldAgainst(run, judgement string, worse, unclear bool, reasons []string,
	changes ...BaselineChange) {
	r.Baseline = &Baseline{Run: run, Judgement: judgement, Alone: r.Verdict, Changes: changes}
	switch {
	case r.Verdict != Pass:
	case worse:
		r.Verdict = Fail
	case unclear:
		r.Verdict = Inconclusive
	}
	if !worse && !unclear {
		return
	}
	var why []string
	shown, more := text.First(reasons, maxBaselineReasons)
	for _, text := range shown {
		why = append(why, "baseline: "+text)
	}
	if more > 0 {
		why = append(why, fmt.Sprintf("baseline: %d more reasons in compare.json", more))
	}
	if r.Baseline.Alone == Pass { // what decides stands first
		r.Reasons = append(why, r.Reasons...)
	} else {
		r.Reasons = append(r.Reasons, why...)
	}
}

// didNotStart judges a run that sent nothing, so that no threshold, rule or group
// is shown as if there were something to judge.
func (r *Report) didNotStart(why string) *Report {
	why = strings.TrimPrefix(strings.Join(strings.Fields(why), " "), "not started: ")
	r.NotStarted, r.Verdict = why, Inconclusive
	r.Reasons = []string{"not started: " + why, "nothing was sent, so the run says nothing about the service"}
	r.Coverage, r.RateLimit = []Coverage{}, nil
	return r
}

// lasted is how long the time was, since the start, in which requests were due.
func lasted(m *measure.Measurement) time.Duration {
	if m.Main.Planned == 0 {
		return m.Warmup.Planned
	}
	return m.Main.Start + m.Main.Planned
}

// endedInWarmup says whether the run was ended before its judged part began: then
// nothing is judged.
func (j *assessment) endedInWarmup() bool {
	m := j.measurement
	return (m.Stopped != nil || m.Interrupted) && m.Main.Start > 0 && m.Main.Planned == 0
}

func (j *assessment) warmupText() string {
	m := j.measurement
	return fmt.Sprintf("the run ended in its warm-up (%s s of %s s), which is not judged: no threshold "+
		"was evaluated",
		number.Plain(number.Round(m.Warmup.Planned.Seconds())),
		number.Plain(number.Round(m.Main.Start.Seconds())))
}

// rebuiltText says why a run without results of its own is interrupted.
func rebuiltText(m *measure.Measurement) string {
	text := "mfaload was ended before it could write the results: they were rebuilt from the journal, up " +
		"to its last second"
	if m.Merged != nil {
		text = "on a machine " + text
	}
	if n := inFlight(&m.Main) + inFlight(&m.Warmup); n > 0 {
		text += fmt.Sprintf("; %s requests were in flight then, count as unsent and in no errorRate",
			number.Count(n))
	}
	return text
}

func inFlight(p *measure.Phase) (n uint64) {
	for _, of := range p.InFlight {
		n += of
	}
	return n
}

func (j *assessment) rebuiltRemarks() (remarks []string) {
	r := j.measurement.Rebuilt
	switch {
	case r == nil:
		return nil
	case !j.measurement.Interrupted:
		remarks = append(remarks, "the run came to its end, but mfaload was ended before it could write "+
			"the results: they were rebuilt from the journal")
	default:
		remarks = append(remarks, rebuiltText(j.measurement))
	}
	if r.Unread > 0 {
		remarks = append(remarks, fmt.Sprintf("the last %s bytes of the journal are not a whole record and "+
			"were left out", number.Count(uint64(r.Unread))))
	}
	return remarks
}

// Looks decide whether a run may end before its planned length: see load.until. They take
// requests for whole whose responses came; the verdict is made of the whole run.
type Looks struct {
	// At are the lengths of the judged part at which there is a look, and Start is when that
	// begins, since the start of the run.
	At    []time.Duration
	Start time.Duration

	terms  Terms
	groups []string
	rate   scenario.Rate
}

// NewLooks returns the looks at a run of a scenario; those before its planned end.
func NewLooks(s *scenario.Scenario) *Looks {
	at := s.Looks()
	if len(at) == 0 {
		return nil
	}
	l := &Looks{At: at[:len(at)-1], Start: s.Load.Warmup, terms: TermsOf(s), rate: s.Load.Stages[0].From}
	for _, g := range s.Groups {
		l.groups = append(l.groups, g.Name)
	}
	return l
}

// Decided says whether the run is decided at one of the looks, by the requests of its seconds so
// far, and what that saves.
func (l *Looks) Decided(look int, seconds []*measure.Second) (what string, decided bool) {
	length, planned := l.At[look], 2*l.At[len(l.At)-1]
	m := &measure.Measurement{Groups: l.groups, Seconds: measure.SecondsOf(seconds)}
	m.Main.Start, m.Main.Planned = l.Start, length
	j := assessment{measurement: m, report: &Report{Duration: length.Seconds(),
		Thresholds: make([]Threshold, len(l.terms.Thresholds))}, confidence: l.terms.eachLook(),
		between: l.terms.Between}
	all, known := make([]noise, len(l.terms.Thresholds)), true
	j.eachSeries(l.terms.Thresholds, func(i int, s *units.Series) {
		t, judged := l.terms.Thresholds[i], &j.report.Thresholds[i]
		soFar(t, judged, s)
		all[i] = j.noiseOf(t, judged, s)
		judged.Interval = all[i].interval
		known = known && float64(s.N) >= memories*all[i].memory
	})
	j.beSure(l.terms.Thresholds, all)
	verdict := Pass
	for _, t := range j.report.Thresholds {
		switch t.State {
		case Missed:
			verdict = Fail
		case Met:
		default:
			if verdict == Pass {
				verdict = Inconclusive
			}
		}
	}
	if !known || verdict == Inconclusive {
		return "", false
	}
	left := planned - length
	return fmt.Sprintf("decided at look %d of %d, after %s s of at most %s s: %s requests were not needed",
		look+1, len(l.At)+1, number.Plain(length.Seconds()), number.Plain(planned.Seconds()),
		number.Count(uint64(math.Round(left.Seconds()*float64(l.rate))))), true
}

// memories is how many correlation times a run has to last before it may be decided: a shorter
// one may not have seen what it is like.
const memories = 20

// soFar judges a threshold by what the seconds have.
func soFar(t scenario.Threshold, judged *Threshold, s *units.Series) {
	judged.State = Met
	switch t.Metric {
	case scenario.Response, scenario.Service:
		w := s.Waits(t.Metric == scenario.Service)
		b := Statistic(w, t)
		judged.Unit, judged.Of, judged.Limit = "ms", w.Count(), 1000*t.Limit
		judged.Observed, judged.ObservedAtLeast = Milliseconds(b.Time), b.AtLeast
	case scenario.AchievedRate: // known at the end
		judged.Limit, judged.Observed = 100*t.Limit, 100
		return
	case scenario.Goodput:
		goodputSoFar(t, judged, s)
		return
	default:
		sum := s.Sum()
		share := sharesOf[t.Metric](&sum)
		judged.Unit, judged.Limit = "%", 100*t.Limit
		judged.Count, judged.Of = uint64(math.Round(share.N)), uint64(math.Round(share.Of))
		judged.Observed = 100 * share.Value()
	}
	switch {
	case judged.Of == 0:
		judged.State = NoData
	case judged.Observed > judged.Limit || judged.ObservedAtLeast:
		judged.State = Missed
	}
}
