package schedule_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

// lap is a run of several: when it began on a clock of all, and what it asked.
type lap struct {
	began time.Duration
	*scenario.Scenario
	until time.Duration
}

// askedAfter returns the arrivals of a run that follows others.
func askedAfter(laps []lap, now lap) (all []schedule.Arrival) {
	var previous []schedule.PreviousRun
	for _, l := range laps {
		previous = append(previous, schedule.PreviousRun{Scenario: l.Scenario, Before: now.began - l.began,
			Until: l.until})
	}
	for a := range schedule.NewShard(now.Scenario, nil, previous...).All() {
		if a.At > now.until {
			break
		}
		all = append(all, a)
	}
	return all
}

func TestUsersGoOn(t *testing.T) {
	ask := func(change func(*scenario.Group), until ...time.Duration) string {
		var laps []lap
		var texts []string
		for i, u := range until {
			g := group("", 5)
			change(&g)
			s := oneGroup(load(constant(10, time.Second)))
			s.Groups, s.Load.Seed = []scenario.Group{g}, uint64(7+i)
			now := lap{time.Duration(i) * time.Minute, s, u}
			text := ""
			for k, a := range askedAfter(laps, now) {
				if a.Withheld != "" {
					text += "-"
					continue
				}
				if text += a.User.ID; strings.Count(text, "-") == 0 && a.Turn != uint64(k) {
					t.Errorf("turn %d is called %d", k, a.Turn)
				}
			}
			laps, texts = append(laps, now), append(texts, text)
		}
		return strings.Join(texts, " ")
	}
	if got := ask(func(*scenario.Group) {}, 200*ms, 300*ms, time.Second); got != "abc deab cdeabcdeab" {
		t.Errorf("sequential: %s", got)
	}
	// Each run may ask all users, in another run's order.
	if got := ask(func(g *scenario.Group) { g.Order, g.Exhausted = users.Once, scenario.Stop }, 100*ms,
		time.Second); got != "ab cdeab" {
		t.Errorf("once: %s", got)
	}
	whole := ask(func(g *scenario.Group) { g.Order = users.Shuffle }, time.Second)
	parts := ask(func(g *scenario.Group) { g.Order = users.Shuffle }, 200*ms, 600*ms)
	if strings.ReplaceAll(parts, " ", "") != whole {
		t.Errorf("shuffled: %s, and %s in two runs", whole, parts)
	}
	if got := ask(func(g *scenario.Group) { g.MaxPerUser = 1 }, 200*ms,
		time.Second); got != "abc de--------" {
		t.Errorf("once a day: %s", got)
	}
	if got := ask(func(g *scenario.Group) { g.PerUser = time.Minute + 500*ms }, 200*ms,
		time.Second); got != "abc de---abc--" {
		t.Errorf("no user twice within a minute and a half second: %s", got)
	}
}

// However runs follow one another, no user is asked more often or sooner than
// allowed.
func TestCapsOverRuns(t *testing.T) {
	const day = 24 * time.Hour
	for n := range 60 {
		r := rand.New(rand.NewPCG(uint64(n), 5))
		g := group("", 3+r.IntN(12))
		g.Order = []users.Order{users.Sequential, users.Shuffle, users.Random}[n%3]
		g.MaxPerUser, g.PerUser = 2+r.Uint64N(6), time.Duration(r.IntN(40))*time.Second
		if n%7 == 0 && g.Order != users.Random {
			g.Exhausted = scenario.Stop
		}
		times, given := map[string][]time.Duration{}, 0
		var laps []lap
		for began, i := time.Duration(0), 0; i < 6; i++ {
			s := oneGroup(load(constant(scenario.Rate(1+r.IntN(5)), 20*time.Second)))
			s.Groups, s.Load.Seed, s.Load.Warmup = []scenario.Group{g}, uint64(i), 2*time.Second
			if n%2 == 0 {
				s.Load.Arrivals = scenario.Poisson
			}
			now := lap{began, s, time.Duration(r.IntN(22_000)) * ms}
			for _, a := range askedAfter(laps, now) {
				if a.Withheld != "" {
					continue
				}
				given++
				times[a.User.ID] = append(times[a.User.ID], began+a.At)
			}
			laps = append(laps, now)
			began += now.until + time.Duration(r.IntN(20))*time.Second
			if r.IntN(3) == 0 {
				began += time.Duration(r.IntN(30)) * time.Hour
			}
		}
		for id, all := range times {
			if !slices.IsSorted(all) {
				t.Fatalf("%d: user %s: %v", n, id, all)
			}
			for i, at := range all {
				if i > 0 && at-all[i-1] < g.PerUser {
					t.Errorf("%d: user %s is asked after %v again", n, id, at-all[i-1])
				}
				if most := int(g.MaxPerUser); i >= most && at-all[i-most] < day {
					t.Errorf("%d: user %s is asked more than %d times a day", n, id, most)
				}
			}
		}
		if given == 0 {
			t.Errorf("%d: nobody is asked", n)
		}
	}
}
