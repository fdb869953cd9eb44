package runner

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// Catching up: after a freeze of the machine (a laptop that slept, a paused
// container) the arrivals that were missed go out at no more than catchUp times
// the schedule's peak rate, not all in one instant. A backlog that builds up
// because all workers are busy needs no such limit: the workers are one.
const (
	catchUp = 10
	frozen  = 20 * time.Millisecond // a wait that ends later than this was a freeze
)

// pacer walks through the schedule and hands each arrival over at its time, in
// order, to a worker that is free.
type pacer struct {
	*Runner
	start   time.Time
	limiter *rate.Limiter

	catching                   bool     // after a freeze, until the schedule is reached
	scheduled, scheduledWarmup []uint64 // arrivals that were due, by group
	interrupted                bool
	stopped                    bool
	stoppedAt                  time.Duration
	interruptedAt              time.Duration // set before ctx ends
	allBusy                    time.Duration
}

func newPacer(r *Runner, start time.Time) *pacer {
	groups := len(r.Scenario.Groups)
	limit := max(catchUp*r.schedule.Peak(), 1)
	return &pacer{
		Runner: r, start: start,
		limiter:         rate.NewLimiter(rate.Limit(limit), r.Scenario.Load.Workers),
		scheduled:       make([]uint64, groups),
		scheduledWarmup: make([]uint64, groups),
	}
}

// pace returns when every arrival was handed over, when ctx ends (the run is
// interrupted) or when flight ends (the drain time is over). Arrivals that were
// due by then and not handed over are counted as scheduled all the same.
func (p *pacer) pace(ctx, flight context.Context, jobs chan<- Arrival) {
	for a := range p.schedule.All() {
		if !p.stopped {
			p.await(ctx, a)
			p.look(ctx, flight)
		}
		if p.interrupted && a.At > p.stoppedAt {
			return
		}
		p.count(a)
		if !p.stopped {
			p.hand(ctx, flight, jobs, a)
		}
	}
}

// await waits for the arrival's time, and longer after a freeze.
func (p *pacer) await(ctx context.Context, a Arrival) {
	due := p.start.Add(a.At)
	early := time.Now().Before(due)
	p.Wait(ctx, due)
	now := time.Now()
	switch late := now.Sub(due); {
	case late <= frozen:
		p.catching = false
	case early:
		p.catching = true
	}
	if p.catching {
		p.Wait(ctx, now.Add(p.limiter.ReserveN(now, 1).DelayFrom(now)))
	}
}

// look notices that the run is over.
func (p *pacer) look(ctx, flight context.Context) {
	if p.stopped || (ctx.Err() == nil && flight.Err() == nil) {
		return
	}
	p.stopped, p.stoppedAt = true, time.Since(p.start)
	if ctx.Err() != nil {
		p.interrupted, p.stoppedAt = true, p.interruptedAt
	}
}

func (p *pacer) count(a Arrival) {
	if a.Warmup {
		p.scheduledWarmup[a.User.Group]++
	} else {
		p.scheduled[a.User.Group]++
	}
}

// hand gives the arrival to a worker, or stops the pacer.
func (p *pacer) hand(ctx, flight context.Context, jobs chan<- Arrival, a Arrival) {
	select {
	case jobs <- a:
		return
	default:
	}
	asked, allBusy := time.Now(), p.inFlight.Load() >= int64(p.Scenario.Load.Workers)
	select {
	case jobs <- a:
		if allBusy {
			p.allBusy += time.Since(asked)
		}
	case <-ctx.Done():
		p.look(ctx, flight)
	case <-flight.Done():
		p.look(ctx, flight)
	}
}
