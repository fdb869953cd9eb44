package runner

import (
	"cmp"
	"maps"
	"slices"

	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

// userCounts counts whose turn it was, and the arrivals that had no user.
type userCounts struct {
	users    []measure.GroupUsers // by group
	withheld [2]map[withheldKey]uint64
}

// withheldKey is a group and the reason why an arrival of it was not sent.
type withheldKey struct {
	group  int
	reason string
}

func newUserCounts(s *scenario.Scenario, sizes []int) *userCounts {
	a := &userCounts{withheld: [2]map[withheldKey]uint64{{}, {}}}
	for i := range s.Groups {
		g := &s.Groups[i]
		a.users = append(a.users, measure.GroupUsers{
			Users: uint64(sizes[i]), Usernameless: g.Usernameless,
			Order:     string(cmp.Or(g.Order, users.Sequential)),
			Exhausted: string(g.Exhausted), PerUser: g.PerUser, MaxPerUser: g.MaxPerUser,
		})
	}
	return a
}

func (a *userCounts) count(arrival schedule.Arrival) {
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
func (a *userCounts) withhold(arrival schedule.Arrival, reason string) {
	phase := 0
	if arrival.Warmup {
		phase = 1
	}
	a.withheld[phase][withheldKey{arrival.User.Group, reason}]++
}

// clone returns a copy that counts no further.
func (a *userCounts) clone() *userCounts {
	return &userCounts{slices.Clone(a.users),
		[2]map[withheldKey]uint64{maps.Clone(a.withheld[0]), maps.Clone(a.withheld[1])}}
}

// describe fills in what was asked, and of whom.
func (a *userCounts) describe(m *measure.Measurement) {
	m.Users = slices.Clone(a.users)
	for i, phase := range []*measure.Phase{&m.Main, &m.Warmup} {
		for w, n := range a.withheld[i] {
			phase.Withheld = append(phase.Withheld,
				measure.Withheld{Group: w.group, Reason: w.reason, Count: n})
		}
		slices.SortFunc(phase.Withheld, measure.CompareWithheld)
	}
}
