package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"mfaload/internal/machine"

	"github.com/nats-io/nats.go"
)

type coordinatorLink struct {
	nc            *nats.Conn
	sub           *nats.Subscription
	names         subjects
	id            string
	host          string
	client        *coordinatorClient
	shards        int
	shard         int
	spread        time.Duration
	lease         *lease
	snapshotEvery time.Duration   // 0 for the usual
	load          context.Context // of the load alone; it ends before what it measured is delivered

	mu      sync.Mutex
	epoch   string // of the coordinator whose plan it has; empty before
	heard   time.Time
	state   runState
	said    string        // as it came
	changed chan struct{} // closed when the state changes
	self    beat
}

// hear takes in what the coordinator says. One of another epoch leads another run of the same
// name: it is none of this worker's.
func (s *coordinatorLink) hear(m *nats.Msg) {
	now, err := decode[runState](m.Data)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == "" || now.Epoch != s.epoch {
		return
	}
	s.heard = time.Now()
	if s.lease != nil {
		s.lease.renew()
	}
	if string(m.Data) != s.said {
		s.state, s.said = now, string(m.Data)
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// now returns the coordinator's state, a channel that is closed when it
// changes, and how long ago it was heard of.
func (s *coordinatorLink) now() (runState, <-chan struct{}, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.changed, time.Since(s.heard)
}

func (s *coordinatorLink) await(ctx context.Context, is func(runState) bool) (runState, error) {
	for {
		now, changed, _ := s.now()
		if is(now) {
			return now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return runState{}, context.Cause(ctx)
		}
	}
}

// plan asks for the plan until there is a response: with an external server, the
// worker may be there before the coordinator.
func (s *coordinatorLink) plan(ctx context.Context, w *Worker) (planMessage, error) {
	question := encode(hello{Protocol: protocol, Version: w.Version, Host: s.host})
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		response, err := s.nc.RequestWithContext(try, s.names.hello(s.id), question)
		cancel()
		if err == nil {
			p, err := decode[planMessage](response.Data)
			s.mu.Lock()
			s.epoch = p.Epoch
			s.mu.Unlock()
			return p, err
		}
		select {
		case <-ctx.Done():
			return planMessage{}, fmt.Errorf("ask the coordinator for its plan: %w", cause(ctx, err))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// attach returns a context that ends when the worker is no longer part of a run,
// with the reason, and begins to watch for that. Until the load begins, it ends
// at the deadline too.
func (s *coordinatorLink) attach(ctx context.Context, part ShardRun, within time.Duration,
	deadline time.Time) (context.Context, func()) {
	attached, detach := context.WithCancelCause(ctx)
	load, stop := context.WithCancel(attached)
	s.mu.Lock()
	s.heard, s.lease = time.Now(), newLease(machine.SinceBoot, time.Now, detach)
	s.load = load
	s.mu.Unlock()
	go s.watch(attached, detach, part, stop, within, deadline)
	return attached, func() { stop(); detach(nil) }
}

// reconnectAfter is how long nothing is heard until the connection is made
// again: after a break, TCP tries its old one ever more seldom.
const reconnectAfter = 3 * beatEvery / 2

// watch is the dead-man switch: it ends the load when the coordinator wants it
// or is not heard of.
func (s *coordinatorLink) watch(ctx context.Context, detach context.CancelCauseFunc, part ShardRun,
	stop func(), within time.Duration, deadline time.Time) {
	ticker := time.NewTicker(beatEvery / 10)
	defer ticker.Stop()
	var renewed time.Time
	for s.lease.look() {
		now, changed, quiet := s.now()
		switch {
		case slices.Contains(now.Out, s.shard):
			detach(fmt.Errorf("the coordinator has given up shard %d: it was silent for %v, or "+
				"took too long", s.shard, missing))
		case now.Phase == cancelled:
			detach(errors.New(now.Why))
		case now.Phase == stopping && now.Stop != nil:
			part.Stop(*now.Stop)
		case now.Phase == stopping:
			stop()
		case s.waiting() && time.Now().After(deadline):
			detach(noStart(within))
		case quiet >= reconnectAfter && time.Since(renewed) >= reconnectAfter:
			_ = s.nc.ForceReconnect() // an error means that it is under way
			renewed = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-ticker.C:
		}
	}
}

func (s *coordinatorLink) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.self.Stage == claimed || s.self.Stage == ready || s.self.Stage == armed
}

func (s *coordinatorLink) enter(now workerStage) {
	s.mu.Lock()
	s.self.Stage = now
	s.mu.Unlock()
	s.say(nil)
}

func (s *coordinatorLink) leave(now workerStage, why error) {
	s.mu.Lock()
	switch s.self.Stage = now; {
	case errors.Is(why, context.Canceled):
		s.self.Why = "it was interrupted"
	case why != nil:
		s.self.Why = tidy(why.Error())
	}
	s.mu.Unlock()
	s.say(nil)
	_ = s.nc.FlushTimeout(time.Second)
}

func (s *coordinatorLink) setClock(c clock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.self.Offset, s.self.RoundTrip = c.offset, c.roundTrip
}

// say publishes the worker's beat. What can't be published now is made up for
// by the next one.
func (s *coordinatorLink) say(snapshot *Snapshot) {
	s.mu.Lock()
	b := s.self
	s.mu.Unlock()
	b.Host, b.Shard, b.Snapshot = s.host, s.shard, snapshot
	message := encode(b)
	for limit := min(maxMessage, s.nc.MaxPayload()); int64(len(message)) > limit && b.Snapshot != nil; {
		b.Snapshot = b.Snapshot.shorter() // that it is alive matters more
		message = encode(b)
	}
	_ = s.nc.Publish(s.names.beat(s.id), message)
}

func (s *coordinatorLink) beats(ctx context.Context, part ShardRun) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if s.waiting() || time.Since(last) < cmp.Or(s.snapshotEvery, snapshotEvery)-beatEvery/2 {
			s.say(nil)
			continue
		}
		s.say(part.Snapshot())
		last = time.Now()
	}
}

func (s *coordinatorLink) close() { _ = s.sub.Unsubscribe() }
