package simulator

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"mfaload/scenario"
)

// ServerQueue says when servers are done. It knows no clock: it is told when requests
// arrive. It is not safe for concurrent use.
type ServerQueue struct {
	servers scenario.Servers
	random  *rand.Rand
	leaves  leaveTimes // of those being served, the earliest first
	leak    leak
}

// NewServerQueue returns the queue of idle servers.
func NewServerQueue(s scenario.Servers, seed uint64) *ServerQueue {
	q := &ServerQueue{servers: s, random: rand.New(rand.NewPCG(seed, 2))}
	if c := s.Collapse; c != nil {
		full := float64(s.Count) / mean(s.Time).Seconds()
		q.leak = leak{max: full * c.At * c.After.Seconds(),
			seconds: make([]int, max(int(c.After/time.Second), 1))}
	}
	return q
}

// Arrive returns when a request leaves that arrives at a time, which is not
// before the last one's. Times count from any moment.
func (q *ServerQueue) Arrive(now time.Duration) (leave time.Duration) {
	for len(q.leaves) > 0 && q.leaves[0] <= now {
		heap.Pop(&q.leaves)
	}
	begin, took := now, draw(q.servers.Time, q.random)
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
	max       float64 // arrivals in all of the seconds
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
		l.collapsed = l.collapsed || float64(l.sum) >= l.max
		next := &l.seconds[(l.last+1)%len(l.seconds)]
		l.sum -= *next
		*next = 0
	}
	l.seconds[second%len(l.seconds)]++
	l.sum++
	return l.collapsed
}

// leaveTimes is a heap.
type leaveTimes []time.Duration

func (t leaveTimes) Len() int           { return len(t) }
func (t leaveTimes) Less(i, j int) bool { return t[i] < t[j] }
func (t leaveTimes) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *leaveTimes) Push(x any)        { *t = append(*t, x.(time.Duration)) }
func (t *leaveTimes) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}
