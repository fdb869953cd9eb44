package report

import (
	"fmt"
	"math"
	"slices"

	"mfaload/internal/number"
	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report/units"
	"mfaload/scenario"
)

// Goodput says how many responses were good: as expected, no rule of level fail broken, and
// within the limit that the response thresholds set on their highest percentile.
type Goodput struct {
	// Good responses a second of the planned time.
	Rate float64 `json:"rate"`
	Good uint64  `json:"good"`
	// The response time up to which a response is good; left out if any is, or if groups
	// have different limits.
	Within float64 `json:"within_ms,omitempty"`
}

// Text says what the goodput is, and up to which time a response is good.
func (g *Goodput) Text() string {
	if g.Within > 0 {
		return fmt.Sprintf("%s/s good within %s ms", number.Significant(g.Rate), number.Significant(g.Within))
	}
	return number.Significant(g.Rate) + "/s good"
}

func (s *sum) goodput(p *measure.Phase) *Goodput {
	if len(s.goodWithin) == 0 {
		return nil
	}
	g := &Goodput{Rate: number.Round(ratio(s.Good, p.Planned.Seconds())), Good: s.Good}
	if limits := slices.Compact(slices.Clone(s.goodWithin)); len(limits) == 1 {
		g.Within = Milliseconds(limits[0])
	}
	return g
}

// judgeGoodput holds the rate of good responses against the least that may be.
func (j *assessment) judgeGoodput(t scenario.Threshold, judged *Threshold) (missed, certain bool) {
	s, planned := j.of(t), j.measurement.Main.Planned.Seconds()
	judged.Count, judged.Of, judged.Limit = s.Good, s.Scheduled, j.goodputLimit(t)
	switch {
	case len(s.goodWithin) == 0:
		return judged.noData("good responses were not counted by the version of mfaload that measured this")
	case s.Scheduled == 0 || planned <= 0:
		return judged.noData("no request was due")
	}
	best := s.Good + s.InFlight + j.unknown(s)
	if doubtful := j.doubtful(); doubtful.Any() || s.DoubtfulGood > 0 {
		best += doubtful.BestGood(j.measurement, j.groupOf(t), s.NeverSent())
	}
	judged.showRate(float64(s.Good) / planned)
	if missed = float64(s.Good)/planned < judged.Limit; missed {
		judged.Causes = j.goodputCauses(s, j.groupOf(t))
	}
	return missed, missed && float64(best)/planned < judged.Limit
}

// goodputLimit is the part of a threshold's limit that this measurement has to reach: all,
// a shard's, or half if its seconds alternate with those of another run.
func (j *assessment) goodputLimit(t scenario.Threshold) float64 {
	limit := t.Limit
	if shard := j.measurement.Shard; shard != nil {
		limit /= float64(shard.Count)
	}
	if j.measurement.Alternating {
		limit /= 2
	}
	return limit
}

// showRate fills in a rate, exactly if rounding would hide on which side of the limit it is.
func (t *Threshold) showRate(rate float64) {
	if t.Observed = number.Round(rate); (t.Observed < t.Limit) != (rate < t.Limit) {
		t.Observed = rate
	}
}

// goodputCauses are why arrivals got no good response.
func (j *assessment) goodputCauses(s *sum, group int) []Cause {
	causes := append(s.errorCauses(), j.violationCauses(group)...)
	if slow := s.clean - s.Good; slow > 0 {
		causes = append(causes, Cause{"as expected, and too slow", slow})
	}
	return sortCauses(causes)
}

// noiseOfGoodput takes the schedule as it is, because each run of the scenario has the same:
// what varies is the share of its arrivals without a good response. A closed load has no
// schedule, and its good responses a unit vary.
func (j *assessment) noiseOfGoodput(judged *Threshold, s *units.Series) noise {
	planned := j.measurement.Main.Planned.Seconds()
	if j.report.Closed != nil {
		return j.noiseOfClosedGoodput(judged, s)
	}
	due := float64(judged.Of) / planned // a second
	n := j.noiseOfProportion(stat.Proportion{Count: float64(judged.Of - judged.Count),
		Of: float64(judged.Of)}, 1-judged.Limit/due, notGood, s)
	if i := n.interval; i != nil {
		i.Low, i.High = number.RoundTo(due*(1-i.High/100), 4), number.RoundTo(due*(1-i.Low/100), 4)
	}
	return n
}

func notGood(c *measure.CountsOf[float64]) measure.ShareOf[float64] {
	return measure.ShareOf[float64]{N: math.Max(c.Scheduled-c.Good, 0), Of: c.Scheduled}
}

func (j *assessment) noiseOfClosedGoodput(judged *Threshold, s *units.Series) noise {
	good := s.Numbers(func(c *measure.CountsOf[float64]) float64 { return c.Good / float64(s.Seconds) })
	mean := stat.Mean(good)
	for u := range good {
		good[u] -= mean
	}
	of, why := j.errorOf(units.Influence{Units: good}, s)
	if why != "" {
		return noise{why: why}
	}
	e := j.estimate(of, judged.Observed)
	half := e.reach * e.Deviation
	return e.noise(judged.Limit-judged.Observed, max(0, judged.Observed-half), judged.Observed+half,
		j.report.Duration)
}

// goodputSoFar judges by what the seconds have.
func goodputSoFar(t scenario.Threshold, judged *Threshold, s *units.Series) {
	sum := s.Sum()
	judged.Unit, judged.Limit, judged.AtLeast = "/s", t.Limit, true
	judged.Count, judged.Of = uint64(math.Round(sum.Good)), uint64(math.Round(sum.Scheduled))
	judged.Observed = stat.Ratio(sum.Good, float64(s.N*s.Seconds))
	switch {
	case judged.Of == 0:
		judged.State = NoData
	case judged.Observed < judged.Limit:
		judged.State = Missed
	}
}
