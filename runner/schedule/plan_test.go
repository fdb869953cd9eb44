package schedule_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/runner/plan"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

// What a plan says is what the schedule then does: by stage, by group and by
// user.
func TestPlanIsWhatTheScheduleDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 30 {
		l := load(anyStage(r), anyStage(r), constant(7, 3*time.Second))
		l.Repeat, l.MaxRequests = 1+r.IntN(3), uint64(r.IntN(2)*500)
		for i := range l.Stages {
			l.Stages[i].Name = "named" // to describe a stage takes longer than to find it
		}
		if n%2 == 0 {
			l.Arrivals = scenario.Poisson
		}
		if l.Stages[0].Begins() > 1 {
			l.Warmup = 2 * time.Second
		}
		s := oneGroup(l)
		s.Groups = []scenario.Group{
			{Name: "a", IDs: []string{"a0", "a1", "a2"}, Weight: 5},
			{Name: "b", IDs: []string{"b0"}, Weight: 2}, {Name: "c", IDs: []string{"c0", "c1"}, Weight: 3},
		}
		checkPlan(t, s, plan.New(s, time.Second))
	}
}

func checkPlan(t *testing.T, s *scenario.Scenario, p *plan.RunPlan) {
	t.Helper()
	sch := schedule.New(s)
	groups, users, stages := make([]uint64, 3), map[string]uint64{}, map[int]int64{}
	for a := range sch.All() {
		groups[a.User.Group]++
		users[a.User.ID]++
		if place, ok := sch.Place(a.At); ok {
			stages[place.Stage]++
		}
	}
	if p.Requests != sch.Count() {
		t.Fatalf("the plan has %d requests, the schedule %d", p.Requests, sch.Count())
	}
	for i, g := range p.Groups {
		most := uint64(0)
		for _, id := range s.Groups[i].IDs {
			most = max(most, users[id])
		}
		if g.Requests != groups[i] || g.PerUser != most || g.PerUserDay != most {
			t.Fatalf("group %s: planned %d, %d a user; the schedule has %d, %d", g.Name, g.Requests,
				g.PerUser, groups[i], most)
		}
	}
	sum, warmup := uint64(0), len(p.Stages)-len(s.Load.Stages)
	for i, st := range p.Stages {
		sum += st.Requests
		stage := i + 1 - warmup // 0 is the warm-up
		// A request that is due at the very nanosecond of a stage's end may be
		// looked up on the other side of it.
		if off := int64(st.Requests) - stages[stage]; off > int64(2*st.Times) || off < -int64(2*st.Times) {
			t.Fatalf("stage %d: planned %d, the schedule has %d", i, st.Requests, stages[stage])
		}
	}
	if sum != p.Requests {
		t.Fatalf("the stages add up to %d of %d", sum, p.Requests)
	}
	top := 0.0
	for _, rate := range p.Rates {
		top = max(top, rate)
	}
	if math.Abs(top-p.Peak) > 1e-9*p.Peak || p.Peak != sch.Peak() {
		t.Fatalf("the highest rate of the plot is %v, the peak %v, that of the schedule %v", top, p.Peak,
			sch.Peak())
	}
}

// No schedule asks a user more often in a day than the group allows, and one
// that a plan takes withholds nothing for that.
func TestMostAUserADay(t *testing.T) {
	const day = 24 * time.Hour
	refused := 0
	for n := range 60 {
		r := rand.New(rand.NewPCG(uint64(n), 3))
		s := oneGroup(load(constant(scenario.Rate(1+r.IntN(6))/3600, 30*time.Hour),
			constant(scenario.Rate(1+r.IntN(6))/3600, 20*time.Hour)))
		a, b := group("a", 1+r.IntN(20)), group("b", 1+r.IntN(60))
		a.MaxPerUser, b.MaxPerUser = 1+r.Uint64N(20), 1+r.Uint64N(40)
		a.Weight, b.Order = 2, []users.Order{users.Random, users.Shuffle}[n%2]
		s.Groups = []scenario.Group{a, b}
		times, capped := map[string][]time.Duration{}, false
		for arrival := range schedule.New(s).All() {
			if capped = capped || arrival.Withheld == measure.Capped; arrival.Withheld != "" {
				continue
			}
			id := arrival.User.ID
			times[id] = append(times[id], arrival.At)
			most := int(s.Groups[arrival.User.Group].MaxPerUser)
			if all := times[id]; len(all) > most && arrival.At-all[len(all)-1-most] < day {
				t.Fatalf("%d: user %s is asked more than %d times in the day before %v", n, id, most,
					arrival.At)
			}
		}
		planned := plan.New(s, 0)
		if over := planned.OverCap(); len(over) > 0 {
			refused++
		} else if capped {
			t.Fatalf("%d: the plan has nothing against arrivals that are withheld: %+v", n, planned.Groups)
		}
		for i, g := range planned.Groups {
			if g.UsersNeeded > 0 && g.UsersNeeded <= uint64(g.Users) || g.UsersNeeded == 0 &&
				g.PerUserDay > s.Groups[i].MaxPerUser {
				t.Errorf("%d: planned %+v", n, g)
			}
		}
	}
	if refused < 10 || refused > 50 {
		t.Errorf("%d of 60 plans are over a cap: that tests little", refused)
	}
}
