package fleet

import (
	"time"

	"mfaload/measure"
)

// Snapshot is how far a shard has come, since its start.
type Snapshot struct {
	// Elapsed is the time since the start.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Sent requests came to an end: Clean, Violating, Failed, or otherwise than
	// expected.
	Sent      uint64 `json:"sent"`
	Clean     uint64 `json:"clean"`
	Violating uint64 `json:"violating"`
	Failed    uint64 `json:"failed"`
	InFlight  int    `json:"in_flight"`
	// Planned is how many requests the shard's schedule has; 0 is not known.
	Planned uint64 `json:"planned"`
	// Response are all response times so far.
	Response *measure.Histogram `json:"response"`
}

// Unexpected counts the answers that conform but are not what the scenario expects.
func (s *Snapshot) Unexpected() uint64 { return s.Sent - s.Clean - s.Violating - s.Failed }

// add adds another shard's.
func (s *Snapshot) add(o *Snapshot) error {
	s.Elapsed = max(s.Elapsed, o.Elapsed)
	s.Sent += o.Sent
	s.Clean += o.Clean
	s.Violating += o.Violating
	s.Failed += o.Failed
	s.InFlight += o.InFlight
	s.Planned += o.Planned
	return s.Response.Merge(o.Response)
}

// sound says whether a snapshot that came can be added up.
func (s *Snapshot) sound() bool {
	return s.Response != nil && s.Clean+s.Violating+s.Failed <= s.Sent && s.InFlight >= 0
}
