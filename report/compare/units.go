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

// unitSeconds is the length of a unit for runs of this length.
func unitSeconds(runs []Run) int {
	longest := 0
	for _, r := range runs {
		from, to := units.Judged(r.Measurement)
		longest = max(longest, int(to-from))
	}
	return max(1, (longest*len(runs)+units.Max-1)/units.Max)
}

// unitSeries are a part of one side by unit: the units of its runs in a row.
type unitSeries struct {
	units.Series
	// stretch is how much of the planned rate is left because the last requests
	// were sent late, planned the planned rate a second; 0 for a closed load.
	stretch, planned float64
}

func newUnitSeries(runs []Run, p scope, seconds int) *unitSeries {
	s := &unitSeries{Series: units.Series{Seconds: seconds}}
	for _, r := range runs {
		s.Add(r.Measurement, p.group)
	}
	f := totalsOf(runs, p)
	s.stretch, s.planned = f.stretch, f.planned
	return s
}

// shares are a share of each unit, added up.
func (s *unitSeries) shares(of func(c *measure.CountsOf[float64]) measure.ShareOf[float64]) ratioSums {
	above := s.Numbers(func(c *measure.CountsOf[float64]) float64 { return of(c).N })
	below := s.Numbers(func(c *measure.CountsOf[float64]) float64 { return of(c).Of })
	return ratioSums{stat.Cumulate(above), stat.Cumulate(below)}
}
