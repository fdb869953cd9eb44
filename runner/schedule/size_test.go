package schedule_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/runner/plan"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

const day = 24 * time.Hour

// schedulesOfAnySize are loads whose arrivals nobody could go through: up to 2.6
// trillion.
func schedulesOfAnySize() map[string]*scenario.Scenario {
	poisson := func(l scenario.Load) *scenario.Scenario {
		l.Arrivals = scenario.Poisson
		return oneGroup(l)
	}
	with := func(s *scenario.Scenario, change func(*scenario.Scenario)) *scenario.Scenario {
		change(s)
		return s
	}
	tenDays := func() scenario.Load { return load(constant(20_000, 10*day)) }
	uneven := oneGroup(tenDays())
	rare, often := group("r", 0), group("o", 0)
	rare.Weight, often.Weight = 1, 100_000
	rare.Exhausted, often.Exhausted = scenario.Stop, scenario.Stop
	rare.IDs, often.IDs = make([]string, 20_000), []string{"o"}
	uneven.Groups = []scenario.Group{rare, often}
	return map[string]*scenario.Scenario{
		"ten days":  poisson(tenDays()),
		"the most":  poisson(load(constant(scenario.MaxRate, 30*day))),
		"a ramp":    poisson(load(ramp(0, 20_000, 10*day))),
		"a wave":    poisson(load(wave(100, 20_000, day, 0, 10*day))),
		"a warm-up": with(poisson(tenDays()), func(s *scenario.Scenario) { s.Load.Warmup = 5 * day }),
		"a cap": with(poisson(tenDays()),
			func(s *scenario.Scenario) { s.Load.MaxRequests = 10_000_000_000 }),
		"a number": with(poisson(tenDays()), func(s *scenario.Scenario) { s.Load.Requests = 17_000_000_000 }),
		"repeated": with(poisson(load(constant(20_000, time.Second), ramp(0, 100, time.Second))),
			func(s *scenario.Scenario) { s.Load.Repeat = 400_000 }),
		"uneven groups": uneven,
		"uneven groups, poisson": with(oneGroup(tenDays()), func(s *scenario.Scenario) {
			s.Groups, s.Load.Arrivals = uneven.Groups, scenario.Poisson
		}),
	}
}

// Whatever a schedule's size is, its number of arrivals, its end, its plan and its
// first arrivals are there at once, for the whole and for a shard. Where they were
// gone through this would take hours.
func TestAnyScheduleIsThereAtOnce(t *testing.T) {
	for name, s := range schedulesOfAnySize() {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				sch := schedule.New(s)
				if n := sch.Count(); n < 500_000_000 || sch.End() == 0 || sch.Due() < n {
					t.Fatalf("%d of %d arrivals until %v", n, sch.Due(), sch.End())
				}
				n := 0
				for range sch.All() {
					if n++; n == 100 {
						break
					}
				}
			}
			if p := plan.New(s, 0); p.Requests != schedule.New(s).Due() {
				t.Errorf("planned %d", p.Requests)
			}
		})
	}
}

// Users run out when one who hands them out finds so, whatever the weights are.
func TestWhenUsersRunOut(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		s := oneGroup(load(constant(10, 1000*time.Second)))
		s.Groups = nil
		for i := range 1 + random.IntN(5) {
			g := group(string(rune('a'+i)), 1+random.IntN(30))
			g.Weight, g.Exhausted = 1+random.IntN(12), scenario.Stop
			s.Groups = append(s.Groups, g)
		}
		if random.IntN(2) == 0 {
			s.Load.Arrivals = scenario.Poisson
		}
		if random.IntN(2) == 0 {
			s.Load.Warmup = time.Duration(1+random.IntN(20)) * time.Second
		}
		sch, seen := schedule.New(s), uint64(0)
		for range sch.All() {
			seen++
		}
		if seen != sch.Count() {
			t.Fatalf("%d arrivals, and the schedule says %d", seen, sch.Count())
		}
	}
}

// A cap that cuts nothing off ends nothing: the plan has its last pause.
func TestCapThatCutsNothingOff(t *testing.T) {
	for _, arrivals := range []scenario.Arrivals{scenario.Uniform, scenario.Poisson} {
		s := oneGroup(load(constant(10, 5*time.Second), scenario.Stage{Duration: 30 * time.Second}))
		s.Load.Arrivals = arrivals
		all := schedule.New(s).Count()
		times := arrivalTimes(s)
		for cap, end := range map[uint64]time.Duration{all - 1: times[all-1], all: 35 * time.Second,
			all + 1: 35 * time.Second} {
			s.Load.MaxRequests = cap
			if sch := schedule.New(s); sch.End() != end || sch.Count() != min(cap, all) {
				t.Errorf("%v, %d: %d arrivals until %v, not %v", arrivals, cap, sch.Count(), sch.End(), end)
			}
		}
	}
}

// What a shard of a poisson schedule sends is the same for whoever reads it.
func TestPoissonShardsOfAnySize(t *testing.T) {
	s := schedulesOfAnySize()["ten days"]
	s.Groups = []scenario.Group{group("u", 3)}
	var whole []time.Duration
	for a := range schedule.New(s).All() {
		if whole = append(whole, a.At); len(whole) == 3000 {
			break
		}
	}
	var sum uint64
	for i := range 3 {
		sch := schedule.NewShard(s, &measure.Shard{Run: "r", Index: i, Count: 3})
		sum += sch.Count()
		for a := range sch.All() {
			if a.Index >= 3000 {
				break
			}
			if a.At != whole[a.Index] || a.Index%3 != uint64(i) {
				t.Fatalf("shard %d: arrival %d at %v, not %v", i, a.Index, a.At, whole[a.Index])
			}
		}
	}
	if all := schedule.New(s).Count(); sum != all {
		t.Errorf("%d arrivals of shards, %d in all", sum, all)
	}
}
