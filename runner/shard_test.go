package runner_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

func shards(n int) (all []*measure.Shard) {
	for i := range n {
		all = append(all, &measure.Shard{Run: "r", Index: i, Count: n})
	}
	return all
}

// The shards of a closed load have its users and requests among them, exactly.
func TestClosedShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []*measure.Measurement
		users := 0
		for _, of := range shards(3) {
			s := closedLoad(7, 100*ms, 0)
			s.Groups, s.Load.Requests = []scenario.Group{group("a", 10)}, 50
			r := runner.New(runner.Config{Scenario: s, Operation: &service{answer: takes(10 * ms)},
				Wait: machine.TimerWait, Shard: of})
			m, err := r.Run(t.Context(), runner.Start{})
			if err != nil {
				t.Fatal(err)
			}
			m.Started = time.Time{}
			users += m.Generator.Workers
			all = append(all, m)
		}
		m, err := measure.Merge(all)
		if err != nil {
			t.Fatal(err)
		}
		if m.Main.Sent() != 50 || users != 7 || m.Users[0].Users != 10 || m.Users[0].Turns != 50 {
			t.Errorf("%d requests of %d users, %+v", m.Main.Sent(), users, m.Users)
		}
	})
}

// Shards that start at one time are one run: what they measured together is what
// one machine measures.
func TestShardsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(90 * time.Second)
		one := func(of *measure.Shard) *measure.Measurement {
			l := load(scenario.Stage{From: 5, To: 50, Duration: 4 * time.Second}, constant(20, time.Second))
			l.Warmup, l.Arrivals, l.Workers = time.Second, scenario.Poisson, 50
			s := oneGroup(l)
			s.Groups = []scenario.Group{group("a", 12), group("b", 9)}
			s.Groups[1].Order, s.Groups[1].Exhausted = users.Once, scenario.Stop
			r := runner.New(runner.Config{Scenario: s, Operation: &service{answer: takes(30 * ms)},
				Wait: machine.TimerWait, Shard: of})
			m, err := r.Run(t.Context(), runner.Start{At: start})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		var parts []*measure.Measurement
		done := make(chan *measure.Measurement)
		for _, of := range shards(3) {
			go func() { done <- one(of) }()
		}
		whole := one(nil)
		for range 3 {
			parts = append(parts, <-done)
		}
		m, err := measure.Merge(parts)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Merged.Parts) != 3 || !m.Started.Equal(start) || m.Main.Sent() == 0 {
			t.Errorf("%d shards, started %v", len(m.Merged.Parts), m.Started)
		}
		m.Merged, m.Generator, whole.Generator = nil, measure.Generator{}, measure.Generator{}
		m.Main.Connections, whole.Main.Connections = measure.Connections{}, measure.Connections{}
		if diff := cmp.Diff(whole, m, histograms, seconds); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStartTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(time.Hour)
		r := func() *runner.Runner {
			return runner.New(runner.Config{Scenario: oneGroup(load(constant(1, time.Second))),
				Operation: &service{answer: takes(ms)}, Wait: machine.TimerWait})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := r().Run(ctx, runner.Start{At: start}); !errors.Is(err, runner.ErrCancelled) {
			t.Errorf("stopped while it waits: %v", err)
		}
		if _, err := r().Run(t.Context(), runner.Start{At: start}); err != nil ||
			time.Since(start) > 2*time.Second {
			t.Errorf("%v, ended %v after the start time", err, time.Since(start))
		}
		if _, err := r().Run(t.Context(), runner.Start{At: start}); !errors.Is(err, runner.ErrLate) ||
			!strings.Contains(err.Error(), "ago") {
			t.Errorf("a start time that has passed: %v", err)
		}
	})
}

var (
	histograms = cmp.Comparer(func(a, b *measure.Histogram) bool {
		return a == b || a != nil && b != nil &&
			a.Equal(b)
	})
	seconds = cmp.Transformer("all", func(l measure.Seconds) []*measure.Second {
		return slices.Collect(l.All())
	})
)
