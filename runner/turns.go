package runner

import "mfaload/scenario"

// turns hands out users: groups in proportion to their weights, spread as
// evenly as whole turns allow (smooth weighted round robin), and the users of
// a group one after the other.
type turns struct {
	groups []scenario.Group
	credit []int // by group: how far its turns are behind its share
	turn   []int // by group: whose turn it is
	total  int
}

func newTurns(groups []scenario.Group) *turns {
	t := &turns{groups: groups, credit: make([]int, len(groups)), turn: make([]int, len(groups))}
	for _, g := range groups {
		t.total += g.Weight
	}
	return t
}

func (t *turns) next() scenario.User {
	best := 0
	for i := range t.groups {
		t.credit[i] += t.groups[i].Weight
		if t.credit[i] > t.credit[best] {
			best = i
		}
	}
	t.credit[best] -= t.total
	ids := t.groups[best].IDs
	id := ids[t.turn[best]]
	t.turn[best] = (t.turn[best] + 1) % len(ids)
	return scenario.User{ID: id, Group: best}
}
