package measure

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// TraceReason is why a request is worth looking at.
type TraceReason int

// The reasons; a request has the last that applies.
const (
	TracedSlow TraceReason = iota
	TracedViolating
	TracedFailed
	traceReasons
)

// String is the reason's name for other programs.
func (r TraceReason) String() string { return [traceReasons]string{"slow", "violating", "failed"}[r] }

// TracedRequest is a request with a trace that is worth looking at.
type TracedRequest struct {
	Reason TraceReason
	Group  int
	Index  uint64
	Label  string
	// Rules are those that its response breaks at level fail.
	Rules                          []string
	Intended, Sent, Done           time.Duration
	CorrelationID, TraceID, SpanID string
	RequestTransfer
}

// TracedRequests hands out requests that were slow, failed, or have a response that breaks a rule. Those who
// record never wait for it. It is not safe for concurrent use.
type TracedRequests struct {
	tap  *tap[*tracedSums]
	slow *atomic.Int64
}

// maxTraced bounds the requests of each reason that a partition keeps until they are taken.
const maxTraced = 10

type tracedSums struct {
	slow *atomic.Int64 // from which response time on a request is slow that has no limit; nanoseconds
	kept [traceReasons][]TracedRequest
	left uint64 // for which there was no room
}

// Traced begins to keep what it hands out. It is called before the run.
func (r *Recorder) Traced() *TracedRequests {
	slow := &atomic.Int64{}
	slow.Store(math.MaxInt64)
	return &TracedRequests{newTap(r, func() *tracedSums { return &tracedSums{slow: slow} }), slow}
}

// SlowAbove sets the response time above which a request is slow. One whose group has a limit
// ([Observation.GoodWithin]) is slow above that.
func (t *TracedRequests) SlowAbove(d time.Duration) { t.slow.Store(int64(d)) }

// Take returns the requests that came to an end since it was last called, as many as there was room for, and
// how many there was none for.
func (t *TracedRequests) Take() (all []TracedRequest, left uint64) {
	t.tap.take(func(s *tracedSums) {
		for _, kept := range s.kept {
			all = append(all, kept...)
		}
		left += s.left
	})
	slices.SortFunc(all, func(a, b TracedRequest) int { return int(a.Done - b.Done) })
	return all, left
}

func (s *tracedSums) record(o *Observation, violating bool) {
	reason := TracedSlow
	switch {
	case o.Failed:
		reason = TracedFailed
	case violating:
		reason = TracedViolating
	case o.Done-o.Intended <= s.limit(o):
		return
	}
	kept := &s.kept[reason]
	if len(*kept) == maxTraced {
		s.left++
		return
	}
	o.name()
	t := TracedRequest{Reason: reason, Group: o.Group, Index: o.Index, Label: o.Label, Intended: o.Intended,
		Sent: o.Sent, Done: o.Done, CorrelationID: o.CorrelationID, TraceID: o.TraceID, SpanID: o.SpanID,
		RequestTransfer: o.RequestTransfer}
	for i := range o.Violations {
		if v := &o.Violations[i]; v.Fails && !slices.Contains(t.Rules, v.Rule) {
			t.Rules = append(t.Rules, v.Rule)
		}
	}
	*kept = append(*kept, t)
}

func (s *tracedSums) limit(o *Observation) time.Duration {
	if o.GoodWithin > 0 && o.GoodWithin < anyTime {
		return o.GoodWithin
	}
	return time.Duration(s.slow.Load())
}

func (s *tracedSums) reset() {
	for reason := range s.kept {
		s.kept[reason] = s.kept[reason][:0]
	}
	s.left = 0
}
