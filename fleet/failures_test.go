package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/measure"

	"github.com/nats-io/nats.go"
)

// wantLost waits for a result that lacks just the shards given.
func wantLost(t *testing.T, tm *team, lead func() (*RunResult, error), shards ...int) *RunResult {
	t.Helper()
	result, err := lead()
	if err != nil {
		t.Fatalf("%v\n%s", err, tm.says.all())
	}
	var lost []int
	for _, l := range result.Lost {
		lost = append(lost, l.Index)
	}
	if !slices.Equal(lost, shards) {
		t.Fatalf("lost are %v, not %v:\n%s", lost, shards, tm.says.all())
	}
	return result
}

func wantError(t *testing.T, err, is error, says string) {
	t.Helper()
	if !errors.Is(err, is) || !strings.Contains(err.Error(), says) {
		t.Errorf("the error is %q, and not %q with %q", err, is, says)
	}
}

// farWorker is a worker that reaches the server by a link that can be cut.
func (tm *team) farWorker(t *testing.T, n int, w *work) (*Worker, *link) {
	t.Helper()
	l := newLink(t, tm.Embedded.Addr().String())
	far, join := tm.worker(n, w), *tm.join
	join.URLs = []string{"tls://" + l.addr()}
	far.Join = &join
	return far, l
}

func TestBlipLosesNothing(t *testing.T) {
	tm, w := newTeam(t, 2), &work{requests: 100, length: 4 * time.Second, begun: make(chan measure.Shard, 2)}
	far, l := tm.farWorker(t, 1, w)
	lead, works := tm.start(t.Context(), tm.worker(0, w), far)
	tm.awaitBegin(t, w)
	l.sever()
	time.AfterFunc(2*time.Second, l.heal) // how long the break is, and nothing that is waited for
	result := wantLost(t, tm, lead)
	for _, work := range works {
		if err := work(); err != nil {
			t.Error(err)
		}
	}
	for i, m := range result.Parts {
		if m.Interrupted {
			t.Errorf("shard %d was interrupted", i)
		}
	}
}

func TestCutOffWorkerStopsAndKeeps(t *testing.T) {
	tm, w := newTeam(t, 2), &work{requests: 100, length: 5 * time.Second, begun: make(chan measure.Shard, 2)}
	far, l := tm.farWorker(t, 1, w)
	lead, works := tm.start(t.Context(), tm.worker(0, w), far)
	tm.awaitBegin(t, w)
	l.sever()
	wantError(t, works[1](), ErrCutOff, "the coordinator was silent for 3s")
	w.mu.Lock()
	cutShort := 0
	for _, m := range w.kept {
		if m.Interrupted {
			cutShort++
		}
	}
	w.mu.Unlock()
	if cutShort != 1 {
		t.Errorf("%d measurements are kept that were cut short, not 1", cutShort)
	}
	result := wantLost(t, tm, lead, 1)
	if err := works[0](); err != nil {
		t.Error(err)
	}
	if result.Parts[0] == nil || result.Parts[0].Interrupted {
		t.Error("the other shard was touched")
	}
	if why := result.Lost[0].Why; !strings.HasPrefix(why, "host-1, last message ") ||
		!strings.HasSuffix(why, "s after the start: silent for 2.5s") {
		t.Errorf("lost: %s", why)
	}
}

func TestServerGone(t *testing.T) {
	tm, w := newTeam(t, 1), &work{requests: 100, length: time.Minute, begun: make(chan measure.Shard, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, works := tm.start(ctx, tm.worker(0, w))
	tm.awaitBegin(t, w)
	tm.Embedded.server.Shutdown()
	wantError(t, works[0](), ErrCutOff, "the coordinator was silent")
	if len(w.kept) != 1 {
		t.Error("what was measured is not kept")
	}
}

func TestNotAllJoined(t *testing.T) {
	tm, w := newTeam(t, 4), &work{}
	tm.Within = time.Second
	lead, works := tm.start(t.Context(), tm.worker(0, w), tm.worker(2, w), tm.worker(3, w))
	_, err := lead()
	wantError(t, err, ErrNotStarted, "3 of 4 workers joined within 1s; no worker has shard 1")
	for _, work := range works {
		wantError(t, work(), ErrNotStarted, "3 of 4 workers joined")
	}
	if len(w.shards) != 0 {
		t.Errorf("shards %v began", w.shards)
	}
}

func TestUnableWorkerStopsAll(t *testing.T) {
	tm, w := newTeam(t, 2), &work{}
	w.prepare = func(s measure.Shard) error {
		if s.Index == 1 {
			return errors.New("no token")
		}
		return nil
	}
	lead, works := tm.start(t.Context(), tm.worker(0, w), tm.worker(1, w))
	_, err := lead()
	wantError(t, err, ErrNotStarted, "shard 1 (host-1) was lost before the start: no token")
	wantError(t, works[0](), ErrNotStarted, "no token")
	wantError(t, works[1](), ErrNotStarted, "no token")
}

func TestWorkerHasItsOwnDeadline(t *testing.T) {
	tm, w := newTeam(t, 2), &work{}
	lonely := tm.worker(0, w)
	lonely.Within = time.Second
	lead, works := tm.start(t.Context(), lonely)
	wantError(t, works[0](), ErrNotStarted, "no start within 1s")
	_, err := lead()
	wantError(t, err, ErrNotStarted, "shard 0 (host-0) was lost before the start")
}

func TestSurplusAndDoubleWorkers(t *testing.T) {
	tm, w := newTeam(t, 2), &work{}
	ctx, cancel := context.WithCancel(t.Context())
	lead, works := tm.start(ctx, tm.worker(0, w))
	tm.await(t, "shard 0: host-0")
	wantError(t, tm.worker(0, w).Work(ctx), ErrNotStarted, "shard 0: another worker has it")
	last := begin(func() error { return tm.worker(1, w).Work(ctx) })
	tm.await(t, "shard 1: host-1")
	wantError(t, tm.worker(AnyShard, w).Work(ctx), ErrNotStarted, "all 2 shards have a worker: this one "+
		"is not needed")
	cancel()
	_, err := lead()
	wantError(t, err, context.Canceled, "nothing was sent")
	_, _ = works[0](), last()
}

func TestForeignWorkers(t *testing.T) {
	tm, w := newTeam(t, 1), &work{}
	ctx, cancel := context.WithCancel(t.Context())
	lead, _ := tm.start(ctx)
	other := tm.worker(AnyShard, w)
	other.Version = "v0"
	wantError(t, other.Work(ctx), ErrMismatch, "the coordinator is mfaload v-test, and this worker v0")
	other = tm.worker(AnyShard, w)
	other.Load = func(context.Context, Offer) (*WorkerScenario, error) {
		return &WorkerScenario{Hash: "0ther"}, nil
	}
	wantError(t, other.Work(ctx), ErrMismatch, "its hash is 0ther, the coordinator's 5ca1ab1e")
	wantError(t, tm.worker(1, w).Work(ctx), ErrMismatch, "shard 1 was asked for, and the run has 1")
	join := *tm.join
	join.Token = strings.Repeat("x", 26)
	other = tm.worker(AnyShard, w)
	other.Join = &join
	wantError(t, other.Work(ctx), ErrNotStarted, "does not take the credentials")
	join = *tm.join
	join.Pin = strings.Repeat("ab", 32)
	wantError(t, other.Work(ctx), ErrNotStarted, "its certificate is another one")
	cancel()
	if _, err := lead(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestInterrupted(t *testing.T) {
	tm, w := newTeam(t, 2), &work{requests: 10, length: time.Minute, begun: make(chan measure.Shard, 2)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var result *RunResult
	leading := begin(func() (err error) { result, err = tm.lead(ctx); return err })
	works := []func() error{
		begin(func() error { return tm.worker(0, w).Work(t.Context()) }),
		begin(func() error { return tm.worker(1, w).Work(t.Context()) }),
	}
	tm.awaitBegin(t, w)
	tm.await(t, "all workers ready, starting")
	cancel()
	if err := leading(); err != nil {
		t.Fatal(err)
	}
	for i, m := range result.Parts {
		if m == nil || !m.Interrupted {
			t.Errorf("shard %d is not there as interrupted", i)
		}
	}
	for _, work := range works {
		if err := work(); err != nil {
			t.Error(err)
		}
	}
}

// TestWorkerMay tries what a worker must not do, with all that it has.
func TestWorkerMay(t *testing.T) {
	tm, w := newTeam(t, 2), &work{}
	ctx, cancel := context.WithCancel(t.Context())
	lead, works := tm.start(ctx, tm.worker(0, w))
	tm.await(t, "shard 0: host-0")
	id := newWorkerID()
	other, denied := newWorkerID(), make(chan error, 100)
	nc, err := tm.join.connect(id)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err })
	n := subjects{"test"}
	for _, subject := range []string{n.state(), n.beat("*"), n.beat(other), n.claim(other), n.final(other),
		n.file(other),
		n.inbox(other) + ".x", "$KV.mfaload-test-shards.0", "$O.mfaload-test-large.C.x",
		"$JS.API.STREAM.CREATE.more", "$JS.API.STREAM.LIST", "anything"} {
		if err := nc.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := <-denied; !strings.Contains(strings.ToLower(err.Error()), "permissions violation "+
			"for publish") {
			t.Errorf("publish to %s: %v", subject, err)
		}
	}
	for _, subject := range []string{">", n.subject(">"), n.beat("*"), n.subject("final.>"),
		n.inbox("*") + ".>", "$KV.>", "$O.>", "$SYS.>"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if err := <-denied; !strings.Contains(strings.ToLower(err.Error()), "permissions violation for "+
			"subscription") {
			t.Errorf("subscribe to %s: %v", subject, err)
		}
	}
	c := &coordinatorClient{n, id, nc}
	if shard, err := c.claim(ctx, claim{0, "stranger", testHash}); err == nil {
		t.Errorf("it got shard %d, which another worker has", shard)
	}
	cancel()
	_, _ = lead()
	_ = works[0]()
}
