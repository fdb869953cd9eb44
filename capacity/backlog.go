package capacity

import (
	"fmt"
	"math"
	"time"

	"mfaload/measure"
)

// Backlog is what a trial left behind of the requests that were due in it.
type Backlog struct {
	// Due are the requests that were due in the judged part, and Unserved those of
	// them that piled up: still in flight or waiting at its end, beyond those at its
	// begin, and those that were given up on.
	Due, Unserved float64
}

// When what is unserved is a backlog whatever else is known.
const (
	unservedShare = 0.1 // of what was due
	unservedMin   = 10  // requests
)

// grew says whether requests piled up that much.
func (b Backlog) grew() bool { return b.Unserved > max(unservedShare*b.Due, unservedMin) }

func (b Backlog) share() float64 { return b.Unserved / max(b.Due, 1) }

func (b Backlog) text() string {
	return fmt.Sprintf("%.0f of the %.0f requests that were due piled up: they were not served by its "+
		"end, or were given up on", b.Unserved, b.Due)
}

// inFlightFlow is what a run had in flight, by its own seconds and times.
type inFlightFlow struct {
	m *measure.Measurement
	// limitedFirst and end are the seconds of the judged part.
	first, end int64
}

func newInFlightFlow(m *measure.Measurement) inFlightFlow {
	return inFlightFlow{m, int64(m.Main.Start / time.Second),
		int64((m.Main.Start + m.Main.Planned) / time.Second)}
}

// seconds is the length of the judged part.
func (f inFlightFlow) seconds() float64 { return float64(max(f.end-f.first, 0)) }

// backlog counts what was left unserved.
func (f inFlightFlow) backlog() (b Backlog) {
	for n := f.first; n < f.end; n++ {
		b.Due += due(f.m, n)
	}
	for s := range f.m.Seconds.All() {
		b.Unserved += f.gaveUp(s)
	}
	b.Unserved += f.waiting(f.end) - f.waiting(f.first)
	return b
}

// waiting is how many requests were due before a second and neither served nor
// given up before it.
func (f inFlightFlow) waiting(second int64) (n float64) {
	for k := range second {
		n += due(f.m, k)
	}
	for k, ended := range f.m.Flow.Ended {
		if int64(k) < second {
			n -= float64(ended)
		}
	}
	return n
}

// gaveUp counts the requests of a second that mfaload gave up on in the judged
// part: they are the slowest of it.
func (f inFlightFlow) gaveUp(s *measure.Second) (n float64) {
	left := float64(s.Response.Count())
	for _, e := range s.Ends {
		if e.Failed && (e.Label == measure.Timeout || e.Label == measure.Drained) {
			left -= float64(e.Count)
		}
	}
	for took, count := range s.Response.Buckets {
		late := min(float64(count), max(float64(count)-left, 0))
		left -= float64(count) - late
		if f.within(middle(s.Second) + took.Seconds()) {
			n += late
		}
	}
	return n
}

// within says whether a time, in seconds of the run, is in the judged part.
func (f inFlightFlow) within(at float64) bool { return at >= float64(f.first) && at < float64(f.end) }

// served is how many responses as expected were received a second in the judged
// part. Which of a second's requests were as expected is not known by their
// time: the slowest are taken for the others, as those that were given up on are.
func (f inFlightFlow) served() float64 {
	n := 0.0
	for s := range f.m.Seconds.All() {
		within := 0.0
		for took, count := range s.Response.Buckets {
			if f.within(middle(s.Second) + took.Seconds()) {
				within += float64(count)
			}
		}
		n += min(within, float64(s.Expected))
	}
	return n / max(f.seconds(), 1)
}

// middle is when the requests of a second were due on average.
func middle(second int64) float64 { return float64(second) + 0.5 }

// inFlight is the mean number of requests in flight in the judged part as their
// times have it: what each spent within it, those included that began before it
// or ended after it. That is Little's law for a time that has an end.
func (f inFlightFlow) inFlight() float64 {
	spent := 0.0
	for s := range f.m.Seconds.All() {
		sent := middle(s.Second) + s.Lateness.Mean().Seconds()
		for took, count := range s.Service.Buckets {
			from, to := max(sent, float64(f.first)), min(sent+took.Seconds(), float64(f.end))
			spent += float64(count) * max(to-from, 0)
		}
	}
	return spent / max(f.seconds(), 1)
}

// How far the number in flight may be from what the times say.
const (
	littleShare = 0.15
	littleMin   = 0.5
)

// checkLittle doubts a measurement in which the number in flight that was counted is
// not what the times of the requests say: one of them is wrong.
func (o *Outcome) checkLittle() []string {
	if o.InFlight == 0 || o.Interrupted || math.Abs(o.InFlight-o.Expected) <= max(littleShare*o.Expected,
		littleMin) {
		return nil
	}
	return []string{fmt.Sprintf("%.3g requests were in flight on average, but by their times it should be "+
		"%.3g: by Little's law one of them is wrong", o.InFlight, o.Expected)}
}
