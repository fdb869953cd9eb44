package schedule

import (
	"time"

	"mfaload/measure"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

// assigner hands out users: groups in proportion to their weights, spread as
// evenly as whole turns allow (smooth weighted round robin), and the users of
// a group in its order. A group that has no user for its arrival keeps its
// share: no other group gets more.
type assigner struct {
	groups  *roundRobin
	seen    []uint64 // by group: arrivals so far
	limits  []uint64 // by group: how many of them have a user where it stops after the last
	queues  []*users.Queue
	slices  []userSlice
	readers []*scenario.UserReader
	replay  *replayRows   // nil where no rows say whose turn it is
	given   []uint64      // by group: users whom rows named so far
	clock   time.Duration // of the queues at the start of the run: previous runs come before it
}

type roundRobin struct {
	groups []scenario.Group
	credit []int // by group: how far its turns are behind its share
	total  int
}

func newRoundRobin(groups []scenario.Group) *roundRobin {
	s := &roundRobin{groups: groups, credit: make([]int, len(groups))}
	for i := range groups {
		s.total += groups[i].Weight
	}
	return s
}

func (s *roundRobin) next() int {
	best := 0
	for i := range s.groups {
		s.credit[i] += s.groups[i].Weight
		if s.credit[i] > s.credit[best] {
			best = i
		}
	}
	s.credit[best] -= s.total
	return best
}

// round is after how many turns they begin again.
func (s *roundRobin) round() int {
	divisor := 0
	for i := range s.groups {
		divisor = gcd(divisor, s.groups[i].Weight)
	}
	return s.total / divisor
}

// until returns after how many turns every group had its number of them.
func (s *roundRobin) until(number func(group int) uint64) (turns uint64) {
	round := s.round()
	each := make([]uint64, len(s.groups)) // turns in a round
	for i := range s.groups {
		each[i] = uint64(s.groups[i].Weight * round / s.total)
	}
	// Turn r of a group is turn r%each of round r/each.
	last := make([]uint64, len(s.groups))
	for i := range s.groups {
		if n := number(i); n > 0 {
			last[i] = n - 1
			turns = max(turns, last[i]/each[i]*uint64(round))
		}
	}
	seen := make([]uint64, len(s.groups))
	for place := range uint64(round) {
		g := s.next()
		if last[g]%each[g] == seen[g] {
			turns = max(turns, last[g]/each[g]*uint64(round)+place+1)
		}
		seen[g]++
	}
	return turns
}

// ShareOut says how many of the first n requests each group gets: its share of
// whole rounds, and its turns of the last one.
func ShareOut(groups []scenario.Group, n uint64) []uint64 {
	counts, turns := make([]uint64, len(groups)), newRoundRobin(groups)
	for i, g := range groups {
		counts[i] = n / uint64(turns.total) * uint64(g.Weight)
	}
	for range n % uint64(turns.total) {
		counts[turns.next()]++
	}
	return counts
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// assignment is what an assigner hands out for an arrival.
type assignment struct {
	group, row int
	number     uint64 // of the users of the group given before
	why        users.Reason
}

// UsedToday is what users had on the day of a run's start before it began: their turns count
// against maxPerUser until that day ends.
type UsedToday struct {
	// Requests are by group and by row of the whole scenario.
	Requests [][]uint32
	// Until is when the day ends, since the start of the run.
	Until time.Duration
}

// WithUsed has the schedule pass over users who had their requests of the day before it. Nil
// changes nothing.
func (s *Schedule) WithUsed(used *UsedToday) *Schedule {
	s.used = used
	return s
}

// newAssigner hands out the users of the schedule from their beginning.
func (s *Schedule) newAssigner() *assigner {
	t := newAssigner(s.scenario, s.users)
	if s.used == nil {
		return t
	}
	for i, q := range t.queues {
		turns := make([]uint32, q.Rows)
		for row := range turns {
			turns[row] = s.used.Requests[i][t.slices[i].row(row)]
		}
		q.Begin(turns, s.used.Until)
	}
	return t
}

// newAssigner hands out the users of a shard. Where the scenario is closed it is
// told of that shard's requests only, else of the arrivals of all shards.
func newAssigner(s *scenario.Scenario, slices []userSlice) *assigner {
	t := &assigner{groups: newRoundRobin(s.Groups), seen: make([]uint64, len(s.Groups)), slices: slices,
		replay: newReplayRows(&s.Load), given: make([]uint64, len(s.Groups))}
	for i := range s.Groups {
		p := plan(s, i)
		p.Rows = slices[i].size
		p.Seed += slices[i].seed
		t.queues = append(t.queues, users.NewQueue(p))
		t.readers = append(t.readers, s.Reader(i))
		t.limits = append(t.limits, uint64(s.Groups[i].Size()))
		if s.Load.Closed() {
			t.limits[i] = uint64(p.Rows)
		}
	}
	return t
}

// plan is how a group hands out its users. Each group has a seed of its own.
func plan(s *scenario.Scenario, group int) users.QueueOptions {
	g := &s.Groups[group]
	return users.QueueOptions{
		Rows: g.Size(), Order: g.Order, Seed: s.Load.Seed + uint64(group)<<48,
		Stop: g.Exhausted == scenario.Stop, PerUser: g.PerUser, PerDay: g.MaxPerUser,
	}
}

func (t *assigner) next(at time.Duration) assignment {
	group := t.pass()
	if t.replay != nil && t.queues[group].Order == users.Recorded {
		return t.fromRecording(group)
	}
	q := t.queues[group]
	number := q.Turn()
	row, why := q.Next(t.clock + at)
	if why == users.Available {
		row = t.slices[group].row(row)
	}
	return assignment{group, row, number, why}
}

// pass lets an arrival go by that is another shard's, and returns its group.
func (t *assigner) pass() int {
	if t.replay != nil {
		return t.replay.step()
	}
	group := t.groups.next()
	t.seen[group]++
	return group
}

// over says whether no group has users left.
func (t *assigner) over() bool {
	if t.replay != nil {
		return false
	}
	for i, q := range t.queues {
		if !q.Stop || t.seen[i] < t.limits[i] {
			return false
		}
	}
	return true
}

func (t *assigner) fill(a *Arrival, n assignment) {
	a.User, a.Turn, a.Withheld = scenario.User{Group: n.group}, n.number, ""
	if t.replay != nil && t.replay.err != nil {
		a.Withheld = measure.Unreadable
		return
	}
	switch n.why {
	case users.RanOut:
		a.Withheld = measure.RanOut
		return
	case users.TooSoon:
		a.Withheld = measure.TooSoon
		return
	case users.Capped:
		a.Withheld = measure.Capped
		return
	}
	user, err := t.readers[n.group].User(n.row)
	if err != nil {
		a.Withheld = measure.Unreadable
		return
	}
	a.User = user
	if t.replay != nil && t.replay.row.Kind != 0 {
		a.User.Kind = int(t.replay.row.Kind)
	}
}

// ClosedUsers says whose turn it is with each request of a shard of a closed load.
type ClosedUsers struct{ *assigner }

// ClosedUsers returns the users of a closed load, at their beginning.
func (s *Schedule) ClosedUsers() *ClosedUsers { return &ClosedUsers{s.newAssigner()} }

// Next fills in the user of a request, whose Index, At and Warmup are known. It passes over
// groups that have no user for now: there is no schedule that promised them a request. It
// returns false, and the load is at its end, when no group has one.
func (u *ClosedUsers) Next(a *Arrival) bool {
	for range u.groups.total { // each group has its turn in as many
		if u.over() || a.Withheld == measure.Unreadable {
			break
		}
		if u.fill(a, u.next(a.At)); a.Withheld == "" {
			return true
		}
	}
	return false
}

// ClosedDelay returns how long after the others a user of a closed load begins: users are
// spread over one think time, those of all shards together. They count from 0 on each shard.
func (s *Schedule) ClosedDelay(user int) time.Duration {
	all := &s.scenario.Load
	return all.Think / time.Duration(all.Concurrency) * time.Duration(s.shard.Index+user*s.shard.Count)
}
