package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/measure"
)

// hand is a connection that speaks the protocol of a run by hand, as a worker may that means no
// good.
type hand struct {
	*coordinatorClient
	t  *testing.T
	tm *team
}

func (tm *team) hand(t *testing.T) *hand {
	t.Helper()
	id := newWorkerID()
	nc, err := tm.join.connect(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return &hand{&coordinatorClient{subjects{"test"}, id, nc}, t, tm}
}

// heard is what a subscription gets.
func heard(of any) *nats.Msg { return &nats.Msg{Data: encode(of)} }

// beat says how it is, until the test ends: an honest worker's state.
func (h *hand) beat(shard int, now workerStage) (say func(workerStage)) {
	ctx, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(cancel)
	return h.beatUntil(ctx, shard, now)
}

func (h *hand) beatUntil(ctx context.Context, shard int, now workerStage) (say func(workerStage)) {
	stages := make(chan workerStage)
	go func() {
		ticker := time.NewTicker(beatEvery / 2)
		defer ticker.Stop()
		for {
			_ = h.nc.Publish(h.subjects.beat(h.id), encode(beat{Host: "by hand", Shard: shard, Stage: now}))
			select {
			case now = <-stages:
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func(s workerStage) { stages <- s }
}

// join claims a shard and gets as far as to begin.
func (h *hand) join(ctx context.Context, shard int) (say func(workerStage), started time.Time) {
	h.t.Helper()
	beating, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(cancel)
	return h.joinUntil(ctx, beating, shard)
}

// joinUntil is as join, and says nothing any more once beating ends.
func (h *hand) joinUntil(ctx, beating context.Context, shard int) (say func(workerStage), started time.Time) {
	h.t.Helper()
	if _, err := h.claim(ctx, claim{shard, "by hand", testHash}); err != nil {
		h.t.Fatal(err)
	}
	say = h.beatUntil(beating, shard, ready)
	states, err := h.nc.SubscribeSync(h.subjects.state())
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = states.Unsubscribe() }()
	for {
		m, err := states.NextMsgWithContext(ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		switch now, _ := decode[runState](m.Data); now.Phase {
		case arming:
			say(armed)
		case going:
			say(running)
			return say, now.Start
		}
	}
}

// A claim whose response was lost is asked for again, and is the same; the shard of another one
// can't be had, whatever is said in whoever's name.
func TestClaimIsOnesOwn(t *testing.T) {
	tm := newTeam(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	lead, _ := tm.start(ctx)
	a, b := tm.hand(t), tm.hand(t)
	for range 3 {
		if shard, err := a.claim(ctx, claim{1, "a", testHash}); err != nil || shard != 1 {
			t.Fatalf("shard %d, %v", shard, err)
		}
	}
	a.beat(1, claimed)
	for _, want := range []claim{{1, "b", testHash}, {1, "a", testHash}} {
		if shard, err := b.claim(ctx, want); err == nil || !strings.Contains(err.Error(),
			"shard 1: another worker has it") {
			t.Errorf("shard %d, %v", shard, err)
		}
	}
	if _, err := b.claim(ctx, claim{AnyShard, "b", "0ther"}); err == nil || !strings.Contains(err.Error(),
		"another scenario") {
		t.Error(err)
	}
	if shard, err := b.claim(ctx, claim{AnyShard, "b", testHash}); err != nil || shard == 1 {
		t.Errorf("any shard is %d, %v", shard, err)
	}
	cancel()
	_, _ = lead()
}

// What a worker delivers that is no measurement of its shard is not taken, and the run ends with
// the others: each of these once had a run go on for ever, or would have broken the merge.
func TestUnreadableDelivery(t *testing.T) {
	good := func(started time.Time, bend func(*measure.Measurement)) []byte {
		m, err := measured(shardOf(0, 2), 10, false)
		if err != nil {
			t.Fatal(err)
		}
		m.Started = started
		bend(m)
		packed, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return packed
	}
	bends := map[string]struct {
		why  string
		make func(time.Time) []byte
	}{
		"no measurement": {"can't be read", func(time.Time) []byte { return []byte("measured") }},
		"cut off": {"can't be read", func(at time.Time) []byte {
			p := good(at, func(*measure.Measurement) {})
			return p[:len(p)/2]
		}},
		"another's shard": {"it is not of shard 0", func(at time.Time) []byte {
			return good(at, func(m *measure.Measurement) { m.Shard.Index = 1 })
		}},
		"of no shard": {"it is not of shard 0", func(at time.Time) []byte {
			return good(at, func(m *measure.Measurement) { m.Shard = nil })
		}},
		"another scenario": {"it is of another scenario", func(at time.Time) []byte {
			return good(at, func(m *measure.Measurement) { m.Hash = "0ther" })
		}},
		"another start": {"it is of another start", func(at time.Time) []byte {
			return good(at.Add(time.Second), func(*measure.Measurement) {})
		}},
	}
	for name, bend := range bends {
		t.Run(name, func(t *testing.T) {
			tm, w := newTeam(t, 2), &work{requests: 10}
			lead, works := tm.start(t.Context(), tm.worker(1, w))
			h := tm.hand(t)
			say, started := h.join(t.Context(), 0)
			say(delivering)
			if err := h.deliver(t.Context(), parcelOf(bend.make(started))); !errors.Is(err, errRefusedFinal) {
				t.Errorf("it was taken: %v", err)
			}
			say(delivered) // and goes on to say so
			result := wantLost(t, tm, lead, 0)
			if !strings.Contains(result.Lost[0].Why, bend.why) {
				t.Errorf("it was lost: %s", result.Lost[0].Why)
			}
			if err := works[0](); err != nil {
				t.Error(err)
			}
		})
	}
}

// A worker that says it delivered, and did not, holds nobody up for longer than a first signal.
func TestSignalEndsWaitingForDelivery(t *testing.T) {
	tm, w := newTeam(t, 2), &work{requests: 10}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var result *RunResult
	leading := begin(func() (err error) { result, err = tm.lead(ctx); return err })
	honest := begin(func() error { return tm.worker(1, w).Work(t.Context()) })
	h := tm.hand(t)
	say, _ := h.join(t.Context(), 0)
	say(delivered)
	tm.await(t, "all workers ready, starting")
	for { // until the other one's is here
		r, err := h.hand(t.Context(), offer{Size: 10, SHA256: "x"}, nil)
		if err != nil || r.Refused != "" {
			t.Fatal(r, err)
		}
		w.mu.Lock()
		kept := len(w.kept)
		w.mu.Unlock()
		if kept == 1 {
			break
		}
	}
	cancel()
	result = wantLost(t, tm, func() (*RunResult, error) { err := leading(); return result, err }, 0)
	if why := result.Lost[0].Why; !strings.Contains(why, "had not arrived 5s after the run was interrupted") {
		t.Errorf("it was lost: %s", why)
	}
	if err := honest(); err != nil {
		t.Error(err)
	}
}

// A measurement that arrives damaged is asked for again.
func TestDamagedDeliveryIsSentAgain(t *testing.T) {
	tm := newTeam(t, 1)
	lead, _ := tm.start(t.Context())
	h := tm.hand(t)
	say, started := h.join(t.Context(), 0)
	m, err := measured(shardOf(0, 1), 10, false)
	if err != nil {
		t.Fatal(err)
	}
	m.Started = started
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	say(delivering)
	damaged := bytes.Clone(packed)
	damaged[len(damaged)/2]++
	sum := sha256.Sum256(packed)
	o := offer{Size: int64(len(packed)), SHA256: hex.EncodeToString(sum[:])}
	if r, err := h.hand(t.Context(), o, damaged); err != nil || !r.Wait {
		t.Fatal(r, err)
	}
	if err := h.deliver(t.Context(), parcelOf(packed)); err != nil {
		t.Error(err)
	}
	say(left)
	wantLost(t, tm, lead)
}

// What travels to workers arrives as it is, also in many pieces; what was changed meanwhile is
// not taken.
func TestFilesTravel(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "users")
	if err := os.WriteFile(large, bytes.Repeat([]byte("788d4931-6936-43f2-82ff-178f57622981\n"), 100_000),
		0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tm := newTeam(t, 1)
	tm.Plan.Files = []PlanFile{{"scenario/s.yaml", empty}, {"users-0", large}}
	ctx, cancel := context.WithCancel(t.Context())
	lead, _ := tm.start(ctx)
	got, w := map[string]string{}, tm.worker(0, &work{})
	w.Load = func(_ context.Context, o Offer) (*WorkerScenario, error) {
		for _, name := range o.Files {
			data, err := os.ReadFile(filepath.Join(o.Dir, name))
			if err != nil {
				return nil, err
			}
			got[name] = fmt.Sprintf("%x", sha256.Sum256(data))
		}
		return nil, errors.New("seen")
	}
	wantError(t, w.Work(ctx), ErrMismatch, "seen")
	for _, f := range tm.Plan.Files {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if got[f.Name] != fmt.Sprintf("%x", sha256.Sum256(data)) {
			t.Errorf("%s is not what was sent", f.Name)
		}
	}
	if err := os.WriteFile(large, bytes.Repeat([]byte("x"), 3_700_000), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, w.Work(ctx), ErrNotStarted, "it was changed since the coordinator started")
	cancel()
	_, _ = lead()
}

func parcelOf(packed []byte) *packedMeasurement {
	sum := sha256.Sum256(packed)
	return &packedMeasurement{bytes.NewReader(packed), offer{Size: int64(len(packed)),
		SHA256: hex.EncodeToString(sum[:])}}
}
