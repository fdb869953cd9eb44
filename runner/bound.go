package runner

import (
	"math"

	"mfaload/measure"
	"mfaload/scenario"
)

// MaxWorkers is how many requests are in flight at most where the scenario has no
// number.
const MaxWorkers = 10_000

// spareFiles are the files that a run opens next to its connections: those of the
// results, of users, of the live view, of name servers, and those of the runtime.
const spareFiles = 64

// Bound is how many requests there may be in flight, and what that number is from:
// one of [measure.ByScenario] and its like.
type Bound struct {
	Workers int
	By      string
}

// WorkersBound returns how many requests a run of the scenario may have in flight on
// this machine. Where the scenario has no number that is what open files and local
// ports allow, and at most [MaxWorkers].
func WorkersBound(s *scenario.Scenario) Bound {
	if n := s.Load.Workers; n > 0 {
		return Bound{n, measure.ByScenario}
	}
	b := Bound{MaxWorkers, measure.ByMaximum}
	if s.Target.Protocol == scenario.HTTP2 { // one connection carries many
		return b
	}
	if files, known := MaxFiles(); known {
		each := 1
		if s.Target.Simulator != nil { // both ends are this process's
			each = 2
		}
		b = b.orLess((int(min(files, math.MaxInt32))-openFiles()-spareFiles)/each, measure.ByFiles)
	}
	// A local port is free again for another address, or from another one.
	ways := max(len(s.Target.SourceAddresses), 1) * max(len(s.Target.Resolve), 1)
	// Some are in use, or held for a while after a connection was closed.
	ports := localPorts() * ways
	return b.orLess(ports-ports/16-1, measure.ByPorts)
}

func (b Bound) orLess(n int, by string) Bound {
	if n < b.Workers {
		return Bound{max(n, 1), by}
	}
	return b
}

// bound is that of a shard: of a closed load, its users.
func bound(s *scenario.Scenario, sch *Schedule) Bound {
	if sch.closed != nil {
		return Bound{sch.closed.Workers, measure.ByScenario}
	}
	return WorkersBound(s)
}

// ahead is how many workers begin before the run: as many as the plan needs by
// Little's law. The arrivals of a schedule fluctuate more on each shard than on
// all.
func (r *Runner) ahead() int {
	latency, _ := AssumedLatency(r.Scenario)
	return min(needed(r.schedule.Peak()*latency.Seconds()), r.bound.Workers)
}

// needed is how many workers it takes for so many requests in flight: with three
// times the square root more, which is how far their number swings when requests
// come at random.
func needed(inFlight float64) int {
	return max(int(math.Ceil(min(inFlight+3*math.Sqrt(inFlight), math.MaxInt32))), 1)
}

// openAhead is how many connections are opened in the warm-up.
func (r *Runner) openAhead() int {
	if r.bound.By == measure.ByScenario {
		return r.bound.Workers
	}
	return r.ahead()
}

// MaxWorkers is how many requests may be in flight.
func (r *Runner) MaxWorkers() int {
	r.init()
	return r.bound.Workers
}
