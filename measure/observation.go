// Package measure holds what a run produces: observations on the way in;
// histograms, counters and grouped violations as their sum. A [Measurement] is
// the only result that is written to a file, merged or sent over a network.
package measure

import "time"

// Observation is what is known of one request that was sent. Times count from
// the start of the run.
type Observation struct {
	// Group is the index of the user's group.
	Group int
	// Warmup says that the request belongs to the warm-up.
	Warmup bool
	// Intended is when the schedule wanted the request to be sent.
	Intended time.Duration
	// Sent is when it was sent.
	Sent time.Duration
	// Done is when the last byte of its answer was there, or when it failed.
	Done time.Duration
	// Own is the part of the lateness (Sent − Intended) that mfaload caused
	// itself: the rest was spent waiting for a worker while all were in flight.
	Own time.Duration

	// Failed says that there was no whole answer.
	Failed bool
	// Label names the kind of answer ("201 OTP_REQUIRED") or of failure
	// ("timeout"). It is one of few values.
	Label string
	// AsExpected says that the answer is one that the scenario expects.
	AsExpected bool
	// Violations are what the answer breaks. The recorder copies them.
	Violations []Violation
	// Evaluated says which rules the answer was held against: bit i%64 of word
	// i/64 is rule i of the recorder's.
	Evaluated []uint64
	// Example describes the exchange. The recorder calls it only when it keeps
	// a violation of a group that has no example yet.
	Example func() Example
}

// Violation is one rule of the contract broken at one place of an answer.
type Violation struct {
	Rule    string
	Pointer string
	// Fails says that it breaks conformance; otherwise it is a finding.
	Fails         bool
	Expected, Got string
}

// Example is the exchange that a group of violations was first seen in,
// secrets and personal data masked.
type Example struct {
	UserID        string `json:"userID"`
	CorrelationID string `json:"correlationID,omitempty"`
	Status        int    `json:"httpStatus"`
	Method        string `json:"method"`
	URL           string `json:"url"`
	Body          string `json:"body"`
	// At is the time of the send since the start of the run.
	At time.Duration `json:"at_ns"`
}
