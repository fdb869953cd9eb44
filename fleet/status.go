package fleet

import (
	"slices"
	"time"

	"mfaload/measure"
	"mfaload/runner"
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
	s.Response.Merge(o.SoFar.Response)
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

// ticksKept is how many seconds a worker says again with each snapshot, so that
// one that is lost is made up for by the next.
const ticksKept = 8

// addUp holds the conditions of load.stopOn against the sums of all shards,
// second by second, as far as all have told. A shard that is lost or over has
// nothing more to say.
func (r *coordination) addUp() {
	if r.guard == nil || r.state.Phase != going {
		return
	}
	for last := r.told(); r.second <= last; r.second++ {
		sum := measure.Tick{Second: r.second}
		for _, m := range r.shards {
			if t, ok := m.ticks[r.second]; ok {
				sum.Merge(&t)
				delete(m.ticks, r.second)
			}
		}
		if stop := r.guard.Add(sum); stop != nil {
			r.stop(stop)
			return
		}
	}
}

func (r *coordination) own() *measure.OwnPart {
	sum := &measure.OwnPart{}
	for _, m := range r.shards {
		if m != nil {
			sum.Merge(&m.own)
		}
	}
	return sum
}

// told is the last second that all shards told of that have something to say.
func (r *coordination) told() int64 {
	last, farthest := int64(-1), int64(0)
	for _, m := range r.shards {
		farthest = max(farthest, m.upTo)
		if !m.lost && m.stage == running && (last < 0 || m.upTo < last) {
			last = m.upTo
		}
	}
	if last < 0 {
		return farthest
	}
	return last
}

func (m *shardWorker) tell(ticks []measure.Tick, from int64) {
	if m.ticks == nil {
		m.ticks = map[int64]measure.Tick{}
	}
	for _, t := range ticks {
		if t.Second >= from && t.Second > m.upTo && t.Second-m.upTo <= int64(maxGap/time.Second) {
			m.ticks[t.Second] = t
		}
	}
	for second := range m.ticks {
		m.upTo = max(m.upTo, second)
	}
}

func (m *shardWorker) tellOwn(p *measure.OwnPart) {
	if p != nil && int64(p.From) <= m.upTo+int64(maxGap/time.Second) {
		m.own.Extend(p)
	}
}

// maxGap is the most that a worker's seconds can be apart: it would have been
// lost long before.
const maxGap = time.Hour

func (r *coordination) stop(why *measure.Stop) {
	if r.state.Phase != going {
		return
	}
	r.state.Stop = why
	r.say("stopping all workers: %s: %s", why.Condition, why.Observed)
	r.stopLoad(why.Condition)
}

// newGuard is a guard for a plan; nil where it has no conditions.
func newGuard(p *Plan) *runner.Guard {
	if len(p.StopOn) == 0 {
		return nil
	}
	return runner.NewGuard(p.StopOn)
}
