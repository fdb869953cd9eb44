package simulator

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"time"
)

// Servers are servers of known capacity behind one queue: first come, first
// served. With exponential times and poisson arrivals that is M/M/c, with
// constant times M/D/c.
type Servers struct {
	// Count is how many requests are served at a time; 0 is any number.
	Count int
	// Time is how long serving one takes that is alone.
	Time Latency
	// Contention and Coherency are the coefficients of the Universal
	// Scalability Law: one of N requests being served takes
	// 1 + Contention·(N−1) + Coherency·N·(N−1) times as long.
	Contention, Coherency float64
	// Collapse, where set, makes the servers slow after a while near their full
	// rate. It needs a Count.
	Collapse *Collapse
}

// Collapse is what a service does that leaks something when it is busy.
type Collapse struct {
	// At is the share of the full rate, Count divided by the mean of Time, and
	// After how long arrivals have to come at it on average.
	At    float64
	After time.Duration
	// Slower is how many times as long serving takes from then on, until arrivals
	// stop for a second.
	Slower float64
}

func (s *Servers) check() error {
	switch {
	case s.Time.Kind == "":
		return errors.New("simulator: servers need a time: say how long serving one request takes")
	case s.Collapse != nil && s.Count == 0:
		return errors.New("simulator: a collapse needs a count of servers: it comes at a share of their full rate")
	}
	return nil
}

// Queue says when servers are done. It knows no clock: it is told when requests
// arrive. It is not safe for concurrent use.
type Queue struct {
	servers Servers
	random  *rand.Rand
	leaves  times // of those being served, the earliest first
	leak    leak
}

// NewQueue returns the queue of idle servers.
func NewQueue(s Servers, seed uint64) *Queue {
	q := &Queue{servers: s, random: rand.New(rand.NewPCG(seed, 2))}
	if c := s.Collapse; c != nil {
		full := float64(s.Count) / s.Time.mean().Seconds()
		q.leak = leak{most: full * c.At * c.After.Seconds(), seconds: make([]int, max(int(c.After/time.Second), 1))}
	}
	return q
}

// Arrive returns when a request leaves that arrives at a time, which is not
// before the last one's. Times count from any moment.
func (q *Queue) Arrive(now time.Duration) (leave time.Duration) {
	for len(q.leaves) > 0 && q.leaves[0] <= now {
		heap.Pop(&q.leaves)
	}
	begin, took := now, q.servers.Time.draw(q.random)
	if q.servers.Count > 0 {
		if len(q.leaves) >= q.servers.Count {
			begin = heap.Pop(&q.leaves).(time.Duration)
		}
	}
	n := float64(len(q.leaves) + 1)
	took = time.Duration(float64(took) * (1 + q.servers.Contention*(n-1) + q.servers.Coherency*n*(n-1)))
	if c := q.servers.Collapse; c != nil && q.leak.arrive(now) {
		took = time.Duration(float64(took) * c.Slower)
	}
	heap.Push(&q.leaves, begin+took)
	return begin + took
}

// leak counts the arrivals of the last seconds.
type leak struct {
	most      float64 // arrivals in all of the seconds
	seconds   []int   // by second modulo their number
	last      int
	sum       int
	collapsed bool
}

func (l *leak) arrive(now time.Duration) (collapsed bool) {
	second := int(now / time.Second)
	if second > l.last+1 { // a second without any
		clear(l.seconds)
		l.sum, l.collapsed, l.last = 0, false, second
	}
	for ; l.last < second; l.last++ {
		l.collapsed = l.collapsed || float64(l.sum) >= l.most
		next := &l.seconds[(l.last+1)%len(l.seconds)]
		l.sum -= *next
		*next = 0
	}
	l.seconds[second%len(l.seconds)]++
	l.sum++
	return l.collapsed
}

// times is a heap.
type times []time.Duration

func (t times) Len() int           { return len(t) }
func (t times) Less(i, j int) bool { return t[i] < t[j] }
func (t times) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *times) Push(x any)        { *t = append(*t, x.(time.Duration)) }
func (t *times) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}
