package runner

import (
	"context"
	"sync"
	"time"

	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// closedModel hands out the requests of a closed load: a fixed number of users, each
// of whom waits for a response, thinks, and asks again. There is no schedule that
// a slow service could fall behind: it slows the load down instead. A request's
// intended time is when its user came free plus the think time, so its response
// time is the service time plus what mfaload was late itself.
type closedModel struct {
	runner  *Runner
	start   time.Time
	load    *scenario.Load // the shard's share
	sending context.Context
	// over ends the waiting of users: no more requests are to be sent.
	over func()

	mu            sync.Mutex
	users         *schedule.ClosedUsers
	counts        *userCounts
	out           bool // of users
	judged, all   uint64
	last          time.Duration // when the last response came
	interruptedAt time.Duration // 0 where it was not, or too late to matter
	resting       int           // users who have nothing more to send
	restedUntil   time.Duration // when that was ended, 0 if it was not
	unwait        []func()
}

func newClosedModel(r *Runner, start time.Time, sending context.Context, over func()) *closedModel {
	return &closedModel{runner: r, start: start, load: r.schedule.Closed(), sending: sending, over: over,
		users: r.schedule.ClosedUsers(), counts: newUserCounts(r.config.Scenario, r.schedule.Users())}
}

// begin implements loadModel: each user has a worker.
func (c *closedModel) begin(start func(*requestWorker)) {
	for i := range c.load.Workers {
		start(&requestWorker{number: i})
	}
}

func (c *closedModel) nudge() {}

// take waits until the worker's user has thought. The users begin spread over
// one think time, not all at once.
func (c *closedModel) take(w *requestWorker) (turn, bool) {
	due := w.free + c.load.Think
	if w.withheld {
		due = w.free + max(c.load.Think, withheldPause)
	}
	if w.wait == nil {
		c.join(w)
		due = c.runner.schedule.ClosedDelay(w.number)
	}
	end := c.runner.schedule.End()
	for end == 0 || due < end {
		w.wait(c.sending, c.start.Add(due))
		until := due + c.runner.pauses.left(due)
		if until == due || c.sending.Err() != nil {
			break
		}
		due = until + c.runner.schedule.ClosedDelay(w.number) // after a pause, as in the beginning
	}
	if end > 0 && due >= end {
		c.rest(w, end)
	}
	c.runner.admitted()
	return c.next(w, due)
}

// rest waits for the end of the plan when a user has nothing more to send.
func (c *closedModel) rest(w *requestWorker, end time.Duration) {
	c.mu.Lock()
	c.resting++
	c.mu.Unlock()
	w.wait(c.sending, c.start.Add(end))
}

// join gives a user a way to wait that nobody else uses.
func (c *closedModel) join(w *requestWorker) {
	wait, unwait := c.runner.newWait()
	w.wait = wait
	c.mu.Lock()
	c.unwait = append(c.unwait, unwait)
	c.mu.Unlock()
}

// next returns the next request, which is due by now, unless the run is over.
func (c *closedModel) next(w *requestWorker, due time.Duration) (t turn, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, w.free)
	end := c.runner.schedule.End()
	// Woken before its time: there is no more to wait for.
	woken := c.sending.Err() != nil && time.Since(c.start) < due
	if woken || end > 0 && due >= end || c.interruptedAt > 0 || c.full() || !c.fill(&t.Arrival, due) {
		return t, false
	}
	t.could = max(due, w.free)
	c.all++
	c.counts.count(t.Arrival)
	if !t.Warmup {
		c.judged++
	}
	if c.full() {
		c.over()
	}
	return t, true
}

// fill fills in the next request. Without a user for it the load is at its end.
func (c *closedModel) fill(a *schedule.Arrival, due time.Duration) bool {
	*a = schedule.Arrival{Index: c.all, At: due, Warmup: due < c.load.Warmup}
	if c.users.Next(a) {
		return true
	}
	c.out = true
	c.over()
	return false
}

// full says whether there are as many requests as there shall be.
func (c *closedModel) full() bool {
	return c.out || c.load.MaxRequests > 0 && c.all >= c.load.MaxRequests ||
		c.load.Requests > 0 && c.judged >= c.load.Requests
}

// withheldPause is how long a user of the closed load waits after a request that
// mfaload itself could not send: no service slows the next one down.
const withheldPause = 100 * time.Millisecond

func (c *closedModel) withhold(a schedule.Arrival, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.withhold(a, reason)
}

func (c *closedModel) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch now := max(time.Since(c.start), 1); {
	case c.full():
	case c.resting == c.load.Concurrency: // all was sent
		c.restedUntil = now
	default:
		c.interruptedAt = now
	}
}

// extent implements loadModel. Where requests ended the run, it lasted until the
// last response came.
func (c *closedModel) extent() extent {
	e := extent{counts: c.counts, end: c.runner.schedule.End()}
	if e.end == 0 || c.full() {
		e.end = c.last
	}
	if c.interruptedAt > 0 && (c.interruptedAt < e.end || c.runner.schedule.End() == 0) {
		e.interrupted, e.end = true, c.interruptedAt
	}
	if c.restedUntil > 0 {
		e.end = min(e.end, c.restedUntil)
	}
	return e
}

func (c *closedModel) soFar(now time.Duration, _ int) extent {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := extent{counts: c.counts.clone(), end: now}
	if end := c.runner.schedule.End(); end > 0 {
		e.end = min(now, end)
	}
	return e
}

// dueSince implements loadModel: nobody planned the arrivals.
func (c *closedModel) dueSince(int) measure.LoadProfile { return measure.LoadProfile{} }

func (c *closedModel) close() {
	for _, unwait := range c.unwait {
		unwait()
	}
}
