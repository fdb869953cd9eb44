package runner_test

import (
	"time"

	"mfaload/scenario"
	"mfaload/scenario/users"
)

const ms = time.Millisecond

func load(stages ...scenario.Stage) scenario.Load {
	return scenario.Load{Arrivals: scenario.Uniform, Seed: 1, Workers: 8, Drain: 10 * time.Second,
		Stages: stages}
}

func constant(rate scenario.Rate, d time.Duration) scenario.Stage {
	return scenario.Stage{From: rate, To: rate, Duration: d}
}

func oneGroup(l scenario.Load) *scenario.Scenario {
	return &scenario.Scenario{Name: "test", Load: l, Target: scenario.Target{Timeout: 10 * time.Second},
		Groups: []scenario.Group{{Name: "all", IDs: []string{"u"}, Weight: 1}}}
}

func ramp(from, to scenario.Rate, d time.Duration) scenario.Stage {
	return scenario.Stage{From: from, To: to, Duration: d}
}

// group is a group of n users.
func group(name string, n int) scenario.Group {
	g := scenario.Group{Name: name, Weight: 1, Order: users.Sequential, Exhausted: scenario.Wrap}
	for i := range n {
		g.IDs = append(g.IDs, name+string(rune('a'+i)))
	}
	return g
}

// recorded is a profile of rates that are 10 s apart.
func recorded(interpolate bool, rates ...scenario.Rate) scenario.Stage {
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
