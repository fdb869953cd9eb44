package compare

import (
	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report/units"
)

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

// unitSeconds is the length of a unit for so many seconds.
func unitSeconds(seconds int) int { return max(1, (seconds+units.Max-1)/units.Max) }

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
