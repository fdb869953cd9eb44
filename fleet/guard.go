package fleet

import (
	"time"

	"mfaload/measure"
	"mfaload/runner"
)

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

// own is what all shards said of mfaload's own part in the run.
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

// tell takes in the seconds that a worker tells of.
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

// tellOwn takes in what a worker says of mfaload's own part in its shard.
func (m *shardWorker) tellOwn(p *measure.OwnPart) {
	if p != nil && int64(p.From) <= m.upTo+int64(maxGap/time.Second) {
		m.own.Extend(p)
	}
}

// maxGap is the most that a worker's seconds can be apart: it would have been
// lost long before.
const maxGap = time.Hour

// stop ends the run everywhere, as failed.
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
