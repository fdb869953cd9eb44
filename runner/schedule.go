package runner

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"

	"mfaload/scenario"
)

// Arrival is what the schedule promises: one request.
type Arrival struct {
	// Index counts the arrivals from 0, the warm-up's included.
	Index uint64
	// At is when the request is to be sent, since the start of the run.
	At   time.Duration
	User scenario.User
	// Warmup says that the arrival comes before the first stage.
	Warmup bool
}

// Schedule says when whom to ask. It is a pure function of the scenario: every
// reading gives the same arrivals. Let R(t) be the integral of the rate; arrival
// k is due at R⁻¹(S_k), with S_k = k for uniform arrivals and the sum of k+1
// unit exponentials for poisson arrivals. Stages change R only, the arrival
// process S only.
type Schedule struct {
	parts    []part
	arrivals scenario.Arrivals
	seed     uint64
	groups   []scenario.Group
}

// part is the warm-up or the judged run. Arrivals are counted anew in each.
type part struct {
	start  time.Duration
	warmup bool
	stages []stage
	total  float64 // R at its end
}

// stage is a stage with its place in time and in R.
type stage struct {
	start        time.Duration
	length       float64 // seconds
	from, to     float64 // requests a second
	before, upTo float64 // R at its start and at its end
}

// tolerance is how many arrivals R may be off by rounding: an arrival that is
// due at a stage's end within it belongs to the next stage.
const tolerance = 1e-6

// NewSchedule returns the schedule of a valid scenario.
func NewSchedule(s *scenario.Scenario) *Schedule {
	sch := &Schedule{arrivals: s.Load.Arrivals, seed: s.Load.Seed, groups: s.Groups}
	first := s.Load.Stages[0].From
	if s.Load.Warmup > 0 {
		warmup := []scenario.Stage{{From: first, To: first, Duration: s.Load.Warmup}}
		sch.parts = append(sch.parts, newPart(0, true, warmup))
	}
	sch.parts = append(sch.parts, newPart(s.Load.Warmup, false, s.Load.Stages))
	return sch
}

func newPart(start time.Duration, warmup bool, stages []scenario.Stage) part {
	p := part{start: start, warmup: warmup}
	for _, st := range stages {
		from, to, length := float64(st.From), float64(st.To), st.Duration.Seconds()
		before := p.total
		p.total += (from + to) / 2 * length
		p.stages = append(p.stages, stage{start, length, from, to, before, p.total})
		start += st.Duration
	}
	return p
}

// Count returns the number of arrivals.
func (s *Schedule) Count() (n uint64) {
	for i := range s.parts {
		n += s.count(i)
	}
	return n
}

// count is the number of arrivals of a part: with uniform arrivals the whole
// number of R, with poisson arrivals as many as fit.
func (s *Schedule) count(i int) (n uint64) {
	p := &s.parts[i]
	if s.arrivals != scenario.Poisson {
		return uint64(p.total + tolerance)
	}
	for range s.positions(i) {
		n++
	}
	return n
}

// All yields the arrivals in the order of their times.
func (s *Schedule) All() iter.Seq[Arrival] {
	return func(yield func(Arrival) bool) {
		users := newTurns(s.groups)
		index := uint64(0)
		for i := range s.parts {
			for at := range s.times(i) {
				a := Arrival{Index: index, At: at, User: users.next(), Warmup: s.parts[i].warmup}
				if !yield(a) {
					return
				}
				index++
			}
		}
	}
}

// times yields when the arrivals of a part are due.
func (s *Schedule) times(i int) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		stages := s.parts[i].stages
		at := stages[0].clock(s.arrivals)
		for position := range s.positions(i) {
			for len(stages) > 1 && position >= stages[0].upTo-tolerance {
				stages = stages[1:]
				at = stages[0].clock(s.arrivals)
			}
			if !yield(at(position)) {
				return
			}
		}
	}
}

// positions yields S_k of the arrivals of a part.
func (s *Schedule) positions(i int) iter.Seq[float64] {
	p := &s.parts[i]
	if s.arrivals != scenario.Poisson {
		return func(yield func(float64) bool) {
			for k := range uint64(p.total + tolerance) {
				if !yield(float64(k)) {
					return
				}
			}
		}
	}
	return func(yield func(float64) bool) {
		random := rand.New(rand.NewPCG(s.seed, uint64(i)))
		for at := random.ExpFloat64(); at < p.total; at += random.ExpFloat64() {
			if !yield(at) {
				return
			}
		}
	}
}

// clock returns the function from S to the time within the stage at which R
// reaches it. It must be asked in order.
func (st stage) clock(arrivals scenario.Arrivals) func(position float64) time.Duration {
	if st.from == st.to && arrivals == scenario.Uniform && st.from > 0 {
		return st.even()
	}
	// R(t) = from·t + slope/2·t², solved for t in the form that also holds for
	// a slope near or at 0.
	slope := (st.to - st.from) / st.length
	return func(position float64) time.Duration {
		r := max(position-st.before, 0)
		root := math.Sqrt(max(st.from*st.from+2*slope*r, 0))
		t := 0.0
		if r > 0 {
			t = min(2*r/(st.from+root), st.length)
		}
		return st.start + time.Duration(math.Round(t*1e9))
	}
}

// even spaces the arrivals of a constant stage with a rate limiter on the
// schedule's own clock: reservation k of a burst of one is due at k/rate after
// the first, without a rounding that adds up.
func (st stage) even() func(position float64) time.Duration {
	epoch := time.Unix(0, 0)
	var limiter *rate.Limiter
	var first time.Time
	return func(position float64) time.Duration {
		if limiter == nil {
			limiter = rate.NewLimiter(rate.Limit(st.from), 1)
			offset := max(position-st.before, 0) / st.from
			first = epoch.Add(st.start + time.Duration(math.Round(offset*1e9)))
		}
		return first.Add(limiter.ReserveN(first, 1).DelayFrom(first)).Sub(epoch)
	}
}

// Start returns when the first stage begins, the warm-up being over,
// since the start of the run.
func (s *Schedule) Start() time.Duration { return s.parts[len(s.parts)-1].start }

// End returns when the last stage ends, since the start of the run.
func (s *Schedule) End() time.Duration {
	stages := s.parts[len(s.parts)-1].stages
	last := stages[len(stages)-1]
	return last.start + time.Duration(math.Round(last.length*1e9))
}

// Peak returns the highest rate, in requests a second.
func (s *Schedule) Peak() (peak float64) {
	for _, p := range s.parts {
		for _, st := range p.stages {
			peak = max(peak, st.from, st.to)
		}
	}
	return peak
}
