package model

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Service is a server with a limited capacity, which may refuse requests. It is
// given the requests in their order, with times that count from the first one.
// It knows nothing of clients: what one has given up on is served all the same.
type Service interface {
	// Arrive returns when the response to the request that arrives at a time is sent, and whether
	// that is a refusal.
	Arrive(at time.Duration) (done time.Duration, refused bool)
}

// places are the times at which each of a number of places is free again.
type places []time.Duration

// take has the next free place serve for a time.
func (p places) take(at, service time.Duration) (done time.Duration) {
	next := 0
	for i, free := range p {
		if free < p[next] {
			next = i
		}
	}
	p[next] = max(p[next], at) + service
	return p[next]
}

// wait is how long a request that comes at a time waits for a place.
func (p places) wait(at time.Duration) time.Duration { return max(slices.Min(p)-at, 0) }

// patient serves everybody, first come, first served.
type patient struct {
	places
	service time.Duration
}

// NewPatient returns a service with a number of places and a constant service
// time, whose queue has no bound.
func NewPatient(count int, service time.Duration) Service {
	return &patient{make(places, count), service}
}

func (s *patient) Arrive(at time.Duration) (time.Duration, bool) { return s.take(at, s.service), false }

// strained serves slower after an overload.
type strained struct {
	places
	service, tolerated, recovery time.Duration
	overload                     time.Duration // when the last request arrived that had to wait too long
	once                         bool
}

// NewStrained returns a service like that of [NewPatient] that takes twice its
// service time once a request had to wait for longer than tolerated. It is back
// at its own time, little by little, a time of recovery after the last such
// request.
func NewStrained(count int, service, tolerated, recovery time.Duration) Service {
	return &strained{places: make(places, count), service: service, tolerated: tolerated, recovery: recovery}
}

func (s *strained) Arrive(at time.Duration) (time.Duration, bool) {
	if s.wait(at) > s.tolerated {
		s.overload, s.once = at, true
	}
	took := s.service
	if since := at - s.overload; s.once && since < s.recovery {
		took += time.Duration(float64(s.service) * float64(s.recovery-since) / float64(s.recovery))
	}
	return s.take(at, took), false
}

// pool refuses what its queue has no room for.
type pool struct {
	places
	random  *rand.Rand
	service time.Duration
	queue   int
	starts  []time.Duration // of those that wait
}

// NewPool returns a service of threads with exponential service times and a
// queue of a fixed length. It refuses requests while that is full, at once.
func NewPool(threads int, service time.Duration, queue int, seed uint64) Service {
	return &pool{places: make(places, threads), random: rand.New(rand.NewPCG(seed, 5)), service: service,
		queue: queue}
}

func (s *pool) Arrive(at time.Duration) (time.Duration, bool) {
	waiting := slices.IndexFunc(s.starts, func(start time.Duration) bool { return start > at })
	if waiting < 0 {
		waiting = len(s.starts)
	}
	s.starts = slices.Delete(s.starts, 0, waiting)
	if len(s.starts) >= s.queue {
		return at, true
	}
	s.starts = append(s.starts, at+s.wait(at))
	return s.take(at, time.Duration(s.random.ExpFloat64()*float64(s.service))), false
}
