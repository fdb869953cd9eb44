package compare_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mfaload/internal/testkit/noise"
	"mfaload/measure"
	"mfaload/report/compare"
	"mfaload/runner/schedule"
)

// duetCell is what runs against two targets at once came to: ten minutes at 100/s, with no margin. What two
// services share is the noise of one of the tables' services: of the machine and the network that both are
// measured from, and of what both depend on. Own is what each has to itself, which no pairing takes out.
type duetCell struct {
	noise.Service
	alternate bool
	seconds   int
	resamples int
}

// duets are the services of the table. Those up to b.95 are held to the bars.
func duets() (all []noise.Service) {
	level := noise.Service{Name: "g3 and b.95", Level: 0.05, Correlation: 0.95, Between: 0.03, Rate: 100}
	all = append(all, level)
	for _, name := range []string{"a", "g3", "b.95", "d", "j", "walk", "cache", "queue"} {
		all = append(all, noise.Find(name, 0))
	}
	for _, own := range []float64{0.01, 0.02, 0.05} {
		s := level
		s.Name, s.Own = fmt.Sprintf("g3 and b.95 and own %g%%", 100*own), own
		all = append(all, s)
	}
	return all
}

// simulate makes the comparisons of a cell, from a seed on: one with the same base for each scale.
func (c duetCell) simulate(t testing.TB, pairs int, first uint64, scales ...float64) []outcome {
	t.Helper()
	c.Seconds = c.seconds
	options := compare.Options{Margins: compare.Margins{{Name: "*"}}, Resamples: c.resamples,
		Metrics: []string{"response.p50", "response.p95", "errorRate"}} // those that decide anyway
	return simulate(t, pairs, scales, options, func(i int) (base []compare.Run, fresh [][]compare.Run) {
		seed := first + uint64(i)
		var isBase func(second int) bool
		if c.alternate {
			isBase = func(second int) bool { return schedule.SideOf(seed, int64(second)) == 0 }
		}
		one, others := c.Duet(rand.New(rand.NewPCG(seed, 78)), isBase, scales...)
		for _, m := range others {
			fresh = append(fresh, named("b", []*measure.Measurement{m}))
		}
		return named("a", []*measure.Measurement{one}), fresh
	})
}

// duetTable makes the table of runs against two targets at once, and holds it to the bars.
func duetTable(t *testing.T, isWanted func(service string) bool) {
	fmt.Printf("| duet: service | seconds | n | alike: called different, %% | +2%%: p95 worse, %% | +3%% | "+
		"+5%% | covered p50 | p95 |\n|%s\n", strings.Repeat("---|", 9))
	for _, s := range duets() {
		for _, alternate := range []bool{false, true} {
			if !isWanted(s.Name) {
				continue
			}
			c := duetCell{Service: s, alternate: alternate, seconds: 600}
			all := c.simulate(t, *pairs, *first, 1, 1.02, 1.03, 1.05)
			row := []string{s.Name, "both", fmt.Sprint(*pairs), share(all[0].decisive, *pairs)}
			if alternate {
				row[1] = "alternate"
			}
			var covered, of [2]int
			for k, o := range all {
				if k > 0 {
					row = append(row, share(o.found, o.pairs))
				}
				for i := range covered {
					covered[i], of[i] = covered[i]+o.covered[i], of[i]+o.percent[i]
				}
			}
			row = append(row, share(covered[0], of[0]), share(covered[1], of[1]))
			fmt.Println("| " + strings.Join(row, " | ") + " |")
			reached := 20*all[0].decisive <= *pairs && 5*all[2].found >= 4**pairs &&
				20*all[3].found >= 19**pairs
			if !reached && slices.Contains([]string{"g3 and b.95", "a", "g3", "b.95"}, s.Name) {
				t.Errorf("the bars are not reached: %v", row)
			}
		}
	}
}

// TestDuetIsCalibrated is a small part of the table.
func TestDuetIsCalibrated(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it makes dozens of comparisons")
	}
	for _, alternate := range []bool{false, true} {
		const n = 12
		c := duetCell{Service: duets()[0], alternate: alternate, seconds: 300, resamples: 400}
		all := c.simulate(t, n, 1, 1, 1.05)
		alike, slower := all[0], all[1]
		if alike.decisive > 2 || slower.found < n-1 ||
			min(alike.covered[0]+alike.covered[1], slower.covered[0]+slower.covered[1]) < 2*n-4 {
			t.Errorf("alternate %v: alike %+v, slower %+v", alternate, alike, slower)
		}
	}
}
