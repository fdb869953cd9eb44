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
	Seconds  []Second
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

// readBest reads what a trial would have measured at best; nil where mfaload harmed
// nothing. Seconds are those of the judged part, and measured what was read of them.
func readBest(m *measure.Measurement, r *report.Report, seconds []*measure.Second, limits []Limit, measured *Outcome) *Best {
	d := m.Doubtful()
	late := slices.ContainsFunc(r.Thresholds, func(t report.Threshold) bool { return t.AtLeast && t.State == report.Undecided })
	if !late && !slices.ContainsFunc(seconds, func(s *measure.Second) bool { return s.Best != nil || s.HarmedErrors(-1) > 0 || d.In(s.Second) }) {
		return nil
	}
	b := &Best{Backlog: measured.Backlog, Achieved: measured.Achieved}
	if late {
		b.Achieved = 1
	}
	certain := certainLimits(m)
	for i, s := range seconds {
		due := due(m, s.Second)
		to := measured.Seconds[i]
		to.Response = d.BestWaits(s, -1, false, 0).Sum()
		to.Tallies = slices.Clone(to.Tallies)
		for k := range limits {
			limits[k].tallyBest(&to.Tallies[k], s, due, d, certain)
		}
		b.Seconds = append(b.Seconds, to)
		if d.In(s.Second) {
			b.Backlog.Unserved -= max(due-float64(s.OtherFailures(-1)-d.FailuresIn(s, -1)), 0)
		}
	}
	b.Backlog.Unserved = max(b.Backlog.Unserved, 0)
	return b
}

// certainLimits is the share of the 429s that mfaload has no part in.
func certainLimits(m *measure.Measurement) float64 {
	c := m.Main.Counts(-1)
	return 1 - float64(c.DoubtfulLimits)/max(float64(c.RateLimited), 1)
}

// tallyBest makes a tally of a second that at best. Of 429s, a share is certain.
func (l *Limit) tallyBest(t *Tally, s *measure.Second, due float64, d *measure.Doubtful, certain float64) {
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
