package measure

import (
	"slices"
	"sync/atomic"
	"time"
)

// tap keeps sums of what is recorded, one for each partition of the recorder, for one
// who looks on. To take them away, full sums are exchanged for an empty one: those who
// record never wait. It is not safe for concurrent use.
type tap[T tapSum] struct {
	recorder *Recorder
	sums     []T
	spare    T
}

type tapSum interface {
	record(o *Observation, violating bool)
	reset()
}

// observer is told of each observation while its partition is locked: any [tap].
type observer interface {
	record(partition int, o *Observation, violating bool)
}

func newTap[T tapSum](r *Recorder, empty func() T) *tap[T] {
	t := &tap[T]{recorder: r, sums: make([]T, len(r.partitions)), spare: empty()}
	for i := range t.sums {
		t.sums[i] = empty()
		r.Locked(i, func() { r.partitions[i].taps = append(r.partitions[i].taps, t) })
	}
	return t
}

func (t *tap[T]) record(partition int, o *Observation, violating bool) {
	t.sums[partition].record(o, violating)
}

// take hands over the sums of what was recorded since it was last called. They are valid
// until add returns.
func (t *tap[T]) take(add func(T)) {
	for i := range t.sums {
		t.recorder.Locked(i, func() { t.sums[i], t.spare = t.spare, t.sums[i] })
		add(t.spare)
		t.spare.reset()
	}
}

// Live hands out a run while it runs, bit by bit. Those who record never wait for it.
// It is not safe for concurrent use, but several of them are.
type Live struct{ tap *tap[*liveSums] }

// EndedRequests are requests that came to an end, as [Live] hands them out.
type EndedRequests struct {
	Counts Progress
	// Main and Warmup have the cells of the requests. All that ended counts as scheduled.
	Main, Warmup Phase
	// Broken counts the violations by rule.
	Broken map[BrokenRule]uint64
}

// BrokenRule is a rule with its level.
type BrokenRule struct {
	Rule  string
	Fails bool
}

// NewEndedRequests returns those of no request, of so many groups of users.
func NewEndedRequests(groups int) *EndedRequests {
	return &EndedRequests{Main: newPhase(groups), Warmup: newPhase(groups), Broken: map[BrokenRule]uint64{}}
}

// liveSums are the requests that came to an end in a partition of the recorder.
type liveSums struct {
	counts Progress
	phases [2]partitionPhase // main, warm-up
	parts  TransferTimes
	broken map[BrokenRule]uint64
}

// Live begins to keep what it hands out, for one who looks on. It is called before the
// run; requests recorded before it are not in it. Without it, nothing is kept.
func (r *Recorder) Live() *Live {
	return &Live{newTap(r, func() *liveSums {
		s := &liveSums{broken: map[BrokenRule]uint64{}}
		for i := range s.phases {
			s.phases[i] = newPartitionPhase(r.groups, NewSparse())
			s.phases[i].small = r.groups > 1 // or they would be as large as the recorder
		}
		return s
	})}
}

// Take adds the requests that came to an end since it was last called, the warm-up's
// included, the times of those that were served to two histograms (a refusal is fast, and says nothing of how
// fast the service is), and the times of their parts on the network.
func (l *Live) Take(to *EndedRequests, response, service *Histogram, parts *TransferTimes) {
	l.tap.take(func(s *liveSums) {
		parts.Merge(&s.parts)
		to.Counts.Add(s.counts)
		for i, phase := range []*Phase{&to.Main, &to.Warmup} {
			for _, cells := range s.phases[i].cells {
				phase.addEnded(cells)
				for _, c := range cells {
					if c.waitKind() == served {
						response.Merge(c.Response)
						service.Merge(c.Service)
					}
				}
			}
		}
		for rule, n := range s.broken {
			to.Broken[rule] += n
		}
	})
}

func (p *Phase) addEnded(cells []*Cell) {
	for _, c := range cells {
		if n := c.Response.Count(); n > 0 { // else it is left of an earlier time
			p.Scheduled[c.Group] += n
			p.addCell(c)
		}
	}
}

func (s *liveSums) record(o *Observation, violating bool) {
	s.counts.add(o, violating)
	s.phases[phaseIndex(o.Warmup)].record(o, violating)
	if o.transferred() {
		s.parts.record(o, NewSparse)
	}
	for i := range o.Violations {
		s.broken[BrokenRule{asText(o.Violations[i].Rule), o.Violations[i].Fails}]++
	}
}

func (s *liveSums) reset() {
	s.counts = Progress{}
	s.parts.Reset()
	for i := range s.phases {
		s.phases[i].own.Reset()
		for _, cells := range s.phases[i].cells {
			for _, c := range cells {
				c.reset()
			}
		}
	}
	clear(s.broken)
}

func (c *Cell) reset() {
	for _, h := range []*Histogram{c.Response, c.Service, c.Lateness} {
		h.Reset()
	}
	c.AsExpected, c.Violating, c.Clean, c.RateLimited, c.GoodCount, c.Harmed = 0, 0, 0, 0, GoodCount{}, nil
}

// Snapshots hands out what the judged part of a run has measured so far, for one who
// looks on from another machine. Those who record never wait for it. It is not safe for
// concurrent use.
type Snapshots struct {
	tap *tap[*partSums]
	sum *Part
}

// partSums are the requests of the judged part that came to an end.
type partSums struct {
	answered, clean, violating, failed uint64
	times                              [apart + 1]RequestTimes // by outcome
	own                                *Histogram
}

func newPartSums() *partSums {
	e := &partSums{own: NewHistogram()}
	for o := range e.times {
		e.times[o] = RequestTimes{NewSparse(), NewSparse()}
	}
	e.times[served] = RequestTimes{NewHistogram(), NewHistogram()}
	return e
}

// Snapshots begins to keep what it hands out. It is called once, before the run.
func (r *Recorder) Snapshots() *Snapshots {
	return &Snapshots{newTap(r, newPartSums), &Part{Response: NewSparse(), Service: NewSparse(),
		Own:       NewSparse(),
		Generator: Generator{Hiccups: NewSparse()}}}
}

// Take returns the requests that came to an end so far. Its caller fills in what
// observations do not tell; the histograms are valid until the next call.
func (f *Snapshots) Take() *Part {
	f.tap.take(f.add)
	now := *f.sum
	return &now
}

func (f *Snapshots) add(e *partSums) {
	f.sum.Answered += e.answered
	f.sum.Clean += e.clean
	f.sum.Violating += e.violating
	f.sum.Failed += e.failed
	for o, t := range e.times {
		if t.Response.Count() > 0 {
			f.sum.addTimes(waitKind(o), t.Response, t.Service)
		}
	}
	f.sum.Own.Merge(e.own)
}

func (e *partSums) record(o *Observation, violating bool) {
	if o.Warmup {
		return
	}
	e.times[o.waitKind()].record(o)
	e.own.Record(o.Own)
	if o.Failed {
		e.failed++
		return
	}
	e.answered++
	switch {
	case violating:
		e.violating++
	case o.AsExpected:
		e.clean++
	}
}

func (e *partSums) reset() {
	for _, t := range e.times {
		t.Response.Reset()
		t.Service.Reset()
	}
	e.own.Reset()
	e.answered, e.clean, e.violating, e.failed = 0, 0, 0, 0
}

// Tick is what came to an end in one second of a run: by the time it ended, not
// by the time it was intended for. The warm-up is in it. The ticks of several
// machines add up.
type Tick struct {
	// Second counts from the start of the run: it is the one that ends then.
	Second int64 `json:"second"`
	// Counts are of the requests that came to an end.
	Counts Progress `json:"counts"`
	// Streak is the most requests in a row, so far in the run, that found no
	// connection, or lost it, with no response in between; of several machines that
	// of one of them.
	Streak uint64 `json:"streak,omitempty"`
	// Seconds are these requests by the second that they were intended for, in order;
	// nil where nobody asked for them.
	Seconds []*Second `json:"seconds,omitempty"`
}

// Waits returns the times as a limit judges them, and as they would have been at
// best without what mfaload harmed. Of a tick without its requests both are empty.
func (t *Tick) Waits(service bool) (measured Waits, best *BestWaits) {
	best = &BestWaits{}
	for _, s := range t.Seconds {
		w := s.Waits(-1, service)
		measured.Served = append(measured.Served, w.Served...)
		measured.Untimed += w.Untimed
		all, split := s.part(-1, service)
		best.with = append(best.with, split.best(all, service))
		best.unserved += split.Unserved - split.Doubtful
	}
	return measured, best
}

// Merge adds what another tick says.
func (t *Tick) Merge(o *Tick) {
	t.Counts.Add(o.Counts)
	t.Streak = max(t.Streak, o.Streak)
	MergeSeconds(&t.Seconds, o.Seconds)
}

// MergeSeconds adds seconds to others, which are in order; these are not shared.
func MergeSeconds(to *[]*Second, more []*Second) {
	for _, s := range more {
		closedSecond(to, s.Second).add(s)
	}
}

// Check finds a tick that can't be.
func (t *Tick) Check() error { return checkSeconds(slices.Values(t.Seconds), 0) }

// Ticks hands out a run second by second while it runs. It is not safe for
// concurrent use.
type Ticks struct {
	recorder *Recorder
	tap      *tap[*Timeline] // nil without the requests
	before   Progress
}

// Ticks begins to hand out the run in ticks, with the requests or without. It is
// called once, before the run. Those who record never wait for it.
func (r *Recorder) Ticks(requests bool) *Ticks {
	t := &Ticks{recorder: r}
	if requests {
		t.tap = newTap(r, func() *Timeline { return &Timeline{brief: true} })
	}
	return t
}

// Take returns what came to an end since it was last called. Elapsed is the time
// since the start of the run.
func (t *Ticks) Take(elapsed time.Duration) Tick {
	now := t.recorder.Progress()
	tick := Tick{
		Second: int64(elapsed.Round(time.Second) / time.Second),
		Counts: now.Since(t.before),
		Streak: t.recorder.streak.longest.Load(),
	}
	t.before = now
	if t.tap != nil {
		t.tap.take(func(requests *Timeline) { MergeSeconds(&tick.Seconds, requests.recorded()) })
	}
	return tick
}

// streak counts requests in a row that found no connection.
type streak struct{ now, longest atomic.Uint64 }

func (s *streak) add(o *Observation) {
	switch {
	case o.Disconnected && o.harmedInFlight() > 0: // it may be lost for mfaload's sake
	case o.Disconnected:
		n := s.now.Add(1)
		for most := s.longest.Load(); n > most && !s.longest.CompareAndSwap(most,
			n); most = s.longest.Load() {
		}
	case !o.Failed && s.now.Load() > 0: // the others tell nothing of connections
		s.now.Store(0)
	}
}
