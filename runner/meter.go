package runner

import (
	"cmp"
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/measure"
)

// probeEvery is the time between two looks of the hiccup meter.
const probeEvery = 10 * time.Millisecond

// hiccupMeter measures through a run how late a goroutine comes to run that only
// waits for a time. Whatever delays it (other goroutines, the garbage collector,
// other processes, the machine) may have delayed any request as much.
type hiccupMeter struct {
	late  *measure.Histogram
	gc    debug.GCStats
	seen  int64                           // pauses of the garbage collector
	noted func(late, pause time.Duration) // of each look; nil where nobody writes them down
	pause time.Duration
	// ran is told of each look when it was, and how late.
	ran func(now time.Time, late time.Duration)
}

func newHiccupMeter(ran func(time.Time, time.Duration)) *hiccupMeter {
	h := &hiccupMeter{late: measure.NewSparse(), ran: ran}
	debug.ReadGCStats(&h.gc)
	h.seen = h.gc.NumGC
	return h
}

func (h *hiccupMeter) watch(ctx context.Context, wait func(context.Context, time.Time)) {
	for looks := 1; ; looks++ {
		due := time.Now().Add(probeEvery)
		wait(ctx, due)
		if ctx.Err() != nil {
			h.pauses()
			return
		}
		now := time.Now()
		late := now.Sub(due)
		h.ran(now, late)
		h.late.Record(late)
		if h.noted != nil {
			h.noted(late, h.pause)
		}
		if looks%100 == 0 {
			h.pauses()
		}
	}
}

// pauses takes in the pauses since the last call. The runtime keeps the last
// 256, the newest first.
func (h *hiccupMeter) pauses() {
	debug.ReadGCStats(&h.gc)
	since := min(h.gc.NumGC-h.seen, int64(len(h.gc.Pause)))
	for _, pause := range h.gc.Pause[:since] {
		h.pause = max(h.pause, pause)
	}
	h.seen = h.gc.NumGC
}

// loadMeter measures second by second how busy mfaload itself is. The goroutine that
// measures hiccups reports each to it; it takes a look once a second. What judges the
// run while it lasts lets it take in the second that is over first.
type loadMeter struct {
	start      time.Time
	freezes    *freezes
	processors *machine.Processors
	noted      func(measure.OwnSecond) // of each second that is kept; nil where nobody writes them down

	mu      sync.Mutex
	last    processLoad     // at the last look
	hiccups []time.Duration // since then
	seconds []measure.OwnSecond
}

type processLoad struct {
	at                   time.Duration // since the start of the run
	cpu, wait, throttled time.Duration
}

func newLoadMeter(start time.Time, f *freezes, p *machine.Processors) *loadMeter {
	o := &loadMeter{start: start, freezes: f, processors: p}
	o.last = o.now(start)
	return o
}

func (o *loadMeter) now(now time.Time) processLoad {
	return processLoad{now.Sub(o.start), machine.CPUTime(), machine.CPUWait(), o.processors.Throttled()}
}

// look takes in a hiccup, and the load of a second once that is over.
func (o *loadMeter) look(late time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hiccups = append(o.hiccups, late)
	o.upTo(time.Now())
}

// upTo takes in the load of a second once that is over.
func (o *loadMeter) upTo(now time.Time) {
	if now.Sub(o.start)/time.Second > o.last.at/time.Second {
		o.take(now)
	}
}

// since returns the seconds that are over, from one on.
func (o *loadMeter) since(from int64) []measure.OwnSecond {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.upTo(time.Now())
	i, _ := slices.BinarySearchFunc(o.seconds, from,
		func(s measure.OwnSecond, from int64) int { return cmp.Compare(s.Second, from) })
	return slices.Clone(o.seconds[i:])
}

// end takes in what is left and returns all seconds.
func (o *loadMeter) end() []measure.OwnSecond {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.take(time.Now())
	return o.seconds
}

// take takes in the load since the last look: that of a second, or of several where
// mfaload stood still.
func (o *loadMeter) take(at time.Time) {
	now, last := o.now(at), o.last
	if now.at <= last.at || len(o.hiccups) == 0 {
		return
	}
	o.last = now
	available := o.processors.Available()
	slices.Sort(o.hiccups)
	s := measure.OwnSecond{Hiccup: o.hiccups[len(o.hiccups)*95/100]}
	o.hiccups = o.hiccups[:0]
	for from := last.at; from < now.at; from = (from/time.Second + 1) * time.Second {
		to := min((from/time.Second+1)*time.Second, now.at)
		if to-from < time.Second/2 && from > last.at {
			break // the rest belongs to the next look
		}
		share := float64(to-from) / float64(now.at-last.at)
		if now.at-to < time.Second/2 {
			share = float64(now.at-from) / float64(now.at-last.at)
		}
		part := func(d time.Duration) time.Duration { return max(time.Duration(share*float64(d)), 0) }
		s.Second = int64(from / time.Second)
		s.Available = time.Duration(available * share * float64(now.at-last.at))
		s.CPU, s.CPUWait, s.Throttled = part(now.cpu-last.cpu), part(now.wait-last.wait),
			part(now.throttled-last.throttled)
		s.Frozen = o.freezes.within(from, to, at)
		o.keep(s)
	}
}

func (o *loadMeter) keep(s measure.OwnSecond) {
	if n := len(o.seconds); !s.Notable() || n > 0 && o.seconds[n-1].Second >= s.Second {
		return
	}
	o.seconds = append(o.seconds, s)
	if o.noted != nil {
		o.noted(s)
	}
}

// usage is what the process had used when the run began.
type usage struct {
	cpu, wait  time.Duration
	processors *machine.Processors
}

func startUsage() usage {
	return usage{machine.CPUTime(), machine.CPUWait(), machine.NewProcessors()}
}

// generator returns what the process used since then.
func (u usage) generator(elapsed time.Duration) measure.Generator {
	host, _ := os.Hostname() // it is only shown
	return measure.Generator{
		CPU: machine.CPUTime() - u.cpu, CPUWait: machine.CPUWait() - u.wait,
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Host: host, Cores: runtime.GOMAXPROCS(0),
		Processors: u.processors.Available(), Elapsed: elapsed, PeakRSS: machine.PeakMemory(),
	}
}

// How mfaload learns that it stood still: it was stopped, its machine did
// something else, or was suspended.
const (
	// freezeDelay is how late a wait ends at least after a freeze.
	freezeDelay = 20 * time.Millisecond
	// shortDelay is how late the probe is at least where processors are short.
	shortDelay = 5 * time.Millisecond
	// suspendDelay is how much further the wall clock goes than the monotonic one, at
	// least, while a machine is suspended: that clock stands still then.
	suspendDelay = 500 * time.Millisecond
	// maxFreezes bounds how many are remembered.
	maxFreezes = 4096
)

// freezes are the times in which mfaload stood still. A probe that wakes every
// [probeEvery] tells it that it runs; a request that ends asks how much of its
// time was a freeze. Times count from the start of the run.
type freezes struct {
	start time.Time
	beat  atomic.Int64 // when the probe last ran
	ahead atomic.Int64 // how far the wall clock was ahead of the monotonic one then
	late  atomic.Int64 // how late that was
	until atomic.Int64 // when the last freeze ended; 0 before the first

	mu  sync.Mutex
	all []freeze // in order
}

// freeze is from when mfaload was last seen running to when it was seen again.
type freeze struct {
	start, end time.Duration
	suspended  bool
}

func newFreezes(start time.Time) *freezes { return &freezes{start: start} }

// clocks returns the time since the start of the run, and how far the wall clock
// has gone ahead of the monotonic one since.
func (f *freezes) clocks(now time.Time) (since, ahead time.Duration) {
	since = now.Sub(f.start)
	return since, now.Round(0).Sub(f.start.Round(0)) - since
}

// run is told by the probe that mfaload runs. A freeze is written down before the
// beat, so whoever sees the beat sees the freeze as well.
func (f *freezes) run(now time.Time, late time.Duration) {
	since, ahead := f.clocks(now)
	last := time.Duration(f.beat.Load())
	asleep := ahead-time.Duration(f.ahead.Load()) > suspendDelay
	if asleep || since-last > probeEvery+freezeDelay {
		f.add(freeze{last, since, asleep})
	}
	f.ahead.Store(int64(ahead))
	f.late.Store(int64(late))
	f.beat.Store(int64(since))
}

// timely says whether mfaload is given processors in time.
func (f *freezes) timely() bool {
	return time.Duration(f.late.Load()) <= shortDelay &&
		time.Since(f.start)-time.Duration(f.beat.Load()) <= probeEvery+shortDelay
}

func (f *freezes) add(one freeze) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) == maxFreezes {
		f.all = f.all[:copy(f.all, f.all[maxFreezes/2:])]
	}
	f.all = append(f.all, one)
	f.until.Store(int64(one.end))
}

// within returns how much of the time between two times was a freeze, up to now.
// A freeze that has ended may not be written down yet: then the probe has not run
// for long. Of a request during which the machine was suspended it is all: what
// happened after that is none of the service's doing.
func (f *freezes) within(from, to time.Duration, now time.Time) (sum time.Duration) {
	last := time.Duration(f.beat.Load())
	_, ahead := f.clocks(now)
	if ahead-time.Duration(f.ahead.Load()) > suspendDelay {
		return to - from
	}
	if to-last > probeEvery+freezeDelay {
		sum = to - max(last, from)
	} else {
		last = to
	}
	if time.Duration(f.until.Load()) <= from {
		return sum
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.all) - 1; i >= 0 && f.all[i].end > from; i-- {
		one := f.all[i]
		switch {
		case one.start >= min(last, to): // after it, or in the sum
		case one.suspended:
			return to - from
		default:
			sum += max(min(one.end, to)-max(one.start, from), 0)
		}
	}
	return sum
}

// How long a pause after a 429 is. Retry-After says it; what it says is held
// within these bounds, so that there is a pause at all and that a gateway's
// mistake does not end the run.
const (
	minPause = time.Second // also where Retry-After is missing or no time
	maxPause = time.Minute
)

func pauseAfter(ex *contract.Exchange) time.Duration {
	wait, _ := contract.RetryAfter(ex.Header, time.Now())
	return min(max(wait, minPause), maxPause)
}

// pauses are the times in which a run obeys a Retry-After. Times count from the
// start of the run.
type pauses struct {
	until atomic.Int64 // when the last one ends; 0 before the first

	mu  sync.Mutex
	all []measure.Pause // in order, apart from one another
}

func (p *pauses) begin(now, length time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := max(now+length, time.Duration(p.until.Load()))
	if n := len(p.all); n > 0 && p.all[n-1].End >= now {
		p.all[n-1].End = end
	} else {
		p.all = append(p.all, measure.Pause{Start: now, End: end})
	}
	p.until.Store(int64(end))
}

// left is how long the present pause still is; 0 where there is none.
func (p *pauses) left(now time.Duration) time.Duration {
	return max(time.Duration(p.until.Load())-now, 0)
}

// hold says whether an arrival that was due at a time is not to be sent now: a
// pause goes on, or it was due in one, so that no burst comes after it.
func (p *pauses) hold(due, now time.Duration) bool {
	until := time.Duration(p.until.Load())
	if now < until || due >= until {
		return now < until
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.all) - 1; i >= 0 && p.all[i].End > due; i-- {
		if p.all[i].Start <= due {
			return true
		}
	}
	return false
}

func (p *pauses) upto(end time.Duration) (all []measure.Pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.all {
		if x.Start < end {
			all = append(all, measure.Pause{Start: x.Start, End: min(x.End, end)})
		}
	}
	return all
}
