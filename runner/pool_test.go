package runner_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
)

// unbounded is a scenario that has no number of workers.
func unbounded(stages ...scenario.Stage) *scenario.Scenario {
	s := oneGroup(load(stages...))
	s.Load.Workers = 0
	return s
}

// A load that needs more requests in flight than anyone planned has them: an open
// model has as many users as come.
func TestAsManyWorkersAsAreNeeded(t *testing.T) {
	spike := constant(10, 10*time.Second)
	spike.Spike = &scenario.Spike{Rate: 800, At: 4 * time.Second, For: 2 * time.Second}
	for _, test := range []struct {
		name string
		load *scenario.Scenario
		took time.Duration
		want int // in flight
	}{
		{"responses of 2 s", unbounded(constant(100, 10*time.Second)), 2 * time.Second, 200},
		{"a spike", unbounded(spike), time.Second, 800},
		{"next to none", unbounded(constant(100, 10*time.Second)), time.Millisecond, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := run(t, t.Context(), test.load, &service{answer: takes(test.took)})
				if late := total(t, &m.Main,
					func(c *measure.Cell) *measure.Histogram { return c.Lateness }); late.Max() != 0 {
					t.Errorf("sent up to %v late", late.Max())
				}
				if total(t, &m.Main, response).Max() != test.took || m.Main.Sent() != m.Main.Scheduled[0] {
					t.Errorf("%d of %d sent, response times up to %v", m.Main.Sent(), m.Main.Scheduled[0],
						total(t, &m.Main, response).Max())
				}
				g := m.Generator
				if g.BusyWorkersMax < test.want || g.BusyWorkersMax > test.want+1 || g.AllBusy != 0 ||
					g.Workers < test.want || g.WorkersBy == measure.ByScenario {
					t.Errorf("at most %d in flight of %d (%s), all for %v", g.BusyWorkersMax, g.Workers,
						g.WorkersBy, g.AllBusy)
				}
			})
		})
	}
}

// A service that stands still gets its requests all the same: the arrivals of a stall are
// in flight, not waiting for a worker.
func TestStallWithAsManyWorkersAsAreNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		op := &service{answer: func(ctx context.Context) error {
			if since := time.Since(start); since >= 3*time.Second && since < 6*time.Second {
				return sleep(ctx, 6*time.Second-since)
			}
			return sleep(ctx, 20*ms)
		}}
		m := run(t, t.Context(), unbounded(constant(500, 10*time.Second)), op)
		if g := m.Generator; g.BusyWorkersMax < 1500 || g.BusyWorkersMax > 1520 {
			t.Errorf("at most %d in flight", g.BusyWorkersMax)
		}
		response, service := total(t, &m.Main, response), total(t, &m.Main, serviceT)
		if !response.Equal(service) || response.Max() != 3*time.Second {
			t.Errorf("response times up to %v, service times up to %v", response.Max(), service.Max())
		}
	})
}

// A number is a cap: what waits for a worker then waits for the service, by second.
func TestCapIsCountedBySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, 5*time.Second), constant(100, 2*time.Second),
			constant(10, 5*time.Second)))
		s.Load.Workers = 50
		m := run(t, t.Context(), s, &service{answer: takes(time.Second)})
		g := m.Generator
		if g.BusyWorkersMax != 50 || g.Workers != 50 || g.WorkersBy != measure.ByScenario || g.AllBusy == 0 {
			t.Errorf("%d in flight of %d (%s), all for %v", g.BusyWorkersMax, g.Workers, g.WorkersBy,
				g.AllBusy)
		}
		sum := time.Duration(0)
		for second, busy := range m.Profile.AllBusy {
			sum += busy
			if busy > 0 && (second < 5 || second > 9) || busy > time.Second {
				t.Errorf("second %d: all workers busy for %v", second, busy)
			}
		}
		if sum != g.AllBusy || m.Main.Own.Max() > 0 {
			t.Errorf("%v by second, %v in all; own lateness %v", sum, g.AllBusy, m.Main.Own.Max())
		}
	})
}

// A plan that needs many has them before the run, within what there may be.
func TestShardsShareThePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unbounded(constant(100, 4*time.Second))
		s.Groups[0].IDs = []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		op := &service{answer: takes(time.Second)}
		r := runner.New(runner.Config{Scenario: s, Operation: op, Wait: machine.TimerWait,
			Shard: &measure.Shard{Run: "r", Index: 1, Count: 4}})
		m, err := r.Run(t.Context(), runner.Start{})
		if err != nil {
			t.Fatal(err)
		}
		if n := m.Generator.BusyWorkersMax; n < 25 || n > 26 ||
			total(t, &m.Main, response).Max() != time.Second {
			t.Errorf("%d in flight, response times up to %v", m.Generator.BusyWorkersMax,
				total(t, &m.Main, response).Max())
		}
	})
}
