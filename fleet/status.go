package fleet

import (
	"time"

	"mfaload/measure"
)

// Status is how a run stands, for those who look on.
type Status struct {
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
func (s *Status) Count(is func(ShardStatus) bool) (n int) {
	for _, shard := range s.Shards {
		if is(shard) {
			n++
		}
	}
	return n
}

func (r *coordination) status() *Status {
	s := &Status{Going: r.state.Phase == going || r.state.Phase == stopping, Start: r.state.Start,
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
