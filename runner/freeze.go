package runner

import (
	"sync"
	"sync/atomic"
	"time"
)

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
