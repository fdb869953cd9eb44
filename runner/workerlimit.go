package runner

import (
	"math"

	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner/plan"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// MaxWorkers is how many requests are in flight at most where the scenario has no
// number.
const MaxWorkers = 10_000

// spareFiles are the files that a run opens next to its connections: those of the
// results, of users, of the live view, of name servers, and those of the runtime.
const spareFiles = 64

// workerLimit is how many requests there may be in flight, and what that number is from:
// one of [measure.ByScenario] and its like.
type workerLimit struct {
	workers int
	by      string
}

// WorkersBound returns how many requests a run of the scenario may have in flight on
// this machine. Where the scenario has no number that is what open files and local
// ports allow, and at most [MaxWorkers]. By says what the number is from: one of
// [measure.ByScenario] and its like.
func WorkersBound(s *scenario.Scenario) (workers int, by string) {
	l := limitOf(s)
	return l.workers, l.by
}

func limitOf(s *scenario.Scenario) workerLimit {
	if n := s.Load.Workers; n > 0 {
		return workerLimit{n, measure.ByScenario}
	}
	b := workerLimit{MaxWorkers, measure.ByMaximum}
	if s.Target.Protocol == scenario.HTTP2 { // one connection carries many
		return b
	}
	if files, known := machine.MaxFiles(); known {
		each := 1
		if s.Target.Simulator != nil { // both ends are this process's
			each = 2
		}
		b = b.orLess((int(min(files, math.MaxInt32))-machine.OpenFiles()-spareFiles)/each, measure.ByFiles)
	}
	// A local port is free again for another address, or from another one.
	ways := max(len(s.Target.SourceAddresses), 1) * max(len(s.Target.Resolve), 1)
	// Some are in use, or held for a while after a connection was closed.
	ports := machine.LocalPorts() * ways
	return b.orLess(ports-ports/16-1, measure.ByPorts)
}

func (l workerLimit) orLess(n int, by string) workerLimit {
	if n < l.workers {
		return workerLimit{max(n, 1), by}
	}
	return l
}

// newWorkerLimit is that of a shard: of a closed load, its users.
func newWorkerLimit(s *scenario.Scenario, sch *schedule.Schedule) workerLimit {
	if l := sch.Closed(); l != nil {
		return workerLimit{l.Workers, measure.ByScenario}
	}
	return limitOf(s)
}

// ahead is how many workers begin before the run: as many as the plan needs by
// Little's law. The arrivals of a schedule fluctuate more on each shard than on
// all.
func (r *Runner) ahead() int {
	latency, _ := plan.AssumedLatency(r.config.Scenario)
	return min(plan.Workers(r.schedule.Peak()*latency.Seconds()), r.limit.workers)
}

// openAhead is how many connections are opened in the warm-up.
func (r *Runner) openAhead() int {
	if r.limit.by == measure.ByScenario {
		return r.limit.workers
	}
	return r.ahead()
}

// MaxWorkers is how many requests may be in flight.
func (r *Runner) MaxWorkers() int {
	return r.limit.workers
}
