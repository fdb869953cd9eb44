// Package model holds servers of known behaviour: when a server that got
// requests at given times answers them. The bench server waits as a model says,
// and the truth that a load generator's percentiles are compared with comes from
// the same model and the schedule, by arithmetic.
package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Model returns when the request that came at a time is answered. Times count
// from the first request. It is asked in the order of the requests and keeps
// what it must remember of them; two models of the same text answer alike.
type Model func(at time.Duration) (done time.Duration)

// Forms are the texts that Parse takes.
const Forms = "none, constant:D, bimodal:D,D,SHARE (of the second), stall:D,EVERY,LENGTH, " +
	"queue:constant,MEAN or queue:exponential,MEAN"

// Parse returns the model that a text describes; see [Forms].
func Parse(text string) (Model, error) {
	kind, list, _ := strings.Cut(text, ":")
	var args []string
	if list != "" {
		args = strings.Split(list, ",")
	}
	m, err := parse(kind, args)
	if err != nil {
		return nil, fmt.Errorf("server model %q: %w: use %s", text, err, Forms)
	}
	return m, nil
}

func parse(kind string, args []string) (Model, error) {
	random := rand.New(rand.NewPCG(1, 2))
	switch {
	case kind == "none" && len(args) == 0:
		return func(at time.Duration) time.Duration { return at }, nil
	case kind == "constant" && len(args) == 1:
		d, err := durations(args)
		return func(at time.Duration) time.Duration { return at + d[0] }, err
	case kind == "bimodal" && len(args) == 3:
		d, err := durations(args[:2])
		if err != nil {
			return nil, err
		}
		share, err := strconv.ParseFloat(args[2], 64)
		return bimodal(random, d[0], d[1], share), err
	case kind == "stall" && len(args) == 3:
		d, err := durations(args)
		return func(at time.Duration) time.Duration { return stall(at, d[0], d[1], d[2]) }, err
	case kind == "queue" && len(args) == 2 && (args[0] == "constant" || args[0] == "exponential"):
		d, err := durations(args[1:])
		if err != nil {
			return nil, err
		}
		service := func() time.Duration { return d[0] }
		if args[0] == "exponential" {
			service = func() time.Duration { return time.Duration(random.ExpFloat64() * float64(d[0])) }
		}
		return queue(service), nil
	}
	return nil, fmt.Errorf("no such model with %d values", len(args))
}

func durations(texts []string) ([]time.Duration, error) {
	d := make([]time.Duration, len(texts))
	for i, text := range texts {
		var err error
		if d[i], err = time.ParseDuration(text); err != nil {
			return d, err
		}
	}
	return d, nil
}

func bimodal(random *rand.Rand, fast, slow time.Duration, share float64) Model {
	return func(at time.Duration) time.Duration {
		if random.Float64() < share {
			return at + slow
		}
		return at + fast
	}
}

// stall answers after d, but stands still for length in the middle of each
// period: answers that fall due then come at its end.
func stall(at, d, every, length time.Duration) time.Duration {
	due := at + d
	begin := due.Truncate(every) + (every-length)/2
	if due >= begin && due < begin+length {
		return begin + length
	}
	return due
}

// queue serves one request after the other (Lindley's recursion).
func queue(service func() time.Duration) Model {
	var free time.Duration
	return func(at time.Duration) time.Duration {
		free = max(free, at) + service()
		return free
	}
}

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
// at its own time, little by little, a while after the last such request.
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
