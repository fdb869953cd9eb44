package runner_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/measure"
	"mfaload/scenario"
)

// A group that ran out keeps its share, which nobody gets; when all ran out
// the run ends.
func TestRunEndsWhenUsersRanOut(t *testing.T) {
	s := oneGroup(load(constant(10, 2*time.Second)))
	short, long := group("s", 2), group("l", 5)
	short.Exhausted, long.Exhausted = scenario.Stop, scenario.Stop
	s.Groups = []scenario.Group{short, long}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		m := run(t, t.Context(), s, &service{answer: takes(10 * ms)})
		if d := time.Since(start); d != time.Second || m.Main.Planned != time.Second || m.NoUsers != 10 {
			t.Errorf("it took %v, planned %v, %d arrivals after its end", d, m.Main.Planned, m.NoUsers)
		}
		want := []measure.Withheld{{Group: 0, Reason: measure.RanOut, Count: 3}}
		if m.Main.Sent() != 7 || !slices.Equal(m.Main.Withheld, want) {
			t.Errorf("%d requests, withheld %v", m.Main.Sent(), m.Main.Withheld)
		}
		if u := m.Users; u[0].Turns != 2 || u[1].Turns != 5 || *u[0].RanOut != 400*ms || u[1].RanOut != nil {
			t.Errorf("users %+v", u)
		}
	})
}

func TestClosedUsersRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := closedLoad(2, 0, time.Hour)
		short, long := group("s", 2), group("l", 5)
		short.Exhausted, long.Exhausted = scenario.Stop, scenario.Stop
		s.Groups = []scenario.Group{short, long}
		start := time.Now()
		m := run(t, t.Context(), s, &service{answer: takes(100 * ms)})
		if d := time.Since(start); m.Main.Sent() != 7 || d != 400*ms || m.Main.Planned != d || m.Interrupted {
			t.Errorf("%d requests in %v, planned %v", m.Main.Sent(), d, m.Main.Planned)
		}
	})
}

// A closed load asks others when a group's users had enough, and ends when all
// had.
func TestClosedUsersHadEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := closedLoad(2, 0, time.Hour)
		few, many := group("f", 2), group("m", 5)
		few.MaxPerUser, many.MaxPerUser, few.Weight = 1, 3, 7
		s.Groups = []scenario.Group{few, many}
		start := time.Now()
		m := run(t, t.Context(), s, &service{answer: takes(100 * ms)})
		if d := time.Since(start); m.Main.Sent() != 17 || d != 900*ms || m.Users[0].Turns != 2 ||
			m.Users[1].Turns != 15 {
			t.Errorf("%d requests in %v, users %+v", m.Main.Sent(), d, m.Users)
		}
	})
}
