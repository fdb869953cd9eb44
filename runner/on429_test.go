package runner_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/measure"
	"mfaload/scenario"
)

// limiter is a service that responses 429, or another status, at some times of the run.
type limiter struct {
	service
	start   time.Time
	refuses func(at time.Duration) bool
	header  contract.Fields // of a 429
	bare    time.Duration   // a 429 of that time has no header; 0 for none
	status  int
	mu      sync.Mutex
	sent    []time.Duration
}

func newLimiter(took time.Duration, refuses func(at time.Duration) bool, header contract.Fields) *limiter {
	return &limiter{service: service{answer: takes(took)}, start: time.Now(), refuses: refuses,
		header: header, status: http.StatusTooManyRequests}
}

func (l *limiter) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	at := time.Since(l.start)
	l.mu.Lock()
	l.sent = append(l.sent, at)
	l.mu.Unlock()
	err := l.service.Send(ctx, u, ex)
	if l.refuses(at) {
		ex.Status = l.status
		if l.bare == 0 || at != l.bare {
			ex.Header = append(ex.Header, l.header...)
		}
	}
	return err
}

func (l *limiter) Check(_ scenario.User, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	ex.Label, ex.AsExpected = "201", true
	if ex.Status == 429 {
		ex.Label, ex.AsExpected = "429", false
	}
	return dst
}

// between are the requests that were sent from a time up to another.
func (l *limiter) between(from, to time.Duration) (n int) {
	for _, at := range l.sent {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

func exactly(at time.Duration) func(time.Duration) bool {
	return func(t time.Duration) bool { return t == at }
}

func retryAfter(value string) contract.Fields {
	return contract.Fields{{Name: "Retry-After", Value: value}}
}

// paused counts the arrivals of pauses. It is the same by reason and by second.
func paused(t *testing.T, m *measure.Measurement) (n uint64) {
	t.Helper()
	var all, bySecond uint64
	for _, of := range m.Profile.Withheld {
		bySecond += of
	}
	for _, w := range slices.Concat(m.Main.Withheld, m.Warmup.Withheld) {
		all += w.Count
		if w.Reason == measure.Paused {
			n += w.Count
		}
	}
	if len(m.Profile.Due) > 0 && all != bySecond {
		t.Errorf("%d arrivals were withheld, by second %d", all, bySecond)
	}
	return n
}

func on429(what scenario.On429, l scenario.Load) *scenario.Scenario {
	l.On429 = what
	return oneGroup(l)
}

// The schedule stays where it is: what was due in the pause is not sent, and
// what comes after it is sent when it is due.
func TestPauseShiftsNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		header contract.Fields
		length time.Duration
	}{
		{"seconds", retryAfter("2"), 2 * time.Second},
		{"none", nil, time.Second},
		{"no time", retryAfter("soon"), time.Second},
		{"none to wait", retryAfter("0"), time.Second},
		{"a date", append(retryAfter("Fri, 27 Nov 2026 18:00:03 GMT"), contract.HeaderField{Name: "Date",
			Value: "Fri, 27 Nov 2026 18:00:00 GMT"}), 3 * time.Second},
		{"longer than anybody waits", retryAfter("86400"), time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newLimiter(20*ms, exactly(3*time.Second), test.header)
				length := test.length + 7*time.Second
				m := run(t, t.Context(), on429(scenario.Pause429, load(constant(10, length))), op)
				from, to := 3020*ms, 3020*ms+test.length
				if diff := cmp.Diff([]measure.Pause{{Start: from, End: to}}, m.Pauses); diff != "" {
					t.Error(diff)
				}
				all, missed := uint64(length/(100*ms)), uint64(test.length/(100*ms))
				if paused(t, m) != missed || m.Main.Scheduled[0] != all || m.Main.Sent() != all-missed ||
					op.between(from, to) != 0 {
					t.Errorf("%d of %d sent, %d paused, %d sent in the pause", m.Main.Sent(),
						m.Main.Scheduled[0], paused(t, m), op.between(from, to))
				}
				if h := total(t, &m.Main, func(c *measure.Cell) *measure.Histogram {
					return c.Lateness
				}); h.Max() != 0 {
					t.Errorf("something was sent %v late", h.Max())
				}
			})
		})
	}
}

// A second 429 of a request that was in flight makes the pause longer; a 429
// after the pause begins another one.
func TestPausesAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newLimiter(500*ms, func(at time.Duration) bool {
			return at == time.Second || at == 1400*ms || at == 4*time.Second
		}, retryAfter("1"))
		m := run(t, t.Context(), on429(scenario.Pause429, load(constant(10, 10*time.Second))), op)
		want := []measure.Pause{{Start: 1500 * ms, End: 2900 * ms}, {Start: 4500 * ms, End: 5500 * ms}}
		if diff := cmp.Diff(want, m.Pauses); diff != "" {
			t.Error(diff)
		}
		// One arrival is due just as each pause begins: before or after the 429 came.
		if n := paused(t, m) + m.Main.Sent(); n != 100 || paused(t, m) < 22 || paused(t, m) > 24 {
			t.Errorf("%d paused of %d", paused(t, m), n)
		}
	})
}

// A 429 that asks for a second does not end a pause that another one made longer.
func TestShorterPauseEndsNoLongerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newLimiter(500*ms, func(at time.Duration) bool { return at == time.Second || at == 1400*ms },
			retryAfter("3"))
		op.bare = 1400 * ms
		m := run(t, t.Context(), on429(scenario.Pause429, load(constant(10, 10*time.Second))), op)
		if diff := cmp.Diff([]measure.Pause{{Start: 1500 * ms, End: 4500 * ms}}, m.Pauses); diff != "" {
			t.Error(diff)
		}
		if n := op.between(1600*ms, 4500*ms); n != 0 {
			t.Errorf("%d were sent in the pause", n)
		}
	})
}

// What waits for a worker while the run pauses does not go out in a burst when
// the pause is over.
func TestNoBurstAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := on429(scenario.Pause429, load(constant(10, 10*time.Second)))
		s.Load.Workers = 2
		var first sync.Once
		op := newLimiter(0, exactly(0), retryAfter("1"))
		op.answer = func(ctx context.Context) error {
			d := 2500 * ms // the second request outlasts the pause
			first.Do(func() { d = 50 * ms })
			if time.Since(op.start) > 3*time.Second {
				d = 0
			}
			return sleep(ctx, d)
		}
		m := run(t, t.Context(), s, op)
		if diff := cmp.Diff([]measure.Pause{{Start: 50 * ms, End: 1050 * ms}}, m.Pauses); diff != "" {
			t.Error(diff)
		}
		if n := op.between(50*ms, 1050*ms); n != 0 || paused(t, m) != 10 {
			t.Errorf("%d sent in the pause, %d paused", n, paused(t, m))
		}
	})
}

func TestPauseOfAClosedLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newLimiter(100*ms, exactly(time.Second), retryAfter("2"))
		s := closedLoad(2, 900*ms, 10*time.Second)
		s.Load.On429 = scenario.Pause429
		m := run(t, t.Context(), s, op)
		if diff := cmp.Diff([]measure.Pause{{Start: 1100 * ms, End: 3100 * ms}}, m.Pauses); diff != "" {
			t.Error(diff)
		}
		// The second user waited for 1.45 s; both come again spread over their
		// think time.
		if op.between(1100*ms, 3100*ms) != 0 || op.between(3100*ms, 3101*ms) != 1 ||
			op.between(3550*ms, 3551*ms) != 1 || m.Main.Sent() != m.Main.Scheduled[0] {
			t.Errorf("sent at %v", op.sent)
		}
		if h := total(t, &m.Main, response); h.Max() > 101*ms {
			t.Errorf("the pause is in a response time: %v", h.Max())
		}
	})
}

func TestStopAtA429(t *testing.T) {
	for _, test := range []struct {
		name            string
		load            scenario.Load
		refuses         time.Duration
		early           bool
		sent, scheduled uint64
		ends            time.Duration
	}{
		{"open", load(constant(10, 10*time.Second)), 2 * time.Second, true, 21, 21, 2050 * ms},
		{"in the warm-up", scenario.Load{Warmup: 5 * time.Second, Workers: 8,
			Stages: load(constant(10, 10*time.Second)).Stages}, 2 * time.Second, true, 21, 21, 2050 * ms},
		{"the last response", load(constant(10, 10*time.Second)), 9900 * ms, false, 100, 100, 9950 * ms},
		{"while it drains", load(constant(100, time.Second)), 990 * ms, false, 100, 100, time.Second},
		{"closed", closedLoad(2, 950*ms, time.Hour).Load, 3 * time.Second, true, 7, 7, 3050 * ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newLimiter(50*ms, exactly(test.refuses), nil)
				m := run(t, t.Context(), on429(scenario.Stop429, test.load), op)
				want := &measure.Stop{At: test.refuses + 50*ms, Condition: "load.on429: stop",
					Observed: "a response was 429, too many requests", Early: test.early}
				if diff := cmp.Diff(want, m.Stopped); diff != "" || m.Interrupted {
					t.Error(diff, m.Interrupted)
				}
				sent, scheduled := m.Main.Sent()+m.Warmup.Sent(), m.Main.Scheduled[0]+m.Warmup.Scheduled[0]
				if end := m.Warmup.Planned + m.Main.Planned; sent != test.sent ||
					scheduled != test.scheduled || end != test.ends {
					t.Errorf("%d of %d sent until %v", sent, scheduled, end)
				}
			})
		})
	}
}

// Whatever came first ended the run.
func TestInterruptedBeforeA429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2010*ms, cancel)
		op := newLimiter(50*ms, exactly(2*time.Second), nil)
		m := run(t, ctx, on429(scenario.Stop429, load(constant(10, 10*time.Second))), op)
		if !m.Interrupted || m.Stopped != nil {
			t.Errorf("interrupted %v, stopped %+v", m.Interrupted, m.Stopped)
		}
	})
}

func TestContinueAfterA429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newLimiter(50*ms, func(at time.Duration) bool { return at >= time.Second }, retryAfter("5"))
		m := run(t, t.Context(), oneGroup(load(constant(10, 10*time.Second))), op)
		limited := uint64(0)
		for _, c := range m.Main.Cells {
			limited += c.RateLimited
		}
		if m.Main.Sent() != 100 || limited != 90 || len(m.Pauses) > 0 || m.Stopped != nil {
			t.Errorf("%d sent, %d answers were 429, %v", m.Main.Sent(), limited, m.Pauses)
		}
	})
}

// A 503 turns a request away where it says when to come again; else it is a response like
// any other.
func TestUnavailableIsRefusedWithRetryAfter(t *testing.T) {
	for _, header := range []contract.Fields{nil, retryAfter("1")} {
		synctest.Test(t, func(t *testing.T) {
			op := newLimiter(50*ms, func(time.Duration) bool { return true }, header)
			op.status = http.StatusServiceUnavailable
			m := run(t, t.Context(), oneGroup(load(constant(10, time.Second))), op)
			for _, c := range m.Main.Cells {
				if c.Refused != (header != nil) || c.RateLimited > 0 {
					t.Errorf("with %v: refused %v, %d rate limited", header, c.Refused, c.RateLimited)
				}
			}
		})
	}
}
