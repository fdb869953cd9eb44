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

// hangs never responds.
func hangs() *service {
	return &service{answer: func(ctx context.Context) error { return sleep(ctx, 24*time.Hour) }}
}

// What ends a run never prolongs it: a signal or a stop gives the requests in
// flight the drain time, and never more than they had anyway. The run was
// interrupted if the schedule was cut, and not if all was sent.
func TestWhatEndsARunOnlyShortensIt(t *testing.T) {
	open := func(l *scenario.Load) {}
	closedByRequests := func(l *scenario.Load) {
		*l = scenario.Load{Concurrency: 10, Workers: 10, Requests: 10, Drain: l.Drain, Seed: 1}
	}
	capped := func(l *scenario.Load) { l.Workers = 3 }
	for name, test := range map[string]struct {
		change      func(*scenario.Load)
		at          []time.Duration // of signals
		stop        time.Duration   // of a stop, 0 for none
		ends        time.Duration
		interrupted bool
	}{
		"not at all":              {open, nil, 0, 12 * time.Second, false},
		"a signal while sending":  {open, []time.Duration{time.Second}, 0, 11 * time.Second, true},
		"a signal while draining": {open, []time.Duration{5 * time.Second}, 0, 12 * time.Second, false},
		"a signal just before its end": {open, []time.Duration{11999 * time.Millisecond}, 0, 12 * time.Second,
			false},
		"a stop while sending":  {open, nil, time.Second, 11 * time.Second, false},
		"a stop while draining": {open, nil, 5 * time.Second, 12 * time.Second, false},
		"a stop after a signal": {open, []time.Duration{time.Second}, 3 * time.Second, 11 * time.Second,
			true},
		"a signal with a backlog": {capped, []time.Duration{5 * time.Second}, 0, 12 * time.Second, true},
		"a stop with a backlog":   {capped, nil, 5 * time.Second, 12 * time.Second, false},
		"closed, a signal at the end": {closedByRequests, []time.Duration{5 * time.Second}, 0,
			10 * time.Second, false},
		"closed, a stop at the end": {closedByRequests, nil, 5 * time.Second, 10 * time.Second, false},
		"closed, a signal and another one": {closedByRequests, []time.Duration{time.Second, 2 * time.Second},
			0, 10 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := oneGroup(load(constant(5, 2*time.Second)))
				s.Load.Workers, s.Load.Drain = 20, 10*time.Second
				test.change(&s.Load)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r := runner.New(runner.Config{Scenario: s, Operation: hangs(), Wait: machine.TimerWait})
				for _, at := range test.at {
					time.AfterFunc(at, cancel)
				}
				if test.stop > 0 {
					time.AfterFunc(test.stop,
						func() { r.Stop(measure.Stop{At: test.stop, Condition: "load.stopOn: x"}) })
				}
				start := time.Now()
				m, err := r.Run(ctx, runner.Start{})
				if err != nil {
					t.Fatal(err)
				}
				addsUp(t, m)
				if took := time.Since(start); took != test.ends {
					t.Errorf("it took %v, want %v", took, test.ends)
				}
				if m.Interrupted != test.interrupted {
					t.Errorf("interrupted: %v", m.Interrupted)
				}
			})
		})
	}
}

// A run lasts as long as its plan, whatever is at the end of that, and all that it
// says is of that time.
func TestRunLastsAsLongAsItsPlan(t *testing.T) {
	pause := func(d time.Duration) scenario.Stage { return scenario.Stage{Duration: d} }
	closed := func(think, d time.Duration) scenario.Load {
		return scenario.Load{Concurrency: 3, Workers: 3, Think: think, Duration: d, Drain: 10 * time.Second,
			Seed: 1}
	}
	poisson := load(constant(1, 20*time.Second))
	poisson.Arrivals = scenario.Poisson
	capped := load(constant(1, time.Minute))
	capped.MaxRequests = 3
	repeated := load(constant(1, time.Second), pause(9*time.Second))
	repeated.Repeat = 3
	for name, test := range map[string]struct {
		load    scenario.Load
		lasts   time.Duration
		signal  time.Duration
		planned time.Duration
	}{
		"a pause at the end": {load(constant(10, 5*time.Second), pause(30*time.Second)), 35 * time.Second, 0,
			35 * time.Second},
		"a slow rate":       {load(constant(2.0/60, 2*time.Minute)), 2 * time.Minute, 0, 2 * time.Minute},
		"one request":       {load(constant(1.0/60, time.Minute)), time.Minute, 0, time.Minute},
		"a ramp to nothing": {load(ramp(1, 0, 10*time.Second)), 10 * time.Second, 0, 10 * time.Second},
		"poisson":           {poisson, 20 * time.Second, 0, 20 * time.Second},
		"a cap":             {capped, 3 * time.Second, 0, 3 * time.Second},
		"repeated pauses":   {repeated, 30 * time.Second, 0, 30 * time.Second},
		"users who think for long": {closed(8*time.Second, 10*time.Second), 10 * time.Second, 0,
			10 * time.Second},
		"a signal in the last pause": {load(constant(10, 5*time.Second), pause(30*time.Second)),
			10 * time.Second, 10 * time.Second, 10 * time.Second},
		"a signal while users think": {closed(8*time.Second, 10*time.Second), 9 * time.Second,
			9 * time.Second, 9 * time.Second},
		"a profile that ends in zero": {load(recorded(false, 2, 0, 0)), 30 * time.Second, 0,
			30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := oneGroup(test.load)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.signal > 0 {
					time.AfterFunc(test.signal, cancel)
				}
				start := time.Now()
				m := run(t, ctx, s, &service{answer: takes(100 * time.Millisecond)})
				if took := time.Since(start); took != test.lasts {
					t.Errorf("it lasted %v, want %v", took, test.lasts)
				}
				if m.Main.Planned != test.planned || m.Interrupted {
					t.Errorf("planned %v, interrupted %v", m.Main.Planned, m.Interrupted)
				}
				if got := m.Generator.Elapsed; got < test.lasts {
					t.Errorf("the generator's time is %v", got)
				}
			})
		})
	}
}

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
