package runner_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// orderedService notes which arrivals a side sent, in the order of both.
type orderedService struct {
	service
	side int
	sent *sentByBoth
}

type sentByBoth struct {
	mu  sync.Mutex
	all []sentArrival
}

type sentArrival struct {
	side   int
	number uint64
	at     time.Time
}

func (s *orderedService) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	s.sent.mu.Lock()
	s.sent.all = append(s.sent.all, sentArrival{s.side, ex.Number, time.Now()})
	s.sent.mu.Unlock()
	return s.service.Send(ctx, u, ex)
}

// onBothSides runs a load against two services that take as long as they are told.
func onBothSides(t *testing.T, l scenario.Load, alternate bool,
	takes [2]func(context.Context) error) (sent []sentArrival, all [2]*measure.Measurement) {
	t.Helper()
	start, both := time.Now().Add(time.Second), &sentByBoth{}
	var runs sync.WaitGroup
	for i, side := range runner.NewSides(alternate) {
		op := &orderedService{service{answer: takes[i]}, i, both}
		r := runner.New(runner.Config{Scenario: oneGroup(l), Operation: op, Wait: machine.TimerWait,
			Side: side})
		runs.Go(func() {
			m, err := r.Run(t.Context(), runner.Start{At: start})
			if err != nil {
				t.Error(err)
				return
			}
			addsUp(t, m)
			all[i] = m
		})
	}
	runs.Wait()
	return both.all, all
}

// Each arrival goes to both sides at its instant, and to the one first that was drawn. A goroutine that is
// woken may still be overtaken on its way, now and then.
func TestSidesSendInDrawnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load(constant(100, 10*time.Second))
		l.Seed = 7
		sent, all := onBothSides(t, l, false, [2]func(context.Context) error{takes(10 * ms), takes(10 * ms)})
		drawn := 0
		for i := 0; i+1 < len(sent); i += 2 {
			a, b := sent[i], sent[i+1]
			if a.number != b.number || a.side == b.side || !a.at.Equal(b.at) {
				t.Fatalf("%+v is followed by %+v", a, b)
			}
			if schedule.FirstOf(7, a.number) == a.side {
				drawn++
			}
		}
		if len(sent) != 2000 || drawn < 800 {
			t.Errorf("of %d requests %d pairs were in the drawn order", len(sent), drawn)
		}
		if own := all[0].Main.Own.Max() + all[1].Main.Own.Max(); own != 0 {
			t.Errorf("the order made requests late by %v", own)
		}
	})
}

// A side whose service stalls makes the other one wait once, and for half a millisecond.
func TestSidesDoNotWaitForAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load(constant(100, 10*time.Second))
		l.Workers = 4
		_, all := onBothSides(t, l, false, [2]func(context.Context) error{takes(5 * time.Second),
			takes(10 * ms)})
		late := all[1].Main.Own
		waited := late.Beyond(100 * time.Microsecond)
		if n := all[1].Main.Sent(); n != 1000 || late.Max() > ms || waited > 5 {
			t.Errorf("%d sent, %d of them late, at most by %v", n, waited, late.Max())
		}
	})
}

// A side whose other one ended waits for it no longer than harms nobody.
func TestSidesDoNotWaitForOneThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load(constant(10, time.Second))
		both, start := &sentByBoth{}, time.Now().Add(time.Second)
		second := 1 - schedule.FirstOf(l.Seed, 0) // the first arrival is not its own to send first
		op := &orderedService{service{answer: takes(0)}, second, both}
		r := runner.New(runner.Config{Scenario: oneGroup(l), Operation: op, Wait: machine.TimerWait,
			Side: runner.NewSides(false)[second]})
		if _, err := r.Run(t.Context(), runner.Start{At: start}); err != nil {
			t.Fatal(err)
		}
		if len(both.all) == 0 || both.all[0].at.Sub(start) > ms {
			t.Errorf("the first request is late, or not sent: %v", both.all)
		}
	})
}

// Sides that alternate send half of the load each, and say so.
func TestSidesAlternate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load(constant(20, 10*time.Second))
		l.Warmup = 1500 * ms
		_, all := onBothSides(t, l, true, [2]func(context.Context) error{takes(10 * ms), takes(10 * ms)})
		seen := map[int64]int{}
		for side, m := range all {
			due := m.Main.Scheduled[0] + m.Warmup.Scheduled[0]
			if n := m.Main.Sent() + m.Warmup.Sent(); !m.Alternating || n != due {
				t.Errorf("side %d sent %d of %d: %+v", side, n, due, m.Main)
			}
			for s := range m.Seconds.All() {
				seen[s.Second] += int(s.Response.Count())
				if s.Second >= 2 && schedule.SideOf(l.Seed, s.Second-2) != side {
					t.Errorf("second %d is not of side %d", s.Second, side)
				}
			}
		}
		for second := int64(0); second < 11; second++ {
			if seen[second] != 20 {
				t.Errorf("second %d has %d requests of both sides", second, seen[second])
			}
		}
	})
}
