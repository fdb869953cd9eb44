package capacity

import (
	"slices"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// Best is what a trial would have measured at best: the rule of blame, as a run's
// verdict has it.
type Best struct {
	Seconds  []TrialSecond
	Backlog  Backlog
	Achieved float64
}

// atBest is the outcome at best. Times by their quantiles are not known of it: the
// requests beyond each level are.
func (o *Outcome) atBest() *Outcome {
	b := *o
	b.Seconds, b.Backlog, b.Achieved = o.Best.Seconds, o.Best.Backlog, o.Best.Achieved
	b.Quantiles, b.Best = make([]float64, len(o.Quantiles)), nil
	return &b
}

// bestReader reads, second by second, what a trial would have measured at best.
type bestReader struct {
	best     Best
	limits   []Criterion
	doubtful *measure.Doubtful
	certain  float64 // of the 429s
	harmed   bool    // mfaload may have harmed anything
}

func newBestReader(m *measure.Measurement, r *report.Report, limits []Criterion) *bestReader {
	b := &bestReader{limits: limits, doubtful: m.Doubtful(), certain: certainLimits(m)}
	b.harmed = slices.ContainsFunc(r.Thresholds, func(t report.Threshold) bool {
		return t.AtLeast && t.State == report.Undecided
	})
	if b.harmed {
		b.best.Achieved = 1
	}
	return b
}

// add takes in a second of the judged part, and what was read of it.
func (b *bestReader) add(s *measure.Second, due float64, measured TrialSecond) {
	d := b.doubtful
	b.harmed = b.harmed || s.Best != nil || s.HarmedErrors(-1) > 0 || d.In(s.Second)
	measured.Response = d.BestWaits(s, -1, false, 0).Sum()
	measured.Tallies = slices.Clone(measured.Tallies)
	for i := range b.limits {
		b.limits[i].tallyBest(&measured.Tallies[i], s, due, d, b.certain)
	}
	b.best.Seconds = append(b.best.Seconds, measured)
	if d.In(s.Second) {
		b.best.Backlog.Unserved -= max(due-float64(s.OtherFailures(-1)-d.FailuresIn(s, -1)), 0)
	}
}

// end returns what was read; nil where mfaload harmed nothing.
func (b *bestReader) end(measured *Outcome) *Best {
	if !b.harmed {
		return nil
	}
	b.best.Backlog = Backlog{measured.Backlog.Due, max(measured.Backlog.Unserved+b.best.Backlog.Unserved, 0)}
	b.best.Achieved = max(b.best.Achieved, measured.Achieved)
	return &b.best
}

// certainLimits is the share of the 429s that mfaload has no part in.
func certainLimits(m *measure.Measurement) float64 {
	c := m.Main.Counts(-1)
	return 1 - float64(c.DoubtfulLimits)/max(float64(c.RateLimited), 1)
}

// tallyBest makes a tally of a second that at best. Of 429s, a share is certain.
func (l *Criterion) tallyBest(t *Tally, s *measure.Second, due float64, d *measure.Doubtful, certain float64) {
	unsent := l.unsent(s, due)
	switch l.Metric {
	case scenario.Response, scenario.Service:
		b := d.BestWaits(s, l.Group, l.Metric == scenario.Service, unsent)
		for i := range t.Over {
			t.Over[i] = float64(b.Beyond(time.Duration(l.level(i) * 1e9)))
		}
		t.Sum = b.Sum() + float64(b.Unserved())*l.level(0)
	case scenario.ErrorRate:
		doubtful := s.HarmedErrors(l.Group) + d.FailuresIn(s, l.Group)
		if d.In(s.Second) {
			doubtful += unsent
		}
		t.Over[atLimit] = max(t.Over[atLimit]-float64(doubtful), 0)
	case scenario.RateLimitedRate:
		t.Over[atLimit] *= certain
	}
}
