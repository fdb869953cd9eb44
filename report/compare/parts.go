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

// has says whether a group's requests belong to the part.
func (p scope) has(group int) bool { return p.group < 0 || p.group == group }

// scheduled counts the part's arrivals in the judged part of a run.
func (p scope) scheduled(m *measure.Measurement) (n uint64) {
	for g, due := range m.Main.Scheduled {
		if p.has(g) {
			n += due
		}
	}
	return n
}

// withheld counts those of them that were not to be sent.
func (p scope) withheld(m *measure.Measurement) (n uint64) {
	for _, w := range m.Main.Withheld {
		if p.has(w.Group) {
			n += w.Count
		}
	}
	return n
}

// inFlight counts those of which it is not known what became of them.
func (p scope) inFlight(m *measure.Measurement) (n uint64) {
	for g, of := range m.Main.InFlight {
		if p.has(g) {
			n += of
		}
	}
	return n
}

// sent counts those of them that were.
func (p scope) sent(m *measure.Measurement) uint64 {
	return p.count(m, func(*measure.Cell) bool { return true })
}

// notDelivered counts the requests that the service can't have got.
func (p scope) notDelivered(m *measure.Measurement) uint64 {
	return p.count(m, func(c *measure.Cell) bool { return c.Failed && c.Label == measure.IdleClosed })
}

func (p scope) count(m *measure.Measurement, of func(*measure.Cell) bool) (n uint64) {
	for _, c := range m.Main.Cells {
		if p.has(c.Group) && of(c) {
			n += c.Response.Count()
		}
	}
	return n
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
	units                            int
	response, service                [][]*measure.Histogram // the histograms of each unit
	sent, due, unexpected, violating []float64
	judged                           []float64 // of what was due: see figures
	lost                             []float64 // of what was judged: never served
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
	s.leaveOutNotDelivered(m, p, first, units, from)
}

func (s *unitSeries) grow(n int) {
	s.units += n
	s.response = append(s.response, make([][]*measure.Histogram, n)...)
	s.service = append(s.service, make([][]*measure.Histogram, n)...)
	for _, x := range []*[]float64{&s.sent, &s.due, &s.unexpected, &s.violating, &s.judged, &s.lost} {
		*x = append(*x, make([]float64, n)...)
	}
}

func (s *unitSeries) addSecond(u int, sec *measure.Second, p scope) {
	if p.group < 0 {
		s.put(u, sec, p, float64(sec.Response.Count()), sec.Expected, sec.Violating)
		return
	}
	for _, g := range sec.Groups {
		if g.Group == p.group {
			s.put(u, sec, p, float64(g.Response.Count()), g.Expected, g.Violating)
		}
	}
}

// put adds the part of a second: n requests that were sent.
func (s *unitSeries) put(u int, sec *measure.Second, p scope, n float64, expected, violating uint64) {
	response, service := sec.Waits(p.group, false), sec.Waits(p.group, true)
	s.response[u] = addTimes(s.response[u], response.Served)
	s.service[u] = addTimes(s.service[u], service.Served)
	s.lost[u] += float64(response.Unserved())
	s.sent[u] += n
	s.unexpected[u] += n - float64(expected)
	s.violating[u] += float64(violating)
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
	withheld := p.withheld(m) + p.inFlight(m)
	unsent := max(p.scheduled(m), p.sent(m)+withheld) - p.sent(m)
	for u := first; u < first+units; u++ {
		due, held := s.sent[u]+float64(unsent)/float64(units), float64(withheld)/float64(units)
		if planned {
			begin := int(from) + (u-first)*s.seconds
			due, held = sum(m.Profile.Due, begin, begin+s.seconds), sum(m.Profile.Withheld, begin, begin+s.seconds)
			if u == first+units-1 { // they were due last
				held += float64(p.inFlight(m))
			}
		}
		s.due[u] = max(due, s.sent[u])
		s.judged[u] = max(due-held, s.sent[u])
		s.unexpected[u] += s.judged[u] - s.sent[u]
		s.lost[u] += s.judged[u] - s.sent[u]
	}
}

// sum adds up the counts of some seconds; those beyond are 0.
func sum(counts []uint64, from, to int) (n float64) {
	for i := from; i < min(to, len(counts)); i++ {
		n += float64(counts[i])
	}
	return n
}

// leaveOutNotDelivered leaves out the requests that the service can't have got: of a
// group its share of those of each unit.
func (s *unitSeries) leaveOutNotDelivered(m *measure.Measurement, p scope, first, units int, from int64) {
	ofPart := p.notDelivered(m)
	if ofPart == 0 {
		return
	}
	of := stat.Ratio(float64(ofPart), float64(scope{group: -1}.notDelivered(m)))
	for sec := range m.Seconds.All() {
		u := int(sec.Second-from) / s.seconds
		if sec.Second < from || u >= units {
			continue
		}
		for _, e := range sec.Ends {
			if e.Failed && e.Label == measure.IdleClosed {
				n := min(of*float64(e.Count), s.unexpected[first+u])
				s.unexpected[first+u] -= n
				s.judged[first+u] -= n
			}
		}
	}
}
