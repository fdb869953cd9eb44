package runner

import (
	"time"

	"mfaload/feed"
	"mfaload/measure"
	"mfaload/scenario"
)

// turns hands out users: groups in proportion to their weights, spread as
// evenly as whole turns allow (smooth weighted round robin), and the users of
// a group in its order. A group that has no user for its arrival keeps its
// share: no other group gets more.
type turns struct {
	*shares
	queues  []*feed.Queue
	readers []*scenario.UserReader
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

// draw is what turns hands out for an arrival.
type draw struct {
	group, row int
	number     uint64 // of the users of the group given before
	why        feed.Reason
}

func newTurns(s *scenario.Scenario) *turns {
	t := &turns{shares: newShares(s.Groups)}
	for i := range s.Groups {
		t.queues = append(t.queues, feed.NewQueue(plan(s, i)))
		t.readers = append(t.readers, s.Reader(i))
	}
	return t
}

var orders = map[scenario.Order]feed.Order{scenario.Shuffle: feed.Shuffle, scenario.Random: feed.Random}

// plan is how a group hands out its users. Each group has a seed of its own.
func plan(s *scenario.Scenario, group int) feed.Plan {
	g := &s.Groups[group]
	return feed.Plan{
		Rows: g.Size(), Order: orders[g.Order], Seed: s.Load.Seed + uint64(group)<<48,
		Stop: g.Exhausted == scenario.Stop, PerUser: g.PerUser,
	}
}

// next hands out the turn of the next arrival, which is due at a time.
func (t *turns) next(at time.Duration) draw {
	group := t.shares.next()
	q := t.queues[group]
	number := q.Turn()
	row, why := q.Next(at)
	return draw{group, row, number, why}
}

// over says whether no group has users left.
func (t *turns) over() bool {
	for _, q := range t.queues {
		if !q.Stop || q.Turn() < uint64(q.Rows) {
			return false
		}
	}
	return true
}

// fill reads the user of a turn into its arrival.
func (t *turns) fill(a *Arrival, n draw) {
	a.User, a.Turn, a.Withheld = scenario.User{Group: n.group}, n.number, ""
	switch n.why {
	case feed.RanOut:
		a.Withheld = measure.RanOut
		return
	case feed.TooSoon:
		a.Withheld = measure.TooSoon
		return
	}
	user, err := t.readers[n.group].User(n.row)
	if err != nil {
		a.Withheld = measure.Unreadable
		return
	}
	a.User = user
}
