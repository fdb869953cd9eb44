package runner

import (
	"cmp"
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

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

// watch looks until the context ends.
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

// processLoad is what the process has used so far.
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
	return measure.Generator{
		CPU: machine.CPUTime() - u.cpu, CPUWait: machine.CPUWait() - u.wait,
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.GOMAXPROCS(0),
		Processors: u.processors.Available(), Elapsed: elapsed, PeakRSS: machine.PeakMemory(),
	}
}
