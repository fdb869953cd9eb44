package runner_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner"
)

// A run is looked at two seconds after each look's length, sees the judged seconds up to it, and
// ends when it is decided.
func TestEndsWhenDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, 20*time.Second)))
		s.Load.Warmup = 3 * time.Second
		var seen [][2]int64 // first and last second
		looks := &runner.Looks{At: []time.Duration{5 * time.Second, 10 * time.Second},
			Decided: func(look int, seconds []*measure.Second) (string, bool) {
				judged := []int64{}
				n := uint64(0)
				for _, s := range seconds {
					judged = append(judged, s.Second)
					n += s.Response.Count()
				}
				if want := uint64(s10(look)); n != want {
					t.Errorf("look %d sees %d requests, want %d", look, n, want)
				}
				seen = append(seen, [2]int64{judged[0], judged[len(judged)-1]})
				return "decided", look == 1
			}}
		fast := &service{answer: func(ctx context.Context) error { return sleep(ctx, 10*time.Millisecond) }}
		r := runner.New(runner.Config{Scenario: s, Operation: fast, Wait: machine.TimerWait, Looks: looks})
		m, err := r.Run(t.Context(), runner.Start{})
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) != 2 || seen[0] != [2]int64{3, 7} || seen[1] != [2]int64{3, 12} {
			t.Errorf("looked at %v", seen)
		}
		stop := m.Stopped
		if stop == nil || !stop.Decided || !stop.Early || stop.Observed != "decided" || m.Interrupted {
			t.Errorf("%+v", stop)
		}
		if got := m.Main.Planned; got < 12*time.Second || got > 14*time.Second {
			t.Errorf("judged %v", got)
		}
	})
}

func s10(look int) int { return []int{50, 100}[look] }
