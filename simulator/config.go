// Package simulator is a stand-in for PingOne MFA's device authentications: an
// http.Handler with users and their devices, latency, stalls, a rate limit and
// named faults. It is written from the documented contract alone and shares no
// code with what checks responses, so that each tests the other.
package simulator

import (
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"mfaload/scenario"
)

var statuses = []string{"OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED", "COMPLETED",
	"PUSH_CONFIRMATION_REQUIRED",
	"PUSH_CONFIRMATION_TIMED_OUT", "ASSERTION_REQUIRED", "FAILED"}

// check looks for what a simulator can't be. A scenario's parser refuses most of it
// earlier, with a place.
func check(c *scenario.Simulator) error {
	for _, u := range c.Users {
		if err := checkUsers(&u); err != nil {
			return err
		}
	}
	if s := c.Servers; s != nil {
		switch {
		case s.Time.Kind == "":
			return errors.New("simulator: servers need a time: say how long serving one request takes")
		case s.Collapse != nil && s.Count == 0:
			return errors.New("simulator: a collapse needs a count of servers: it comes at a share of " +
				"their full rate")
		}
	}
	for _, f := range c.Faults {
		if _, known := faults[f.Name]; !known {
			return fmt.Errorf("simulator: unknown fault %q: use one of %s", f.Name,
				strings.Join(faultNames(), ", "))
		}
		if !(f.Share > 0 && f.Share <= 1) {
			return fmt.Errorf("simulator: fault %s: the share %v is not above 0 and at most 1", f.Name,
				f.Share)
		}
	}
	return nil
}

func checkUsers(u *scenario.SimulatedUsers) error {
	if len(u.IDs) == 0 {
		return nil
	}
	if u.Status != "" && !slices.Contains(statuses, u.Status) {
		return fmt.Errorf("simulator: user %s: %q is not a documented status: use one of "+
			"%s", u.IDs[0], u.Status,
			strings.Join(statuses, ", "))
	}
	for _, d := range u.Devices {
		if statusOf[d] == "" {
			return fmt.Errorf("simulator: user %s: unknown device type %q: use one of %s", u.IDs[0], d,
				strings.Join(slices.Sorted(maps.Keys(statusOf)), ", "))
		}
	}
	return nil
}

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
		full := float64(s.Count) / s.Time.Mean().Seconds()
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
	begin, took := now, q.servers.Time.Draw(q.random)
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

// delay waits for the servers, for the response's latency and for the end of a
// stall. What is refused does not wait for servers. It returns false when the
// client gave up meanwhile.
func (s *Environment) delay(r *http.Request, refused bool) bool {
	s.mu.Lock()
	now := time.Now() // under the lock: the queue takes arrivals in the order of their times
	if s.first.IsZero() {
		s.first = now
	}
	first := s.first
	latency := s.config.Latency.Draw(s.random)
	latency = time.Duration(float64(latency) * slower(s.config.Startup, now.Sub(first)))
	if s.queue != nil && !refused {
		arrived := now.Sub(first)
		latency += s.queue.Arrive(arrived) - arrived
	}
	s.mu.Unlock()
	for wait := latency; ; {
		if wait > 0 && !sleep(r, wait) {
			return false
		}
		if wait = s.stalled(time.Since(first)); wait == 0 {
			return true
		}
	}
}

func sleep(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// stalled is how much longer a stall lasts; 0 where there is none.
func (s *Environment) stalled(since time.Duration) (longest time.Duration) {
	for _, st := range s.config.Stalls {
		if into := since % st.Every; since >= st.Every && into < st.For {
			longest = max(longest, st.For-into)
		}
	}
	return longest
}

// slower is how many times as long responses take some time after the first request.
func slower(u *scenario.Startup, after time.Duration) float64 {
	if u == nil {
		return 1
	}
	return 1 + (u.Slower-1)*math.Exp(-after.Seconds()/u.For.Seconds())
}
