package runner_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
)

func above(m scenario.Metric, limit float64, written string, window time.Duration) scenario.StopCondition {
	return scenario.StopCondition{Threshold: scenario.Threshold{Metric: m, Limit: limit, Written: written},
		Window: window}
}

func percentile(m scenario.Metric, stat string, quantile, limit float64, written string,
	window time.Duration) scenario.StopCondition {
	return scenario.StopCondition{Threshold: scenario.Threshold{Metric: m, Stat: stat, Quantile: quantile,
		Limit: limit, Written: written}, Window: window}
}

// counted is a tick in which so many requests came to an end, so many of them
// without the response that was expected.
func counted(second int64, sent, bad uint64) measure.Tick {
	return measure.Tick{Second: second, Counts: measure.Progress{Sent: sent, Expected: sent - bad,
		Failed: bad / 2, Violating: sent / 50, RateLimited: bad / 2}}
}

// timed is a tick with requests that took so long each, mostly until they were sent.
func timed(second int64, n int, took time.Duration) measure.Tick {
	t := ended(slices.Repeat([]measure.Observation{{Sent: took - took/10, Done: took}}, n)...)(second)
	t.Counts = measure.Progress{}
	return t
}

func ticks(n int64, of func(second int64) measure.Tick) (all []measure.Tick) {
	for s := int64(1); s <= n; s++ {
		all = append(all, of(s))
	}
	return all
}

// after has other ticks from a second on.
func after(second int64, before, then func(int64) measure.Tick) func(int64) measure.Tick {
	return func(s int64) measure.Tick {
		if s > second {
			return then(s)
		}
		return before(s)
	}
}

func with(sent, bad uint64) func(int64) measure.Tick {
	return func(s int64) measure.Tick { return counted(s, sent, bad) }
}

func taking(n int, took time.Duration) func(int64) measure.Tick {
	return func(s int64) measure.Tick { return timed(s, n, took) }
}

// ended are the ticks of a run in whose seconds such requests come to an end. Their
// times count from the second that ends then.
func ended(all ...measure.Observation) func(int64) measure.Tick {
	return func(second int64) measure.Tick {
		r := measure.NewRecorder(1, nil, 0)
		ticks := r.Ticks(true)
		for _, o := range all {
			from := time.Duration(second-1) * time.Second
			o.Intended, o.Sent, o.Done = o.Intended+from, o.Sent+from, o.Done+from
			o.AsExpected = !o.Failed && !o.Refused && o.Label == ""
			r.Record(0, &o)
		}
		return ticks.Take(time.Duration(second) * time.Second)
	}
}

func TestGuard(t *testing.T) {
	errors := above(scenario.ErrorRate, 0.1, "10%", 10*time.Second)
	for _, test := range []struct {
		name      string
		condition scenario.StopCondition
		ticks     []measure.Tick
		at        int64 // 0: never
		observed  string
	}{
		{"all well", errors, ticks(60, with(100, 0)), 0, ""},
		{"just at the limit", errors, ticks(60, with(100, 10)), 0, ""},
		{"above it from the start: once the window is full", errors, ticks(60, with(100, 11)), 10,
			"11%, 110 of 1000 requests"},
		{"above it later: once the window is above it", errors,
			ticks(60, after(20, with(100, 0), with(100, 50))), 23, "15%, 150 of 1000 requests"},
		{"errors that are over", errors, ticks(60, after(8, with(100, 100), with(10000, 0))), 0, ""},
		{"a short burst of them", errors,
			ticks(60, after(20, with(100, 0), after(21, with(100, 90), with(100, 0)))), 0, ""},
		{"nineteen requests, all wrong", errors,
			ticks(60, after(1, with(0, 0), after(20, with(1, 1), with(0, 0)))), 0, ""},
		{"one unlucky request", above(scenario.ErrorRate, 0, "0%", 10*time.Second),
			ticks(60, after(20, with(5, 0), after(21, with(5, 1), with(5, 0)))), 0, ""},
		{"four of them", above(scenario.ErrorRate, 0, "0%", 10*time.Second),
			ticks(60, after(20, with(5, 0), after(21, with(5, 4), with(5, 0)))), 0, ""},
		{"five of them", above(scenario.ErrorRate, 0, "0%", 10*time.Second),
			ticks(60, after(20, with(5, 0), after(21, with(5, 5), with(5, 0)))), 21,
			"10%, 5 of 50 requests"},
		{"nothing comes to an end", errors, ticks(60, with(0, 0)), 0, ""},
		{"violations, of the responses", above(scenario.ViolationRate, 0.02, "2%", 5*time.Second),
			ticks(60, with(100, 2)), 5, "2.02%, 10 of 495 responses"},
		{"429s, of the responses", above(scenario.RateLimitedRate, 0.1, "10%", 5*time.Second),
			ticks(60, with(100, 20)), 5, "11.1%, 50 of 450 responses"},
		{"slow", percentile(scenario.Response, "p99", 99, 5, "5s", 30*time.Second),
			ticks(60, taking(10, 6*time.Second)), 30, "p99 6s of 300 requests"},
		{"response times, not service times", percentile(scenario.Service, "p99", 99, 5, "5s",
			30*time.Second), ticks(60, taking(10, 6*time.Second)), 0, ""},
		{"slow service", percentile(scenario.Service, "p50", 50, 0.5, "500ms", 30*time.Second),
			ticks(60, taking(10, 6*time.Second)), 30, "p50 600ms of 300 requests"},
		{"one slow request", percentile(scenario.Response, "p99.9", 99.9, 5, "5s", 10*time.Second),
			ticks(60, after(20, taking(10, ms), after(21, taking(1, time.Minute), taking(10, ms)))), 0, ""},
		{"five slow requests", percentile(scenario.Response, "p99.9", 99.9, 5, "5s", 10*time.Second),
			ticks(60, after(20, taking(10, ms), after(21, taking(5, time.Minute), taking(10, ms)))), 21,
			"p99.9 1m0s of 95 requests"},
		{"slow, but too few", percentile(scenario.Response, "p50", 50, 5, "5s", 10*time.Second),
			ticks(60, after(20, taking(0, 0), after(21, taking(19, time.Minute), taking(0, 0)))), 0, ""},
		{"refusals next to slow ones", percentile(scenario.Response, "p50", 50, 0.2, "200ms", 20*time.Second),
			ticks(60, ended(
				measure.Observation{Done: ms, Refused: true}, measure.Observation{Done: ms, Refused: true},
				measure.Observation{Done: time.Second})), 20, "p50 1s of 20 requests"},
		{"some never served", percentile(scenario.Response, "p50", 50, 0.2, "200ms", 10*time.Second),
			ticks(60, ended(
				measure.Observation{Done: 50 * ms}, measure.Observation{Done: 50 * ms, Failed: true},
				measure.Observation{Done: 60 * ms, Failed: true})), 10,
			"p50 ≥ 50ms of 30 requests, 20 of them never served"},
		{"slow, as mfaload stood still", percentile(scenario.Response, "p50", 50, 0.2, "200ms",
			10*time.Second), ticks(60, ended(
			measure.Observation{Done: time.Second, Harmed: 900 * ms}, measure.Observation{Done: time.Second,
				Harmed: 900 * ms}, measure.Observation{Done: ms})), 0, ""},
		{"failed, as mfaload stood still", errors, ticks(60, ended(
			measure.Observation{Done: time.Second, Harmed: 900 * ms, Failed: true},
			measure.Observation{Done: ms}, measure.Observation{Done: ms})), 0, ""},
		{"failed, though mfaload stood still for some", errors, ticks(60, ended(
			measure.Observation{Done: time.Second, Harmed: 900 * ms, Failed: true},
			measure.Observation{Done: time.Second, Failed: true}, measure.Observation{Done: ms})), 10,
			"66.7%, 20 of 30 requests"},
		{"failures in a row", above(scenario.ConnectionFailures, 20, "20", 0),
			ticks(60, func(s int64) measure.Tick {
				return measure.Tick{Second: s, Streak: uint64(s) * 3}
			}), 7, "21 requests in a row found no connection, or lost it"},
		{"connections lost", above(scenario.ConnectionFailures, 20, "20", 0),
			ticks(5, ended(slices.Repeat([]measure.Observation{
				{Done: time.Second, Failed: true, Disconnected: true}}, 30)...)), 1,
			"30 requests in a row found no connection, or lost it"},
		{"connections lost, as mfaload stood still", above(scenario.ConnectionFailures, 20, "20", 0),
			ticks(5, ended(slices.Repeat([]measure.Observation{
				{Done: time.Second, Harmed: 900 * ms, Failed: true, Disconnected: true}}, 30)...)), 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := runner.NewGuard([]scenario.StopCondition{above(scenario.ErrorRate, 0.999, "99.9%",
				10*time.Minute), test.condition})
			for _, tick := range test.ticks {
				stop := g.Add(tick)
				if stop == nil {
					continue
				}
				if want := "load.stopOn: " + test.condition.String(); tick.Second != test.at ||
					stop.Condition != want || stop.Observed != test.observed ||
					stop.At != time.Duration(test.at)*time.Second {
					t.Errorf("at %d: %+v", tick.Second, stop)
				}
				return
			}
			if test.at > 0 {
				t.Error("never met")
			}
		})
	}
}

// ownPart is a run of 100/s in whose seconds 5 to 9 mfaload had no processor time to
// spare, or all of its 46 workers in flight.
func ownPart(short, busy bool) *measure.OwnPart {
	p := &measure.OwnPart{Workers: 46}
	for s := range 60 {
		p.Profile.Due = append(p.Profile.Due, 100)
		if from := time.Duration(s) * time.Second; s >= 5 && s < 10 {
			if short {
				p.Seconds = append(p.Seconds, measure.OwnSecond{Second: int64(s), Available: time.Second,
					CPU: 900 * ms})
			}
			if busy {
				p.Profile.Busy(from, from+time.Second)
			}
		}
	}
	return p
}

// What mfaload itself may have caused ends no run, what it can't have caused does:
// the rule is that of a threshold.
func TestGuardBlamesNoOtherThanTheService(t *testing.T) {
	errors := above(scenario.ErrorRate, 0.1, "10%", 2*time.Second)
	response := percentile(scenario.Response, "p50", 50, 1, "1s", 2*time.Second)
	service := percentile(scenario.Service, "p50", 50, 1, "1s", 2*time.Second)
	requests := func(n int, o measure.Observation) []measure.Observation {
		return slices.Repeat([]measure.Observation{o}, n)
	}
	well := ended(requests(20, measure.Observation{Done: 500 * ms})...)
	short, busy := ownPart(true, false), ownPart(false, true)
	for name, test := range map[string]struct {
		condition scenario.StopCondition
		own       *measure.OwnPart
		bad       measure.Observation // what the requests of seconds 5 to 9 are
		stops     bool
	}{
		"timeouts of a full processor": {errors, short, measure.Observation{Done: 900 * ms,
			Failed: true, Label: "timeout"}, false},
		"timeouts, and nothing known of mfaload": {errors, nil, measure.Observation{Done: 900 * ms,
			Failed: true, Label: "timeout"}, true},
		"timeouts of an idle processor": {errors, ownPart(false, false),
			measure.Observation{Done: 900 * ms, Failed: true, Label: "timeout"}, true},
		"responses 500, and a full processor": {errors, short, measure.Observation{Done: 900 * ms,
			Label: "500"}, true},
		"slow responses of a full processor": {response, short,
			measure.Observation{Done: 3 * time.Second}, false},
		"slow service of a full processor": {service, short,
			measure.Observation{Done: 3 * time.Second}, false},
		"slow responses of an idle processor": {response, ownPart(false, false),
			measure.Observation{Done: 3 * time.Second}, true},
		"waits for a worker, of too few": {response, busy,
			measure.Observation{Sent: 3 * time.Second, Done: 3900 * ms}, false},
		"slow service, and too few workers": {service, busy, measure.Observation{Sent: 3 * time.Second,
			Done: 6 * time.Second}, true},
		"slow once sent, and too few workers": {response, busy,
			measure.Observation{Sent: 3 * time.Second, Done: 6 * time.Second}, true},
		"waits for a worker, as the service stood": {response, busy,
			measure.Observation{Sent: 3 * time.Second, Done: 3050 * ms}, true},
		"given up by the end, of too few workers": {errors, busy, measure.Observation{Done: 900 * ms,
			Failed: true, Label: measure.Drained}, false},
		"timeouts, and too few workers": {errors, busy, measure.Observation{Done: 900 * ms, Failed: true,
			Label: "timeout"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := runner.NewGuard([]scenario.StopCondition{test.condition})
			if test.own != nil {
				g.Own = func() *measure.OwnPart { return test.own }
			}
			var stop *measure.Stop
			for s := int64(1); s <= 20 && stop == nil; s++ {
				tick := well(s)
				if s > 5 && s <= 10 {
					bad := ended(requests(10, test.bad)...)(s)
					served := ended(requests(11, measure.Observation{Sent: test.bad.Sent,
						Done: test.bad.Sent + test.bad.Done})...)(s)
					if tick = bad; test.bad.Failed {
						tick.Merge(&served)
					}
				}
				stop = g.Add(tick)
			}
			if (stop != nil) != test.stops {
				t.Errorf("stopped: %+v", stop)
			}
		})
	}
}

// The sum of two machines is judged, not each of them.
func TestGuardOfSeveralMachines(t *testing.T) {
	g := runner.NewGuard([]scenario.StopCondition{above(scenario.ErrorRate, 0.1, "10%", 2*time.Second),
		percentile(scenario.Response, "p95", 95, 1, "1s", 2*time.Second), above(scenario.ConnectionFailures,
			20, "20", 0)})
	for s := int64(1); s < 10; s++ {
		sum := counted(s, 100, 0) // one without times
		other := timed(s, 190, 100*ms)
		other.Counts, other.Streak = measure.Progress{Sent: 100, Expected: 85}, 19
		slower := timed(s, 9, 2*time.Second)
		slower.Streak = 19
		for _, o := range []measure.Tick{other, slower} {
			sum.Merge(&o)
		}
		if stop := g.Add(sum); stop != nil {
			t.Fatalf("%+v", stop)
		}
	}
}

// refusing is a service that can't be reached from a time on.
type refusing struct {
	service
	start time.Time
	from  time.Duration
	kind  *contract.Failure
}

func (r *refusing) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	if time.Since(r.start) >= r.from {
		return r.kind
	}
	return r.service.Send(ctx, u, ex)
}

func refused() *contract.Failure {
	return &contract.Failure{Kind: "connection refused", Disconnected: true, Err: context.Canceled}
}

func TestRunIsStopped(t *testing.T) {
	open := load(constant(10, time.Minute))
	closed := closedLoad(2, 150*ms, time.Hour).Load // 10/s
	for _, test := range []struct {
		name      string
		load      scenario.Load
		op        func() runner.Operation
		condition scenario.StopCondition
		at        time.Duration
		observed  string
	}{
		{"errors", open, func() runner.Operation {
			return &refusing{service{answer: takes(50 * ms)}, time.Now(), 20450 * ms,
				&contract.Failure{Kind: "timeout", Err: context.Canceled}}
		}, above(scenario.ErrorRate, 0.1, "10%", 10*time.Second), 22 * time.Second, " requests"},
		{"errors of a closed load", closed, func() runner.Operation {
			return &refusing{service{answer: takes(50 * ms)}, time.Now(), 20450 * ms,
				&contract.Failure{Kind: "timeout", Err: context.Canceled}}
		}, above(scenario.ErrorRate, 0.5, "50%", 4*time.Second), 23 * time.Second, "%"},
		{"slow responses", open, func() runner.Operation {
			start := time.Now()
			return &service{answer: func(ctx context.Context) error {
				d := 50 * ms
				if time.Since(start) > 10*time.Second {
					d = 700 * ms
				}
				return sleep(ctx, d)
			}}
		}, percentile(scenario.Service, "p90", 90, 0.5, "500ms", 5*time.Second), 12 * time.Second,
			"p90 700ms of 4"},
		{"no connection", open, func() runner.Operation {
			return &refusing{service{answer: takes(50 * ms)}, time.Now(), 20450 * ms, refused()}
		}, above(scenario.ConnectionFailures, 20, "20", 0), 23 * time.Second, " requests in a row"},
		{"in the warm-up", scenario.Load{Warmup: 30 * time.Second, Workers: 8, Stages: open.Stages},
			func() runner.Operation {
				return &refusing{service{answer: takes(50 * ms)}, time.Now(), 20450 * ms, refused()}
			}, above(scenario.ConnectionFailures, 20, "20", 0), 23 * time.Second, " requests in a row"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := oneGroup(test.load)
				s.Load.StopOn = []scenario.StopCondition{test.condition}
				start := time.Now()
				m := run(t, t.Context(), s, test.op())
				if m.Stopped == nil || m.Stopped.At != test.at || !m.Stopped.Early ||
					!strings.Contains(m.Stopped.Observed, test.observed) || m.Interrupted {
					t.Fatalf("%+v", m.Stopped)
				}
				if end := m.Main.Start + m.Main.Planned; end != test.at && m.Warmup.Planned != test.at ||
					time.Since(start) > test.at+time.Second {
					t.Errorf("planned until %v, over after %v", end, time.Since(start))
				}
			})
		})
	}
}

// Failures in a row are those with no response between them, whatever else fails.
func TestStreakEndsWithAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, time.Minute)))
		s.Load.StopOn = []scenario.StopCondition{above(scenario.ConnectionFailures, 20, "20", 0)}
		var n atomic.Int64
		m := run(t, t.Context(), s, &service{answer: func(context.Context) error {
			switch n := n.Add(1); {
			case n%15 == 0:
				return nil
			case n%4 == 0:
				return &contract.Failure{Kind: "timeout", Err: context.Canceled}
			}
			return refused()
		}})
		if m.Stopped != nil {
			t.Errorf("%+v", m.Stopped)
		}
	})
}

// Nothing changes for a run of which no condition is met.
func TestGuardedRunThatIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, 20*time.Second)))
		plain := run(t, t.Context(), s, &service{answer: takes(50 * ms)})
		s.Load.StopOn = []scenario.StopCondition{above(scenario.ErrorRate, 0, "0%", time.Second),
			percentile(scenario.Response, "p50", 50, 0.1, "100ms", time.Second),
			above(scenario.ConnectionFailures, 2, "2", 0)}
		guarded := run(t, t.Context(), s, &service{answer: takes(50 * ms)})
		if diff := cmp.Diff(plain.Main.Cells, guarded.Main.Cells,
			cmp.Comparer(func(a, b *measure.Histogram) bool { return a.Equal(b) })); diff != "" ||
			guarded.Stopped != nil {
			t.Error(diff, guarded.Stopped)
		}
	})
}

// Somebody who looks at the ticks of a run that is not guarded itself stops it,
// at the same second and for the same reason.
func TestGuardedFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, time.Minute)))
		s.Load.StopOn = []scenario.StopCondition{above(scenario.ErrorRate, 0.1, "10%", 10*time.Second),
			percentile(scenario.Response, "p50", 50, 1, "1s", 2*time.Second)}
		failing := func() *refusing {
			return &refusing{service{answer: takes(50 * ms)}, time.Now(), 20450 * ms,
				&contract.Failure{Kind: "timeout", Err: context.Canceled}}
		}
		want := run(t, t.Context(), s, failing()).Stopped
		r := runner.New(runner.Config{Scenario: s, Operation: failing(), Wait: machine.TimerWait,
			Unguarded: true})
		g := runner.NewGuard(s.Load.StopOn)
		ticks, start := r.Ticks(g.Requests()), time.Now()
		r.Stop(measure.Stop{Condition: "before the run"})
		over := make(chan *measure.Measurement)
		go func() {
			m, err := r.Run(t.Context(), runner.Start{})
			if err != nil {
				t.Error(err)
			}
			over <- m
		}()
		for stop := (*measure.Stop)(nil); stop == nil; {
			time.Sleep(time.Second)
			tick := ticks.Take(time.Since(start))
			if tick.Second > 59 {
				t.Fatal(tick.Second)
			}
			if stop = g.Add(tick); stop != nil {
				r.Stop(*stop)
				r.Stop(measure.Stop{Condition: "too late"})
			}
		}
		m := <-over
		if m.Stopped == nil || m.Stopped.At != want.At || m.Stopped.Condition != want.Condition ||
			!m.Stopped.Early || m.Main.Planned != want.At {
			t.Errorf("%+v after %v, want %+v", m.Stopped, m.Main.Planned, want)
		}
	})
}
