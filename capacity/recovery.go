package capacity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"mfaload/internal/stat"
	"mfaload/measure"
)

// Recovery comes before a trial that follows an overload: requests at a low rate,
// and then at higher ones up to one that held, until the service is as fast again as it was.
type Recovery struct {
	// Rates are tried in this order, each until the service is back at it.
	Rates []float64
	// Medians are the median response times that the service had at about these rates, in seconds; 0 where
	// none held yet. At a low rate a busy service is soon as fast as it was next to its limit.
	Medians []float64
	// Max is how long it may take, all rates together.
	Max time.Duration
}

// Recovered is how a recovery went.
type Recovered struct {
	// Took is how long it took, and Sent how many requests.
	Took time.Duration `json:"took_ns"`
	Sent float64       `json:"sent"`
	// Back says that the service was as fast again as it was before. Where it was not
	// the trial is not made.
	Back bool `json:"back"`
}

// missed says whether there was a recovery, and the service was not back.
func (r *Recovered) missed() bool { return r != nil && !r.Back }

// How a recovery is followed.
const (
	// recoveryMax bounds a recovery, recoveryMaxBlind one without a trial that held.
	recoveryMax      = 120 * time.Second
	recoveryMaxBlind = 30 * time.Second
	// recoveryMin is how much time has to be left for one.
	recoveryMin = 5 * time.Second
	// lowShare is the low rate as a share of the one that held, and lowMin its least
	// in requests a second.
	lowShare = 0.1
	lowMin   = 5
	// highShare is the last rate as a share of the one that held: where a service that is still a little
	// slow does not come to its limit again.
	highShare = 0.8
	// recoveredShare is how far above its former median the service may be.
	recoveredShare = 1.1
	// watchedTime and watchedRequests are the least that is watched.
	watchedTime     = 2 * time.Second
	watchedRequests = 12
	// slowRecovery is what is worth a remark.
	slowRecovery = 30 * time.Second
)

// recovery is the one that has to come before the next trial; nil for none.
func (s *search) recovery(left time.Duration) *Recovery {
	trials := s.found.Trials
	if len(trials) == 0 || !trials[len(trials)-1].Overloaded {
		return nil
	}
	lowest := trials[0].Rate
	var held []*Trial
	for _, t := range trials {
		lowest = min(lowest, t.Rate)
		if t.Verdict == Pass && !t.Overloaded {
			held = append(held, t)
		}
	}
	if len(held) == 0 {
		return &Recovery{Rates: []float64{lowRate(lowest)}, Medians: []float64{0},
			Max: min(recoveryMaxBlind, left)}
	}
	slices.SortStableFunc(held, func(a, b *Trial) int { return cmp.Compare(a.Rate, b.Rate) })
	top := held[len(held)-1].Rate
	low, r := lowRate(top), &Recovery{Max: min(recoveryMax, left)}
	for _, rate := range slices.Compact([]float64{low, max(low, top/2), max(low, highShare*top)}) {
		r.Rates, r.Medians = append(r.Rates, rate), append(r.Medians, medianAt(held, rate))
	}
	return r
}

// medianAt is the median response time at a rate, in seconds, on a line between the trials next to it; held
// are some by their rates, of which the last is not below this one.
func medianAt(held []*Trial, rate float64) float64 {
	next := slices.IndexFunc(held, func(t *Trial) bool { return t.Rate >= rate*(1-1e-9) })
	median := held[next].Figures.Response.P50
	if next > 0 {
		before := held[next-1]
		median -= (median - before.Figures.Response.P50) * (held[next].Rate - rate) /
			(held[next].Rate - before.Rate)
	}
	return median / 1000
}

func lowRate(rate float64) float64 { return min(rate, max(lowShare*rate, lowMin)) }

// requests is the most that a recovery sends.
func (r *Recovery) requests() float64 {
	if r == nil {
		return 0
	}
	return slices.Max(r.Rates) * r.Max.Seconds()
}

// Watch follows a rate of a recovery, request by request. Times count from the
// begin of the rate.
type Watch struct {
	median, rate float64
	requests     []recoveryRequest
}

type recoveryRequest struct {
	sent, done time.Duration // done is below 0 while it is in flight
	served     bool
}

// Watch begins to follow the i-th rate.
func (r *Recovery) Watch(i int) *Watch { return &Watch{median: r.Medians[i], rate: r.Rates[i]} }

// Sent counts a request and returns its number. Requests are sent in order.
func (w *Watch) Sent(at time.Duration) (number int) {
	w.requests = append(w.requests, recoveryRequest{sent: at, done: -1})
	return len(w.requests) - 1
}

// Done says when a request ended, and whether the service served it.
func (w *Watch) Done(number int, at time.Duration, served bool) {
	w.requests[number].done, w.requests[number].served = at, served
}

// Back says whether the service is as fast again as it was.
func (w *Watch) Back(now time.Duration) bool {
	window := max(watchedTime, time.Duration(watchedRequests/w.rate*1e9))
	latest, before := w.medianIn(now-window, now), w.medianIn(now-2*window, now-window)
	switch {
	case now < window || math.IsInf(latest, 1):
		return false
	case w.median > 0:
		return latest <= recoveredShare*w.median
	}
	return now >= 2*window && latest*recoveredShare >= before // it does not get faster any more
}

// medianIn is the median time of the requests that were sent between two times.
// What is in flight has taken as long as that already; what was not served, for
// ever.
func (w *Watch) medianIn(from, to time.Duration) float64 {
	var times []float64
	for i := len(w.requests) - 1; i >= 0 && w.requests[i].sent >= from; i-- {
		switch r := w.requests[i]; {
		case r.sent >= to:
		case r.done < 0:
			if took := (to - r.sent).Seconds(); took > recoveredShare*w.median {
				times = append(times, took)
			}
		case !r.served:
			times = append(times, math.Inf(1))
		default:
			times = append(times, (r.done - r.sent).Seconds())
		}
	}
	if len(times) == 0 {
		return math.Inf(1)
	}
	return stat.Median(times)
}

// recoveryTexts say how the service recovered where that took long.
func (f *SearchResult) recoveryTexts() (all []string) {
	took, after := time.Duration(0), (*Trial)(nil)
	for _, t := range f.Trials {
		if t.Recovered == nil {
			took, after = 0, t
			continue
		}
		took += t.Recovered.Took
		switch {
		case t.Recovered.missed():
			if t == f.Trials[len(f.Trials)-1] {
				all = append(all, fmt.Sprintf("after trial %d (%s) the service was not back at its former "+
					"response time for %v", after.Number, rateText(after.Rate), took.Round(time.Second)))
			}
			continue
		case took >= slowRecovery:
			all = append(all, fmt.Sprintf("after trial %d (%s) the service took %v to get back to its "+
				"former response time", after.Number, rateText(after.Rate), took.Round(time.Second)))
		}
		took, after = 0, t
	}
	return all
}

// recoveriesMax is how often in a row a service may not be back.
const recoveriesMax = 3

// neverRecovers says whether the service was not back again and again.
func (s *search) neverRecovers() bool {
	n := len(s.found.Trials)
	if n < recoveriesMax {
		return false
	}
	for _, t := range s.found.Trials[n-recoveriesMax:] {
		if !t.Recovered.missed() {
			return false
		}
	}
	return true
}

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
		"end, or timed out", b.Unserved, b.Due)
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
