package schedule_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

func arrivals(s *scenario.Scenario, of *measure.Shard) []schedule.Arrival {
	return slices.Collect(schedule.NewShard(s, of).All())
}

func shards(n int) (all []*measure.Shard) {
	for i := range n {
		all = append(all, &measure.Shard{Run: "r", Index: i, Count: n})
	}
	return all
}

// randomLoad is any profile that a scenario may have.
func randomLoad(random *rand.Rand) scenario.Load {
	l := load()
	rate := func() scenario.Rate { return scenario.Rate(random.IntN(400)) / 4 }
	for range 1 + random.IntN(4) {
		st := scenario.Stage{From: rate(), To: rate(), Duration: time.Duration(1+random.IntN(3000)) * ms}
		switch random.IntN(5) {
		case 0, 1:
			st.To = st.From
		case 2:
			st.Steps = 2 + random.IntN(5)
		case 3:
			st.To = st.From
			st.Spike = &scenario.Spike{Rate: 200, At: st.Duration / 4, For: st.Duration / 3}
		}
		l.Stages = append(l.Stages, st)
	}
	l.Stages = append(l.Stages, constant(20, time.Second))
	l.Repeat = 1 + random.IntN(3)
	l.Seed = random.Uint64()
	if random.IntN(2) == 0 {
		l.Arrivals = scenario.Poisson
	}
	if random.IntN(3) == 0 {
		l.Warmup = time.Second
	}
	switch random.IntN(4) {
	case 0:
		l.MaxRequests = 1 + random.Uint64N(200)
	case 1:
		l.Requests = 1 + random.Uint64N(20)
	}
	return l
}

// randomGroups are groups in any order, with enough users for some shards.
func randomGroups(random *rand.Rand) (groups []scenario.Group) {
	orders := []users.Order{users.Sequential, users.Shuffle, users.Random, users.Once}
	for i := range 1 + random.IntN(3) {
		g := scenario.Group{Name: fmt.Sprint("g", i), Weight: 1 + random.IntN(5),
			Order: orders[random.IntN(4)], Exhausted: scenario.Wrap}
		for u := range 8 + random.IntN(60) {
			g.IDs = append(g.IDs, fmt.Sprintf("%s-%d", g.Name, u))
		}
		switch {
		case g.Order == users.Random:
			g.Exhausted = ""
		case g.Order == users.Once || random.IntN(3) == 0:
			g.Exhausted = scenario.Stop
		}
		if random.IntN(3) == 0 {
			g.PerUser = time.Duration(1+random.IntN(3000)) * ms
		}
		groups = append(groups, g)
	}
	return groups
}

// Whatever the load, the arrivals of all shards are those of the one schedule:
// each of them once, at its time, of its group. No user is asked by two shards,
// none before his perUser is over. Those who are asked in order and not again
// are even the same ones at the same times.
func TestShardsAreTheSchedule(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const runs = 200
	tested := 0
	for i := range runs {
		s := oneGroup(randomLoad(random))
		s.Groups = randomGroups(random)
		n := 1 + random.IntN(12)
		if err := schedule.CheckShard(s, *shards(n)[0]); err != nil {
			continue
		}
		tested++
		whole := arrivals(s, nil)
		var together []schedule.Arrival
		count, due := uint64(0), uint64(0)
		owner := map[string]int{}
		for shard, of := range shards(n) {
			sch := schedule.NewShard(s, of)
			own := slices.Collect(sch.All())
			if uint64(len(own)) != sch.Count() {
				t.Fatalf("run %d: %d arrivals, counted %d", i, len(own), sch.Count())
			}
			count, due = count+sch.Count(), due+sch.Due()
			last := map[string]time.Duration{}
			for _, a := range own {
				if a.Index%uint64(n) != uint64(shard) {
					t.Fatalf("run %d: arrival %d is shard %d's of %d", i, a.Index, shard, n)
				}
				if a.Withheld != "" {
					continue
				}
				id := a.User.ID
				if before, known := owner[id]; known && before != shard {
					t.Fatalf("run %d: %s is asked by the shards %d and %d of %d", i, id, before, shard, n)
				}
				owner[id] = shard
				if before, again := last[id]; again &&
					a.At-before < s.Groups[a.User.Group].PerUser-time.Microsecond {
					t.Fatalf("run %d: %s is asked again after %v", i, id, a.At-before)
				}
				last[id] = a.At
			}
			together = append(together, own...)
		}
		slices.SortFunc(together, func(a, b schedule.Arrival) int { return int(a.Index) - int(b.Index) })
		compareArrivals(t, s, whole, together)
		if all := schedule.New(s); count != all.Count() || due != all.Due() {
			t.Fatalf("run %d: the shards have %d of %d arrivals, the whole %d of %d", i, count, due,
				all.Count(), all.Due())
		}
	}
	if tested < runs/2 {
		t.Errorf("only %d of %d scenarios could be shared", tested, runs)
	}
}

func compareArrivals(t *testing.T, s *scenario.Scenario, whole, together []schedule.Arrival) {
	t.Helper()
	if len(whole) != len(together) {
		t.Fatalf("the shards have %d arrivals, the whole %d", len(together), len(whole))
	}
	for k := range whole {
		a, b := whole[k], together[k]
		g := s.Groups[a.User.Group]
		if a.Index != b.Index || a.At != b.At || a.Warmup != b.Warmup || a.User.Group != b.User.Group ||
			g.Exhausted == scenario.Stop && a.Withheld != b.Withheld {
			t.Fatalf("arrival %d: %+v of the whole, %+v of a shard", k, a, b)
		}
		if g.Exhausted == scenario.Stop && g.Order != users.Shuffle && a.User.ID != b.User.ID {
			t.Fatalf("arrival %d asks %q, of a shard %q", k, a.User.ID, b.User.ID)
		}
	}
}

// Where every fourth arrival is a group's, one shard of four sends all of them,
// and has all of its users.
func TestUsersGoWhereTheirArrivalsAre(t *testing.T) {
	s := oneGroup(load(constant(8, time.Second)))
	often, seldom := group("o", 6), group("s", 2)
	often.Weight = 3
	s.Groups = []scenario.Group{often, seldom}
	var asked []string
	for _, of := range shards(4) {
		ids := ""
		for _, a := range arrivals(s, of) {
			ids += " " + a.User.ID
		}
		asked = append(asked, ids)
	}
	if diff := cmp.Diff([]string{" oa od", " ob oe", " sa sb", " oc of"}, asked); diff != "" {
		t.Error(diff)
	}
	if err := schedule.CheckShard(s, *shards(4)[0]); err != nil {
		t.Error(err)
	}
}

// Shards draw users independently of one another.
func TestShardsDrawDifferently(t *testing.T) {
	for _, order := range []users.Order{users.Shuffle, users.Random} {
		s := oneGroup(load(constant(100, 2*time.Second)))
		s.Groups[0].IDs = nil
		for i := range 200 {
			s.Groups[0].IDs = append(s.Groups[0].IDs, fmt.Sprint(i))
		}
		s.Groups[0].Order = order
		same := 0
		first, second := arrivals(s, shards(2)[0]), arrivals(s, shards(2)[1])
		for k := range first {
			var a, b int
			fmt.Sscan(first[k].User.ID, &a)
			fmt.Sscan(second[k].User.ID, &b)
			if a/2 == b/2 {
				same++
			}
		}
		if same > 10 {
			t.Errorf("%s: %d of 100 draws are the same", order, same)
		}
	}
}

func TestScenariosThatCanNotBeShared(t *testing.T) {
	open := func(users int, weights ...int) *scenario.Scenario {
		s := oneGroup(load(constant(10, time.Second)))
		s.Groups = nil
		for i, w := range weights {
			g := group(string(rune('a'+i)), users)
			g.Weight = w
			s.Groups = append(s.Groups, g)
		}
		return s
	}
	closed := closedLoad(3, 0, time.Second)
	closed.Groups = []scenario.Group{group("a", 8)}
	few := closedLoad(8, 0, 0)
	few.Groups, few.Load.Requests = []scenario.Group{group("a", 8)}, 3
	once := open(1, 1)
	once.Groups[0].Exhausted = scenario.Stop
	none := open(1, 1)
	none.Groups[0].Usernameless = true
	for _, test := range []struct {
		name string
		s    *scenario.Scenario
		of   measure.Shard
		want string
	}{
		{"enough", open(8, 1), measure.Shard{Run: "r", Count: 8}, ""},
		{"no users needed", none, measure.Shard{Run: "r", Count: 8}, ""},
		{"too few", open(7, 1), measure.Shard{Run: "r", Count: 8}, "group a has too few users (7) for 8 " +
			"shards: 8 of them send requests of it"},
		{"arrivals in step with the shards", open(1, 1, 1), measure.Shard{Run: "r", Count: 2}, ""},
		{"arrivals out of step", open(2, 51, 49), measure.Shard{Run: "r", Count: 2}, ""},
		{"out of step, too few", open(1, 51, 49), measure.Shard{Run: "r", Count: 2},
			"group b has too few users (1) for 2 shards: 2 of them"},
		{"asked once", once, measure.Shard{Run: "r", Count: 8}, ""},
		{"weights without end", open(8, 999_983, 999_979, 999_961, 999_959, 999_953, 999_931, 999_917,
			999_907, 999_883, 999_863, 999_853, 1),
			measure.Shard{Run: "r", Count: 8}, "smaller numbers"},
		{"closed", closed, measure.Shard{Run: "r", Count: 8}, "3 users of a closed load " +
			"(load.concurrency) can't be shared among 8 shards"},
		{"closed, few requests", few, measure.Shard{Run: "r", Count: 8}, "3 requests (load.requests) can't"},
		{"from 1", open(8, 1), measure.Shard{Run: "r", Index: 8, Count: 8}, "shard 8 is not from 0 to 7"},
		{"none", open(8, 1), measure.Shard{Run: "r"}, "0 shards are not from 1 to 1000"},
		{"no name", open(8, 1), measure.Shard{Run: "a b", Count: 8}, `"a b" can't name a run`},
	} {
		err := schedule.CheckShard(test.s, test.of)
		if test.want == "" && err != nil || test.want != "" &&
			(err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// Many groups with weights that have nothing in common come round after many
// requests. Sharing their users out takes one look at those, not one a group: a
// shard that takes a minute to get ready is late.
func TestShardsOfManyGroups(t *testing.T) {
	s := oneGroup(load(constant(1000, 10*time.Second)))
	s.Groups = nil
	for i := range 300 {
		g := group(fmt.Sprint("g", i), 20)
		g.Weight = 100 + i*7%997
		s.Groups = append(s.Groups, g)
	}
	n := uint64(0)
	for _, of := range shards(2) {
		if err := schedule.CheckShard(s, *of); err != nil {
			t.Fatal(err)
		}
		n += schedule.NewShard(s, of).Count()
	}
	if n != 10_000 {
		t.Errorf("%d requests", n)
	}
	s.Groups[0].Weight = 5_000_011
	if err := schedule.CheckShard(s, *shards(2)[0]); err == nil || !strings.Contains(err.Error(),
		"write them as smaller numbers") {
		t.Errorf("more than can be looked at: %v", err)
	}
}
