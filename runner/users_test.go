package runner_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
)

// group is a group of n users.
func group(name string, n int) scenario.Group {
	g := scenario.Group{Name: name, Weight: 1, Order: scenario.Sequential, Exhausted: scenario.Wrap}
	for i := range n {
		g.IDs = append(g.IDs, name+string(rune('a'+i)))
	}
	return g
}

func askedOf(s *scenario.Scenario) (ids []string) {
	for a := range runner.NewSchedule(s).All() {
		if a.Withheld == "" {
			ids = append(ids, a.User.ID)
		} else {
			ids = append(ids, "-")
		}
	}
	return ids
}

func TestOrders(t *testing.T) {
	ask := func(change func(*scenario.Group)) string {
		g := group("", 4)
		change(&g)
		s := oneGroup(load(constant(10, time.Second)))
		s.Groups, s.Load.Seed = []scenario.Group{g}, 7
		return strings.Join(askedOf(s), "")
	}
	if got := ask(func(*scenario.Group) {}); got != "abcdabcdab" {
		t.Errorf("sequential: %s", got)
	}
	if got := ask(func(g *scenario.Group) { g.Order, g.Exhausted = scenario.Once, scenario.Stop }); got != "abcd" {
		t.Errorf("once: %s", got)
	}
	shuffled := ask(func(g *scenario.Group) { g.Order = scenario.Shuffle })
	round := []byte(shuffled[:4])
	slices.Sort(round)
	if string(round) != "abcd" || shuffled[:4] != shuffled[4:8] || shuffled[:2] != shuffled[8:] {
		t.Errorf("shuffled: %s", shuffled)
	}
	// A second and a half pass before a user is asked again.
	if got := ask(func(g *scenario.Group) { g.PerUser = 500 * ms }); got != "abcd-abcd-" {
		t.Errorf("no user twice within half a second: %s", got)
	}
}

// A group that ran out keeps its share, which nobody gets; when all ran out
// the schedule ends.
func TestUsersRunOut(t *testing.T) {
	s := oneGroup(load(constant(10, 2*time.Second)))
	short, long := group("s", 2), group("l", 5)
	short.Exhausted, long.Exhausted = scenario.Stop, scenario.Stop
	s.Groups = []scenario.Group{short, long}
	if got := strings.Join(askedOf(s), " "); got != "sa la sb lb - lc - ld - le" {
		t.Errorf("asked: %s", got)
	}
	if sch := runner.NewSchedule(s); sch.Count() != 10 || sch.Due() != 20 {
		t.Errorf("%d of %d arrivals", sch.Count(), sch.Due())
	}
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

// Rows of a file say what they expect, and which policy they ask for.
func TestKindsOfUsers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "users.csv")
	text := "userID,expect,policy\n" +
		"788d4931-6936-43f2-82ff-178f57622981,,\n" +
		"788d4931-6936-43f2-82ff-178f57622982,404 NOT_FOUND,\n" +
		"788d4931-6936-43f2-82ff-178f57622983,,9761c24a-208d-0499-1bf6-39905184a4e1\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse(filepath.Join(dir, "s.yaml"), []byte(`name: a
target: {simulator: {}}
users: [{name: a, file: users.csv}]
load: {stages: [{rate: 3/s, duration: 1s}]}
`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadUsers(nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var kinds []int
	for a := range runner.NewSchedule(s).All() {
		kinds = append(kinds, a.User.Kind)
	}
	if !slices.Equal(kinds, []int{0, 1, 2}) {
		t.Errorf("kinds %v", kinds)
	}
	g := s.Groups[0]
	if e := g.Variant(1).Expect; !slices.Equal(e.HTTPStatuses, []int{404}) || !slices.Equal(e.Errors, []string{"NOT_FOUND"}) {
		t.Errorf("expected %+v", e)
	}
	if policy := g.Variant(2).Request["policy"].(map[string]any)["id"]; policy != "9761c24a-208d-0499-1bf6-39905184a4e1" {
		t.Errorf("policy %v", policy)
	}
}

// No schedule asks a user more often in a day than the group allows, and one
// that a plan takes withholds nothing for that.
func TestMostAUserADay(t *testing.T) {
	const day = 24 * time.Hour
	refused := 0
	for n := range 60 {
		r := rand.New(rand.NewPCG(uint64(n), 3))
		s := oneGroup(load(constant(scenario.Rate(1+r.IntN(6))/3600, 30*time.Hour), constant(scenario.Rate(1+r.IntN(6))/3600, 20*time.Hour)))
		a, b := group("a", 1+r.IntN(20)), group("b", 1+r.IntN(60))
		a.MaxPerUser, b.MaxPerUser = 1+r.Uint64N(20), 1+r.Uint64N(40)
		a.Weight, b.Order = 2, []scenario.Order{scenario.Random, scenario.Shuffle}[n%2]
		s.Groups = []scenario.Group{a, b}
		times, capped := map[string][]time.Duration{}, false
		for arrival := range runner.NewSchedule(s).All() {
			if capped = capped || arrival.Withheld == measure.Capped; arrival.Withheld != "" {
				continue
			}
			id := arrival.User.ID
			times[id] = append(times[id], arrival.At)
			most := int(s.Groups[arrival.User.Group].MaxPerUser)
			if all := times[id]; len(all) > most && arrival.At-all[len(all)-1-most] < day {
				t.Fatalf("%d: user %s is asked more than %d times in the day before %v", n, id, most, arrival.At)
			}
		}
		plan := runner.NewPlan(s, 0)
		if over := plan.OverCap(); len(over) > 0 {
			refused++
		} else if capped {
			t.Fatalf("%d: the plan has nothing against arrivals that are withheld: %+v", n, plan.Groups)
		}
		for i, g := range plan.Groups {
			if g.UsersNeeded > 0 && g.UsersNeeded <= uint64(g.Users) || g.UsersNeeded == 0 && g.PerUserDay > s.Groups[i].MaxPerUser {
				t.Errorf("%d: planned %+v", n, g)
			}
		}
	}
	if refused < 10 || refused > 50 {
		t.Errorf("%d of 60 plans are over a cap: that tests little", refused)
	}
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
		if d := time.Since(start); m.Main.Sent() != 17 || d != 900*ms || m.Users[0].Turns != 2 || m.Users[1].Turns != 15 {
			t.Errorf("%d requests in %v, users %+v", m.Main.Sent(), d, m.Users)
		}
	})
}
