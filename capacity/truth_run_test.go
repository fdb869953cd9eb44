package capacity_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mfaload/capacity"
	"mfaload/scenario"
)

var (
	long   = flag.Bool("long", false, "make the whole table of docs/capacity.md")
	number = flag.Int("seeds", 200, "with -long: how many searches of each system")
	first  = flag.Uint64("first", 0, "with -long: the first seed")
	budget = flag.Duration("budget", 30*time.Minute, "what a search may take")
	most   = flag.Int("trials", 15, "how many trials a search may make")
	width  = flag.Float64("width", 0.05, "how wide an interval may be, of its middle")
	only   = flag.String("only", "", "search only systems with this in their name")
	misses = flag.Bool("misses", false, "show the trials of searches that went wrong")
)

// systems are those of the table.
func systems() []system {
	return []system{
		refusing(), crommelin(95, 60*time.Millisecond), erlang(95, 150*time.Millisecond),
		erlang(95, 100*time.Millisecond),
		erlang(99, 300*time.Millisecond), general(95, 150*time.Millisecond, 479.9),
		general(99, 300*time.Millisecond, 488.8), slowing(), leaking(), stepping(),
	}
}

// options begin each search somewhere else, so that no rate of the search
// happens to be the truth.
func (sys *system) options(seed uint64) capacity.SearchOptions {
	random := rand.New(rand.NewPCG(seed, 7))
	high := sys.truth * (1.3 + 3*random.Float64())
	return capacity.SearchOptions{Limits: sys.limits, Capacity: scenario.Capacity{
		MaxRate: scenario.Rate(high), StartRate: scenario.Rate(high / (16 + 32*random.Float64())),
		Trial:  30 * time.Second,
		Warmup: 10 * time.Second, Settle: 5 * time.Second, Budget: *budget, Trials: *most, Width: *width,
		Confidence: 0.95,
	}}
}

// row is what searches of one system came to.
type row struct {
	covered, narrow, within int
	trials, minutes         float64
}

// TestTruth searches systems whose highest rate is known from theory, on a
// virtual clock. With -long it makes the table of docs/capacity.md.
func TestTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it makes hundreds of searches")
	}
	seeds := 1
	if *long {
		seeds = *number
	}
	missed := 0
	for _, sys := range systems() {
		if !strings.Contains(sys.name, *only) {
			continue
		}
		r := sys.searches(t, seeds)
		n := float64(seeds)
		if *long {
			fmt.Printf("| %s%s | %.1f/s | %.1f %% | %.1f %% | %.1f %% | %.1f | %.0f |\n", sys.name,
				patience(), sys.truth, 100*float64(r.covered)/n,
				100*float64(r.narrow)/n, 100*float64(r.within)/n, r.trials/n, r.minutes/n)
		} else {
			missed += seeds - r.covered
		}
	}
	// One in twenty may miss.
	if !*long && missed > 1 {
		t.Errorf("%d of %d intervals do not contain the truth", missed, len(systems()))
	}
}

// patience says what a search may take, where it is not what it may by default.
func patience() string {
	if *budget == 30*time.Minute && *most == 15 {
		return ""
	}
	return fmt.Sprintf(", budget %gh, %d trials", budget.Hours(), *most)
}

// searches runs a search for each seed, on all processors.
func (sys *system) searches(t *testing.T, seeds int) (r row) {
	eachSeed(t, seeds, func(seed uint64) (*capacity.SearchResult, error) {
		return capacity.Search(context.Background(), sys.options(seed), sys.trial(seed))
	}, func(f *capacity.SearchResult, seed uint64) { r.add(sys, f, seed) })
	return r
}

// eachSeed runs a search for each seed, on all processors, and adds up what they found.
func eachSeed(t *testing.T, seeds int, search func(seed uint64) (*capacity.SearchResult, error),
	add func(f *capacity.SearchResult, seed uint64)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	next := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for seed := range next {
				f, err := search(seed)
				if err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				add(f, seed)
				mu.Unlock()
			}
		})
	}
	for seed := range seeds {
		next <- *first + uint64(seed)
	}
	close(next)
	all.Wait()
}

func (r *row) add(sys *system, f *capacity.SearchResult, seed uint64) {
	covered, narrow := f.Low <= sys.truth && sys.truth <= f.High, 2*(f.High-f.Low)/(f.High+f.Low) <= *width+
		1e-9
	for _, c := range []struct {
		is    bool
		count *int
	}{{covered, &r.covered}, {narrow, &r.narrow}, {covered && narrow, &r.within}} {
		if c.is {
			*c.count++
		}
	}
	r.trials += float64(len(f.Trials))
	r.minutes += f.Took.Minutes()
	if !*misses || covered && narrow {
		return
	}
	fmt.Printf("%s, seed %d: truth %.1f, found %.1f to %.1f with %.3f: %s\n", sys.name, seed, sys.truth,
		f.Low, f.High, f.Confidence, f.Why)
	for _, tr := range f.Trials {
		if len(tr.Judged) == 0 { // the service was not back
			fmt.Printf("   %7.1f %s: %+v\n", tr.Rate, tr.Verdict, tr.Recovered)
			continue
		}
		fmt.Printf("   %7.1f (%.3f) %6v %-12s %.3f %s: %.4f of %.0f\n", tr.Rate, tr.Rate/sys.truth, tr.Length,
			tr.Verdict, tr.Broken, tr.By, tr.Judged[0].Observed, tr.Judged[0].Effective)
	}
}
