// Package schedule says when which request is due, and for which user: a pure function
// of a scenario. It reads no clock, and every reading gives the same arrivals.
package schedule

import (
	"iter"
	"math"
	"time"

	"mfaload/measure"
	"mfaload/scenario"
)

// Arrival is what the schedule promises: one request.
type Arrival struct {
	// Index counts the arrivals from 0, the warm-up's included.
	Index uint64
	// At is when the request is to be sent, since the start of the run.
	At   time.Duration
	User scenario.User
	// Turn counts the users of the group that were given before, from 0.
	Turn uint64
	// Withheld says why there is no user to ask, for example [measure.RanOut]:
	// the arrival is not sent, and only the user's group is known. Empty where
	// there is one. An arrival that comes in a pause gets [measure.Paused] when
	// its time comes.
	Withheld string
	// Warmup says that the arrival comes before the first stage.
	Warmup bool
}

// Schedule says when whom to ask. It is a pure function of the scenario: every
// reading gives the same arrivals. Let R(t) be the integral of the rate; arrival
// k is due at R⁻¹(S_k), with S_k = k for uniform arrivals and the sum of k+1
// unit exponentials for poisson arrivals ([poissonSums]). Stages change R only, the arrival
// process S only. Any arrival is found without those before it.
//
//	rate                        R(t)
//	  |      ____                 |           ___ total
//	  |     /    \                |       __/
//	  |____/      \               |    __/   k: due when R is S_k
//	  |            \              | __/
//	  +-------------> t           +-------------> t
//
// Of several shards each has every arrival k of its own, k mod their number being its
// index: shards change nothing else. A closed load has no schedule: no arrivals, and
// only its length and number where the scenario says them.
type Schedule struct {
	sections []section
	arrivals scenario.Arrivals
	seed     uint64
	closed   *scenario.Load     // the shard's share of a closed load, nil of an open one
	scenario *scenario.Scenario // whose users are asked
	shard    measure.Shard
	users    []userSlice  // by group: the users of the shard
	before   *assigner    // where previous runs left off; nil without
	half     *alternation // of one of two sides that alternate; nil else
	used     *UsedToday   // what users had before; nil where that changes nothing

	all  uint64        // arrivals of all shards, until all users ran out
	ends time.Duration // when the first one without any user is due, or the end
}

// section is the warm-up or the judged run. Arrivals are counted again in each.
type section struct {
	start  time.Duration // since the start of the run
	warmup bool
	stages []placedStage
	cycles int           // how often the stages are run
	cycle  time.Duration // how long they are once
	once   float64       // R at the end of the first cycle
	total  float64       // R at the end
	limit  uint64        // the most arrivals
	exact  bool          // exactly limit arrivals
	count  uint64        // of arrivals
	end    time.Duration // since the start of the run
	replay *scenario.Replay
}

// placedStage is a stage with its place in its cycle's time and R.
type placedStage struct {
	scenario.Stage
	start         time.Duration
	before, total float64
}

// tolerance is how many arrivals R may be off by rounding: an arrival that is
// due at a stage's end within it belongs to the next stage.
func tolerance(r float64) float64 { return max(1e-6, 4e-15*r) }

// New returns the schedule of a valid scenario.
func New(s *scenario.Scenario) *Schedule { return NewShard(s, nil) }

// NewShard returns the schedule of a shard that has passed [CheckShard]; nil is the
// whole run. Its users go on where previous runs left off, the first one first: for
// an open load that is not sharded.
func NewShard(s *scenario.Scenario, shard *measure.Shard, previous ...PreviousRun) *Schedule {
	of := measure.Shard{Count: 1}
	if shard != nil {
		of = *shard
	}
	l := &s.Load
	sch := &Schedule{arrivals: l.Arrivals, seed: l.Seed, scenario: s, shard: of,
		users: newUserSlices(s, of)}
	if l.Closed() {
		sch.closed = shareOfLoad(of, l)
		return sch
	}
	left := uint64(math.MaxUint64)
	if l.MaxRequests > 0 {
		left = l.MaxRequests
	}
	if l.Warmup > 0 {
		p := newSection(0, []scenario.Stage{l.WarmupStage()}, 1)
		p.warmup, p.limit = true, left
		left -= sch.add(p)
	}
	p := newSection(l.Warmup, l.Stages, max(l.Repeat, 1))
	p.limit = left
	if l.Requests > 0 {
		p.total, p.limit, p.exact = float64(l.Requests), min(l.Requests, left), true
	}
	sch.add(p)
	sch.all, sch.ends = sch.length()
	sch.follow(previous)
	return sch
}

func newSection(start time.Duration, stages []scenario.Stage, cycles int) section {
	p := section{start: start, cycles: cycles, replay: stages[0].Replay}
	for _, st := range stages {
		total := st.Total()
		p.stages = append(p.stages, placedStage{st, p.cycle, p.once, total})
		p.cycle += st.Duration
		p.once += total
	}
	p.total = p.once * float64(cycles)
	p.end = start + p.cycle*time.Duration(cycles)
	return p
}

// add appends a section and returns how many arrivals it has. Where a limit cuts it
// short it ends when the first arrival would be due that it cuts off.
func (s *Schedule) add(p section) (n uint64) {
	s.sections = append(s.sections, p)
	i := len(s.sections) - 1
	last, of := &s.sections[i], s.positions(i)
	all := of.count
	if last.count = min(all, last.limit); all > last.limit {
		last.end = last.when(of.at(last.limit))
	} else if last.exact {
		last.end = last.when(last.total)
	}
	return last.count
}

// when returns when R reaches a position, at the latest at the end.
func (p *section) when(position float64) time.Duration {
	if p.replay != nil {
		if at, err := p.dueAt(p.replay.Arrivals.Cursor(), uint64(position)); err == nil {
			return min(at, p.end)
		}
		return p.end
	}
	c := newRateCursor(p)
	c.seek(position)
	return min(c.at(position), p.end)
}

// Count returns the number of arrivals of the shard; of a closed load how many
// there shall be, or 0 where only its duration is known.
func (s *Schedule) Count() (n uint64) {
	switch {
	case s.closed != nil:
		return s.closed.Requests
	case s.half != nil:
		return s.half.count
	}
	return share(s.shard, s.all)
}

// Due returns the number of arrivals of the shard as if users never ran out.
func (s *Schedule) Due() uint64 {
	if s.half != nil {
		return s.half.due
	}
	return share(s.shard, s.due())
}

func (s *Schedule) due() (n uint64) {
	for i := range s.sections {
		n += s.sections[i].count
	}
	return n
}

// All yields the shard's arrivals by their times, as long as there are users.
func (s *Schedule) All() iter.Seq[Arrival] {
	return func(yield func(Arrival) bool) {
		users := s.assigner()
		index := uint64(0)
		for i := range s.sections {
			users.replay.begin(int(s.sections[i].once))
			for at := range s.times(i) {
				if users.over() {
					return
				}
				a := Arrival{Index: index, At: at, Warmup: s.sections[i].warmup}
				if index++; !owns(s.shard, a.Index) {
					users.pass()
					continue
				}
				of := users.next(at)
				if !s.owned(at) {
					continue
				}
				users.fill(&a, of)
				if !yield(a) {
					return
				}
			}
		}
	}
}

// length returns how many arrivals all shards have until all users ran out, and
// when the first one without any user is due: End where there always is one.
func (s *Schedule) length() (n uint64, end time.Duration) {
	all, users := s.due(), uint64(0)
	if s.scenario.Load.Replay() != nil { // rows say whose arrivals are left
		return all, s.End()
	}
	for _, g := range s.scenario.Groups {
		if g.Exhausted != scenario.Stop {
			return all, s.End()
		}
		users += uint64(g.Size())
	}
	if all <= users {
		return all, s.End()
	}
	n = newRoundRobin(s.scenario.Groups).until(func(group int) uint64 {
		return uint64(s.scenario.Groups[group].Size())
	})
	if n >= all {
		return all, s.End()
	}
	return n, s.at(n)
}

// at returns when arrival k is due, counted over all shards and sections.
func (s *Schedule) at(k uint64) time.Duration {
	i := 0
	for ; k >= s.sections[i].count; i++ {
		k -= s.sections[i].count
	}
	of := s.positions(i)
	return s.sections[i].when(of.at(k))
}

// times yields when the arrivals of a section are due.
func (s *Schedule) times(i int) iter.Seq[time.Duration] {
	if s.sections[i].replay != nil {
		return s.sections[i].replayedTimes
	}
	return func(yield func(time.Duration) bool) {
		c, of := newRateCursor(&s.sections[i]), s.positions(i)
		for k := range s.sections[i].count {
			if !yield(c.at(of.at(k))) {
				return
			}
		}
	}
}

// positions are the S_k of a section, as if it had no limit.
type positions struct {
	count uint64
	sums  *poissonSums // nil for uniform arrivals
	// stretch is what the sums are multiplied by. Where the number of poisson
	// arrivals is given they are stretched so that one more would fall on the section's
	// end: that is how they lie if there are as many.
	stretch float64
}

func (s *Schedule) positions(i int) positions {
	p := &s.sections[i]
	whole := uint64(p.total + tolerance(p.total))
	if s.arrivals != scenario.Poisson {
		return positions{count: whole}
	}
	of := positions{count: whole, sums: newPoissonSums(s.seed, i), stretch: 1}
	if p.exact {
		of.stretch = p.total / of.sums.at(whole)
	} else {
		of.count = of.sums.below(p.total)
	}
	return of
}

// at returns S_k.
func (p *positions) at(k uint64) float64 {
	if p.sums == nil {
		return float64(k)
	}
	return p.sums.at(k) * p.stretch
}

// below returns how many arrivals lie before a position.
func (p *positions) below(position float64) uint64 {
	if p.sums == nil {
		return min(uint64(math.Ceil(max(position, 0))), p.count)
	}
	n := min(p.sums.below(position/p.stretch), p.count)
	for n > 0 && p.at(n-1) >= position { // the quotient is rounded
		n--
	}
	for n < p.count && p.at(n) < position {
		n++
	}
	return n
}

// Start returns when the first stage begins, the warm-up being over,
// since the start of the run.
func (s *Schedule) Start() time.Duration {
	if s.closed != nil {
		return s.closed.Warmup
	}
	return s.sections[len(s.sections)-1].start
}

// SendingEnd returns when the first arrival is due that finds no user left in any
// group, since the start of the run; [Schedule.End] where there is none.
func (s *Schedule) SendingEnd() time.Duration { return s.ends }

// Closed returns the shard's share of a closed load; nil of an open one.
func (s *Schedule) Closed() *scenario.Load { return s.closed }

// Users returns how many users of each group are the shard's.
func (s *Schedule) Users() (sizes []int) {
	for i := range s.users {
		sizes = append(sizes, s.users[i].size)
	}
	return sizes
}

// End returns when the last stage ends, since the start of the run; where a
// number of requests ends the run earlier, when the next request would have
// been due. 0 where a closed load ends by its number of requests.
func (s *Schedule) End() time.Duration {
	if s.closed != nil {
		if s.closed.Duration == 0 {
			return 0
		}
		return s.closed.Warmup + s.closed.Duration
	}
	return s.sections[len(s.sections)-1].end
}
