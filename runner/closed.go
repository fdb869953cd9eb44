package runner

import (
	"context"
	"sync"
	"time"

	"mfaload/measure"
	"mfaload/scenario"
)

// The closed model: a fixed number of users, each of whom waits for an answer,
// thinks, and asks again. There is no schedule that a slow service could fall
// behind: it slows the load down instead. A request's intended time is when its
// user came free plus the think time, so its response time is the service time
// plus what mfaload was late itself.

// closed hands out the requests of a closed load.
type closed struct {
	*Runner
	start time.Time
	end   time.Duration // 0 where the number of requests ends it
	// over ends the waiting of users: no more requests are to be sent.
	over func()

	mu                         sync.Mutex
	users                      *turns
	scheduled, scheduledWarmup []uint64
	judged, all                uint64
	interruptedAt              time.Duration // 0 where it was not, or too late to matter
}

// runClosed is [Runner.Run] for a closed load.
func (r *Runner) runClosed(ctx context.Context) (*measure.Measurement, error) {
	began := startUsage()
	start := time.Now()
	r.start.Store(&start)
	flight, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	waiting, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	load := &r.Scenario.Load
	c := &closed{Runner: r, start: start, end: r.schedule.End(), users: newTurns(r.Scenario.Groups),
		scheduled: make([]uint64, len(r.Scenario.Groups)), scheduledWarmup: make([]uint64, len(r.Scenario.Groups))}
	var drained *time.Timer
	c.over = sync.OnceFunc(func() {
		stop()
		drained = time.AfterFunc(load.Drain, func() { cut(errDrained) })
	})
	if c.end > 0 {
		defer time.AfterFunc(c.end, c.over).Stop()
	}
	defer context.AfterFunc(ctx, c.interrupt)()

	var workers sync.WaitGroup
	for i := range load.Concurrency {
		w := &worker{Runner: r, number: i, start: start}
		workers.Go(func() { c.user(waiting, flight, w, load) })
	}
	workers.Wait()
	elapsed := time.Since(start)
	c.over() // so that the timer is set, and no more set
	drained.Stop()

	m, err := r.recorder.Measurement()
	if err != nil {
		return nil, err
	}
	c.describe(m, elapsed)
	m.Generator = began.generator(elapsed)
	m.Generator.BusyWorkersMax = int(r.busyMax.Load())
	m.Generator.Workers = load.Concurrency
	return m, nil
}

// user asks, waits for the answer, thinks and asks again. The users begin
// spread over one think time, not all at once.
func (c *closed) user(waiting, flight context.Context, w *worker, load *scenario.Load) {
	due := load.Think / time.Duration(load.Concurrency) * time.Duration(w.number)
	for c.end == 0 || due < c.end {
		c.Wait(waiting, c.start.Add(due))
		a, ok := c.take(waiting, due)
		if !ok {
			return
		}
		w.serve(flight, a)
		due = w.free + load.Think
	}
}

// take returns the next request, which is due by now, unless the run is over.
func (c *closed) take(waiting context.Context, due time.Duration) (a Arrival, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	woken := waiting.Err() != nil && time.Since(c.start) < due // before its time: there is no more to wait for
	if woken || c.interruptedAt > 0 || c.full() {
		return a, false
	}
	a = Arrival{Index: c.all, At: due, User: c.users.next(), Warmup: due < c.Scenario.Load.Warmup}
	c.all++
	if a.Warmup {
		c.scheduledWarmup[a.User.Group]++
	} else {
		c.scheduled[a.User.Group]++
		c.judged++
	}
	if c.full() {
		c.over()
	}
	return a, true
}

// full says whether there are as many requests as there shall be.
func (c *closed) full() bool {
	load := &c.Scenario.Load
	return load.MaxRequests > 0 && c.all >= load.MaxRequests || load.Requests > 0 && c.judged >= load.Requests
}

// interrupt stops the run: what is in flight may still be answered.
func (c *closed) interrupt() {
	c.mu.Lock()
	if !c.full() {
		c.interruptedAt = max(time.Since(c.start), 1)
	}
	c.mu.Unlock()
	c.over()
}

// describe fills in what observations do not tell. Where requests ended the
// run, it lasted until the last answer came.
func (c *closed) describe(m *measure.Measurement, elapsed time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.Scenario, m.Hash, m.Started = c.Scenario.Name, c.Scenario.Hash(), c.start.UTC().Round(0)
	for _, g := range c.Scenario.Groups {
		m.Groups = append(m.Groups, g.Name)
	}
	end, warmup := c.end, c.Scenario.Load.Warmup
	if end == 0 || c.full() {
		end = elapsed
	}
	if c.interruptedAt > 0 && c.interruptedAt < end {
		m.Interrupted, end = true, c.interruptedAt
	}
	m.Warmup.Scheduled, m.Main.Scheduled = c.scheduledWarmup, c.scheduled
	m.Warmup.Planned = min(warmup, end)
	m.Main.Start = warmup
	m.Main.Planned = max(end-warmup, 0)
}
