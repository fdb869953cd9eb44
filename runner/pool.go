package runner

import (
	"math"
	"sync"
	"sync/atomic"

	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner/plan"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// pool hands the lead from worker to worker: one at a time waits for the next
// arrival, lets another lead, and sends. The one that parked last leads next, so
// that few workers with warm memory do what few can do, and the others cost a
// parked goroutine each. Where all are in flight another begins, up to a limit.
type pool struct {
	limit int
	state *freezes
	start func(*requestWorker)

	mu      sync.Mutex
	parked  []*requestWorker // the last one leads next
	led     bool
	over    bool // no more begin
	workers int
	filled  atomic.Bool // there are as many as there may be
}

func newPool(limit int, state *freezes) *pool { return &pool{limit: limit, state: state} }

// begin begins n workers, which start runs, as far as the limit allows.
func (p *pool) begin(n int, start func(*requestWorker)) {
	p.mu.Lock()
	p.start = start
	p.mu.Unlock()
	for range n {
		p.mu.Lock()
		if p.workers >= p.limit { // others began meanwhile
			p.mu.Unlock()
			return
		}
		w := p.hire(false)
		p.mu.Unlock()
		start(w)
	}
}

// hire returns a new worker, which may lead at once.
func (p *pool) hire(leads bool) *requestWorker {
	w := &requestWorker{number: p.workers, wake: make(chan struct{}, 1), leads: leads}
	p.workers++
	p.filled.Store(p.workers >= p.limit)
	return w
}

func (p *pool) lead(w *requestWorker) {
	if w.leads {
		w.leads = false
		return
	}
	p.mu.Lock()
	if !p.led {
		p.led = true
		p.mu.Unlock()
		return
	}
	p.parked = append(p.parked, w)
	p.mu.Unlock()
	<-w.wake
}

// pass lets another worker lead. While mfaload itself is short of processor time
// none is begun for it: more requests at once would make that worse. Then the
// next one that comes free leads, or the one that a nudge begins.
func (p *pool) pass() {
	p.mu.Lock()
	if n := len(p.parked); n > 0 {
		next := p.parked[n-1]
		p.parked = p.parked[:n-1]
		p.mu.Unlock()
		next.wake <- struct{}{}
		return
	}
	p.led = false
	if !p.state.timely() {
		p.mu.Unlock()
		return
	}
	p.grow()
}

// nudge begins a worker where nobody leads.
func (p *pool) nudge() {
	p.mu.Lock()
	p.grow()
}

// grow begins a worker that leads, where there may be another and nobody leads. It
// unlocks the pool.
func (p *pool) grow() {
	if p.led || p.over || p.workers >= p.limit || p.start == nil {
		p.mu.Unlock()
		return
	}
	w := p.hire(true)
	p.led = true
	p.mu.Unlock()
	p.start(w)
}

func (p *pool) full() bool { return p.filled.Load() }

// close begins no more.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// MaxWorkers is the most requests in flight where the scenario has no number.
const MaxWorkers = 10_000

// spareFiles are the files that a run opens in addition to its connections: those of the
// results, of users, of the live view, of name servers, and those of the runtime.
const spareFiles = 64

// workerLimit is how many requests there may be in flight, and what that number is from:
// one of [measure.ByScenario] and its like.
type workerLimit struct {
	workers int
	by      string
}

// WorkersBound returns how many requests one of several runs of the scenario in this process may have in
// flight on this machine. Where the scenario has no number that is what open files and local ports allow,
// and at most [MaxWorkers]. By says what the number is from: one of [measure.ByScenario] and its like.
func WorkersBound(s *scenario.Scenario, runs int) (workers int, by string) {
	l := limitOf(s, runs)
	return l.workers, l.by
}

func limitOf(s *scenario.Scenario, runs int) workerLimit {
	if n := s.Load.Workers; n > 0 {
		return workerLimit{n, measure.ByScenario}
	}
	b := workerLimit{MaxWorkers, measure.ByMaximum}
	if s.Target.Protocol == scenario.HTTP2 || s.Target.Connections.Max > 0 { // not one for each request
		return b
	}
	if files, known := machine.MaxFiles(); known {
		each := runs
		if len(s.Steps()) > 0 { // as many steps may be in flight as requests
			each *= 2
		}
		if s.Target.Simulator != nil { // both ends are this process's
			each *= 2
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

// newWorkerLimit is that of a shard, or of a side: of a closed load, its users.
func newWorkerLimit(c *Config, sch *schedule.Schedule) workerLimit {
	if l := sch.Closed(); l != nil {
		return workerLimit{l.Workers, measure.ByScenario}
	}
	if c.Side != nil {
		return limitOf(c.Scenario, len(c.Side.handed))
	}
	return limitOf(c.Scenario, 1)
}

// ahead is how many workers begin before the run: as many as the plan needs by
// Little's law. Arrivals fluctuate more on each shard than on all.
func (r *Runner) ahead() int {
	latency, _ := plan.AssumedLatency(r.config.Scenario)
	return min(plan.Workers(r.schedule.Peak()*latency.Seconds()), r.limit.workers)
}

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
