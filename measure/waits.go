package measure

import (
	"math"
	"time"
)

// Waits are the times of some arrivals as a limit judges them, the one mechanism
// for thresholds, load.stopOn, capacity and compare:
//
//   - a request that was served has its time;
//   - an arrival that was never served - it got no complete response, or it was not
//     sent although it had a user - counts as slower than any limit;
//   - one that the service refused (429, 503 with Retry-After, a refused
//     connection) is not among them, for its time is none of serving; nor is one that
//     was withheld, or that certainly never reached the service.
//
// [Phase.Waits] are those of a part of a run, [Second.Waits] those of a second and
// [Tick.Waits] those of a window of a run that goes on.
type Waits struct {
	// Served are the times of those that were served, one histogram or several.
	Served []*Histogram
	// Failed are how long those waited that got no response: at least that long they
	// would have taken.
	Failed []*Histogram
	// Untimed counts those that were never served and of which nothing is known but
	// that: they were not sent.
	Untimed uint64
}

// Unserved counts those that were never served.
func (w *Waits) Unserved() uint64 { return countAll(w.Failed) + w.Untimed }

// Count counts all of them.
func (w *Waits) Count() uint64 { return countAll(w.Served) + w.Unserved() }

func countAll(all []*Histogram) (n uint64) {
	for _, h := range all {
		n += h.Count()
	}
	return n
}

// Beyond counts those that are certainly above a limit, for it is in nobody's
// interest to fail by a value that nobody measured: see [Histogram.Beyond].
func (w *Waits) Beyond(limit time.Duration) uint64 {
	n := w.Unserved()
	for _, h := range w.Served {
		n += h.Beyond(limit)
	}
	return n
}

// Rank is how many of n have to be within a limit for a percentile to be within it.
func Rank(p float64, n uint64) uint64 {
	rank := uint64(math.Ceil(p / 100 * float64(n) * (1 - 1e-12)))
	return min(max(rank, 1), n)
}

// Bound is a time. AtLeast says that it is only known to be at least that long.
type Bound struct {
	Time    time.Duration
	AtLeast bool
}

// Percentile returns the time that p percent of them do not exceed.
func (w *Waits) Percentile(p float64) Bound {
	n := w.Count()
	if n == 0 {
		return Bound{}
	}
	served := joined(w.Served)
	if rank := Rank(p, n); rank <= served.Count() {
		return Bound{Time: served.atRank(rank)}
	} else if all := joined(w.Served, w.Failed); rank > w.Untimed && all.Count() > 0 {
		// At least: as if those of which nothing is known had waited for no time.
		return Bound{max(served.Max(), all.atRank(rank-w.Untimed)), true}
	}
	return Bound{served.Max(), true}
}

// Max returns the longest, Min the shortest of them.
func (w *Waits) Max() Bound { return w.Percentile(100) }

func (w *Waits) Min() Bound {
	served := joined(w.Served)
	switch {
	case served.Count() > 0:
		return Bound{Time: served.Min()}
	case w.Untimed > 0:
		return Bound{AtLeast: true}
	}
	failed := joined(w.Failed)
	return Bound{failed.Min(), failed.Count() > 0}
}

// Mean returns the mean. With one that was never served it has no upper end.
func (w *Waits) Mean() Bound {
	n := w.Count()
	if n == 0 {
		return Bound{}
	}
	sum := joined(w.Served, w.Failed).Sum()
	return Bound{time.Duration(sum / float64(n) * float64(time.Second)), w.Unserved() > 0}
}

// Sum is that of those that were served, in seconds.
func (w *Waits) Sum() (seconds float64) {
	for _, h := range w.Served {
		seconds += h.Sum()
	}
	return seconds
}

// Joined returns the same with one histogram of the served and one of the others, for
// several questions.
func (w *Waits) Joined() *Waits {
	return &Waits{[]*Histogram{joined(w.Served)}, []*Histogram{joined(w.Failed)}, w.Untimed}
}

// joined returns the histograms as one, to be read only.
func joined(lists ...[]*Histogram) *Histogram {
	var all []*Histogram
	for _, list := range lists {
		all = append(all, list...)
	}
	if len(all) == 1 {
		return all[0]
	}
	sum := NewSparse()
	if len(all) > 2*denseLabels {
		sum = NewHistogram()
	}
	for _, h := range all {
		sum.Merge(h)
	}
	return sum
}

// Waits returns those of a group, or of all where it is below 0: the response
// times, or the service times. What was never sent has neither and is beyond both.
func (p *Phase) Waits(group int, service bool) (w Waits) {
	for _, c := range p.Cells {
		h := c.Response
		if service {
			h = c.Service
		}
		switch {
		case group >= 0 && c.Group != group || c.Refused:
		case !c.Failed:
			w.Served = append(w.Served, h)
		case !IsNotDelivered(c.Label):
			w.Failed = append(w.Failed, h)
		}
	}
	counts := p.Counts(group)
	w.Untimed = counts.NeverSent()
	return w
}

// Waits returns those of the requests of the second, of a group or of all where it
// is below 0. What was due in it and not sent is known of all groups together only;
// a caller who knows it adds it to Untimed.
func (s *Second) Waits(group int, service bool) Waits {
	h, split := s.part(group, service)
	if h == nil {
		return Waits{}
	}
	if split.Served != nil {
		if h = split.Served.Response; service {
			h = split.Served.Service
		}
	}
	return Waits{Served: []*Histogram{h}, Untimed: split.Unserved}
}

// part returns the times of all requests of a group in the second, or of all
// groups; nil where there are none.
func (s *Second) part(group int, service bool) (*Histogram, *Split) {
	response, serviced, split := s.Response, s.Service, &s.Split
	if group >= 0 && len(s.Groups) > 0 { // of a single group nothing is kept apart
		g := s.findGroup(group)
		if g == nil {
			return nil, nil
		}
		response, serviced, split = g.Response, g.Service, &g.Split
	}
	if service {
		return serviced, split
	}
	return response, split
}

// BestWaits are [Waits] as they would have been at best: without what mfaload
// harmed, as if each request that it may have slowed down, or lost, had been as
// fast as it can have been. What is missed even then is not mfaload's doing.
type BestWaits struct {
	with, without []*Histogram
	unserved      uint64
}

// BestWaits returns those of a group, or of all where it is below 0.
func (p *Phase) BestWaits(group int, service bool) *BestWaits {
	w := p.Waits(group, service)
	b := &BestWaits{with: w.Served, unserved: w.Unserved()}
	for _, c := range p.Cells {
		if group >= 0 && c.Group != group || c.Refused || c.Harmed == nil {
			continue
		}
		measured, best := c.Harmed.Response, c.Harmed.BestResponse
		if service {
			measured, best = c.Harmed.Service, c.Harmed.BestService
		}
		b.with = append(b.with, best)
		if c.Failed {
			b.unserved -= c.Harmed.Doubtful
		} else {
			b.without = append(b.without, measured)
		}
	}
	return b
}

// forgive takes all requests of a second as fast, and with a response. Unsent are those
// that were due in it and not sent.
func (b *BestWaits) forgive(s *Second, group int, service bool, unsent uint64) {
	h, split := s.part(group, service)
	if h == nil {
		b.fewer(unsent)
		return
	}
	b.without = together(b.without, split.best(h, service))
	b.fewer(split.Unserved - split.Doubtful + unsent)
}

// forgiveWaiting takes the requests of a second as sent at once: their response
// time is their service time.
func (b *BestWaits) forgiveWaiting(s *Second, group int, unsent uint64) {
	response, split := s.part(group, false)
	service, _ := s.part(group, true)
	if response == nil {
		b.fewer(unsent)
		return
	}
	b.with = together(b.with, split.best(service, true))
	b.without = together(b.without, split.best(response, false))
	b.fewer(unsent)
}

// maxApart is how many histograms are kept apart, so that of each its true minimum and
// maximum count. Those of more seconds are added up.
const maxApart = 1000

func together(list []*Histogram, h *Histogram) []*Histogram {
	if len(list) <= maxApart {
		list = append(list, h)
		if len(list) <= maxApart {
			return list
		}
		list[maxApart] = NewHistogram()
	}
	list[maxApart].Merge(h)
	return list
}

// fewer takes so many arrivals as served that were not.
func (b *BestWaits) fewer(n uint64) { b.unserved -= min(n, b.unserved) }

func (s *Split) best(all *Histogram, service bool) *Histogram {
	response, serviced := s.AtBest(all, all)
	if service {
		return serviced
	}
	return response
}

// Beyond counts those that are certainly above a limit.
func (b *BestWaits) Beyond(limit time.Duration) uint64 {
	with, without := b.unserved, uint64(0)
	for _, h := range b.with {
		with += h.Beyond(limit)
	}
	for _, h := range b.without {
		without += h.Beyond(limit)
	}
	return with - min(with, without)
}

// Unserved counts those that were never served, whatever mfaload did.
func (b *BestWaits) Unserved() uint64 { return b.unserved }

// Sum is that of the times, in seconds.
func (b *BestWaits) Sum() (seconds float64) {
	for _, h := range b.with {
		seconds += h.Sum()
	}
	for _, h := range b.without {
		seconds -= h.Sum()
	}
	return max(seconds, 0)
}

// OtherFailures counts the failures of the second, of a group or of all where it
// is below 0, that are not doubtful by themselves.
func (s *Second) OtherFailures(group int) uint64 {
	_, split := s.part(group, false)
	if split == nil {
		return 0
	}
	return split.Unserved - split.Doubtful
}

// HarmedErrors counts the requests of the second, of a group or of all where it is
// below 0, that are no errors at best, by themselves.
func (s *Second) HarmedErrors(group int) uint64 {
	if _, split := s.part(group, false); split != nil {
		return split.DoubtfulErrors
	}
	return 0
}

// Drained counts those of them that got no response before the end of the drain
// time; of a group, at most so many.
func (s *Second) Drained(group int) (n uint64) {
	for _, e := range s.Ends {
		if e.Failed && e.Label == Drained {
			n += e.Count
		}
	}
	return min(n, s.OtherFailures(group))
}

// UnsentIn counts arrivals of a second that were to be sent, and were not.
func (m *Measurement) UnsentIn(second int64) uint64 {
	at := func(counts []uint64) uint64 {
		if second < 0 || second >= int64(len(counts)) {
			return 0
		}
		return counts[second]
	}
	due := at(m.Profile.Due)
	due -= min(due, at(m.Profile.Withheld))
	if s := m.Seconds.At(second); s != nil {
		due -= min(due, s.Response.Count())
	}
	return due
}
