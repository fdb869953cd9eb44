package runner

import (
	"cmp"
	"maps"
	"slices"

	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// asked counts whose turn it was, and the arrivals that had no user.
type asked struct {
	users    []measure.GroupUsers // by group
	withheld [2]map[withheld]uint64
}

// withheld is a group and the reason why an arrival of it was not sent.
type withheld struct {
	group  int
	reason string
}

func newAsked(s *scenario.Scenario, users []int) *asked {
	a := &asked{withheld: [2]map[withheld]uint64{{}, {}}}
	for i := range s.Groups {
		g := &s.Groups[i]
		a.users = append(a.users, measure.GroupUsers{
			Users: uint64(users[i]), Usernameless: g.Usernameless, Order: string(cmp.Or(g.Order, scenario.Sequential)),
			Exhausted: string(g.Exhausted), PerUser: g.PerUser, MaxPerUser: g.MaxPerUser,
		})
	}
	return a
}

func (a *asked) count(arrival schedule.Arrival) {
	u := &a.users[arrival.User.Group]
	if arrival.Withheld == "" || arrival.Withheld == measure.Paused {
		u.Turns = arrival.Turn + 1
	}
	if arrival.Withheld == "" {
		return
	}
	a.withhold(arrival, arrival.Withheld)
	if arrival.Withheld == measure.RanOut && u.RanOut == nil {
		at := arrival.At
		u.RanOut = &at
	}
}

// withhold counts an arrival that is not sent.
func (a *asked) withhold(arrival schedule.Arrival, reason string) {
	phase := 0
	if arrival.Warmup {
		phase = 1
	}
	a.withheld[phase][withheld{arrival.User.Group, reason}]++
}

// clone returns a copy that counts no further.
func (a *asked) clone() *asked {
	return &asked{slices.Clone(a.users), [2]map[withheld]uint64{maps.Clone(a.withheld[0]), maps.Clone(a.withheld[1])}}
}

// describe fills in what was asked, and of whom.
func (a *asked) describe(m *measure.Measurement) {
	m.Users = slices.Clone(a.users)
	for i, phase := range []*measure.Phase{&m.Main, &m.Warmup} {
		for w, n := range a.withheld[i] {
			phase.Withheld = append(phase.Withheld, measure.Withheld{Group: w.group, Reason: w.reason, Count: n})
		}
		slices.SortFunc(phase.Withheld, measure.CompareWithheld)
	}
}
