package compare_test

import (
	"math/rand/v2"
	"testing"

	"mfaload/internal/testkit/noise"
	"mfaload/report/compare"
)

// Runs whose warm-ups were found to end at other times are compared if they lasted equally long.
func TestFoundWarmupsMayDiffer(t *testing.T) {
	run := func(seed uint64, seconds int, cold *noise.Cold) compare.Run {
		s := noise.Find("a", seconds)
		s.Warmup, s.Cold = 20, cold
		random := rand.New(rand.NewPCG(seed, 9))
		base, _ := s.Starts(random, 1, 0)
		m := s.Run(random, base[0])
		m.SettleWarmup()
		m.Terms = []byte("{}")
		return compare.Run{Name: s.Name, Measurement: m}
	}
	warm, cold := run(1, 120, nil), run(2, 120, &noise.Cold{Slower: 3, For: 3})
	if warm.Measurement.Main.Start == cold.Measurement.Main.Start {
		t.Fatalf("both are judged from %v on", warm.Measurement.Main.Start)
	}
	if why := compare.ObstaclesTo(warm, cold); len(why) > 0 {
		t.Error(why)
	}
	if why := compare.ObstaclesTo(warm, run(3, 100, nil)); len(why) != 1 {
		t.Errorf("of another length: %v", why)
	}
}
