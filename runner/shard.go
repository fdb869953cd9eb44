package runner

import (
	"errors"
	"fmt"

	"mfaload/measure"
	"mfaload/scenario"
)

// shard is one of count equal parts of a run. A whole run is shard 0 of 1.
type shard struct{ index, count int }

// shardOf is the shard of a run; nil is the whole.
func shardOf(s *measure.Shard) shard {
	if s == nil {
		return shard{count: 1}
	}
	return shard{s.Index, s.Count}
}

// has says whether an arrival of the schedule is the shard's.
func (s shard) has(arrival uint64) bool { return arrival%uint64(s.count) == uint64(s.index) }

// share is how many of n things that are dealt out one by one the shard gets.
func (s shard) share(n uint64) uint64 {
	return (n + uint64(s.count-1-s.index)) / uint64(s.count)
}

// load is the shard's share of a closed load: its users, and its requests where
// they have a number.
func (s shard) load(l *scenario.Load) *scenario.Load {
	part := *l
	part.Concurrency = int(s.share(uint64(l.Concurrency)))
	part.Workers = part.Concurrency
	part.Requests, part.MaxRequests = s.share(l.Requests), s.share(l.MaxRequests)
	return &part
}

// stripe are the users of a group that are a shard's: no other asks them.
type stripe struct {
	size int
	rows []uint32 // nil for all
	seed uint64   // what makes its random orders others than those of other shards
}

// row returns the group's row of the stripe's.
func (s *stripe) row(i int) int {
	if s.rows == nil {
		return i
	}
	return int(s.rows[i])
}

// newStripes deals the users of each group out among all shards. A group that
// names no user is everybody's.
func newStripes(s *scenario.Scenario, of shard) (stripes []stripe) {
	var dealers []*dealer
	if of.count > 1 {
		dealers = newDealers(s, of.count)
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		st := stripe{size: g.Size(), seed: uint64(of.index) << 36}
		if of.count > 1 && !g.Usernameless {
			st.rows = make([]uint32, 0, g.Size()/of.count+1)
			owner := dealers[i].owners()
			for row := range g.Size() {
				if owner() == of.index {
					st.rows = append(st.rows, uint32(row))
				}
			}
			st.size = len(st.rows)
		}
		stripes = append(stripes, st)
	}
	return stripes
}

// dealer deals the users of a group out. The group's arrivals are at the same
// places of every round of all groups; so shards whose indices are alike modulo
// what the round and the number of shards have in common send as many of them.
type dealer struct {
	places []uint32 // of the group's arrivals in a round
	round  int
	shards int
	alike  int   // shards i and i+alike send as many
	sends  []int // by index modulo alike: their share of the group's arrivals
	once   bool  // the users are asked once
}

// newDealers returns the dealers of all groups.
func newDealers(s *scenario.Scenario, shards int) []*dealer {
	all := make([]*dealer, len(s.Groups))
	if s.Load.Closed() {
		for i := range all { // each shard has an order of its own
			all[i] = &dealer{places: []uint32{0}, round: 1, shards: shards, alike: 1, sends: []int{1}}
		}
		return all
	}
	turns := newShares(s.Groups)
	round := turns.round()
	alike := gcd(round, shards)
	for i := range all {
		all[i] = &dealer{round: round, shards: shards, alike: alike, sends: make([]int, alike), once: s.Groups[i].Exhausted == scenario.Stop}
	}
	for place := range round {
		d := all[turns.next()]
		d.places = append(d.places, uint32(place))
		d.sends[place%alike]++
	}
	return all
}

// senders are the shards that send requests of the group.
func (d *dealer) senders() (list []int) {
	for i := range d.shards {
		if d.sends[i%d.alike] > 0 {
			list = append(list, i)
		}
	}
	return list
}

// owners returns a function that says row by row whose a user is.
func (d *dealer) owners() func() int {
	if d.once {
		return d.inOrder()
	}
	return d.inProportion()
}

// inOrder gives row r to the shard that sends the group's arrival r. So users
// who are asked once are asked when one machine would ask them, in the file's
// order even the same ones, and they run out at the same time.
func (d *dealer) inOrder() func() int {
	arrival, n := uint64(0), uint64(len(d.places))
	return func() int {
		place := arrival/n*uint64(d.round) + uint64(d.places[arrival%n])
		arrival++
		return int(place % uint64(d.shards))
	}
}

// inProportion gives each shard that sends requests of the group a user, and
// then as many as it sends requests: row r to shard r modulo their number where
// all send alike.
func (d *dealer) inProportion() func() int {
	classes := make([]scenario.Group, d.alike)
	for i := range classes {
		classes[i].Weight = d.sends[i]
	}
	turns, dealt, first := newShares(classes), make([]int, d.alike), d.senders()
	row := 0
	return func() int {
		if row++; row <= len(first) {
			return first[row-1]
		}
		class := turns.next()
		dealt[class]++ // the next of those that are alike
		return (class + (dealt[class]-1)%(d.shards/d.alike)*d.alike) % d.shards
	}
}

// CheckShard says why a scenario can't be run as a shard, and what can be done
// about it; nil where it can. All shards of a run find the same.
func CheckShard(s *scenario.Scenario, of measure.Shard) error {
	if err := of.Check(); err != nil {
		return err
	}
	if s.Load.Closed() {
		if err := checkClosed(&s.Load, of.Count); err != nil {
			return err
		}
	} else if round := newShares(s.Groups).round(); round > maxRound || round > maxTurns/len(s.Groups) {
		return fmt.Errorf("the groups' weights come round after %d requests, which is too many to share their users among shards: write them as smaller numbers, such as 3 and 1", round)
	}
	var problems []error
	for i, d := range newDealers(s, of.Count) {
		problems = append(problems, checkUsers(s, i, d))
	}
	return errors.Join(problems...)
}

// Bounds on what sharing users out takes: memory, and time.
const (
	maxRound = 10_000_000
	maxTurns = 1_000_000_000 // of all groups
)

// checkClosed refuses what a shard would have none of.
func checkClosed(l *scenario.Load, shards int) error {
	for _, of := range []struct {
		what string
		have uint64
	}{{"users of a closed load (load.concurrency)", uint64(l.Concurrency)}, {"requests (load.requests)", l.Requests}, {"requests (load.maxRequests)", l.MaxRequests}} {
		if of.have > 0 && of.have < uint64(shards) {
			return fmt.Errorf("%d %s can't be shared among %d shards: raise the number, or use at most %d shards", of.have, of.what, shards, of.have)
		}
	}
	return nil
}

// checkUsers refuses a group of which a shard would send requests, and have no
// user to ask. Where users are asked once there is none left for it.
func checkUsers(s *scenario.Scenario, group int, d *dealer) error {
	g := &s.Groups[group]
	if g.Usernameless || g.Exhausted == scenario.Stop && !s.Load.Closed() {
		return nil
	}
	if need := len(d.senders()); g.Size() < need {
		return fmt.Errorf("group %s has too few users (%d) for %d shards: %d of them send requests of it, and no user is ever asked by two shards; add users, or use fewer shards",
			g.Name, g.Size(), d.shards, need)
	}
	return nil
}
