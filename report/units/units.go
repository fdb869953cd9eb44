// Package units cuts the judged part of a measurement into units of time, a second or
// several: what varies from unit to unit tells how sure a figure of the whole is.
package units

import (
	"slices"
	"time"

	"mfaload/measure"
)

// Max bounds how many units a run is cut into. Longer runs have units of several
// seconds.
const Max = 2400

// Judged are the whole seconds of the judged part: from, and up to but without to.
func Judged(m *measure.Measurement) (from, to int64) {
	from = int64((m.Main.Start + time.Second - 1) / time.Second)
	return from, max(from, int64((m.Main.Start+m.Main.Planned)/time.Second))
}

// Series are a part of one or several runs by unit: the units of the runs in a row.
type Series struct {
	N                 int                    // units
	Response, Service [][]*measure.Histogram // the histograms of each unit
	Counts            []measure.CountsOf[float64]
	Lost              []float64 // of what was judged: never served
	Seconds           int       // a unit has
}

// Read reads the seconds of a run once, and returns a series for each of some groups; a
// group below 0 is the whole. Units have as many seconds as it takes for at most [Max].
func Read(m *measure.Measurement, groups []int) (all []*Series) {
	from, to := Judged(m)
	for range groups {
		all = append(all, &Series{Seconds: max(1, (int(to-from)+Max-1)/Max)})
	}
	AddEach(m, all, groups)
	return all
}

// AddEach puts the units of groups of a run behind those of as many series, which have as
// many units of one length; a group below 0 is the whole. It reads the seconds once, and leaves
// out those that do not fill a unit.
func AddEach(m *measure.Measurement, all []*Series, groups []int) {
	from, to := Judged(m)
	seconds, first := all[0].Seconds, all[0].N
	units := int(to-from) / seconds
	for _, s := range all {
		s.grow(units)
	}
	for sec := range m.Seconds.All() {
		if u := int(sec.Second-from) / seconds; sec.Second >= from && u < units {
			for i, s := range all {
				s.addSecond(first+u, sec, groups[i])
			}
		}
	}
	for i, s := range all {
		s.addDue(m, groups[i], first, units, from)
	}
}

func (s *Series) grow(n int) {
	s.N += n
	s.Response = append(s.Response, make([][]*measure.Histogram, n)...)
	s.Service = append(s.Service, make([][]*measure.Histogram, n)...)
	s.Counts = append(s.Counts, make([]measure.CountsOf[float64], n)...)
	s.Lost = append(s.Lost, make([]float64, n)...)
}

// addSecond adds the part of a second.
func (s *Series) addSecond(u int, sec *measure.Second, group int) {
	response, service := sec.Waits(group, false), sec.Waits(group, true)
	s.Response[u] = addTimes(s.Response[u], response.Served)
	s.Service[u] = addTimes(s.Service[u], service.Served)
	s.Lost[u] += float64(response.Unserved())
	s.Counts[u].Add(sec.Counts(group))
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
func (s *Series) addDue(m *measure.Measurement, group int, first, units int, from int64) {
	planned := group < 0 && len(m.Profile.Due) > 0
	c := m.Main.Counts(group)
	withheld := c.Withheld + c.Own + c.InFlight
	unsent := max(c.Scheduled, c.Sent()+withheld) - c.Sent()
	for u := first; u < first+units; u++ {
		sent := s.Counts[u].Sent()
		due, held := sent+float64(unsent)/float64(units), float64(withheld)/float64(units)
		if planned {
			begin := int(from) + (u-first)*s.Seconds
			due, held = sum(m.Profile.Due, begin, begin+s.Seconds), sum(m.Profile.Withheld, begin, begin+
				s.Seconds)
			if u == first+units-1 { // they were due last
				held += float64(c.InFlight)
			}
		}
		s.Counts[u].Scheduled = max(due, sent)
		s.Counts[u].Withheld = min(held, s.Counts[u].Unsent())
		s.Lost[u] += s.Counts[u].NeverSent()
	}
}

// Numbers are some number of each unit.
func (s *Series) Numbers(of func(c *measure.CountsOf[float64]) float64) []float64 {
	all := make([]float64, s.N)
	for u := range s.Counts {
		all[u] = of(&s.Counts[u])
	}
	return all
}

// sum adds up the counts of some seconds; those beyond are 0.
func sum(counts []uint64, from, to int) (n float64) {
	for i := from; i < min(to, len(counts)); i++ {
		n += float64(counts[i])
	}
	return n
}
