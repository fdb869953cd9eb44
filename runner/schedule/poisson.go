package schedule

import (
	"math"
	"math/rand/v2"
	"sort"
	"time"

	"mfaload/scenario"
)

// poissonSums are what the unit exponentials of a Poisson process add up to: T(k) of the
// first k, for k up to 2^48. They are drawn from the top. The sum of all of them
// has a gamma distribution; the share of it that the first half has, a beta
// distribution, whatever the sum is; and so on down to blocks of 256, whose
// exponentials are drawn one by one and scaled to what the block has. So any T(k)
// takes forty draws, and the same ones whoever looks for it: to count arrivals
// nobody adds them up. T(k) never decreases. Each draw has a seed of its own, of
// the scenario's seed and of its place.
type poissonSums struct {
	seed, part uint64
	source     rand.PCG
	random     *rand.Rand
	path       [depth + 1]sendInterval // from the root to the last block
	known      int                     // how far down the path is drawn
	block      [blockSize + 1]float64
	filled     bool // block is that of the end of the path
}

// sendInterval is a stretch of the exponentials: number index of those of its depth.
type sendInterval struct {
	from, to float64 // T at its ends
	index    uint64
}

const (
	rootBits  = 48 // 2.8e14 exponentials; a run has at most 2.6e12
	blockBits = 8
	blockSize = 1 << blockBits
	depth     = rootBits - blockBits
)

func newPoissonSums(seed uint64, part int) *poissonSums {
	s := &poissonSums{seed: mix(seed), part: uint64(part)}
	s.random = rand.New(&s.source)
	s.draw(depth+1, 0)
	s.path[0] = sendInterval{to: s.gamma(1 << rootBits)}
	return s
}

// mix is the finalizer of SplitMix64: places that are near one another get seeds
// that have nothing in common.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s *poissonSums) draw(level int, index uint64) {
	s.source.Seed(s.seed, mix(s.part<<56|uint64(level)<<48|index))
}

// at returns T(k+1): when arrival k is due, counted from 0.
func (s *poissonSums) at(k uint64) float64 {
	index := k >> blockBits
	for s.known > 0 && s.path[s.known].index != index>>(depth-s.known) {
		s.known, s.filled = s.known-1, false
	}
	for s.known < depth {
		left, right := s.split()
		if index>>(depth-s.known-1)&1 == 0 {
			s.descend(left)
		} else {
			s.descend(right)
		}
	}
	s.fill()
	return s.block[k%blockSize+1]
}

// below is how many arrivals are due before r: those k with T(k+1) < r.
func (s *poissonSums) below(r float64) uint64 {
	for s.known > 0 && !(s.path[s.known].from < r && r <= s.path[s.known].to) {
		s.known, s.filled = s.known-1, false
	}
	for s.known < depth {
		if left, right := s.split(); right.from < r {
			s.descend(right)
		} else {
			s.descend(left)
		}
	}
	s.fill()
	return s.path[depth].index<<blockBits + uint64(sort.SearchFloat64s(s.block[1:], r))
}

// split halves the end of the path.
func (s *poissonSums) split() (left, right sendInterval) {
	n := s.path[s.known]
	s.draw(s.known, n.index)
	half := math.Ldexp(1, rootBits-1-s.known)
	x, y := s.gamma(half), s.gamma(half)
	middle := min(n.from+float64((n.to-n.from)*(x/(x+y))), n.to)
	return sendInterval{n.from, middle, 2 * n.index}, sendInterval{middle, n.to, 2*n.index + 1}
}

func (s *poissonSums) descend(to sendInterval) {
	s.known++
	s.path[s.known], s.filled = to, false
}

// fill draws the exponentials of the block at the end of the path.
func (s *poissonSums) fill() {
	if s.filled {
		return
	}
	n := s.path[depth]
	s.draw(depth, n.index)
	sum := 0.0
	for i := range blockSize {
		sum += s.random.ExpFloat64()
		s.block[i+1] = sum
	}
	for i := range blockSize - 1 {
		s.block[i+1] = min(n.from+float64(s.block[i+1]/sum*(n.to-n.from)), n.to)
	}
	s.block[blockSize], s.filled = n.to, true
}

// gamma draws the sum of a number of unit exponentials, by the method of
// Marsaglia and Tsang (2000). Products are rounded before they are added, so that
// all processors draw alike.
func (s *poissonSums) gamma(n float64) float64 {
	d := n - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.random.NormFloat64()
		w := float64(c * x)
		if w <= -1 {
			continue
		}
		// (1 + w)³ = 1 + v, of which the 1 would take the last digits.
		v := float64(w * (3 + float64(w*(3+w))))
		u, xx := s.random.Float64(), float64(x*x)
		if u < 1-float64(0.0331*float64(xx*xx)) || math.Log(u) < float64(xx/2)+float64(d*(math.Log1p(v)-v)) {
			return d + float64(d*v)
		}
	}
}

// PreviousRun is a run before this one that asked users of the same groups, such as
// an earlier trial of a search.
type PreviousRun struct {
	// Scenario is that of the run; its load is open, and not sharded.
	Scenario *scenario.Scenario
	// Before is how long before this run it began.
	Before time.Duration
	// Until is when the last of its requests was due, since its own start.
	Until time.Duration
}

// follow has the users go on where previous runs ended, the first of which orders
// them by its seed: what may be asked of a user holds over all of them. It hands
// out the turns of those runs once more, which takes a moment for a million.
func (s *Schedule) follow(previous []PreviousRun) {
	if len(previous) == 0 {
		return
	}
	first := *s.scenario
	first.Load.Seed = previous[0].Scenario.Load.Seed
	t := newAssigner(&first, s.users)
	ended := time.Duration(0)
	for i := range previous {
		e := &previous[i]
		t.lap(max(previous[0].Before-e.Before, ended))
		ended = t.clock + e.Until
		t.handOut(New(e.Scenario), e.Until)
	}
	t.lap(max(previous[0].Before, ended))
	s.before = t
}

// lap begins another run, at a time of the queues' clock.
func (t *assigner) lap(at time.Duration) {
	t.groups, t.clock = newRoundRobin(t.groups.groups), at
	clear(t.seen)
	for _, q := range t.queues {
		q.Lap()
	}
}

func (t *assigner) handOut(s *Schedule, until time.Duration) {
	for i := range s.sections {
		for at := range s.times(i) {
			if at > until {
				return
			}
			t.next(at)
		}
	}
}

func (s *Schedule) assigner() *assigner {
	t := s.newAssigner()
	if s.before != nil {
		t.clock = s.before.clock
		for i, q := range s.before.queues {
			t.queues[i] = q.Clone()
		}
	}
	return t
}
