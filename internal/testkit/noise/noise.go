// Package noise simulates services whose times vary in known ways, as measurements of runs that nobody had
// to wait for: what judging and comparing make of them is compared with what is true of them. The same
// service, random numbers and start give the same measurement.
package noise

import (
	"cmp"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"mfaload/measure"
)

// Service is a service under a load. Requests take a median of 40 ms, log-normal with a standard deviation
// of 0.4 of the logarithm, and are sent an exponential 0.1 ms late on average.
type Service struct {
	Name string
	// Seconds is how long a run is, Rate how many requests are due a second at its beginning, RateEnd at its
	// end; 0 for the same.
	Seconds       int
	Rate, RateEnd float64
	// Random arrivals follow a Poisson process; others are evenly spaced.
	Random bool
	// Scale multiplies all times; 0 is 1.
	Scale float64
	// Level is the standard deviation of a level that all requests of a second share, of its logarithm, and
	// Correlation is that of neighboring seconds: an autoregression of order 1.
	Level, Correlation float64
	// Walk is the standard deviation of the level's steps from second to second: a random walk that turns
	// back at ±6 %.
	Walk float64
	// Between is the standard deviation of a level of its own that each run has, of its logarithm.
	Between float64
	// Day is how much times change over the day, ±, as a share. Anytime says that the runs of two sides start
	// at any times of the day, and not one after the other.
	Day     float64
	Anytime bool
	// Stops are every 7 to 30 s, of 50 to 400 ms, in which nothing goes on.
	Stops bool
	// Tail is the share of the requests that take 3 times a Pareto variable of 1.5 as long.
	Tail float64
	// Crowding is how much longer requests take at 200/s, as a share; the square of the rate counts.
	Crowding float64
	// Sawtooth is how much longer requests take before each restart, every 20 to 40 s, than after it.
	Sawtooth float64
	// Misses is the mean share of the requests that take 3 times as long; it changes from second to second
	// with a correlation of 0.9.
	Misses float64
	// Utilization is that of a queue with one place, in which requests wait for those before them; 0 for
	// none.
	Utilization float64
	// Errors is the share of the requests that get a 500, in bursts of a second.
	Errors float64
	// Own is the standard deviation of a level that a service has to itself, of its logarithm, with a
	// correlation of 0.95 from second to second: two services that run at the same time do not share it.
	Own float64
	// Cold is what the service is like at the start of a run; nil is as later.
	Cold *Cold
	// GoodWithin is the longest response time of a good response; 0 does not count them.
	GoodWithin time.Duration
	// Warmup is how many of the seconds are a warm-up whose end is to be found; the run is not settled.
	Warmup int
}

// Cold is the beginning of a service that has to warm up.
type Cold struct {
	// Slower is how many times as long all requests take at the start, Misses the share of them
	// that take 5 times as long.
	Slower, Misses float64
	// For is the time in seconds in which both fall to 1/e of what they are above later ones, or
	// for which they stay if it is a Step.
	For  float64
	Step bool
}

// left is how much of what makes the service slow there is after some seconds.
func (c *Cold) left(after float64) float64 {
	switch {
	case c == nil || c.Step && after >= c.For:
		return 0
	case c.Step:
		return 1
	}
	return math.Exp(-after / c.For)
}

const (
	median   = 40e6 // ns
	spread   = 0.4
	lateness = 1e5 // ns
	burst    = 0.2 // of the requests of a second with errors
)

// Run returns the measurement of a run that starts at a time.
func (s Service) Run(random *rand.Rand, start time.Time) *measure.Measurement {
	return s.measure(random, s.conditions(random, start), start)
}

// Duet are a run of a service and, for each scale, one of a service whose times are scaled, from one
// instant on: they have in common what comes from outside of them. Where isBase is given, each second is
// one side's alone.
func (s Service) Duet(random *rand.Rand, isBase func(second int) bool, scales ...float64) (
	base *measure.Measurement, fresh []*measure.Measurement) {
	start := time.Unix(1_800_000_000, 0).Add(time.Duration(random.Int64N(int64(24 * time.Hour))))
	ours := s.conditions(random, start)
	others := ours
	if isBase != nil {
		all := ours.arrivals
		ours.arrivals, others.arrivals = nil, nil
		for _, at := range all {
			if isBase(int(at)) {
				ours.arrivals = append(ours.arrivals, at)
			} else {
				others.arrivals = append(others.arrivals, at)
			}
		}
	}
	base = s.measure(random, ours, start)
	base.Alternating = isBase != nil
	for _, scale := range scales {
		m := s.Scaled(scale).measure(random, others, start.Add(time.Millisecond))
		m.Alternating = isBase != nil
		fresh = append(fresh, m)
	}
	return base, fresh
}

// conditions are what comes from outside of a service: when requests are due, and the level, the share of
// slow requests and the standstills that all requests of an instant share.
type conditions struct {
	arrivals, levels, misses []float64
	stops                    []standstill
}

func (s Service) conditions(random *rand.Rand, start time.Time) conditions {
	c := conditions{levels: s.levels(random, start), misses: s.missShares(random), stops: s.stops(random)}
	c.arrivals = slices.Collect(s.arrivals(random))
	return c
}

func (s Service) measure(random *rand.Rand, c conditions, start time.Time) *measure.Measurement {
	recorder, profile := measure.NewRecorder(1, nil, 0), measure.LoadProfile{}
	parts := measure.WarmupParts{}
	if s.Warmup > 0 {
		parts = measure.SplitWarmup(time.Duration(s.Warmup) * time.Second)
	}
	recorder.SplitWarmup(parts)
	seconds := &secondsLog{}
	recorder.SetLog(seconds)
	for o := range s.requests(random, c) {
		recorder.Record(0, o)
		profile.Add(o.Intended, false)
	}
	m, err := recorder.Final()
	if err != nil {
		panic(err) // it takes no file
	}
	m.Schema, m.Profile, m.Seconds = measure.Schema, profile, measure.SecondsOf(seconds.list)
	s.describe(m, start)
	m.DescribeWarmup(parts)
	for _, p := range append([]*measure.Phase{&m.Main, &m.Warmup}, m.WarmupParts...) {
		p.Scheduled = []uint64{p.Sent()}
	}
	return m
}

// Requests yields what becomes of each request of a run that starts at a time.
func (s Service) Requests(random *rand.Rand, start time.Time) iter.Seq[*measure.Observation] {
	return s.requests(random, s.conditions(random, start))
}

func (s Service) requests(random *rand.Rand, c conditions) iter.Seq[*measure.Observation] {
	return func(yield func(*measure.Observation) bool) {
		own, stops := autoregression(random, s.Own, 0.95, s.Seconds), c.stops
		free, bad := 0.0, -1 // when the queue is empty, in ns; the last second that has errors
		for _, at := range c.arrivals {
			second := int(at)
			level := c.levels[second] + own[second] + spread*random.NormFloat64()
			took := cmp.Or(s.Scale, 1) * median * math.Exp(level)
			if s.Tail > 0 && random.Float64() < s.Tail {
				took *= 3 * math.Pow(1-random.Float64(), -1/1.5)
			}
			if s.Misses > 0 && random.Float64() < c.misses[second] {
				took *= 3
			}
			if left := s.Cold.left(at); left > 0 {
				took *= 1 + max(s.Cold.Slower-1, 0)*left
				if random.Float64() < s.Cold.Misses*left {
					took *= 5
				}
			}
			for len(stops) > 1 && at >= stops[0].to {
				stops = stops[1:]
			}
			took = stops[0].delayed(1e9*at, took)
			if s.Utilization > 0 {
				serve := s.Utilization * 1e9 / s.Rate * random.ExpFloat64()
				free = max(free, 1e9*at) + serve
				took += free - 1e9*at
			}
			o := &measure.Observation{Intended: time.Duration(1e9 * at), Label: "201 OTP_REQUIRED",
				AsExpected: true, Warmup: second < s.Warmup, GoodWithin: s.GoodWithin}
			o.Own = time.Duration(lateness * random.ExpFloat64())
			o.Sent = o.Intended + o.Own
			o.Done = o.Sent + time.Duration(min(took, 6e10))
			if s.Errors > 0 {
				if bad < second && random.Float64() < s.Errors/burst/s.Rate {
					bad = second
				}
				if bad == second && random.Float64() < burst {
					o.Label, o.AsExpected = "500", false
				}
			}
			if !yield(o) {
				return
			}
		}
	}
}

// secondsLog keeps the seconds of requests that are recorded in the order of their times, in histograms that
// are small from the start: at the rates that are simulated those of a recorder, which are fast at thousands
// a second, would take most of the time.
type secondsLog struct{ list []*measure.Second }

func (l *secondsLog) Record(_ int, o *measure.Observation, _ []*measure.Instance) bool {
	at := int64(o.Intended / time.Second)
	if n := len(l.list); n == 0 || l.list[n-1].Second != at {
		l.list = append(l.list, &measure.Second{Second: at, Response: measure.NewSparse(),
			Service: measure.NewSparse(), Lateness: measure.NewSparse()})
	}
	s := l.list[len(l.list)-1]
	s.Response.Record(o.Done - o.Intended)
	s.Service.Record(o.Done - o.Sent)
	s.Lateness.Record(o.Sent - o.Intended)
	if o.AsExpected {
		s.Expected++
		s.Clean++
	}
	if o.AsExpected && o.Done-o.Intended <= o.GoodWithin {
		s.Good++
	}
	return true
}

func (l *secondsLog) RecordConnection(bool, measure.OpenedConnection) {}

func (l *secondsLog) RecordWait(bool, time.Duration) {}

// describe fills in what requests do not tell.
func (s Service) describe(m *measure.Measurement, start time.Time) {
	m.Scenario, m.Hash, m.Version, m.Groups = s.Name, s.Name, "simulated", []string{"all"}
	m.Started = start.UTC()
	if s.GoodWithin > 0 {
		m.GoodWithin = []time.Duration{s.GoodWithin}
	}
	m.Parts = map[string]string{"load": "l", "users": "u", "contract": "c"}
	m.Main.Start = time.Duration(s.Warmup) * time.Second
	m.Warmup.Planned = m.Main.Start
	m.Main.Planned = time.Duration(s.Seconds-s.Warmup) * time.Second
	m.Generator.Cores, m.Generator.Elapsed, m.Generator.Workers = 2, m.Main.Start+m.Main.Planned, 10
}

// arrivals yields when requests are due, in seconds.
func (s Service) arrivals(random *rand.Rand) func(yield func(float64) bool) {
	first, last := s.Rate, s.RateEnd
	if last == 0 {
		last = first
	}
	length := float64(s.Seconds)
	slope := (last - first) / length
	return func(yield func(float64) bool) {
		gap := func() float64 {
			if s.Random {
				return random.ExpFloat64()
			}
			return 1
		}
		for due := gap() / 2; ; due += gap() {
			at := due / first // due = first·at + slope·at²/2
			if slope != 0 {
				at = (math.Sqrt(first*first+2*slope*due) - first) / slope
			}
			if at >= length || !yield(at) {
				return
			}
		}
	}
}

func (s Service) levels(random *rand.Rand, start time.Time) []float64 {
	run := s.Between * random.NormFloat64()
	level := autoregression(random, s.Level, s.Correlation, s.Seconds)
	walk := 0.12 * (random.Float64() - 0.5)
	restart, next := 0.0, 0.0
	for i := range level {
		level[i] += run
		if s.Walk > 0 {
			walk += s.Walk * random.NormFloat64()
			walk -= 2 * (max(walk-0.06, 0) + min(walk+0.06, 0)) // it turns back
			level[i] += walk
		}
		if s.Day > 0 {
			hours := start.Add(time.Duration(i) * time.Second).Sub(start.Truncate(24 * time.Hour)).Hours()
			level[i] += math.Log(1 + s.Day*math.Sin(2*math.Pi*hours/24))
		}
		if s.Crowding > 0 {
			rate := s.Rate + (max(s.RateEnd, s.Rate)-s.Rate)*float64(i)/float64(s.Seconds)
			level[i] += math.Log(1 + s.Crowding*rate*rate/200/200)
		}
		if s.Sawtooth > 0 {
			if at := float64(i); at >= next {
				restart, next = at, at+20+20*random.Float64()
			}
			level[i] += s.Sawtooth * (float64(i) - restart) / 30
		}
	}
	return level
}

// autoregression is one of order 1, with a standard deviation and a correlation of neighbors.
func autoregression(random *rand.Rand, deviation, correlation float64, n int) []float64 {
	all := make([]float64, n)
	if deviation == 0 {
		return all
	}
	x, step := deviation*random.NormFloat64(), deviation*math.Sqrt(1-correlation*correlation)
	for i := range all {
		x = correlation*x + step*random.NormFloat64()
		all[i] = x
	}
	return all
}

func (s Service) missShares(random *rand.Rand) []float64 {
	if s.Misses == 0 {
		return nil
	}
	const correlation = 0.9
	shares, x := make([]float64, s.Seconds), random.NormFloat64()
	for i := range shares {
		x = correlation*x + math.Sqrt(1-correlation*correlation)*random.NormFloat64()
		shares[i] = s.Misses * math.Exp(0.3*x)
	}
	return shares
}

// standstill is a time in which nothing goes on, in seconds.
type standstill struct{ from, to float64 }

// delayed is how long a request takes, in ns, that arrives at a time and would take so long without the stop.
func (p standstill) delayed(at, took float64) float64 {
	from, to := 1e9*p.from, 1e9*p.to
	switch {
	case at >= to || at+took <= from:
		return took
	case at >= from:
		return took + to - at
	default:
		return took + to - from
	}
}

func (s Service) stops(random *rand.Rand) []standstill {
	uniform := func(from, to float64) float64 { return from + (to-from)*random.Float64() }
	var all []standstill
	for at := uniform(0, 30); s.Stops && at < float64(s.Seconds); at += uniform(7, 30) {
		all = append(all, standstill{at, at + uniform(0.05, 0.4)})
	}
	return append(all, standstill{math.Inf(1), math.Inf(1)})
}

// Cut is the run that would have been measured if it had ended after so many seconds, for runs without
// groups, of which each response was as expected.
func Cut(m *measure.Measurement, seconds int) *measure.Measurement {
	cut, sent := *m, uint64(0)
	cell := *m.Main.Cells[0]
	cell.Response, cell.Service = measure.NewHistogram(), measure.NewHistogram()
	cell.Lateness = measure.NewHistogram()
	var left []*measure.Second
	for s := range m.Seconds.All() {
		if s.Second >= int64(seconds) {
			break
		}
		left = append(left, s)
		sent += s.Response.Count()
		cell.Response.Merge(s.Response)
		cell.Service.Merge(s.Service)
		cell.Lateness.Merge(s.Lateness)
	}
	cell.AsExpected, cell.Clean = sent, sent
	cut.Main.Cells, cut.Seconds = []*measure.Cell{&cell}, measure.SecondsOf(left)
	cut.Main.Planned = time.Duration(seconds) * time.Second
	cut.Main.Scheduled = []uint64{sent}
	cut.Profile.Due = slices.Clone(m.Profile.Due[:seconds])
	return &cut
}

// services are those of the tables of error rates, at 100/s for 300 s. The first are those that the methods
// were chosen with; from sawtooth on, no method has been tuned on them.
var services = []Service{
	{Name: "a"},
	{Name: "b", Level: 0.05, Correlation: 0.5},
	{Name: "b.8", Level: 0.05, Correlation: 0.8},
	{Name: "b.9", Level: 0.05, Correlation: 0.9},
	{Name: "b.95", Level: 0.05, Correlation: 0.95},
	{Name: "d", Stops: true},
	{Name: "f", Tail: 0.01},
	{Name: "g1", Level: 0.03, Correlation: 0.5, Between: 0.01},
	{Name: "g3", Level: 0.03, Correlation: 0.5, Between: 0.03},
	{Name: "g5", Level: 0.03, Correlation: 0.5, Between: 0.05},
	{Name: "h", Day: 0.2},
	{Name: "h'", Day: 0.1, Anytime: true},
	{Name: "i", Rate: 5},
	{Name: "j", Rate: 10, RateEnd: 200, Crowding: 1.5},
	{Name: "m", Random: true},
	{Name: "sawtooth", Sawtooth: 0.15},
	{Name: "cache", Misses: 0.1},
	{Name: "bursts", Errors: 0.005},
	{Name: "walk", Walk: 0.01},
	{Name: "queue", Random: true, Utilization: 0.7},
}

// Names are those of all services that [Find] knows.
func Names() (names []string) {
	for _, s := range services {
		names = append(names, s.Name)
	}
	return names
}

// Find returns the service of a name, under a load of so many seconds: of requests that are independent of
// each other (a); whose level is correlated from second to second (b); that stop now and then (d); of which
// 1 % take very long (f); whose runs have levels of their own, of 1, 3 and 5 % (g); whose level follows the
// time of day, in runs minutes apart (h) and at any time (h'); at 5/s (i); under a load that rises (j); at
// random times (m). It panics if there is none of the name.
func Find(name string, seconds int) Service {
	for _, s := range services {
		if s.Name != name {
			continue
		}
		s.Seconds = seconds
		if s.Rate == 0 {
			s.Rate = 100
		}
		return s
	}
	panic("no service " + name)
}

// Scaled is the service with times so many times as long.
func (s Service) Scaled(scale float64) Service {
	s.Scale = scale
	return s
}

// Starts are when the runs of two sides start: the sides take turns, a run every ten minutes after the first,
// which starts at any time of day. If there are fewer fresh ones, they are the last. If the times of day
// matter, the second side starts at any other time; and all runs do of a base that is a history.
func (s Service) Starts(random *rand.Rand, baseRuns, freshRuns int) (base, fresh []time.Time) {
	at := func() time.Time {
		return time.Unix(1_800_000_000, 0).Add(time.Duration(random.Int64N(int64(24 * time.Hour))))
	}
	first := at()
	second := first.Add(10 * time.Minute)
	if s.Anytime {
		second = at()
	}
	for i := range baseRuns {
		later := time.Duration(i) * 20 * time.Minute
		if base = append(base, first.Add(later)); s.Anytime && freshRuns < baseRuns {
			base[i] = at()
		}
		if i >= baseRuns-freshRuns {
			fresh = append(fresh, second.Add(later))
		}
	}
	return base, fresh
}

// Sides are so many runs of a service, and as many or fewer of a slower one, of which all times are scaled.
func (s Service) Sides(random *rand.Rand, baseRuns, freshRuns int, scale float64) (base,
	fresh []*measure.Measurement) {
	a, b := s.Starts(random, baseRuns, freshRuns)
	return s.Runs(random, a), s.Scaled(scale).Runs(random, b)
}

// Runs are those that start at so many times.
func (s Service) Runs(random *rand.Rand, starts []time.Time) (all []*measure.Measurement) {
	for _, start := range starts {
		all = append(all, s.Run(random, start))
	}
	return all
}
