package runner

import (
	"sync"
	"sync/atomic"
	"time"

	"mfaload/contract"
	"mfaload/measure"
)

// How long a pause after a 429 is. Retry-After says it; what it says is held
// within these bounds, so that there is a pause at all and that a gateway's
// mistake does not end the run.
const (
	minPause = time.Second // also where Retry-After is missing or no time
	maxPause = time.Minute
)

// pauseAfter is how long a 429 asks to pause.
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

// begin begins a pause, or makes the one longer that is there.
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

// upto returns the pauses up to a time.
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
