package runner

import (
	"context"
	"iter"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"mfaload/measure"
	"mfaload/runner/plan"
	"mfaload/runner/schedule"
)

// pacer walks through the schedule. One idle worker at a time leads: it waits
// for the next arrival's time, lets another lead and sends the request itself,
// so that from waking up to sending no other goroutine is needed.
type pacer struct {
	runner  *Runner
	start   time.Time
	sending context.Context // ends when the run is interrupted
	flight  context.Context // ends when the drain time is over
	pool    *pool
	next    func() (schedule.Arrival, bool)
	stop    func() // of next
	wait    func(context.Context, time.Time)
	unwait  func()
	limiter *rate.Limiter

	counts *userCounts
	// lateByFreeze is how late the first arrival after a freeze was, until that is made up for.
	lateByFreeze  time.Duration
	profile       measure.LoadProfile
	handed        time.Duration // when the last arrival was taken
	over          bool          // nothing is sent any more
	interrupted   bool
	stoppedAt     time.Duration
	restedUntil   time.Duration // when that ended rest, 0 if not
	interruptedAt time.Duration // set before sending ends
	allBusy       time.Duration

	counting sync.Mutex    // guards what is counted, for one who looks on
	pulled   time.Duration // when the last arrival is due that was looked at
	changed  int           // the first second of the profile that changed since it was last shown
}

// pullAhead pulls from a schedule, of which it has the first arrival at once: what
// that takes is none of the run's time.
func pullAhead(all iter.Seq[schedule.Arrival]) (next func() (schedule.Arrival, bool), stop func()) {
	pull, stop := iter.Pull(all)
	first, more := pull()
	begun := false
	return func() (schedule.Arrival, bool) {
		if begun {
			return pull()
		}
		begun = true
		return first, more
	}, stop
}

func newPacer(r *Runner, start time.Time, sending, flight context.Context,
	next func() (schedule.Arrival, bool), stop func()) *pacer {
	// A backlog that builds up because all workers are busy needs no such limit: the
	// workers are one.
	limit := max(plan.CatchUp*r.schedule.Peak(), 1)
	p := &pacer{
		runner: r, start: start, sending: sending, flight: flight,
		counts:  newUserCounts(r.config.Scenario, r.schedule.Users()),
		pool:    newPool(r.limit.workers, r.freezes),
		limiter: rate.NewLimiter(rate.Limit(limit), r.burst()),
		changed: math.MaxInt,
	}
	p.next, p.stop = next, stop
	p.wait, p.unwait = r.newWait()
	return p
}

func (p *pacer) interrupt() { p.interruptedAt = time.Since(p.start) }

func (p *pacer) extent() extent {
	end := p.runner.schedule.SendingEnd()
	e := extent{profile: p.profile,
		counts: p.counts, noUsers: p.runner.schedule.Due() - p.runner.schedule.Count(), end: end,
		interrupted: p.interrupted, allBusy: p.allBusy}
	if p.interrupted {
		e.end, e.noUsers = min(e.end, p.stoppedAt), 0
	}
	if p.restedUntil > 0 {
		e.end = min(e.end, p.restedUntil)
	}
	return e
}

func (p *pacer) close() {
	p.stop()
	p.unwait()
}

type turn struct {
	schedule.Arrival
	could        time.Duration // since when mfaload could have sent it
	lateByFreeze time.Duration // of its lateness, what a freeze may be the reason for
}

// burst is how many arrivals may go out at once after a freeze.
func (r *Runner) burst() int {
	if n := r.config.Scenario.Load.Workers; n > 0 {
		return n
	}
	return r.ahead()
}

func (p *pacer) begin(start func(*requestWorker)) { p.pool.begin(p.runner.ahead(), start) }

func (p *pacer) nudge() { p.pool.nudge() }

// take waits for the next arrival's time. It returns false when the run is over:
// then arrivals that were due by then and not taken have been counted as scheduled.
func (p *pacer) take(w *requestWorker) (turn, bool) {
	p.pool.lead(w)
	defer p.pool.pass()
	if p.over {
		return turn{}, false
	}
	a, more := p.due()
	if !more {
		p.over = true
		p.pool.close()
		p.rest()
		return turn{}, false
	}
	// While it was due and no worker was free, all of them were in flight. Below
	// their limit mfaload could have had another.
	could := a.At
	if p.pool.full() {
		could = max(a.At, w.free)
		p.busy(max(a.At, p.handed), w.free)
	}
	p.handed = time.Since(p.start)
	return turn{a, could, p.lateByFreeze}, true
}

// busy counts the time in which an arrival was due and all workers were in flight.
func (p *pacer) busy(from, to time.Duration) {
	if to <= from {
		return
	}
	p.counting.Lock()
	defer p.counting.Unlock()
	p.allBusy += to - from
	p.profile.Busy(from, to)
}

// rest waits for the end of the plan when there is nothing more to send.
func (p *pacer) rest() {
	p.look(schedule.Arrival{At: p.runner.schedule.SendingEnd()})
	p.wait(p.sending, p.start.Add(p.runner.schedule.SendingEnd()))
	if p.sending.Err() != nil {
		p.restedUntil = p.interruptedAt
	}
}

// due waits for the next arrival that has a user to ask. Others are counted
// when their time comes.
func (p *pacer) due() (a schedule.Arrival, more bool) {
	for a, more = p.next(); more; a, more = p.next() {
		p.look(a)
		p.await(a)
		p.runner.config.Side.await(p.sending, p.runner.config.Scenario.Load.Seed, a.Index)
		if p.ended() {
			p.countRest(a)
			return a, false
		}
		if a.Withheld == "" && p.runner.pauses.hold(a.At, time.Since(p.start)) {
			a.Withheld = measure.Paused
		}
		p.count(a)
		p.runner.config.Side.hand(a.Index)
		if a.Withheld == "" {
			return a, true
		}
	}
	return a, false
}

// await waits for the arrival's time, and longer after a freeze.
func (p *pacer) await(a schedule.Arrival) {
	due := p.start.Add(a.At)
	now := time.Now()
	if early := now.Before(due); early {
		p.wait(p.sending, due)
		now = time.Now()
		if late := now.Sub(due); late > freezeDelay {
			p.lateByFreeze = late
		}
	}
	switch late := now.Sub(due); {
	case late <= freezeDelay:
		p.lateByFreeze = 0
	case p.lateByFreeze == 0: // while all workers were in flight, perhaps
		p.lateByFreeze = p.runner.freezes.within(a.At, a.At+late, now)
	}
	if p.lateByFreeze > 0 {
		p.wait(p.sending, now.Add(p.limiter.ReserveN(now, 1).DelayFrom(now)))
	}
}

// ended notices that the run is over, and when.
func (p *pacer) ended() bool {
	if p.sending.Err() == nil && p.flight.Err() == nil && p.runner.admitted() {
		return false
	}
	p.stoppedAt = time.Since(p.start)
	if p.sending.Err() != nil {
		p.interrupted, p.stoppedAt = true, p.interruptedAt
	}
	return true
}

// countRest counts the arrivals that won't be sent: all, or those that were due
// before an interruption.
func (p *pacer) countRest(a schedule.Arrival) {
	for more := true; more && (!p.interrupted || a.At <= p.stoppedAt); a, more = p.next() {
		p.count(a)
	}
}

// look notes which arrival is next: all those before it are counted.
func (p *pacer) look(a schedule.Arrival) {
	p.counting.Lock()
	defer p.counting.Unlock()
	p.pulled = a.At
}

// soFar implements loadModel. Arrivals that are due and wait for a worker to come
// free are not counted yet, so it goes up to the first of them.
func (p *pacer) soFar(now time.Duration, from int) extent {
	p.counting.Lock()
	defer p.counting.Unlock()
	from = min(from, p.changed)
	p.changed = math.MaxInt
	return extent{
		profile: p.profile.From(from), from: from,
		counts: p.counts.clone(), end: min(now, p.pulled), allBusy: p.allBusy,
	}
}

func (p *pacer) dueSince(second int) measure.LoadProfile {
	p.counting.Lock()
	defer p.counting.Unlock()
	return p.profile.From(second)
}

// withhold implements loadModel. The arrival's second may have been shown by then.
func (p *pacer) withhold(a schedule.Arrival, reason string) {
	p.counting.Lock()
	defer p.counting.Unlock()
	p.profile.Withhold(a.At)
	p.changed = min(p.changed, int(a.At/time.Second))
	p.counts.withhold(a, reason)
}

func (p *pacer) count(a schedule.Arrival) {
	p.counting.Lock()
	defer p.counting.Unlock()
	p.profile.Add(a.At, a.Withheld != "")
	p.counts.count(a)
}
