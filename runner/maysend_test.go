package runner_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/internal/machine"
	"mfaload/runner"
	"mfaload/scenario"
)

// A machine that stood still for 5 s sends nothing more once it may not, not even what it would
// catch up with: what counts is the look right before each request.
func TestNothingIsSentWithoutLeave(t *testing.T) {
	for name, s := range map[string]*scenario.Scenario{
		"schedule": oneGroup(load(constant(50, 20*time.Second))),
		"closed":   closedLoad(5, 100*ms, 20*time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				wait := func(ctx context.Context, until time.Time) {
					if due := until.Sub(start); due >= 2*time.Second && due < 7*time.Second {
						until, ctx = start.Add(7*time.Second), context.Background() // it stands still
					}
					machine.TimerWait(ctx, until)
				}
				r := runner.New(runner.Config{Scenario: s, Operation: &service{answer: takes(20 * ms)},
					Wait: wait})
				m, err := r.Run(t.Context(), runner.Start{
					MaySend: func() bool { return time.Since(start) < 5*time.Second }})
				if err != nil {
					t.Fatal(err)
				}
				addsUp(t, m)
				if sent := m.Main.Sent(); !m.Interrupted || sent < 70 || sent > 100 ||
					m.Main.LastSent > 2*time.Second {
					t.Errorf("interrupted %v, %d requests were sent, the last at %v", m.Interrupted, sent,
						m.Main.LastSent)
				}
			})
		})
	}
}
