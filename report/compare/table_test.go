package compare_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"mfaload/internal/stat"
	"mfaload/internal/testkit/noise"
	"mfaload/measure"
	"mfaload/report/compare"
)

var (
	long  = flag.Bool("long", false, "make the tables of docs/compare.md: it takes an hour")
	first = flag.Uint64("first", 1, "first seed of the tables")
	pairs = flag.Int("pairs", 200, "comparisons in a cell of the tables")
	quick = flag.Bool("quick", false, "compare only the figures that decide: several times as fast, and the "+
		"tables have nothing to say of the others")
	alikeOnly = flag.Bool("alike", false, "only the columns of pairs that are alike")
	only      = flag.String("only", "", "only these tables and, after an @, services, such as one,@a,@b")
)

// cell is what the comparisons of many simulated pairs came to: one cell of a table.
type cell struct {
	service noise.Service
	runs    int // a side
	earlier int // runs of the base side where it is a history; 0 if it has as many as the new side
	options compare.Options
}

// outcome counts comparisons.
type outcome struct {
	pairs            int
	exits            [3]int // 0, 1, 4
	decisive, any    int    // in which a figure that decides, or any, is called better or worse
	found            int    // in which the response time's p95 is called worse
	covered, percent [2]int // of intervals of p50 and p95, the true change; percent is of how many
}

var exits = map[compare.Judgement]int{compare.Same: 0, compare.Better: 0, compare.Worse: 1,
	compare.Unclear: 2}

func (o *outcome) add(c *compare.Comparison, scale float64) {
	o.pairs++
	o.exits[exits[c.Verdict]]++
	decisive, any := false, false
	for _, r := range c.Rows {
		called := r.Judgement == compare.Worse || r.Judgement == compare.Better
		decisive, any = decisive || called && r.Primary, any || called
		if r.Metric == "response.p95" && r.Judgement == compare.Worse {
			o.found++
		}
		if i := slices.Index([]string{"response.p50", "response.p95"}, r.Metric); i >= 0 {
			o.percent[i]++
			if true := 100 * (scale - 1); r.Low <= true && true <= r.High {
				o.covered[i]++
			}
		}
	}
	if decisive {
		o.decisive++
	}
	if any {
		o.any++
	}
}

// share writes a count as a percentage with its exact interval.
func share(n, of int) string {
	low, high := stat.Proportion{Count: float64(n), Of: float64(of)}.Exact(0.95)
	text := fmt.Sprintf("%.3g (%.2g–%.2g)", 100*float64(n)/float64(of), 100*low, 100*high)
	return strings.ReplaceAll(text, "1e+02", "100")
}

// simulate makes the comparisons of a cell, from a seed on: one with the same base for each scale of the
// times of the new side.
func (c cell) simulate(t testing.TB, pairs int, first uint64, scales ...float64) []outcome {
	t.Helper()
	return simulate(t, pairs, scales, c.options, func(i int) (base []compare.Run, fresh [][]compare.Run) {
		random := rand.New(rand.NewPCG(first+uint64(i), 77))
		before, after := c.service.Starts(random, max(c.runs, c.earlier), c.runs)
		base = named("a", c.service.Runs(random, before))
		for _, scale := range scales {
			fresh = append(fresh, named("b", c.service.Scaled(scale).Runs(random, after)))
		}
		return base, fresh
	})
}

// simulate compares bases with new sides, one for each scale of their times.
func simulate(t testing.TB, pairs int, scales []float64, o compare.Options,
	sides func(i int) (base []compare.Run, fresh [][]compare.Run)) []outcome {
	t.Helper()
	var mu sync.Mutex
	var workers sync.WaitGroup
	all, count := make([]outcome, len(scales)), runtime.GOMAXPROCS(0)
	for worker := range count {
		workers.Go(func() {
			for i := worker; i < pairs; i += count {
				base, fresh := sides(i)
				for k, scale := range scales {
					result, err := compare.Compare(base, fresh[k], o)
					mu.Lock()
					if err != nil || len(result.Obstacles) > 0 {
						t.Error(err, result)
					} else {
						all[k].add(result, scale)
					}
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return all
}

func named(name string, all []*measure.Measurement) (runs []compare.Run) {
	for i, m := range all {
		runs = append(runs, compare.Run{Name: fmt.Sprint(name, i), Measurement: m})
	}
	return runs
}

// table is some cells, and the bars that they are held to.
type table struct {
	name     string
	services []string
	seconds  int
	runs     int
	earlier  int
	slower   []float64 // what the new side's times are multiplied by, apart from the pairs that are alike
}

var tables = []table{
	{"one", []string{"a", "b", "b.8", "b.9", "b.95", "d", "f", "g3", "h", "h'", "i", "j", "m", "sawtooth",
		"cache", "bursts", "walk", "queue"}, 300, 1, 0, []float64{1.1}},
	{"four", []string{"a", "b", "b.95", "d", "f", "g3", "h", "h'", "i", "j", "m", "sawtooth", "cache",
		"bursts", "walk", "queue"}, 60, 4, 0, []float64{1.1}},
	{"history", []string{"a", "b", "b.95", "d", "g1", "g3", "g5", "h'", "j", "queue"}, 300, 1, 8,
		[]float64{1.1, 1.2}},
}

// row makes the row of a service, and returns what the pairs that are alike came to.
func (tab table) row(t *testing.T, name string) (alike outcome) {
	c := cell{service: noise.Find(name, tab.seconds), runs: tab.runs, earlier: tab.earlier}
	if *quick {
		c.options.Metrics = []string{"response.p50", "response.p95", "errorRate"}
	}
	all := c.simulate(t, *pairs, *first, append([]float64{1}, tab.slow()...)...)
	alike = all[0]
	text := fmt.Sprintf("| %s %s | %d | %s | %d | %d | %s | %s |", tab.name, name, alike.pairs,
		share(alike.exits[0], alike.pairs), alike.exits[1], alike.exits[2],
		share(alike.decisive, alike.pairs), share(alike.any, alike.pairs))
	var covered, of [2]int
	for i, o := range all {
		if i > 0 {
			text += fmt.Sprintf(" %s | %s |", share(o.found, o.pairs), share(o.exits[1], o.pairs))
		}
		for k := range covered {
			covered[k], of[k] = covered[k]+o.covered[k], of[k]+o.percent[k]
		}
	}
	fmt.Printf("%s %s | %s |\n", text, share(covered[0], of[0]), share(covered[1], of[1]))
	return alike
}

// slow are the scales of the columns of pairs that are not alike.
func (tab table) slow() []float64 {
	if *alikeOnly {
		return nil
	}
	return tab.slower
}

// heading is the head of the table.
func (tab table) heading() string {
	text := "| service | n | alike: exit 0, % | 1 | 4 | called different, % | any figure, % |"
	for _, scale := range tab.slow() {
		text += fmt.Sprintf(" +%.0f%%: p95 worse, %% | exit 1, %% |", 100*(scale-1))
	}
	text += " covered p50, % | p95, % |"
	return text + "\n|" + strings.Repeat("---|", strings.Count(text, "|")-1)
}

// TestTable makes the tables of docs/compare.md and holds them to the bars that they are known to reach.
func TestTable(t *testing.T) {
	if !*long {
		t.Skip("it takes an hour: make compare-table")
	}
	wanted := strings.Split(*only, ",")
	isWanted := func(service string) bool {
		return !strings.Contains(*only, "@") || slices.Contains(wanted, "@"+service)
	}
	if *only == "" || slices.Contains(wanted, "duet") {
		duetTable(t, isWanted)
	}
	for _, tab := range tables {
		if *only != "" && !slices.Contains(wanted, tab.name) {
			continue
		}
		fmt.Println(tab.heading())
		for _, name := range tab.services {
			if !isWanted(name) {
				continue
			}
			alike := tab.row(t, name)
			if tab.name != "one" && name != "h'" && name != "walk" && 10*alike.decisive > alike.pairs {
				t.Errorf("%s %s: %d of %d alike are called different", tab.name, name, alike.decisive,
					alike.pairs)
			}
		}
	}
}

// TestCalibration is a small part of the tables: enough to see when judging goes wrong, not by how much.
func TestCalibration(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it makes a hundred comparisons")
	}
	few := compare.Options{Metrics: []string{"response.p50", "response.p95"}, Resamples: 400}
	for name, runs := range map[string]int{"b": 1, "d": 1, "m": 4} {
		c := cell{service: noise.Find(name, 120/runs), runs: runs, options: few}
		const n = 16
		all := c.simulate(t, n, 1, 1, 1.12)
		if o := all[0]; o.decisive > 2 || o.covered[0]+o.covered[1] < 2*n-5 {
			t.Errorf("%s alike: %+v", name, o)
		}
		if o := all[1]; o.decisive < n-4 || o.found < n/2 || o.covered[0]+o.covered[1] < 2*n-5 {
			t.Errorf("%s slower: %+v", name, o)
		}
	}
}
