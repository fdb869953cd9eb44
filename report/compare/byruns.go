package compare

import (
	"math"
	"slices"

	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report/units"
)

// byRuns compares the figures of whole runs.
func byRuns(base, fresh []Run, parts []scope, chosen []metricSpec, o Options) []testResult {
	var all []testResult
	var values [][][]float64 // of each result, its series
	for _, p := range parts {
		var figures []*totals
		for _, r := range slices.Concat(base, fresh) {
			figures = append(figures, totalsOf([]Run{r}, p))
		}
		for _, m := range chosen {
			specs := []metricSpec{m}
			if m.kind == shape {
				specs = quantilesOf(figures, m)
			}
			if len(specs) == 0 {
				continue
			}
			t := runsTest{p, figures, len(base), o}
			best, series := testResult{}, [][]float64{}
			for _, one := range specs {
				r, scaled := t.result(one)
				series = append(series, scaled)
				if best.metricSpec.name == "" || r.statistic > best.statistic {
					best = r
				}
			}
			if m.kind == shape {
				best.remark = joined(best.remark, mostAt(best.quantile))
				best.metricSpec = m
			}
			all, values = append(all, best), append(values, series)
		}
	}
	if len(all) == 0 {
		return nil
	}
	deals := stat.NewPermutation(values, len(base))
	for i := range all {
		all[i].p = deals.P(i)
	}
	correct(all, chooseDecisive(all, fresh, o), deals.MaxT)
	return all
}

// quantilesOf are those of the shift function that all runs have enough requests for.
func quantilesOf(figures []*totals, m metricSpec) (all []metricSpec) {
	n := math.Inf(1)
	for _, f := range figures {
		n = min(n, f.waited(m))
	}
	for _, q := range grid {
		if n*min(q, 1-q) >= beyondMin {
			all = append(all, metricSpec{name: m.name, service: m.service, kind: quantile, quantile: q,
				margin: m.margin})
		}
	}
	return all
}

// runsTest is a part of all runs, of which the first are the base.
type runsTest struct {
	scope
	figures []*totals
	base    int
	options Options
}

// result is what the runs tell of a metric, and the values that are dealt to two sides.
func (t *runsTest) result(m metricSpec) (r testResult, scaled []float64) {
	var shown []float64
	nobody := false
	r = testResult{metricSpec: m, group: t.name, unit: t.figures[0].unit(m)}
	for i, f := range t.figures {
		nobody = nobody || m.kind.times() && f.waited(m) == 0
		scaled, shown = append(scaled, f.scaled(m)), append(shown, f.value(m))
		side := 0
		if i >= t.base {
			side = 1
		}
		r.atLeast[side] = r.atLeast[side] || f.bound(m).AtLeast
	}
	a, b := scaled[:t.base], scaled[t.base:]
	r.base, r.new = stat.Median(shown[:t.base]), stat.Median(shown[t.base:])
	r.change, r.low, r.high = stat.HodgesLehmann(a, b, 0.95)
	r.events = [2]stat.Proportion{eventsOf(t.figures[:t.base], m), eventsOf(t.figures[t.base:], m)}
	if nobody {
		r.short, r.remark = true, "too few requests"
	}
	if r.none() {
		r.low, r.high = r.withoutEvents()
	}
	r.autocorrelation = autocorrelation(a, b)
	tested := r.tested(t.options)
	if d := math.Hypot(stat.Deviation(a), stat.Deviation(b)); d > 0 {
		r.statistic = math.Abs(tested) / d
	} else if tested != 0 {
		r.statistic = math.Inf(1)
	}
	for i := range scaled {
		switch {
		case tested == 0 && r.change != 0: // within the margin, which is all that is asked
			scaled[i] = 0
		case i >= t.base:
			scaled[i] += tested - r.change
		}
	}
	return r, scaled
}

// eventsOf adds up those of runs.
func eventsOf(all []*totals, m metricSpec) (sum stat.Proportion) {
	for _, f := range all {
		e := f.events(m)
		sum.Count, sum.Of = sum.Count+e.Count, sum.Of+e.Of
	}
	return sum
}

// autocorrelation is that of neighboring runs, in the order in which they were
// named, around the mean of their side.
func autocorrelation(sides ...[]float64) float64 {
	var with, own float64
	for _, x := range sides {
		if r := stat.Autocovariances(x, 1); len(r) > 1 {
			own += r[0] * float64(len(x))
			with += r[1] * float64(len(x))
		}
	}
	return stat.Ratio(with, own)
}

// scope is the whole of a run, or one group of it.
type scope struct {
	name  string
	group int // below 0: the whole
}

// scopesOf are the parts that are compared: the groups only where all runs have
// several of the same.
func scopesOf(base, fresh []Run) []scope {
	parts := []scope{{"", -1}}
	groups := base[0].Measurement.Groups
	for _, runs := range [][]Run{base, fresh} {
		for _, r := range runs {
			if len(r.Measurement.Groups) != len(groups) {
				return parts
			}
		}
	}
	if len(groups) < 2 {
		return parts
	}
	for i, name := range groups {
		parts = append(parts, scope{name, i})
	}
	return parts
}

// aligned says whether all runs have as many whole seconds, and how many seconds of a side make units. If so,
// the same second of all runs of a side is one unit: what the schedule does in it is the same.
func aligned(base, fresh []Run) (yes bool, seconds int) {
	yes = true
	first := wholeSeconds(base[0])
	for _, runs := range [][]Run{base, fresh} {
		longest := 0
		for _, r := range runs {
			yes = yes && wholeSeconds(r) == first
			longest = max(longest, wholeSeconds(r))
		}
		seconds = max(seconds, longest*len(runs))
	}
	if yes {
		seconds = first
	}
	return yes, seconds
}

// wholeSeconds is how many the judged part of a run has.
func wholeSeconds(r Run) int {
	from, to := units.Judged(r.Measurement)
	return int(to - from)
}

// unitSeries are a part of one side by unit: the units of its runs in a row.
type unitSeries struct {
	units.Series
	// drawn are so many units: the first ones, each together with those at the same place of the other runs,
	// or all.
	drawn int
	// stretch is how much of the planned rate is left because the last requests
	// were sent late, planned the planned rate a second; 0 for a closed load.
	stretch, planned float64
}

// newUnitSeries makes those of some parts in one pass over the seconds.
func newUnitSeries(runs []Run, parts []scope, seconds int, together bool) (all []*unitSeries) {
	var series []*units.Series
	var groups []int
	for _, p := range parts {
		f := totalsOf(runs, p)
		s := &unitSeries{Series: units.Series{Seconds: seconds}, stretch: f.stretch, planned: f.planned}
		all, series, groups = append(all, s), append(series, &s.Series), append(groups, p.group)
	}
	for _, r := range runs {
		units.AddEach(r.Measurement, series, groups)
	}
	for _, s := range all {
		s.drawn = s.N
		if together {
			s.drawn = s.N / len(runs)
		}
	}
	return all
}

// numbers are some number of each unit that is drawn.
func (s *unitSeries) numbers(of func(c *measure.CountsOf[float64]) float64) []float64 {
	all := make([]float64, s.drawn)
	for u, n := range s.Numbers(of) {
		all[u%s.drawn] += n
	}
	return all
}

// shares are a share of each unit, added up.
func (s *unitSeries) shares(of func(c *measure.CountsOf[float64]) measure.ShareOf[float64]) ratioSums {
	above := s.numbers(func(c *measure.CountsOf[float64]) float64 { return of(c).N })
	below := s.numbers(func(c *measure.CountsOf[float64]) float64 { return of(c).Of })
	return ratioSums{stat.Cumulate(above), stat.Cumulate(below)}
}
