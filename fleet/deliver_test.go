package fleet

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// deaf is JetStream over a network that loses the next receipts: the message is
// stored, and its sender does not learn of it. Where unsent is set, it loses the
// messages themselves, and calls unsent in their place.
type deaf struct {
	jetstream.JetStream
	lose   int
	unsent func()
}

func (d *deaf) PublishMsg(ctx context.Context, m *nats.Msg, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if d.lose == 0 {
		return d.JetStream.PublishMsg(ctx, m, options...)
	}
	d.lose--
	if d.unsent != nil {
		d.unsent()
	} else if _, err := d.JetStream.PublishMsg(ctx, m, options...); err != nil {
		return nil, err
	}
	return nil, context.DeadlineExceeded
}

// A claim or a final whose receipt was lost is sent again and refused, and is
// then found to be this worker's; that of another one is not.
func TestLostReceipts(t *testing.T) {
	tm, w := newTeam(t, 3), &work{}
	lead, works := tm.start(t.Context(), tm.worker(0, w))
	tm.await(t, "shard 0: host-0")
	counterOf := func(id string) (*counter, *deaf) {
		nc, err := tm.join.connect(id)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		d := &deaf{JetStream: js}
		return &counter{names{"test"}, id, d}, d
	}
	c, network := counterOf(strings.Repeat("ab", 16))
	other, _ := counterOf(strings.Repeat("cd", 16))
	claim := func(c *counter, shard int) error {
		return c.claim(t.Context(), shard, ownerOf(c.id, "host", testHash))
	}
	network.lose = 2
	if err := claim(c, 1); err != nil {
		t.Errorf("the claim of a free shard, its receipt lost twice: %v", err)
	}
	network.lose = 1
	if err := claim(c, 0); !errors.Is(err, errTaken) {
		t.Errorf("the claim of another worker's shard: %v", err)
	}
	network.lose, network.unsent = 1, func() {
		if err := claim(other, 2); err != nil {
			t.Error(err)
		}
	}
	if err := claim(c, 2); !errors.Is(err, errTaken) {
		t.Errorf("a claim that was lost, and came after another worker's: %v", err)
	}
	network.lose, network.unsent = 1, nil
	if err := c.deliver(t.Context(), 1, []byte("measured")); err != nil {
		t.Errorf("a final, its receipt lost: %v", err)
	}
	if err := c.deliver(t.Context(), 1, []byte("again")); !errors.Is(err, errStored) {
		t.Errorf("a second final: %v", err)
	}
	leave(t, tm, c.id) // which ends the run before its start
	_, err := lead()
	wantError(t, err, ErrNotStarted, "was lost before the start")
	_ = works[0]()
}

// leave says in a worker's name that it gave its shard up.
func leave(t *testing.T, tm *team, id string) {
	t.Helper()
	nc, err := tm.join.connect(id)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	session, err := newSession(nc, tm.worker(1, &work{}), id)
	if err != nil {
		t.Fatal(err)
	}
	session.shard = 1
	session.leave(gone, errTaken)
}
