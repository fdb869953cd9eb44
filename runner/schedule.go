package runner

import (
	"iter"
	"math"
	"sort"
	"time"

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
// unit exponentials for poisson arrivals ([sums]). Stages change R only, the arrival
// process S only. Any arrival is found without those before it. Of several shards each has every arrival k of its own, k mod
// their number being its index: shards change nothing else. A closed load has no schedule: no arrivals, and only its
// length and number where the scenario says them.
type Schedule struct {
	parts    []part
	arrivals scenario.Arrivals
	seed     uint64
	closed   *scenario.Load
	scenario *scenario.Scenario // whose users are asked
	shard    shard
	stripes  []stripe // by group: the users of the shard
	before   *turns   // where earlier runs left off; nil without

	all  uint64        // arrivals of all shards, until all users ran out
	ends time.Duration // when the first one without any user is due, or the end
}

// part is the warm-up or the judged run. Arrivals are counted anew in each.
type part struct {
	start  time.Duration // since the start of the run
	warmup bool
	stages []stage
	cycles int           // how often the stages are run
	cycle  time.Duration // how long they are once
	once   float64       // R at the end of the first cycle
	total  float64       // R at the end
	limit  uint64        // the most arrivals
	exact  bool          // exactly limit arrivals
	count  uint64        // of arrivals
	end    time.Duration // since the start of the run
}

// stage is a stage with its place in its cycle's time and R.
type stage struct {
	scenario.Stage
	start         time.Duration
	before, total float64
}

// tolerance is how many arrivals R may be off by rounding: an arrival that is
// due at a stage's end within it belongs to the next stage.
func tolerance(r float64) float64 { return max(1e-6, 4e-15*r) }

// NewSchedule returns the schedule of a valid scenario.
func NewSchedule(s *scenario.Scenario) *Schedule { return newSchedule(s, shard{count: 1}) }

func newSchedule(s *scenario.Scenario, of shard) *Schedule {
	l := &s.Load
	sch := &Schedule{arrivals: l.Arrivals, seed: l.Seed, scenario: s, shard: of, stripes: newStripes(s, of)}
	if l.Closed() {
		sch.closed = of.load(l)
		return sch
	}
	left := uint64(math.MaxUint64)
	if l.MaxRequests > 0 {
		left = l.MaxRequests
	}
	if l.Warmup > 0 {
		first := l.Stages[0].Begins()
		p := newPart(0, []scenario.Stage{{From: first, To: first, Duration: l.Warmup}}, 1)
		p.warmup, p.limit = true, left
		left -= sch.add(p)
	}
	p := newPart(l.Warmup, l.Stages, max(l.Repeat, 1))
	p.limit = left
	if l.Requests > 0 {
		p.total, p.limit, p.exact = float64(l.Requests), min(l.Requests, left), true
	}
	sch.add(p)
	sch.all, sch.ends = sch.length()
	return sch
}

func newPart(start time.Duration, stages []scenario.Stage, cycles int) part {
	p := part{start: start, cycles: cycles}
	for _, st := range stages {
		total := st.Total()
		p.stages = append(p.stages, stage{st, p.cycle, p.once, total})
		p.cycle += st.Duration
		p.once += total
	}
	p.total = p.once * float64(cycles)
	p.end = start + p.cycle*time.Duration(cycles)
	return p
}

// add appends a part and returns how many arrivals it has. Where a limit cuts it
// short it ends when the first arrival would be due that it cuts off.
func (s *Schedule) add(p part) (n uint64) {
	s.parts = append(s.parts, p)
	i := len(s.parts) - 1
	last, of := &s.parts[i], s.positions(i)
	all := of.count
	if last.count = min(all, last.limit); all > last.limit {
		last.end = last.when(of.at(last.limit))
	} else if last.exact {
		last.end = last.when(last.total)
	}
	return last.count
}

// when returns when R reaches a position, at the latest at the end.
func (p *part) when(position float64) time.Duration {
	c := newCursor(p)
	c.seek(position)
	return min(c.at(position), p.end)
}

// Count returns the number of arrivals of the shard; of a closed load how many
// there shall be, or 0 where only its duration is known.
func (s *Schedule) Count() (n uint64) {
	if s.closed != nil {
		return s.closed.Requests
	}
	return s.shard.share(s.all)
}

// Due returns the number of arrivals of the shard as if users never ran out.
func (s *Schedule) Due() uint64 { return s.shard.share(s.due()) }

// due returns that of all shards.
func (s *Schedule) due() (n uint64) {
	for i := range s.parts {
		n += s.parts[i].count
	}
	return n
}

// All yields the arrivals of the shard in the order of their times. It ends early when all
// users ran out.
func (s *Schedule) All() iter.Seq[Arrival] {
	return func(yield func(Arrival) bool) {
		users := s.turns()
		index := uint64(0)
		for i := range s.parts {
			for at := range s.times(i) {
				if users.over() {
					return
				}
				a := Arrival{Index: index, At: at, Warmup: s.parts[i].warmup}
				if index++; !s.shard.has(a.Index) {
					users.pass()
					continue
				}
				users.fill(&a, users.next(at))
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
	all, most := s.due(), uint64(0)
	for _, g := range s.scenario.Groups {
		if g.Exhausted != scenario.Stop {
			return all, s.End()
		}
		most += uint64(g.Size())
	}
	if all <= most {
		return all, s.End()
	}
	if n = newShares(s.scenario.Groups).until(func(group int) uint64 { return uint64(s.scenario.Groups[group].Size()) }); n >= all {
		return all, s.End()
	}
	return n, s.at(n)
}

// at returns when arrival k is due, counted over all shards and parts; k is below
// their number.
func (s *Schedule) at(k uint64) time.Duration {
	i := 0
	for ; k >= s.parts[i].count; i++ {
		k -= s.parts[i].count
	}
	of := s.positions(i)
	return s.parts[i].when(of.at(k))
}

// times yields when the arrivals of a part are due.
func (s *Schedule) times(i int) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		c, of := newCursor(&s.parts[i]), s.positions(i)
		for k := range s.parts[i].count {
			if !yield(c.at(of.at(k))) {
				return
			}
		}
	}
}

// positions are the S_k of a part, as if it had no limit.
type positions struct {
	count uint64
	sums  *sums // nil for uniform arrivals
	// stretch is what the sums are multiplied by. Where the number of poisson
	// arrivals is given they are stretched so that one more would fall on the part's
	// end: that is how they lie if there are as many.
	stretch float64
}

func (s *Schedule) positions(i int) positions {
	p := &s.parts[i]
	whole := uint64(p.total + tolerance(p.total))
	if s.arrivals != scenario.Poisson {
		return positions{count: whole}
	}
	of := positions{count: whole, sums: newSums(s.seed, i), stretch: 1}
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
	return s.parts[len(s.parts)-1].start
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
	return s.parts[len(s.parts)-1].end
}

// Peak returns the highest rate of the shard, in requests a second; 0 of a closed load, of
// which nobody knows.
func (s *Schedule) Peak() (peak float64) {
	for i := range s.parts {
		p := &s.parts[i]
		peak = max(peak, p.peak(p.start, p.end))
	}
	return peak / float64(s.shard.count)
}

// peak returns the highest rate between two times of the run.
func (p *part) peak(from, to time.Duration) (peak float64) {
	for t := max(from, p.start); t < min(to, p.end); {
		cycle, st := p.find(t)
		begins := p.start + p.cycle*time.Duration(cycle) + st.start
		ends := min(begins+st.Duration, to, p.end)
		first, last := (t - begins).Seconds(), (ends - begins).Seconds()
		for i := st.PieceAt(first); i < st.Pieces(); i++ {
			piece := st.Piece(i)
			if piece.Start >= last {
				break
			}
			peak = max(peak, piece.Peak(first-piece.Start, last-piece.Start))
		}
		// What comes after a whole cycle is known by it.
		if t = max(ends, t+1); t >= max(from, p.start)+p.cycle {
			break
		}
	}
	return peak
}

// find returns the cycle and the stage at a time of the run that lies within
// the part.
func (p *part) find(t time.Duration) (cycle int, st *stage) {
	cycle = min(int((t-p.start)/p.cycle), p.cycles-1)
	into := t - p.start - p.cycle*time.Duration(cycle)
	i := sort.Search(len(p.stages), func(i int) bool { return p.stages[i].start > into })
	return cycle, &p.stages[max(i-1, 0)]
}

// upto returns R at a time of the run.
func (p *part) upto(t time.Duration) float64 {
	switch {
	case t <= p.start:
		return 0
	case t >= p.end:
		return p.total
	}
	cycle, st := p.find(t)
	into := (t - p.start - p.cycle*time.Duration(cycle) - st.start).Seconds()
	return min(float64(cycle)*p.once+st.before+st.Upto(into), p.total)
}

// part returns the part at a time of the run, nil after its end.
func (s *Schedule) part(t time.Duration) *part {
	for i := range s.parts {
		if p := &s.parts[i]; t >= p.start && t < p.end {
			return p
		}
	}
	return nil
}

// Rate returns the planned rate of the shard at a time of the run, in requests a
// second; 0 before its start and from its end on.
func (s *Schedule) Rate(t time.Duration) float64 {
	p := s.part(t)
	if p == nil {
		return 0
	}
	cycle, st := p.find(t)
	into := (t - p.start - p.cycle*time.Duration(cycle) - st.start).Seconds()
	piece := st.Piece(st.PieceAt(into))
	return piece.Rate(into-piece.Start) / float64(s.shard.count)
}

// Place is where a time of the run is in the schedule.
type Place struct {
	// Warmup says that it is before the first stage; the rest is 0 then.
	Warmup bool
	// Stage counts from 1 to Stages, Cycle from 1 to Cycles.
	Stage, Stages, Cycle, Cycles int
	// Name is the stage's, or what it is in a few words.
	Name string
}

// Place returns the place of a time of the run; false where it has none.
func (s *Schedule) Place(t time.Duration) (place Place, ok bool) {
	p := s.part(t)
	if p == nil {
		return place, false
	}
	if p.warmup {
		return Place{Warmup: true, Name: "warm-up"}, true
	}
	cycle, st := p.find(t)
	i := sort.Search(len(p.stages), func(i int) bool { return p.stages[i].start > st.start })
	return Place{Stage: i, Stages: len(p.stages), Cycle: cycle + 1, Cycles: p.cycles, Name: stageName(&st.Stage)}, true
}

func stageName(s *scenario.Stage) string {
	if s.Name != "" {
		return s.Name
	}
	return s.String()
}
