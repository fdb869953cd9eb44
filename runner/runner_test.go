package runner_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
)

// service is an operation whose answers take time on the virtual clock.
type service struct {
	answer   func(ctx context.Context) error // how long it takes, and whether it fails
	received atomic.Int64
	inFlight atomic.Int64
	most     atomic.Int64
	mu       sync.Mutex
}

func (s *service) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	s.received.Add(1)
	n := s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	s.mu.Lock()
	s.most.Store(max(s.most.Load(), n))
	s.mu.Unlock()
	ex.Status = 201
	return s.answer(ctx)
}

func (s *service) Open(context.Context, int) error { return nil }

func (s *service) Watch(func(contract.Connection)) {}

func (s *service) Mask(text string) string { return text }

func (s *service) CorrelationID(*contract.Exchange) (string, bool) { return "", false }

func (s *service) Check(_ scenario.User, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	ex.Label, ex.AsExpected = "201 OTP_REQUIRED", true
	return dst
}

// takes answers after d, or fails when the request is given up.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error { return sleep(ctx, d) }
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return &contract.Failure{Kind: "timeout", Err: ctx.Err()}
	}
}

func run(t *testing.T, ctx context.Context, s *scenario.Scenario, op runner.Operation) *measure.Measurement {
	t.Helper()
	r := runner.New(runner.Config{Scenario: s, Operation: op, Wait: machine.TimerWait})
	m, err := r.Run(ctx, runner.Start{})
	if err != nil {
		t.Fatal(err)
	}
	addsUp(t, m)
	return m
}

// addsUp checks that nothing scheduled got lost between the counters.
func addsUp(t *testing.T, m *measure.Measurement) {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	// Reading it back checks every count against every other.
	if _, err := measure.Decode(data); err != nil {
		t.Error(err)
	}
	seconds := uint64(0)
	for s := range m.Seconds.All() {
		seconds += s.Response.Count()
	}
	if sent := m.Main.Sent() + m.Warmup.Sent(); seconds != sent {
		t.Errorf("the seconds hold %d requests, the phases %d", seconds, sent)
	}
}

func total(t *testing.T, p *measure.Phase, of func(*measure.Cell) *measure.Histogram) *measure.Histogram {
	t.Helper()
	sum := measure.NewHistogram()
	for _, c := range p.Cells {
		sum.Merge(of(c))
	}
	return sum
}

func response(c *measure.Cell) *measure.Histogram { return c.Response }
func serviceT(c *measure.Cell) *measure.Histogram { return c.Service }

// The stall test, on a virtual clock: 1000/s for 10 s with 64 workers against a
// service that stands still for a second at seconds 3, 6 and 9. 30 % of the
// arrivals wait, uniformly up to a second: p90 667 ms, p99 967 ms. A generator
// that takes its next request when the last response came would hardly see it.
func TestStallIsSeenByEveryArrivalOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(1000, 10*time.Second)))
		s.Load.Workers = 64
		start := time.Now()
		op := &service{answer: func(ctx context.Context) error {
			into := time.Since(start) % (3 * time.Second)
			if time.Since(start) >= 3*time.Second && into < time.Second {
				return sleep(ctx, time.Second-into)
			}
			return nil
		}}
		m := run(t, t.Context(), s, op)
		h := total(t, &m.Main, response)
		if h.Count() != 10_000 || m.Main.Scheduled[0] != 10_000 || op.received.Load() != 10_000 {
			t.Errorf("%d recorded, %d scheduled, %d received of 10,000", h.Count(), m.Main.Scheduled[0],
				op.received.Load())
		}
		for p, want := range map[float64]float64{90: 0.6667, 99: 0.9667} {
			if got := h.Percentile(p).Seconds(); got < want*0.98 || got > want*1.10 {
				t.Errorf("response p%g = %.4f s, want %.4f s less 2 %% to more 10 %%", p, got, want)
			}
		}
		// Only the 64 requests in flight at the start of a stall took long.
		if got := total(t, &m.Main, serviceT).Percentile(97); got > time.Millisecond {
			t.Errorf("service p97 = %v, want next to nothing", got)
		}
		if own := m.Main.Own.Percentile(99); own > time.Millisecond {
			t.Errorf("own lateness p99 = %v: the service's stall is not mfaload's lateness", own)
		}
		if m.Generator.BusyWorkersMax != 64 || m.Generator.AllBusy < 2700*ms {
			t.Errorf("all workers busy for %v, at most %d in flight", m.Generator.AllBusy,
				m.Generator.BusyWorkersMax)
		}
	})
}

func TestNeverMoreInFlightThanWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(100, time.Second)))
		s.Load.Workers = 5
		op := &service{answer: takes(200 * ms)}
		m := run(t, t.Context(), s, op)
		if op.most.Load() != 5 || m.Generator.BusyWorkersMax != 5 {
			t.Errorf("at most %d in flight (measured: %d), want 5", op.most.Load(),
				m.Generator.BusyWorkersMax)
		}
		// 5 workers serve 25/s: the hundredth arrival is due at 0.99 s and
		// answered at 4 s.
		if h := total(t, &m.Main, response); h.Count() != 100 || (h.Max()-3010*ms).Abs() > 250*ms {
			t.Errorf("%d answers, the slowest after %v", h.Count(), h.Max())
		}
	})
}

func TestWhatIsUnsentAtTheEndOfDrainIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, 2*time.Second)))
		s.Load.Workers, s.Load.Drain, s.Target.Timeout = 1, time.Second, time.Minute
		op := &service{answer: takes(700 * ms)}
		m := run(t, t.Context(), s, op)
		// Sent at 0, 0.7, 1.4, 2.1 and 2.8 s; the last is cut off at 3 s.
		if sent, scheduled := m.Main.Sent(), m.Main.Scheduled[0]; sent != 5 || scheduled != 20 {
			t.Errorf("sent %d of %d, want 5 of 20", sent, scheduled)
		}
		failed := map[string]uint64{}
		for _, c := range m.Main.Cells {
			if c.Failed {
				failed[c.Label] = c.Response.Count()
			}
		}
		if failed["unanswered at end of drain"] != 1 || len(failed) != 1 {
			t.Errorf("failures: %v", failed)
		}
	})
}

func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, 10*time.Second)))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2050*ms, cancel)
		op := &service{answer: takes(500 * ms)}
		m := run(t, ctx, s, op)
		if !m.Interrupted || m.Main.Planned != 2050*ms {
			t.Errorf("interrupted = %v after %v", m.Interrupted, m.Main.Planned)
		}
		// The responses in flight are waited for.
		if h := total(t, &m.Main, response); h.Count() != 21 || m.Main.Scheduled[0] != 21 ||
			h.Max() != 500*ms {
			t.Errorf("%d of %d recorded, the slowest after %v", h.Count(), m.Main.Scheduled[0], h.Max())
		}
	})
}

func TestInterruptWhileAllWorkersAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, 10*time.Second)))
		s.Load.Workers, s.Target.Timeout = 2, time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1050*ms, cancel)
		m := run(t, ctx, s, &service{answer: takes(20 * time.Second)})
		if sent, scheduled := m.Main.Sent(), m.Main.Scheduled[0]; sent != 2 || scheduled != 11 {
			t.Errorf("sent %d of %d due, want 2 of 11", sent, scheduled)
		}
	})
}

func TestFailuresAreCountedByKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := atomic.Int64{}
		op := &service{answer: func(context.Context) error {
			switch n.Add(1) % 4 {
			case 0:
				return &contract.Failure{Kind: "connection reset", Err: errors.New("x")}
			case 1:
				return errors.New("something else")
			}
			return nil
		}}
		m := run(t, t.Context(), oneGroup(load(constant(100, time.Second))), op)
		got := map[string]uint64{}
		for _, c := range m.Main.Cells {
			got[c.Label] = c.Response.Count()
		}
		if got["connection reset"] != 25 || got["other failure"] != 25 || got["201 OTP_REQUIRED"] != 50 {
			t.Errorf("%v", got)
		}
	})
}

func TestWarmupIsKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, 2*time.Second)))
		s.Load.Warmup = time.Second
		start := time.Now()
		op := &service{answer: func(ctx context.Context) error {
			if time.Since(start) < time.Second {
				return sleep(ctx, 90*ms)
			}
			return nil
		}}
		m := run(t, t.Context(), s, op)
		if m.Warmup.Sent() != 10 || m.Main.Sent() != 20 || m.Main.Start != time.Second ||
			m.Main.Planned != 2*time.Second {
			t.Errorf("warm-up %d, main %d from %v for %v", m.Warmup.Sent(), m.Main.Sent(), m.Main.Start,
				m.Main.Planned)
		}
		if total(t, &m.Main, response).Max() != 0 || total(t, &m.Warmup, response).Min() != 90*ms {
			t.Error("the warm-up's times are not its own")
		}
	})
}

// A generator that was frozen fires what it missed at no more than ten times
// the peak rate.
func TestCatchingUpIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(100, 10*time.Second)))
		s.Load.Workers = 20
		start := time.Now()
		frozen := false
		wait := func(ctx context.Context, until time.Time) {
			if !frozen && time.Since(start) >= 2*time.Second {
				frozen = true
				time.Sleep(5 * time.Second)
			}
			machine.TimerWait(ctx, until)
		}
		r := runner.New(runner.Config{Scenario: s, Operation: &service{answer: takes(0)}, Wait: wait})
		m, err := r.Run(t.Context(), runner.Start{})
		if err != nil {
			t.Fatal(err)
		}
		addsUp(t, m)
		h := total(t, &m.Main, response)
		if h.Count() != 1000 {
			t.Errorf("%d recorded", h.Count())
		}
		// The arrival due at 6.9 s is about 490th of the backlog: at 1000/s it
		// goes out half a second after the thaw.
		late := total(t, &m.Main, func(c *measure.Cell) *measure.Histogram { return c.Lateness })
		if math.Abs(late.Max().Seconds()-5) > 0.02 {
			t.Errorf("the latest send was %v late, want 5 s", late.Max())
		}
		// The freeze is mfaload's own fault, for each arrival that it held up.
		if own := m.Main.Own; own.Percentile(60) < 100*ms || own.Max() != late.Max() {
			t.Errorf("own lateness p60 = %v, at most %v", own.Percentile(60), own.Max())
		}
		if share := float64(500) * (1 - 0.1); late.Percentile(100-100*share/1000) < 400*ms {
			t.Errorf("the backlog was fired at once: p%.0f of lateness = %v", 100-100*share/1000,
				late.Percentile(100-100*share/1000))
		}
	})
}

// connecting is a service that opens a connection with each request.
type connecting struct {
	service
	seen func(contract.Connection)
}

func (c *connecting) Watch(seen func(contract.Connection)) { c.seen = seen }

func (c *connecting) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	c.seen(contract.Connection{Began: time.Now(), Dial: 3 * ms, Handshake: 5 * ms, Secure: true,
		Resumed: true})
	return c.service.Send(ctx, u, ex)
}

func TestConnectionsAreCountedByPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, 2*time.Second)))
		s.Load.Warmup = time.Second
		m := run(t, t.Context(), s, &connecting{service: service{answer: takes(0)}})
		c := m.Main.Connections
		if m.Warmup.Connections.Opened != 10 || c.Opened != 20 || c.Resumed != 20 || c.Dial.Max() != 3*ms ||
			c.Handshake.Min() != 5*ms {
			t.Errorf("warm-up %+v, main %+v", m.Warmup.Connections, c)
		}
	})
}

// oneConnection is a service of which the scenario allows one connection, that carries a request at
// a time. It tells as the transport does how long a request waited for it.
type oneConnection struct {
	service
	free chan struct{}
}

func (c *oneConnection) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	began := time.Now()
	select {
	case <-c.free:
	case <-ctx.Done():
		return &contract.Failure{Kind: measure.NoConnection, Own: true, Err: ctx.Err()}
	}
	ex.Waited = time.Since(began)
	defer func() { c.free <- struct{}{} }()
	return c.service.Send(ctx, u, ex)
}

// A wait for a connection is in a request's response time, and neither in its service time nor in
// mfaload's own lateness. A request that still waits as the run ends is unsent.
func TestWaitsForAConnection(t *testing.T) {
	for _, test := range []struct {
		name     string
		drain    time.Duration
		sent     uint64
		response time.Duration // max
	}{
		// One of ten requests comes each 100 ms, and has the connection for 200 ms.
		{"all get one", time.Minute, 10, 1100 * ms},
		{"the run ends", 250 * ms, 7, 700 * ms}, // and cuts the seventh off
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := oneGroup(load(constant(10, time.Second)))
				s.Load.Drain = test.drain
				op := &oneConnection{service: service{answer: takes(200 * ms)}, free: make(chan struct{}, 1)}
				op.free <- struct{}{}
				m := run(t, t.Context(), s, op)
				if counts := m.Main.Counts(0); counts.Sent() != test.sent ||
					counts.NeverSent() != 10-test.sent || uint64(op.received.Load()) != test.sent {
					t.Errorf("%+v; the service received %d", counts, op.received.Load())
				}
				response, service := total(t, &m.Main, response), total(t, &m.Main, serviceT)
				if response.Max() != test.response || service.Max() != 200*ms || m.Main.Own.Max() != 0 {
					t.Errorf("response times up to %v, service times up to %v, own lateness up to %v",
						response.Max(), service.Max(), m.Main.Own.Max())
				}
				waits := m.Main.Connections.Waits
				if waits.Count() != test.sent-1 || waits.Min() != 100*ms ||
					waits.Max() != time.Duration(test.sent-1)*100*ms {
					t.Errorf("%d waits from %v to %v", waits.Count(), waits.Min(), waits.Max())
				}
			})
		})
	}
}

// A machine that holds the process up is noticed even when no request is.
func TestHiccupsAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := run(t, t.Context(), oneGroup(load(constant(1, 10*time.Second))), &service{answer: takes(0)})
		if h := m.Generator.Hiccups; h.Count() < 890 || h.Max() != 0 {
			t.Errorf("%d waits, the latest %v late, on a clock that is never late", h.Count(), h.Max())
		}
	})
}

// A run of any size begins at once, and costs nothing for what is due later.
func TestAnyRunStartsOnTime(t *testing.T) {
	for _, of := range []struct{ requests, most uint64 }{{}, {17_000_000_000, 0}, {0, 10_000_000_000}} {
		synctest.Test(t, func(t *testing.T) {
			l := load(constant(20_000, 240*time.Hour))
			l.Arrivals, l.Workers = scenario.Poisson, 64
			l.Requests, l.MaxRequests = of.requests, of.most
			ctx, cancel := context.WithTimeout(t.Context(), 50*ms)
			defer cancel()
			m := run(t, ctx, oneGroup(l), &service{answer: takes(0)})
			if n := m.Main.Sent(); n < 800 || n > 1200 || !m.Interrupted {
				t.Errorf("%+v: %d requests in 50 ms", of, n)
			}
		})
	}
}
