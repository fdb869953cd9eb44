package runner

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"mfaload/measure"
	"mfaload/scenario"
)

// Guard says when a run is to end before its time: it holds the conditions of
// load.stopOn against the ticks of the run. Whoever adds up those of several
// machines asks it about their sum. It is not safe for concurrent use.
type Guard struct {
	// Own says what is known of mfaload's own part in the run, from its first second
	// on: what that may have caused ends no run. Nil where nothing is known.
	Own func() *measure.OwnPart

	conditions []scenario.StopCondition
	ticks      []measure.Tick // those of the longest window, in order
	longest    int64
	ended      []*measure.Second // the requests of the last seconds
}

// NewGuard returns a guard for the conditions of a scenario.
func NewGuard(conditions []scenario.StopCondition) *Guard {
	g := &Guard{conditions: conditions}
	for _, c := range conditions {
		g.longest = max(g.longest, int64(c.Window/time.Second))
	}
	return g
}

// Requests says whether a condition needs the requests of the ticks.
func (g *Guard) Requests() bool {
	return slices.ContainsFunc(g.conditions, func(c scenario.StopCondition) bool {
		return c.Metric != scenario.ConnectionFailures
	})
}

func ofTimes(m scenario.Metric) bool { return m == scenario.Response || m == scenario.Service }

// secondsKept is for how many seconds before the longest window the requests are
// kept, for the typical service time.
const secondsKept = 120

// Add takes the next tick. It returns why the run is to end, nil where it is not.
func (g *Guard) Add(t measure.Tick) *measure.Stop {
	g.ticks = append(g.ticks, t)
	for g.ticks[0].Second <= t.Second-g.longest && len(g.ticks) > 1 {
		g.ticks = g.ticks[1:]
	}
	measure.MergeSeconds(&g.ended, t.Seconds)
	first := t.Second - g.longest - secondsKept
	g.ended = slices.DeleteFunc(g.ended, func(s *measure.Second) bool { return s.Second < first })
	for _, c := range g.conditions {
		if observed, met := g.meets(c, t); met {
			return &measure.Stop{
				At:        time.Duration(t.Second) * time.Second,
				Condition: "load.stopOn: " + c.String(), Observed: observed, OfTimes: ofTimes(c.Metric),
			}
		}
	}
	return nil
}

func (g *Guard) meets(c scenario.StopCondition, now measure.Tick) (observed string, met bool) {
	if c.Metric == scenario.ConnectionFailures {
		observed = fmt.Sprintf("%d requests in a row found no connection, or lost it", now.Streak)
		return observed, now.Streak >= uint64(c.Limit)
	}
	seconds := int64(c.Window / time.Second)
	if now.Second < seconds {
		return "", false // the window is not full
	}
	window := g.ticks
	for len(window) > 0 && window[0].Second <= now.Second-seconds {
		window = window[1:]
	}
	if ofTimes(c.Metric) {
		return g.slow(c, window)
	}
	return g.frequent(c, window)
}

func sum(ticks []measure.Tick) (all measure.Tick) {
	for i := range ticks {
		all.Merge(&ticks[i])
	}
	return all
}

// slow says whether a percentile is above its limit, and so are enough requests,
// whatever mfaload itself did: as a threshold is judged at the end.
func (g *Guard) slow(c scenario.StopCondition, window []measure.Tick) (observed string, met bool) {
	all, service := sum(window), c.Metric == scenario.Service
	waits, best := all.Waits(service)
	n, limit := waits.Count(), time.Duration(math.Round(c.Limit*float64(time.Second)))
	certain := func() bool {
		beyond := best.Beyond(limit)
		return n >= scenario.MinWindowRequests && beyond >= scenario.MinWindowBad &&
			beyond > n-measure.Rank(c.Quantile, n)
	}
	if !certain() {
		return "", false
	}
	ended := &measure.Measurement{Seconds: measure.SecondsOf(all.Seconds)}
	g.doubtful(all.Seconds).Forgive(ended, best, -1, service, 0)
	p, sign, of := waits.Percentile(c.Quantile), "", ""
	if p.AtLeast {
		sign = "≥ "
	}
	if unserved := waits.Unserved(); unserved > 0 {
		of = fmt.Sprintf(", %d of them never served", unserved)
	}
	observed = fmt.Sprintf("%s %s%v of %d requests%s", c.Stat, sign, p.Time.Round(time.Millisecond), n, of)
	return observed, certain()
}

// frequent says whether a share is above its limit, and of enough requests, whatever
// mfaload itself did.
func (g *Guard) frequent(c scenario.StopCondition, window []measure.Tick) (observed string, met bool) {
	var progress measure.Progress
	for i := range window {
		progress.Add(window[i].Counts)
	}
	counts := progress.Counts()
	share, best, what := counts.ErrorRate(), counts.BestErrorRate, "requests"
	switch c.Metric {
	case scenario.ViolationRate:
		share, best, what = counts.ViolationRate(), counts.BestViolationRate, "responses"
	case scenario.RateLimitedRate:
		share, best, what = counts.RateLimitedRate(), counts.BestRateLimitedRate, "responses"
	}
	certain := func(doubtful uint64) bool {
		s := best(doubtful, 0)
		return s.Of >= scenario.MinWindowRequests && s.N >= scenario.MinWindowBad && s.Value() > c.Limit
	}
	if !certain(0) {
		return "", false
	}
	requests := sum(window).Seconds
	ended := &measure.Measurement{Seconds: measure.SecondsOf(requests)}
	doubtful := g.doubtful(requests).Failures(ended, -1, 0)
	return fmt.Sprintf("%.3g%%, %d of %d %s", 100*share.Value(), share.N, share.Of, what), certain(doubtful)
}

func (g *Guard) doubtful(requests []*measure.Second) *measure.DoubtfulSeconds {
	if g.Own == nil || len(requests) == 0 {
		return &measure.DoubtfulSeconds{}
	}
	d := g.Own().Doubtful(g.ended)
	d.Since(requests[0].Second)
	return d
}

// guard looks at the run once a second, until the function it returns is called.
func (r *Runner) guard(start time.Time) (end func()) {
	if len(r.config.Scenario.Load.StopOn) == 0 || r.config.Unguarded {
		return func() {}
	}
	g := NewGuard(r.config.Scenario.Load.StopOn)
	g.Own = func() *measure.OwnPart { return r.Own(0) }
	ticks := r.recorder.Ticks(g.Requests())
	return eachSecond(func() { r.look(g, ticks, time.Since(start)) })
}

// eachSecond does something once a second, until the function it returns is called.
func eachSecond(do func()) (end func()) {
	ticker := time.NewTicker(time.Second)
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				do()
			case <-over:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(over)
		<-ended
	}
}

// look ends the run where a condition is met.
func (r *Runner) look(g *Guard, ticks *measure.Ticks, elapsed time.Duration) {
	if stop := g.Add(ticks.Take(elapsed)); stop != nil {
		stop.At = elapsed
		r.stopper.end(stop)
	}
}

// runStopper ends a run before its time: once, because it was interrupted or for a
// reason of the scenario's.
type runStopper struct {
	mu   sync.Mutex
	stop func() // stops sending; nil once it was called
	why  *measure.Stop
}

func (e *runStopper) begin(stop func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop = stop
}

// end ends the run. Why is nil for an interruption.
func (e *runStopper) end(why *measure.Stop) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop != nil {
		e.stop()
		e.stop, e.why = nil, why
	}
}

// over ends nothing any more: the last response came.
func (e *runStopper) over() { e.begin(nil) }

// reason is why the scenario ended the run; nil where it did not.
func (e *runStopper) reason() *measure.Stop {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.why == nil {
		return nil
	}
	why := *e.why // describing a run goes on with it
	return &why
}

// drainTimer gives the requests in flight up at a time, in time since the start of
// the run. That time only ever comes nearer: what ends a run does not prolong it.
type drainTimer struct {
	start time.Time
	mu    sync.Mutex
	ends  time.Duration
	timer *time.Timer
}

func newDrainTimer(start time.Time, giveUp func()) *drainTimer {
	return &drainTimer{start: start, ends: math.MaxInt64, timer: time.AfterFunc(math.MaxInt64, giveUp)}
}

// until ends the drain at a time, if it does not end before.
func (p *drainTimer) until(end time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if end < p.ends {
		p.ends = end
		p.timer.Reset(end - time.Since(p.start))
	}
}

// Looks say when a run is looked at that ends as soon as it is decided, and what decides it.
type Looks struct {
	// At are lengths of the judged part, in order.
	At []time.Duration
	// Decided says whether the judged seconds up to a look decide the run, and how.
	Decided func(look int, seconds []*measure.Second) (what string, decided bool)
}

// lookAfter is how long after the end of what is looked at there is a look: most responses have
// come by then. Those that have not count in the verdict, which is made of the whole run.
const lookAfter = 2 * time.Second

// lookUntilDecided looks at the run, until the function it returns is called.
func (r *Runner) lookUntilDecided(start time.Time) (end func()) {
	looks := r.config.Looks
	if looks == nil || len(looks.At) == 0 {
		return func() {}
	}
	ticks, next, from := r.recorder.Ticks(true), 0, r.schedule.Start()
	var seconds []*measure.Second
	return eachSecond(func() {
		elapsed := time.Since(start)
		measure.MergeSeconds(&seconds, ticks.Take(elapsed).Seconds)
		if next == len(looks.At) || elapsed < from+looks.At[next]+lookAfter {
			return
		}
		first, last := int64((from+time.Second-1)/time.Second), int64((from+looks.At[next])/time.Second)
		judged := slices.DeleteFunc(slices.Clone(seconds),
			func(s *measure.Second) bool { return s.Second < first || s.Second >= last })
		if what, decided := looks.Decided(next, judged); decided {
			r.stopper.end(
				&measure.Stop{At: elapsed, Condition: "load.until: decided", Observed: what, Decided: true},
			)
		}
		next++
	})
}
