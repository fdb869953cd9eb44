package main

import (
	"strings"
	"sync"
	"sync/atomic"

	"mfaload/contract"
	"mfaload/measure"
	"mfaload/pingone"
	"mfaload/scenario"
)

// mostSamples bounds the answers of a second whose shape is looked at: it costs
// some 50 µs each.
const mostSamples = 20

// sampler is an operation that keeps what a sample of its answers looked like,
// so that two runs can be compared in that too.
type sampler struct {
	*pingone.Operation
	asked, second, taken atomic.Int64

	mu     sync.Mutex
	shapes measure.Shapes
}

// Check judges an answer and may learn its shape. Nobody's time is measured
// while it does.
func (s *sampler) Check(u scenario.User, ex *contract.Exchange, dst []contract.Violation) []contract.Violation {
	dst = s.Operation.Check(u, ex, dst)
	if s.wanted(ex) {
		facts := contract.ShapeFacts(ex, s.Hide)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shapes.Learn(strings.Clone(ex.Label), facts)
	}
	return dst
}

// wanted takes every answer while there are few, and one in eight of many. Users
// are asked in turn, so that every eighth would always be the same ones': the
// number is scrambled.
func (s *sampler) wanted(ex *contract.Exchange) bool {
	n := uint64(s.asked.Add(1))
	if n > 200 && n*0x9E3779B97F4A7C15>>61 != 0 {
		return false
	}
	if now := ex.Received.Unix(); s.second.Swap(now) != now {
		s.taken.Store(0)
	}
	return s.taken.Add(1) <= mostSamples
}
