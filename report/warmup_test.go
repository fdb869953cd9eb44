package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/internal/stat"
	"mfaload/internal/testkit/noise"
	"mfaload/measure"
	"mfaload/report"
)

// warmups are how the warm-ups of runs of a service came out whose end was looked for.
type warmups struct {
	runs, cut, notSteady, rises int
	ends                        []float64 // s
	// By how much the p95 of the whole run, of the judged part, and of the part after the longest
	// warm-up is above the true one, as logarithms.
	whole, judged, last []float64
}

func (w *warmups) row() string {
	ends := slices.Sorted(slices.Values(w.ends))
	at := func(share float64) float64 { return ends[int(share*float64(len(ends)-1))] }
	percent := func(logs []float64) string { return fmt.Sprintf("%+.1f%%", 100*math.Expm1(stat.Mean(logs))) }
	return fmt.Sprintf("%d | %d | %.0f to %.0f s, median %.0f s | %d | %d | %s | %s | %s |", w.runs, w.cut,
		at(0.1), at(0.9), at(0.5), w.notSteady, w.rises, percent(w.whole), percent(w.judged), percent(w.last))
}

// settled runs a service, whose true p95 is known, with a warm-up of at most a sixth of its seconds, as it
// is by default.
func settled(t *testing.T, s noise.Service, truth float64, runs int, seed uint64) (w warmups) {
	t.Helper()
	s.Warmup = s.Seconds / 6
	for i := range runs {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		base, _ := s.Starts(random, 1, 0)
		m := s.Run(random, base[0])
		away := func(h *measure.Waits) float64 { return math.Log(h.Percentile(95).Time.Seconds() / truth) }
		last := m.Main.Waits(-1, false)
		whole := last
		whole.Served = append(slices.Clone(last.Served), m.Warmup.Waits(-1, false).Served...)
		w.last, w.whole = append(w.last, away(&last)), append(w.whole, away(&whole))
		m.SettleWarmup()
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		judged := m.Main.Waits(-1, false)
		w.judged, w.ends = append(w.judged, away(&judged)), append(w.ends, m.Main.Start.Seconds())
		r := judgedWith(t, m, 0.95, p95Limit(1))
		w.runs++
		if m.Main.Start > 0 {
			w.cut++
		}
		if r.WarmupEnd.State != "steady" {
			w.notSteady++
		}
		if r.WarmupEnd.Rise != 0 {
			w.rises++
		}
	}
	return w
}

// cold are services that have to warm up.
func cold(name string, seconds int, c noise.Cold) noise.Service {
	s := noise.Find(name, seconds)
	s.Cold = &c
	return s
}

// TestWarmupIsFound is a small part of the table that make verdict-table makes.
func TestWarmupIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it takes seconds")
	}
	for _, name := range []string{"a", "b", "d", "f"} {
		if w := settled(t, noise.Find(name, 150), 1, 6, 1); w.cut > 1 || w.rises > 1 {
			t.Errorf("%s has no warm-up: %s", name, w.row())
		}
	}
	w := settled(t, cold("b", 150, noise.Cold{Slower: 3, For: 5}), trueP95(noise.Find("b", 150)), 6, 2)
	if w.cut < 6 || math.Abs(stat.Mean(w.judged)) > 0.02 || stat.Mean(w.whole) < 0.05 {
		t.Errorf("3 times as slow for 5 s: %s", w.row())
	}
	w = settled(t, cold("b", 150, noise.Cold{Slower: 3, For: 60}), 1, 6, 3)
	if w.notSteady < 6 {
		t.Errorf("3 times as slow for 60 s: %s", w.row())
	}
}

// TestWarmupTable makes the table of warm-ups in docs/verdict-methods.md.
func TestWarmupTable(t *testing.T) {
	if !*long {
		t.Skip("it takes minutes: make verdict-table")
	}
	for _, seconds := range []int{144, 360} {
		for _, name := range []string{"a", "b", "b.8", "b.95", "d", "f", "i", "cache", "walk", "queue"} {
			w := settled(t, noise.Find(name, seconds), trueP95(noise.Find(name, seconds)), 100, 11)
			fmt.Printf("| %s | %d s | %s\n", name, seconds, w.row())
		}
		for _, c := range []noise.Cold{{Slower: 3, For: 5}, {Slower: 3, For: 20}, {Slower: 3, For: 60},
			{Misses: 0.5, For: 10}, {Slower: 2, For: 30, Step: true}, {Slower: 2, For: 90, Step: true},
			{Slower: 1.2, For: 2, Step: true}} {
			for _, name := range []string{"a", "b"} {
				w := settled(t, cold(name, seconds, c), trueP95(noise.Find(name, seconds)), 100, 12)
				fmt.Printf("| %s, %+v | %d s | %s\n", name, c, seconds, w.row())
			}
		}
	}
}

// The report says where the warm-up ended, what is not as it ought to be, and that shards can't tell.
func TestWarmupIsReported(t *testing.T) {
	run := func(s noise.Service, settle bool) *report.Report {
		s.Warmup = 24
		m := s.Run(rand.New(rand.NewPCG(5, 5)), time.Unix(1_800_000_000, 0))
		if !settle {
			m.Shard = &measure.Shard{Run: "r", Count: 2}
		}
		m.SettleWarmup()
		return judgedWith(t, m, 0, p95Limit(10))
	}
	for _, test := range []struct {
		name, text string
		r          *report.Report
		remarks    []string
	}{
		{"none", `^no warm-up found in the first 24 s \(MSER, steps of 2 s\): all of the run is judged$`,
			run(noise.Find("a", 144), true), nil},
		{"found", `^the warm-up was found to end after (6|8|10|12) s of at most 24 s \(MSER, steps of ` +
			`2 s\); typical response [5-9]\d(\.\d)? ms before, 40(\.\d)? ms after$`,
			run(cold("a", 144, noise.Cold{Slower: 3, For: 3}), true), nil},
		{"long", `^response times were not steady within the 24 s that the warm-up may take .*: judged ` +
			`after 24 s; `,
			run(cold("a", 144, noise.Cold{Slower: 3, For: 60}), true),
			[]string{"not steady within the 24 s", "still fall by about"}},
		{"shard", `^where the warm-up ends is not known \(.*shards are not merged\): judged after 24 s$`,
			run(noise.Find("a", 144), false), []string{"where the warm-up ends is not known"}},
	} {
		if got := test.r.WarmupEnd.Text(); !regexp.MustCompile(test.text).MatchString(got) {
			t.Errorf("%s: %s", test.name, got)
		}
		about := slices.DeleteFunc(slices.Clone(test.r.Reasons), func(reason string) bool {
			return !strings.Contains(reason, "warm-up") && !strings.Contains(reason, "still")
		})
		if len(about) != len(test.remarks) {
			t.Fatalf("%s: %q", test.name, about)
		}
		for i, want := range test.remarks {
			if !strings.Contains(about[i], want) {
				t.Errorf("%s: %q", test.name, about[i])
			}
		}
	}
}
