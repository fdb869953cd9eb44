package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"mfaload/internal/machine"
)

// steps is a lease on a clock that a test sets.
func steps(t *testing.T) (l *lease, at func(time.Duration), ended func() error) {
	t.Helper()
	now, began := time.Hour, time.Now()
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	l = newLease(func() time.Duration { return now }, func() time.Time { return began.Add(now) }, cancel)
	return l, func(d time.Duration) { now = time.Hour + d }, func() error { return context.Cause(ctx) }
}

// A worker that stood still is out, whoever looks first after it wakes up: what is about to be
// sent, the look now and then, or what the coordinator said meanwhile and lay in a buffer.
func TestStandstillEndsTheLease(t *testing.T) {
	for name, first := range map[string]func(*lease){
		"a request":           func(l *lease) { l.holds() },
		"a buffered state":    func(l *lease) { l.renew() },
		"two buffered states": func(l *lease) { l.renew(); l.renew() },
	} {
		l, at, ended := steps(t)
		at(400 * time.Millisecond)
		l.renew()
		at(450 * time.Millisecond)
		if !l.look() || !l.holds() {
			t.Fatal("it ended while the coordinator was heard of")
		}
		at(5 * time.Second)
		first(l)
		if l.holds() || ended() == nil || !strings.Contains(ended().Error(),
			"this worker stood still for 4.5 s") {
			t.Errorf("%s first: it holds: %v, %v", name, l.holds(), ended())
		}
		at(6 * time.Second)
		l.renew()
		if l.holds() {
			t.Errorf("%s first: it began again", name)
		}
	}
}

// Just what is below the limit is none, and silence is told from a standstill.
func TestSilenceEndsTheLease(t *testing.T) {
	l, at, ended := steps(t)
	for d := time.Duration(0); d < silence; d += 50 * time.Millisecond {
		at(d)
		if !l.look() || !l.holds() {
			t.Fatalf("it ended after %v", d)
		}
	}
	at(silence)
	if l.look() || l.holds() || ended() == nil ||
		ended().Error() != "the coordinator was silent for 3s" {
		t.Errorf("it holds: %v, %v", l.holds(), ended())
	}
	l, at, _ = steps(t)
	at(silence - 1)
	l.renew()
	at(2*silence - 2)
	if !l.look() {
		t.Error("it ended before the limit")
	}
}

// A suspended machine's monotonic clock stands still, and its wall clock does not: the first request
// after it looks at the clock that counts.
func TestSuspendEndsTheLease(t *testing.T) {
	since, now := time.Hour, time.Now()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	l := newLease(func() time.Duration { return since }, func() time.Time { return now }, cancel)
	since += 5 * time.Second
	now = now.Round(0).Add(5 * time.Second) // without a reading of the monotonic clock
	if l.holds() || context.Cause(ctx) == nil {
		t.Error("it holds after the machine was suspended")
	}
}

// A worker that was silent for longer than the limit is out for good: what it says and delivers
// afterwards changes nothing, and the state tells it so.
func TestSilentWorkerIsOutForGood(t *testing.T) {
	tm, w := newTeam(t, 2), &work{requests: 10, length: 5 * time.Second}
	lead, works := tm.start(t.Context(), tm.worker(1, w))
	h := tm.hand(t)
	states, err := h.nc.SubscribeSync(h.subjects.state())
	if err != nil {
		t.Fatal(err)
	}
	ctx, silent := context.WithCancel(t.Context())
	say, started := h.joinUntil(t.Context(), ctx, 0)
	tm.await(t, "all workers ready, starting")
	silent()
	tm.await(t, "lost: shard 0 (by hand): silent for 2.5s")
	h.beat(0, running) // it woke up
	m, err := measured(shardOf(0, 2), 10, false)
	if err != nil {
		t.Fatal(err)
	}
	m.Started = started
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, h.deliver(t.Context(), parcelOf(packed)), errRefusedFinal,
		"the shard is lost: silent for 2.5s")
	for {
		message, err := states.NextMsgWithContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if now, _ := decode[runState](message.Data); len(now.Out) == 1 && now.Out[0] == 0 {
			break
		}
	}
	_ = say
	wantLost(t, tm, lead, 0)
	if all := tm.says.all(); strings.Count(all, "lost: shard 0") != 1 || strings.Contains(all, "back") {
		t.Errorf("it was said:\n%s", all)
	}
	if err := works[0](); err != nil {
		t.Error(err)
	}
}

// Of two coordinators of one name, one after the other, workers hear their own.
func TestOtherEpochIsNotHeard(t *testing.T) {
	s := &coordinatorLink{epoch: "a", changed: make(chan struct{})}
	for _, now := range []runState{{Epoch: "b", Phase: going}, {Phase: going}} {
		s.hear(heard(now))
		if s.state.Phase != "" {
			t.Errorf("it heard %+v", now)
		}
	}
	if s.hear(heard(runState{Epoch: "a", Phase: going})); s.state.Phase != going {
		t.Error("it does not hear its own")
	}
}

// BenchmarkLease is what asking for the leave to send costs each request.
func BenchmarkLease(b *testing.B) {
	l := newLease(machine.SinceBoot, time.Now, func(error) {})
	for b.Loop() {
		if !l.holds() && !l.look() {
			b.Fatal("it ended")
		}
	}
}
