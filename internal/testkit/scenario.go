package testkit

import (
	"time"

	"mfaload/scenario"
	"mfaload/scenario/users"
)

// Load is an open load of 8 workers.
func Load(stages ...scenario.Stage) scenario.Load {
	return scenario.Load{Arrivals: scenario.Uniform, Seed: 1, Workers: 8, Drain: 10 * time.Second,
		Stages: stages}
}

// Constant is a stage at one rate.
func Constant(rate scenario.Rate, d time.Duration) scenario.Stage {
	return scenario.Stage{From: rate, To: rate, Duration: d}
}

// OneGroup is a scenario with one user.
func OneGroup(l scenario.Load) *scenario.Scenario {
	return &scenario.Scenario{Name: "test", Load: l, Target: scenario.Target{Timeout: 10 * time.Second},
		Groups: []scenario.Group{{Name: "all", IDs: []string{"u"}, Weight: 1}}}
}

// Ramp is a stage from a rate to another.
func Ramp(from, to scenario.Rate, d time.Duration) scenario.Stage {
	return scenario.Stage{From: from, To: to, Duration: d}
}

// Group is a group of n users.
func Group(name string, n int) scenario.Group {
	g := scenario.Group{Name: name, Weight: 1, Order: users.Sequential, Exhausted: scenario.Wrap}
	for i := range n {
		g.IDs = append(g.IDs, name+string(rune('a'+i)))
	}
	return g
}

// Recorded is a profile of rates that are 10 s apart.
func Recorded(interpolate bool, rates ...scenario.Rate) scenario.Stage {
	p := &scenario.Profile{Interpolate: interpolate}
	before := 0.0
	for i, r := range rates {
		p.Points = append(p.Points, scenario.Point{At: time.Duration(i) * 10 * time.Second, Rate: r,
			Before: before})
		next := r
		if interpolate && i+1 < len(rates) {
			next = rates[i+1]
		}
		before += float64(r+next) / 2 * 10
	}
	d := time.Duration(len(rates)) * 10 * time.Second
	if interpolate {
		d -= 10 * time.Second
	}
	return scenario.Stage{Profile: p, Duration: d}
}

// Closed is a scenario with users who think.
func Closed(users int, think, d time.Duration) *scenario.Scenario {
	s := OneGroup(Load())
	s.Load.Concurrency, s.Load.Workers, s.Load.Think, s.Load.Duration = users, users, think, d
	return s
}
