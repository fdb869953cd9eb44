package report

import (
	"fmt"
	"math"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/report/units"
	"mfaload/scenario"
)

// Looks decide whether a run may end before its planned length: see load.until. They take
// requests for whole whose responses came; the verdict is made of the whole run when it has
// ended.
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
	return fmt.Sprintf(
		"decided at look %d of %d, after %s s of at most %s s: %s requests were not needed",
		look+1,
		len(l.At)+1,
		number.Plain(length.Seconds()),
		number.Plain(planned.Seconds()),
		number.Count(uint64(math.Round(left.Seconds()*float64(l.rate)))),
	), true
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
		b := statistic(w, t)
		judged.Unit, judged.Of, judged.Limit = "ms", w.Count(), 1000*t.Limit
		judged.Observed, judged.ObservedAtLeast = Milliseconds(b.Time), b.AtLeast
	case scenario.AchievedRate: // known at the end
		judged.Limit, judged.Observed = 100*t.Limit, 100
		return
	default:
		var sum measure.CountsOf[float64]
		for i := range s.Counts {
			sum.Add(s.Counts[i])
		}
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
