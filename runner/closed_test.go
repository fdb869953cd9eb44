package runner_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Ten users who think 400 ms and wait 100 ms for a response ask twice a second
// each. A service of half the speed is asked less: that is what closed means.
func TestClosedUsersWaitForTheirAnswers(t *testing.T) {
	for _, test := range []struct {
		answer time.Duration
		want   uint64
	}{{100 * ms, 200}, {600 * ms, 100}} {
		synctest.Test(t, func(t *testing.T) {
			op := &service{answer: takes(test.answer)}
			m := run(t, t.Context(), closedLoad(10, 400*ms, 10*time.Second), op)
			if n := m.Main.Sent(); n != test.want || m.Main.Scheduled[0] != n {
				t.Errorf("%d of %d requests were sent, want %d", n, m.Main.Scheduled[0], test.want)
			}
			if most := op.most.Load(); most > 10 {
				t.Errorf("%d requests were in flight", most)
			}
			// Nobody waits for anything but the service.
			h := total(t, &m.Main, response)
			if h.Max() != test.answer || total(t, &m.Main, serviceT).Max() != test.answer ||
				m.Main.Own.Max() != 0 {
				t.Errorf("response time %v, own lateness %v", h.Max(), m.Main.Own.Max())
			}
			if m.Main.Planned != 10*time.Second || m.Interrupted {
				t.Errorf("planned %v, interrupted %v", m.Main.Planned, m.Interrupted)
			}
		})
	}
}

func TestClosedEndsByRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := closedLoad(3, 0, 0)
		s.Load.Requests, s.Load.Warmup = 20, time.Second
		start := time.Now()
		m := run(t, t.Context(), s, &service{answer: takes(100 * ms)})
		if m.Main.Sent() != 20 || m.Warmup.Sent() != 30 {
			t.Errorf("%d requests after %d of the warm-up", m.Main.Sent(), m.Warmup.Sent())
		}
		if d := time.Since(start); d != 1700*ms || m.Main.Planned != 700*ms {
			t.Errorf("it took %v, of which %v are judged", d, m.Main.Planned)
		}
	})
}

func TestClosedCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := closedLoad(3, time.Minute, 48*time.Hour)
		s.Load.MaxRequests = 4
		start := time.Now()
		m := run(t, t.Context(), s, &service{answer: takes(time.Second)})
		// The fourth request is that of the first user after a minute; nobody
		// waits for the minutes of the others.
		if m.Main.Sent() != 4 || time.Since(start) != time.Minute+2*time.Second {
			t.Errorf("%d requests in %v", m.Main.Sent(), time.Since(start))
		}
	})
}

func TestClosedDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := closedLoad(4, 0, 5*time.Second)
		s.Load.Drain, s.Target.Timeout = 2*time.Second, time.Minute
		start := time.Now()
		m := run(t, t.Context(), s, &service{answer: takes(time.Hour)})
		if d := time.Since(start); d != 7*time.Second || m.Main.Sent() != 4 ||
			m.Main.Cells[0].Label != "unanswered at end of drain" {
			t.Errorf("it took %v: %d requests, %v", d, m.Main.Sent(), m.Main.Cells[0].Label)
		}
	})
}

func TestClosedInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3300*ms, func() { cancel(errors.New("stop")) })
		start := time.Now()
		m := run(t, ctx, closedLoad(2, 900*ms, time.Hour), &service{answer: takes(100 * ms)})
		if !m.Interrupted || m.Main.Planned != 3300*ms || time.Since(start) != 3300*ms {
			t.Errorf("interrupted %v after %v, ended after %v", m.Interrupted, m.Main.Planned,
				time.Since(start))
		}
		if n := m.Main.Sent(); n != 7 { // at 0, 1, 2, 3 s, and half a second later but for the last
			t.Errorf("%d requests", n)
		}
	})
}

// A signal that comes with the last response is too late to change anything, and
// races with nothing.
func TestClosedInterruptedAtItsEnd(t *testing.T) {
	for range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		op := &service{answer: func(context.Context) error { cancel(); return nil }}
		m := run(t, ctx, closedLoad(1, time.Hour, time.Second), op)
		if m.Main.Sent() != 1 {
			t.Fatalf("%d requests", m.Main.Sent())
		}
	}
}
