package runner

import (
	"slices"
	"time"

	"mfaload/measure"
)

// Looks say when a run is looked at that ends as soon as it is decided, and what decides it.
type Looks struct {
	// At are lengths of the judged part, in order.
	At []time.Duration
	// Decided says whether the seconds of the judged part up to a look decide the run, and what
	// that means.
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
