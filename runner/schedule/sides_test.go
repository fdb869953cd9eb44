package schedule_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/runner/schedule"
)

// Two sides that alternate have the whole schedule among them, each arrival with its user, and say how many
// arrivals are theirs without going through them. Of each pair of seconds of the judged part each has one.
func TestSidesAlternate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 7))
	for range 300 {
		s := oneGroup(randomLoad(random))
		s.Groups = randomGroups(random)
		s.Load.Warmup = time.Duration(random.IntN(3)) * 700 * ms
		whole := schedule.New(s)
		var together []schedule.Arrival
		planned, from := 0.0, (whole.Start() + time.Second - 1).Truncate(time.Second)
		for side := range 2 {
			half := whole.Alternate(side)
			own := slices.Collect(half.All())
			if half.Count() != uint64(len(own)) || half.End() != whole.End() {
				t.Fatalf("side %d has %d arrivals, and says %d", side, len(own), half.Count())
			}
			for _, a := range own {
				second := int64((a.At.Truncate(time.Second) - from) / time.Second)
				if schedule.SideOf(s.Load.Seed, second) != side {
					t.Fatalf("the arrival at %v is not of side %d", a.At, side)
				}
			}
			together = append(together, own...)
			planned += half.MeanRate(0, half.End())
		}
		slices.SortFunc(together, func(a, b schedule.Arrival) int { return int(a.Index) - int(b.Index) })
		if diff := cmp.Diff(slices.Collect(whole.All()), together); diff != "" {
			t.Fatalf("both sides together are not the whole schedule:\n%s", diff)
		}
		if due := whole.Alternate(0).Due() + whole.Alternate(1).Due(); due != whole.Due() {
			t.Fatalf("%d arrivals are due on both sides, and %d on the whole", due, whole.Due())
		}
		if rate := whole.MeanRate(0, whole.End()); math.Abs(planned-rate) > 1e-6*rate {
			t.Fatalf("both sides plan %v/s, the whole %v/s", planned, rate)
		}
	}
}

// What is drawn is fair, and is the same for a seed.
func TestSidesAreDrawn(t *testing.T) {
	const pairs = 10_000
	first, repeats := 0, 0
	for pair := range uint64(pairs) {
		side := schedule.FirstOf(1, pair)
		first += side
		if side == schedule.FirstOf(1, pair+1) {
			repeats++
		}
		a, b := schedule.SideOf(1, int64(2*pair)), schedule.SideOf(1, int64(2*pair+1))
		if a != side || a+b != 1 {
			t.Fatalf("pair %d: its seconds are of sides %d and %d, and %d is drawn to be first", pair, a, b,
				side)
		}
	}
	for name, n := range map[string]int{"first": first, "like the next one": repeats} {
		if math.Abs(float64(n)-pairs/2) > 4*math.Sqrt(pairs)/2 {
			t.Errorf("%d of %d are %s", n, pairs, name)
		}
	}
	if schedule.SideOf(1, -1) == schedule.SideOf(1, -2) {
		t.Error("the pair before the judged part is one side's")
	}
}
