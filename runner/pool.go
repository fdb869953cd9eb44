package runner

import (
	"sync"
	"sync/atomic"
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

// lead waits until the worker leads.
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

// full says whether there are as many workers as there may be.
func (p *pool) full() bool { return p.filled.Load() }

// close begins no more.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}
