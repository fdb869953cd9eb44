package runner_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/measure/journal"
	"mfaload/runner"
	"mfaload/scenario"
)

// limited sends nothing in some seconds, for a reason of mfaload's own.
func limited(d time.Duration, reason func(since time.Duration) string) *service {
	start := time.Now()
	return &service{answer: func(ctx context.Context) error {
		if why := reason(time.Since(start)); why != "" {
			return &contract.Failure{Kind: why, Own: true, Disconnected: true, Err: errors.New("not sent")}
		}
		return sleep(ctx, d)
	}}
}

// What mfaload itself can't send is withheld: in no time, no error and no
// condition that ends a run, in the journal as in the run.
func TestOwnLimitsAreWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &book{}
		s := oneGroup(load(constant(100, 10*time.Second)))
		s.Load.Workers = 500
		s.Load.StopOn = []scenario.StopCondition{
			above(scenario.ErrorRate, 0.01, "1%", 2*time.Second), above(scenario.ConnectionFailures, 3, "3",
				0)}
		op := limited(20*ms, func(since time.Duration) string {
			switch since / time.Second {
			case 3:
				return measure.NoPorts
			case 5:
				return measure.NoToken
			}
			return ""
		})
		r := runner.New(runner.Config{Scenario: s, Operation: op, Wait: machine.TimerWait})
		m, err := r.Run(t.Context(), runner.Start{Journal: journal.NewAppender(file, &measure.Measurement{})})
		if err != nil {
			t.Fatal(err)
		}
		addsUp(t, m)
		want := []measure.Withheld{{Reason: measure.NoToken, Count: 100},
			{Reason: measure.NoPorts, Count: 100}}
		if diff := cmp.Diff(want, m.Main.Withheld); diff != "" {
			t.Error(diff)
		}
		if m.Stopped != nil || m.Main.Scheduled[0] != 1000 || m.Main.Sent() != 800 ||
			total(t, &m.Main, response).Min() != 20*ms {
			t.Errorf("%d sent, stopped: %v", m.Main.Sent(), m.Stopped)
		}
		if m.Profile.Withheld[3] != 100 || m.Profile.Withheld[5] != 100 {
			t.Errorf("by second: %v", m.Profile.Withheld)
		}
		for sec := range m.Seconds.All() {
			if sec.Second == 3 || sec.Second == 5 {
				t.Errorf("second %d has %d requests", sec.Second, sec.Response.Count())
			}
		}
		sameAgain(t, m, file)
	})
}

// A request that waits for a worker may be withheld long after its second.
func TestWithheldLateIsRebuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &book{}
		s := oneGroup(load(constant(10, 10*time.Second)))
		s.Load.Workers, s.Load.Drain = 1000, 20*time.Second
		op := limited(0, func(since time.Duration) string {
			if since%(200*ms) == 0 {
				time.Sleep(2500 * ms) // for a connection that can't be opened
				return measure.NoDescriptors
			}
			return ""
		})
		r := runner.New(runner.Config{Scenario: s, Operation: op, Wait: machine.TimerWait})
		m, err := r.Run(t.Context(), runner.Start{Journal: journal.NewAppender(file, &measure.Measurement{})})
		if err != nil {
			t.Fatal(err)
		}
		addsUp(t, m)
		if n := m.Main.Withheld[0].Count; n != 50 || slices.Max(m.Profile.Withheld) != 5 {
			t.Errorf("%d withheld: %v", n, m.Profile.Withheld)
		}
		sameAgain(t, m, file)
	})
}

// sameAgain holds what is rebuilt of a run's journal against the run.
func sameAgain(t *testing.T, m *measure.Measurement, file *book) {
	t.Helper()
	rebuilt, err := journal.Rebuild(&file.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Profile, rebuilt.Profile); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(m.Main.Withheld, rebuilt.Main.Withheld); diff != "" {
		t.Error(diff)
	}
	addsUp(t, rebuilt)
}

// Users of a closed load do not ask again and again in no time where nothing
// can be sent.
func TestClosedUsersPauseAtOwnLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := limited(20*ms, func(since time.Duration) string {
			if since < 5*time.Second {
				return measure.NoToken
			}
			return ""
		})
		m := run(t, t.Context(), closedLoad(2, 0, 10*time.Second), op)
		if n := m.Main.Withheld[0].Count; n != 100 || m.Main.Sent() != 500 {
			t.Errorf("%d withheld, %d sent", n, m.Main.Sent())
		}
	})
}
