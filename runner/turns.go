package runner

import (
	"time"

	"mfaload/measure"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

// turns hands out users: groups in proportion to their weights, spread as
// evenly as whole turns allow (smooth weighted round robin), and the users of
// a group in its order. A group that has no user for its arrival keeps its
// share: no other group gets more.
type turns struct {
	*shares
	seen    []uint64 // by group: arrivals so far
	users   []uint64 // by group: how many of them have a user where it stops after the last
	queues  []*users.Queue
	stripes []stripe
	readers []*scenario.UserReader
	clock   time.Duration // of the queues at the start of the run: earlier runs come before it
}

// shares hands out groups.
type shares struct {
	groups []scenario.Group
	credit []int // by group: how far its turns are behind its share
	total  int
}

func newShares(groups []scenario.Group) *shares {
	s := &shares{groups: groups, credit: make([]int, len(groups))}
	for i := range groups {
		s.total += groups[i].Weight
	}
	return s
}

func (s *shares) next() int {
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

// round is after how many turns they begin anew.
func (s *shares) round() int {
	divisor := 0
	for i := range s.groups {
		divisor = gcd(divisor, s.groups[i].Weight)
	}
	return s.total / divisor
}

// until returns after how many turns every group had its number of them, and would
// have no more.
func (s *shares) until(number func(group int) uint64) (turns uint64) {
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

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// draw is what turns hands out for an arrival.
type draw struct {
	group, row int
	number     uint64 // of the users of the group given before
	why        users.Reason
}

// newTurns hands out the users of a shard. Where the scenario is closed it is
// told of that shard's requests only, else of the arrivals of all shards.
func newTurns(s *scenario.Scenario, stripes []stripe) *turns {
	t := &turns{shares: newShares(s.Groups), seen: make([]uint64, len(s.Groups)), stripes: stripes}
	for i := range s.Groups {
		p := plan(s, i)
		p.Rows = stripes[i].size
		p.Seed += stripes[i].seed
		t.queues = append(t.queues, users.NewQueue(p))
		t.readers = append(t.readers, s.Reader(i))
		t.users = append(t.users, uint64(s.Groups[i].Size()))
		if s.Load.Closed() {
			t.users[i] = uint64(p.Rows)
		}
	}
	return t
}

var orders = map[scenario.Order]users.Order{scenario.Shuffle: users.Shuffle, scenario.Random: users.Random}

// plan is how a group hands out its users. Each group has a seed of its own.
func plan(s *scenario.Scenario, group int) users.Plan {
	g := &s.Groups[group]
	return users.Plan{
		Rows: g.Size(), Order: orders[g.Order], Seed: s.Load.Seed + uint64(group)<<48,
		Stop: g.Exhausted == scenario.Stop, PerUser: g.PerUser, PerDay: g.MaxPerUser,
	}
}

// next hands out the turn of the next arrival, which is due at a time.
func (t *turns) next(at time.Duration) draw {
	group := t.pass()
	q := t.queues[group]
	number := q.Turn()
	row, why := q.Next(t.clock + at)
	if why == users.Given {
		row = t.stripes[group].row(row)
	}
	return draw{group, row, number, why}
}

// pass lets an arrival go by that is another shard's, and returns its group.
func (t *turns) pass() int {
	group := t.shares.next()
	t.seen[group]++
	return group
}

// over says whether no group has users left.
func (t *turns) over() bool {
	for i, q := range t.queues {
		if !q.Stop || t.seen[i] < t.users[i] {
			return false
		}
	}
	return true
}

// fill reads the user of a turn into its arrival.
func (t *turns) fill(a *Arrival, n draw) {
	a.User, a.Turn, a.Withheld = scenario.User{Group: n.group}, n.number, ""
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
}
