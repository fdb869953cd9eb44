package noise

import (
	"math/rand/v2"
	"time"

	"mfaload/measure"
)

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

// Starts are when so many runs of each of two sides start: the sides take turns, a run every ten minutes
// after the first, which starts at any time of day. If the times of day matter, the second side starts at any
// other time.
func (s Service) Starts(random *rand.Rand, runs int) (base, fresh []time.Time) {
	at := func() time.Time {
		return time.Unix(1_800_000_000, 0).Add(time.Duration(random.Int64N(int64(24 * time.Hour))))
	}
	first, second := at(), time.Time{}
	if s.Anytime {
		second = at()
	} else {
		second = first.Add(10 * time.Minute)
	}
	for i := range runs {
		later := time.Duration(i) * 20 * time.Minute
		base, fresh = append(base, first.Add(later)), append(fresh, second.Add(later))
	}
	return base, fresh
}

// Sides are so many runs of a service and of a slower one, of which all times are scaled.
func (s Service) Sides(random *rand.Rand, runs int, scale float64) (base, fresh []*measure.Measurement) {
	a, b := s.Starts(random, runs)
	for i := range runs {
		base = append(base, s.Run(random, a[i]))
		fresh = append(fresh, s.Scaled(scale).Run(random, b[i]))
	}
	return base, fresh
}
