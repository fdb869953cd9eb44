package runner_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/measure/journal"
	"mfaload/runner"
	"mfaload/scenario"
)

// A run whose warm-up is to be found sends what one with a fixed warm-up sends, and is judged from
// where its responses became as fast as they stay. What is rebuilt of its journal is the same.
func TestWarmupIsFoundAfterTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, l := range map[string]scenario.Load{
			"open": load(constant(20, time.Minute)),
			"closed": {Concurrency: 4, Workers: 4, Think: 100 * time.Millisecond, Duration: time.Minute,
				Drain: 10 * time.Second},
		} {
			l.Warmup, l.AutoWarmup = 12*time.Second, true
			start := time.Now()
			cold := &service{answer: func(ctx context.Context) error {
				took := 2e7 * (1 + 9*math.Exp(-time.Since(start).Seconds())) * (0.8 + 0.4*rand.Float64())
				return sleep(ctx, time.Duration(took))
			}}
			file := &book{}
			r := runner.New(runner.Config{Scenario: oneGroup(l), Operation: cold, Wait: machine.TimerWait})
			writer := journal.NewAppender(file, &measure.Measurement{})
			m, err := r.Run(t.Context(), runner.Start{Journal: writer})
			if err != nil {
				t.Fatal(err)
			}
			from := m.Main.Start
			if f := m.FoundWarmup; f == nil || f.Unsteady || f.Unknown != "" || from < 3*time.Second ||
				from > 9*time.Second || f.Before < f.After {
				t.Fatalf("%s: judged from %v on, %+v", name, from, f)
			}
			if m.Main.Start+m.Main.Planned != 72*time.Second || m.Warmup.Planned != from {
				t.Errorf("%s: judged for %v after %v", name, m.Main.Planned, m.Warmup.Planned)
			}
			if stages := m.Profile.Stages; name == "open" && (len(stages) != 2 || stages[0].End != from ||
				stages[1].Start != from) {
				t.Errorf("stages %+v", stages)
			}
			if want := uint64(20 * m.Main.Planned / time.Second); name == "open" &&
				(m.Main.Sent() != want || m.Main.Scheduled[0] != want) {
				t.Errorf("%d of %d sent in %v", m.Main.Sent(), m.Main.Scheduled[0], m.Main.Planned)
			}
			rebuilt, err := journal.Rebuild(&file.Buffer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(*m.FoundWarmup, *rebuilt.FoundWarmup); diff != "" {
				t.Error(diff)
			}
			rebuilt.Rebuilt, rebuilt.Generator = nil, m.Generator
			if diff := cmp.Diff(encodedRun(t, m), encodedRun(t, rebuilt)); diff != "" {
				t.Errorf("%s: rebuilt: %s", name, diff)
			}
		}
	})
}

func encodedRun(t *testing.T, m *measure.Measurement) string {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
