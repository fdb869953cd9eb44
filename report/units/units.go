// Package units cuts the judged part of a measurement into units of time, a second or
// several: what varies from unit to unit tells how sure a figure of the whole is.
package units

import (
	"math"
	"slices"
	"time"

	"mfaload/internal/stat"
	"mfaload/measure"
)

// Max is the most units of a run: longer runs have units of several seconds.
const Max = 2400

// Length is how many seconds a unit has of a run, or of runs in a row, of so many seconds: as many as it
// takes for at most [Max] units, and whole pairs of seconds where they alternated with another run's.
func Length(seconds int, alternating bool) int {
	n := max(1, (seconds+Max-1)/Max)
	if alternating {
		n += n % 2
	}
	return n
}

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
		all = append(all, &Series{Seconds: Length(int(to-from), m.Alternating)})
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
		sum.Merge(h)
	}
	return []*measure.Histogram{sum}
}

// addDue counts what was due by unit: of the whole, as the schedule had it; of a
// group, what was sent and an even share of what was not. What was to be sent and
// never was is not a response, and so unexpected; but those in flight when a journal ends.
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

// Sum adds up the counts of all units.
func (s *Series) Sum() (sum measure.CountsOf[float64]) {
	for i := range s.Counts {
		sum.Add(s.Counts[i])
	}
	return sum
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

// Influence says how much each unit moves a figure of all units, to first order: the
// influences add up to 0, and the long-run variance of their mean is the figure's.
type Influence struct {
	Units []float64
	// Sampling is how much of a unit's variance is from it having few requests.
	Sampling float64
	// slow are the lowest frequencies that were taken out.
	slow int
}

// Quantile is the influence on the logarithm of a percentile, above 0 and below 100, of
// the response times, or of the service times. It is false if the percentile is one of the
// few longest times, or of arrivals that were never served.
func (s *Series) Quantile(percentile float64, service bool) (Influence, bool) {
	whole := s.Waits(service)
	p, n := percentile/100, float64(whole.Count())
	width := 100 * math.Min(0.02, math.Min(p, 1-p)/4)
	low, at, high := whole.Percentile(percentile-width), whole.Percentile(percentile),
		whole.Percentile(percentile+width)
	if n*(1-p) < beyondMin || at.AtLeast || at.Time <= 0 {
		return Influence{}, false
	}
	if high.AtLeast {
		high = at
	}
	within := func(limit time.Duration) float64 { return n - float64(whole.Beyond(limit)) }
	slope := stat.Ratio(within(high.Time)-within(low.Time), math.Log(high.Time.Seconds()/low.Time.Seconds()))
	of := s.times(service)
	below, all := make([]float64, s.N), make([]float64, s.N)
	for u, list := range of {
		all[u] = s.Lost[u]
		for _, h := range list {
			all[u] += float64(h.Count())
			below[u] += float64(h.Count() - h.Beyond(at.Time))
		}
	}
	return share(below, all, -stat.Ratio(float64(s.N), slope)), true
}

func (s *Series) times(service bool) [][]*measure.Histogram {
	if service {
		return s.Service
	}
	return s.Response
}

// Waits are the times of all units. Of those that were never served nothing is known.
func (s *Series) Waits(service bool) *measure.Waits {
	w := &measure.Waits{
		Served:  slices.Concat(s.times(service)...),
		Untimed: uint64(math.Round(stat.Sum(s.Lost))),
	}
	return w.Joined()
}

// beyondMin is how many times have to be beyond a percentile: fewer do not tell how
// they are spread.
const beyondMin = 5

// Mean is the influence on the logarithm of the mean time.
func (s *Series) Mean(service bool) Influence {
	of := s.times(service)
	sums, all := make([]float64, s.N), make([]float64, s.N)
	for u, list := range of {
		for _, h := range list {
			sums[u] += h.Sum()
			all[u] += float64(h.Count())
		}
	}
	return Influence{Units: stat.RatioInfluence(sums, all, true)}
}

// Share is the influence on a share of the counts.
func (s *Series) Share(of func(*measure.CountsOf[float64]) measure.ShareOf[float64]) Influence {
	part, all := make([]float64, s.N), make([]float64, s.N)
	for u := range s.Counts {
		x := of(&s.Counts[u])
		part[u], all[u] = x.N, x.Of
	}
	return share(part, all, stat.Ratio(float64(s.N), stat.Sum(all)))
}

// share is the influence of units on the share that parts are of all, times a scale.
func share(part, all []float64, scale float64) Influence {
	f := Influence{Units: make([]float64, len(part))}
	whole := stat.Ratio(stat.Sum(part), stat.Sum(all))
	for u, n := range all {
		f.Units[u] = (part[u] - whole*n) * scale
		if n > 1 {
			f.Sampling += part[u] * (1 - part[u]/n) * n / (n - 1) * scale * scale
		}
	}
	f.Sampling /= math.Max(float64(len(part)), 1)
	return f
}

// Without takes out of the influences what the load explains that was planned for each
// unit: a run that is repeated has the same ramp.
func (f Influence) Without(planned []float64) Influence {
	const degree = 6 // fits the tail of times that grow with the square of the rate
	return Influence{stat.Residuals(f.Units, planned, degree), f.Sampling, degree / 2}
}

// Min is how many units it takes to tell how much a figure varies.
const Min = 20

// Error says how sure a figure is.
type Error struct {
	// Deviation is the standard error, Freedom the degrees of freedom of its estimate.
	Deviation, Freedom float64
	// Memory is over how many units the figure is correlated: 1 if none knows of the next one.
	Memory float64
}

// Error is that of the figure, from at least [Min] units.
func (f Influence) Error() (e Error) {
	e.Deviation, e.Freedom = stat.MeanError(f.Units, f.Sampling, f.slow)
	one := stat.Deviation(f.Units)
	e.Memory = stat.Ratio(float64(len(f.Units))*e.Deviation*e.Deviation, one*one)
	return e
}

// Planned is how many arrivals were due in each unit of a run; nil if nobody planned them.
func (s *Series) Planned(m *measure.Measurement) []float64 {
	if len(m.Profile.Due) == 0 {
		return nil
	}
	from, _ := Judged(m)
	due := make([]float64, s.N)
	for u := range due {
		due[u] = sum(m.Profile.Due, int(from)+u*s.Seconds, int(from)+(u+1)*s.Seconds)
	}
	return due
}
