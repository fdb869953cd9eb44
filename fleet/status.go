package fleet

import (
	"slices"
	"time"

	"mfaload/measure"
)

// Snapshot is how far a shard has come.
type Snapshot struct {
	// Elapsed is the time since the start.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Progress counts all requests that came to an end, the warm-up's included.
	Progress measure.Progress `json:"progress"`
	InFlight int              `json:"in_flight"`
	// Planned is how many requests the shard's schedule has; 0 is not known.
	Planned uint64 `json:"planned"`
	// SoFar is what the judged part has measured.
	SoFar *measure.Part `json:"so_far"`
	// Ticks are the last seconds, in order, where the run has conditions that end
	// it; see [Keep].
	Ticks []measure.Tick `json:"ticks,omitempty"`
	// Own is mfaload's own part in the last seconds, where Ticks have requests; see
	// [OwnFrom].
	Own *measure.OwnPart `json:"own,omitempty"`
}

// ownKept is how many seconds of mfaload's own part each snapshot says again.
const ownKept = 120

// OwnFrom is the second from which on a snapshot says what mfaload's own part was.
func OwnFrom(elapsed time.Duration) int { return max(int(elapsed/time.Second)-ownKept, 0) }

// sound says whether a snapshot that came can be added up.
func (s *Snapshot) sound() bool {
	p := s.Progress
	return s.Elapsed >= 0 && s.InFlight >= 0 && uint64(s.InFlight) <= maxCount &&
		s.Planned <= maxCount && p.Sent <= maxCount && len(s.Ticks) <= ticksKept &&
		p.Clean <= p.Sent && p.Violating <= p.Sent && p.Failed <= p.Sent && p.Refused <= p.Sent &&
		p.Clean+p.Violating+p.Failed+p.Refused <= p.Sent && s.SoFar != nil && s.SoFar.Check() == nil &&
		!slices.ContainsFunc(s.Ticks, func(t measure.Tick) bool { return t.Check() != nil }) &&
		(s.Own == nil || s.Own.Check() == nil && len(s.Own.Profile.Due) <= 2*ownKept)
}

// Keep adds a second to the last ones, which each snapshot says again.
func Keep(ticks []measure.Tick, t measure.Tick) []measure.Tick {
	ticks = append(ticks, t)
	return ticks[max(len(ticks)-ticksKept, 0):]
}

// shorter says the half of the seconds again; nil where it has one only.
func (s *Snapshot) shorter() *Snapshot {
	if len(s.Ticks) < 2 {
		return nil
	}
	short := *s
	short.Ticks = s.Ticks[len(s.Ticks)/2:]
	return &short
}

// SnapshotSum is what the last snapshots of all shards add up to.
type SnapshotSum struct {
	Elapsed  time.Duration // of the one that is farthest
	Progress measure.Progress
	InFlight int
	Planned  uint64
	// Response are the response times of the judged part's requests that were served.
	Response *measure.Histogram
}

// add adds a shard's snapshot.
func (s *SnapshotSum) add(o *Snapshot) {
	s.Elapsed = max(s.Elapsed, o.Elapsed)
	s.Progress.Sent += o.Progress.Sent
	s.Progress.Clean += o.Progress.Clean
	s.Progress.Violating += o.Progress.Violating
	s.Progress.Failed += o.Progress.Failed
	s.Progress.Refused += o.Progress.Refused
	s.Progress.RateLimited += o.Progress.RateLimited
	s.InFlight += o.InFlight
	s.Planned += o.Planned
	_ = s.Response.Merge(o.SoFar.Response) // of one geometry, or it could not have been read
}

// RunStatus is how a run stands, for those who look on.
type RunStatus struct {
	// Going says that the load began, Start when.
	Going bool
	Start time.Time
	// Shards are all of them, in order.
	Shards []ShardStatus
	// Sum adds up the last snapshots.
	Sum SnapshotSum
}

// ShardStatus is how a shard stands.
type ShardStatus struct {
	// Host is the worker's; empty where nobody has the shard yet.
	Host  string
	Stage string
	Lost  bool
	// Last is its last snapshot; nil before the first one.
	Last *Snapshot
}

// Count says how many shards are as is says.
func (s *RunStatus) Count(is func(ShardStatus) bool) (n int) {
	for _, shard := range s.Shards {
		if is(shard) {
			n++
		}
	}
	return n
}

func (r *coordination) status() *RunStatus {
	s := &RunStatus{Going: r.state.Phase == going || r.state.Phase == stopping, Start: r.state.Start,
		Sum: SnapshotSum{Response: measure.NewHistogram()}}
	for _, m := range r.shards {
		var shard ShardStatus
		if m != nil {
			shard = ShardStatus{m.host, string(m.stage), m.lost, m.last}
		}
		s.Shards = append(s.Shards, shard)
		if shard.Last != nil {
			s.Sum.add(shard.Last)
		}
	}
	return s
}
