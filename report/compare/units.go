package compare

import (
	"slices"
	"time"

	"mfaload/internal/stat"
	"mfaload/measure"
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

// maxUnits bounds how many units a run is cut into. Longer runs have units of
// several seconds.
const maxUnits = 2400

// unitSeconds is the length of a unit for runs of this length.
func unitSeconds(runs []Run) int {
	longest := 0
	for _, r := range runs {
		from, to := judged(r.Measurement)
		longest = max(longest, int(to-from))
	}
	return max(1, (longest*len(runs)+maxUnits-1)/maxUnits)
}

// judged are the whole seconds of the judged part: from, and up to but without
// to.
func judged(m *measure.Measurement) (from, to int64) {
	from = int64((m.Main.Start + time.Second - 1) / time.Second)
	return from, max(from, int64((m.Main.Start+m.Main.Planned)/time.Second))
}

// unitSeries are a part of one side by unit: the units of its runs in a row.
type unitSeries struct {
	units             int
	response, service [][]*measure.Histogram // the histograms of each unit
	counts            []measure.CountsOf[float64]
	lost              []float64 // of what was judged: never served
	// stretch is how much of the planned rate is left because the last requests
	// were sent late, planned the planned rate a second; 0 for a closed load.
	stretch, planned float64
	seconds          int // a unit has
}

func newUnitSeries(runs []Run, p scope, seconds int) *unitSeries {
	s := &unitSeries{seconds: seconds}
	for _, r := range runs {
		s.add(r.Measurement, p)
	}
	f := totalsOf(runs, p)
	s.stretch, s.planned = f.stretch, f.planned
	return s
}

func (s *unitSeries) add(m *measure.Measurement, p scope) {
	from, to := judged(m)
	units := int(to-from) / s.seconds
	first := s.units
	s.grow(units)
	for sec := range m.Seconds.All() {
		if u := int(sec.Second-from) / s.seconds; sec.Second >= from && u < units {
			s.addSecond(first+u, sec, p)
		}
	}
	s.addDue(m, p, first, units, from)
}

func (s *unitSeries) grow(n int) {
	s.units += n
	s.response = append(s.response, make([][]*measure.Histogram, n)...)
	s.service = append(s.service, make([][]*measure.Histogram, n)...)
	s.counts = append(s.counts, make([]measure.CountsOf[float64], n)...)
	s.lost = append(s.lost, make([]float64, n)...)
}

// addSecond adds the part of a second.
func (s *unitSeries) addSecond(u int, sec *measure.Second, p scope) {
	response, service := sec.Waits(p.group, false), sec.Waits(p.group, true)
	s.response[u] = addTimes(s.response[u], response.Served)
	s.service[u] = addTimes(s.service[u], service.Served)
	s.lost[u] += float64(response.Unserved())
	s.counts[u].Add(sec.Counts(p.group))
}

// addTimes adds the times of a second to those of its unit. Those of a single second
// are not copied.
func addTimes(unit, second []*measure.Histogram) []*measure.Histogram {
	if len(unit) == 0 || len(second) == 0 {
		return append(unit, second...)
	}
	sum := measure.NewSparse()
	for _, h := range slices.Concat(unit, second) {
		_ = sum.Merge(h) // one geometry: nothing is dropped
	}
	return []*measure.Histogram{sum}
}

// addDue counts what was due by unit: of the whole, as the schedule had it; of a
// group, what was sent and an even share of what was not. What was to be sent and
// never was is no answer, and so unexpected; but those in flight when a journal ends.
func (s *unitSeries) addDue(m *measure.Measurement, p scope, first, units int, from int64) {
	planned := p.group < 0 && len(m.Profile.Due) > 0
	c := m.Main.Counts(p.group)
	withheld := c.Withheld + c.Own + c.InFlight
	unsent := max(c.Scheduled, c.Sent()+withheld) - c.Sent()
	for u := first; u < first+units; u++ {
		sent := s.counts[u].Sent()
		due, held := sent+float64(unsent)/float64(units), float64(withheld)/float64(units)
		if planned {
			begin := int(from) + (u-first)*s.seconds
			due, held = sum(m.Profile.Due, begin, begin+s.seconds), sum(m.Profile.Withheld, begin, begin+
				s.seconds)
			if u == first+units-1 { // they were due last
				held += float64(c.InFlight)
			}
		}
		s.counts[u].Scheduled = max(due, sent)
		s.counts[u].Withheld = min(held, s.counts[u].Unsent())
		s.lost[u] += s.counts[u].NeverSent()
	}
}

// numbers are some number of each unit.
func (s *unitSeries) numbers(of func(c *measure.CountsOf[float64]) float64) []float64 {
	all := make([]float64, s.units)
	for u := range s.counts {
		all[u] = of(&s.counts[u])
	}
	return all
}

// shares are a share of each unit, added up.
func (s *unitSeries) shares(of func(c *measure.CountsOf[float64]) measure.ShareOf[float64]) ratioSums {
	above := s.numbers(func(c *measure.CountsOf[float64]) float64 { return of(c).N })
	below := s.numbers(func(c *measure.CountsOf[float64]) float64 { return of(c).Of })
	return ratioSums{stat.Cumulate(above), stat.Cumulate(below)}
}

// sum adds up the counts of some seconds; those beyond are 0.
func sum(counts []uint64, from, to int) (n float64) {
	for i := from; i < min(to, len(counts)); i++ {
		n += float64(counts[i])
	}
	return n
}
