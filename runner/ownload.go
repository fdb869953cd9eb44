package runner

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"mfaload/measure"
)

// ownLoad measures second by second how busy mfaload itself is. The goroutine that
// measures hiccups reports each to it; it takes a look once a second. What judges the
// run while it lasts lets it take in the second that is over first.
type ownLoad struct {
	start      time.Time
	freezes    *freezes
	processors *processors
	noted      func(measure.OwnSecond) // of each second that is kept; nil where nobody writes them down

	mu      sync.Mutex
	last    load            // at the last look
	hiccups []time.Duration // since then
	seconds []measure.OwnSecond
}

// load is what the process has used so far.
type load struct {
	at                   time.Duration // since the start of the run
	cpu, wait, throttled time.Duration
}

func newOwnLoad(start time.Time, f *freezes, p *processors) *ownLoad {
	o := &ownLoad{start: start, freezes: f, processors: p}
	o.last = o.now(start)
	return o
}

func (o *ownLoad) now(now time.Time) load {
	cpu, _ := processUsage()
	return load{now.Sub(o.start), cpu, processorWait(), o.processors.throttled()}
}

// look takes in a hiccup, and the load of a second once that is over.
func (o *ownLoad) look(late time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hiccups = append(o.hiccups, late)
	o.upTo(time.Now())
}

// upTo takes in the load of a second once that is over.
func (o *ownLoad) upTo(now time.Time) {
	if now.Sub(o.start)/time.Second > o.last.at/time.Second {
		o.take(now)
	}
}

// since returns the seconds that are over, from one on.
func (o *ownLoad) since(from int64) []measure.OwnSecond {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.upTo(time.Now())
	i, _ := slices.BinarySearchFunc(o.seconds, from,
		func(s measure.OwnSecond, from int64) int { return cmp.Compare(s.Second, from) })
	return slices.Clone(o.seconds[i:])
}

// end takes in what is left and returns all seconds.
func (o *ownLoad) end() []measure.OwnSecond {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.take(time.Now())
	return o.seconds
}

// take takes in the load since the last look: that of a second, or of several where
// mfaload stood still.
func (o *ownLoad) take(at time.Time) {
	now, last := o.now(at), o.last
	if now.at <= last.at || len(o.hiccups) == 0 {
		return
	}
	o.last = now
	available := o.processors.available()
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

func (o *ownLoad) keep(s measure.OwnSecond) {
	if n := len(o.seconds); !s.Notable() || n > 0 && o.seconds[n-1].Second >= s.Second {
		return
	}
	o.seconds = append(o.seconds, s)
	if o.noted != nil {
		o.noted(s)
	}
}
