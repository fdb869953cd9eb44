package schedule

import (
	"errors"
	"fmt"

	"mfaload/measure"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

func owns(of measure.Shard, arrival uint64) bool {
	return arrival%uint64(of.Count) == uint64(of.Index)
}

// share is how many of n things that are dealt out one by one the shard gets.
func share(of measure.Shard, n uint64) uint64 {
	return (n + uint64(of.Count-1-of.Index)) / uint64(of.Count)
}

// shareOfLoad is the shard's share of a closed load: its users, and its requests where
// they have a number.
func shareOfLoad(of measure.Shard, l *scenario.Load) *scenario.Load {
	own := *l
	own.Concurrency = int(share(of, uint64(l.Concurrency)))
	own.Workers = own.Concurrency
	own.Requests, own.MaxRequests = share(of, l.Requests), share(of, l.MaxRequests)
	return &own
}

// userSlice are the users of a group that are a shard's: no other asks them.
type userSlice struct {
	size int
	rows []uint32 // nil for all
	seed uint64   // what makes its random orders others than those of other shards
}

func (s *userSlice) row(i int) int {
	if s.rows == nil {
		return i
	}
	return int(s.rows[i])
}

// newUserSlices deals the users of each group out among all shards. A group that
// names no user is everybody's.
func newUserSlices(s *scenario.Scenario, of measure.Shard) (all []userSlice) {
	var splitters []*userSplitter
	if of.Count > 1 {
		splitters = newUserSplitters(s, of.Count)
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		us := userSlice{size: g.Size(), seed: uint64(of.Index) << 36}
		if of.Count > 1 && !g.Usernameless && g.Order != users.Recorded {
			us.rows = make([]uint32, 0, g.Size()/of.Count+1)
			owner := splitters[i].owners()
			for row := range g.Size() {
				if owner() == of.Index {
					us.rows = append(us.rows, uint32(row))
				}
			}
			us.size = len(us.rows)
		}
		all = append(all, us)
	}
	return all
}

// userSplitter deals the users of a group out. The group's arrivals are at the same
// places of every round of all groups; so shards whose indices are alike modulo
// what the round and the number of shards have in common send as many of them.
type userSplitter struct {
	places []uint32 // of the group's arrivals in a round
	round  int
	shards int
	alike  int   // shards i and i+alike send as many
	sends  []int // by index modulo alike: their share of the group's arrivals
	once   bool  // the users are asked once
}

func newUserSplitters(s *scenario.Scenario, shards int) []*userSplitter {
	all := make([]*userSplitter, len(s.Groups))
	if s.Load.Closed() || s.Load.Replay() != nil {
		for i := range all { // each shard has an order of its own
			all[i] = &userSplitter{places: []uint32{0}, round: 1, shards: shards, alike: 1, sends: []int{1}}
		}
		return all
	}
	turns := newRoundRobin(s.Groups)
	round := turns.round()
	alike := gcd(round, shards)
	for i := range all {
		all[i] = &userSplitter{round: round, shards: shards, alike: alike, sends: make([]int, alike),
			once: s.Groups[i].Exhausted == scenario.Stop}
	}
	for place := range round {
		d := all[turns.next()]
		d.places = append(d.places, uint32(place))
		d.sends[place%alike]++
	}
	return all
}

// senders are the shards that send requests of the group.
func (d *userSplitter) senders() (list []int) {
	for i := range d.shards {
		if d.sends[i%d.alike] > 0 {
			list = append(list, i)
		}
	}
	return list
}

// owners returns a function that says row by row whose a user is.
func (d *userSplitter) owners() func() int {
	if d.once {
		return d.inOrder()
	}
	return d.inProportion()
}

// inOrder gives row r to the shard that sends the group's arrival r. So users
// who are asked once are asked when one machine would ask them, in the file's
// order even the same ones, and they run out at the same time.
func (d *userSplitter) inOrder() func() int {
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
func (d *userSplitter) inProportion() func() int {
	classes := make([]scenario.Group, d.alike)
	for i := range classes {
		classes[i].Weight = d.sends[i]
	}
	turns, dealt, first := newRoundRobin(classes), make([]int, d.alike), d.senders()
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
	if s.Load.Until != "" {
		return errors.New(
			"a run that ends as soon as it is decided (load.until) can't be shared among shards: " +
				"remove load.until",
		)
	}
	if s.Load.Closed() {
		if err := checkClosed(&s.Load, of.Count); err != nil {
			return err
		}
	} else if s.Load.Replay() != nil {
		// Rows say whose turn it is, whatever the weights.
	} else if round := newRoundRobin(s.Groups).round(); round > maxRound || round > maxTurns/len(s.Groups) {
		return fmt.Errorf("the groups' weights come round after %d requests, which is too many to share "+
			"their users among shards: write them as smaller numbers, such as 3 and 1", round)
	}
	var problems []error
	for i, d := range newUserSplitters(s, of.Count) {
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
	}{
		{"users of a closed load (load.concurrency)", uint64(l.Concurrency)},
		{"requests (load.requests)", l.Requests},
		{"requests (load.maxRequests)", l.MaxRequests},
	} {
		if of.have > 0 && of.have < uint64(shards) {
			return fmt.Errorf("%d %s can't be shared among %d shards: raise the number, or use at "+
				"most %d shards",
				of.have, of.what, shards, of.have)
		}
	}
	return nil
}

// checkUsers refuses a group of which a shard would send requests, and have no
// user to ask. Where users are asked once there is none left for it.
func checkUsers(s *scenario.Scenario, group int, d *userSplitter) error {
	g := &s.Groups[group]
	if g.Usernameless || g.Order == users.Recorded ||
		g.Exhausted == scenario.Stop && !s.Load.Closed() && s.Load.Replay() == nil {
		return nil
	}
	if senders := len(d.senders()); g.Size() < senders {
		return fmt.Errorf("group %s has too few users (%d) for %d shards: %d of them send "+
			"requests of it, and "+
			"no user is ever asked by two shards; add users, or use fewer shards",
			g.Name, g.Size(), d.shards, senders)
	}
	return nil
}
