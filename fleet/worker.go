package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/internal/disk"
	"mfaload/measure"
	"mfaload/runner"
)

// AnyShard is what a worker wants that takes whichever shard is free.
const AnyShard = -1

// Worker takes part in a run.
type Worker struct {
	// Join says where an embedded server is; nil where External and Run say
	// where another one is.
	Join     *Join
	External *External
	Run      string
	// Version of mfaload. Required.
	Version string
	// Host is what the worker is called in what people read. Required.
	Host string
	// Shard is the one to take, or AnyShard.
	Shard int
	// Within is how long it waits for the start. Required.
	Within time.Duration
	// Load reads the scenario. Required.
	Load func(context.Context, Offer) (*WorkerScenario, error)
	// Say tells people what is going on. It must not block. Required.
	Say func(format string, args ...any)
}

// Work takes part in a run, from joining until its measurement is delivered.
// When the context ends, it stops sending and keeps what it measured. The error
// is one of [ErrMismatch], [ErrNotStarted] and [ErrCutOff], or the context's.
func (w *Worker) Work(ctx context.Context) error {
	deadline := time.Now().Add(w.Within)
	waiting, cancel := context.WithDeadlineCause(ctx, deadline, noStart(w.Within))
	defer cancel()
	id := newWorkerID()
	nc, err := dial(waiting, func() (*nats.Conn, error) { return w.connect(id) })
	if err != nil {
		return w.notStarted(waiting, err)
	}
	defer nc.Close()
	s, err := newCoordinatorLink(nc, w, id)
	if err != nil {
		return w.notStarted(waiting, err)
	}
	defer s.close()
	part, err := w.join(waiting, s)
	if err != nil {
		var secret loadError
		switch {
		case errors.As(err, &secret):
			s.leave(refused, fmt.Errorf("%w: it can't take the scenario: what it prints itself says why",
				ErrMismatch))
		case s.shard == AnyShard:
			s.leave(refused, err)
		default:
			s.leave(gone, err)
		}
		return w.notStarted(waiting, err)
	}
	defer part.Close()
	attached, detach := s.attach(ctx, part, w.Within, deadline)
	defer detach()
	start, err := w.arm(attached, s, part)
	if err != nil {
		err = cause(attached, err)
		s.leave(gone, err)
		return w.notStarted(ctx, err)
	}
	return w.send(attached, s, part, start)
}

func noStart(within time.Duration) error { return fmt.Errorf("no start within %v", within) }

func (w *Worker) connect(id string) (*nats.Conn, error) {
	if w.Join != nil {
		return w.Join.connect(id)
	}
	return w.External.connect("mfaload worker", subjects{w.Run}.inbox(id))
}

func (w *Worker) run() string {
	if w.Join != nil {
		return w.Join.Run
	}
	return w.Run
}

func (w *Worker) notStarted(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Canceled
	}
	if errors.Is(err, ErrMismatch) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotStarted, cause(ctx, err))
}

// cause is why a context ended, where that is why something failed.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil && !errors.Is(why, context.Canceled) {
		return why
	}
	return err
}

func (w *Worker) join(ctx context.Context, s *coordinatorLink) (ShardRun, error) {
	p, err := s.plan(ctx, w)
	if err != nil {
		return nil, err
	}
	if p.Protocol != protocol || p.Version != w.Version {
		return nil, fmt.Errorf("%w: the coordinator is mfaload %s, and this worker %s: use the same "+
			"version everywhere", ErrMismatch, p.Version, w.Version)
	}
	s.shards = p.Shards
	if w.Shard >= p.Shards {
		return nil, fmt.Errorf("%w: shard %d was asked for, and the run has %d, from 0 on", ErrMismatch,
			w.Shard, p.Shards)
	}
	loaded, err := w.load(ctx, s, p)
	if err != nil {
		return nil, err
	}
	if loaded.Hash != p.Hash {
		return nil, fmt.Errorf("%w: the scenario that this worker reads is not the coordinator's: its hash "+
			"is %.12s, the coordinator's %.12s; compare the file, and the variables that it names",
			ErrMismatch, loaded.Hash, p.Hash)
	}
	if s.shard, err = s.client.claim(ctx, claim{w.Shard, s.host, loaded.Hash}); err != nil {
		return nil, err
	}
	w.Say("shard %d of %d, of %s in run %s", s.shard, p.Shards, p.Scenario, w.run())
	s.spread = p.Spread
	s.snapshotEvery = loaded.SnapshotEvery
	return loaded.Shard(measure.Shard{Run: w.run(), Index: s.shard, Count: p.Shards})
}

// loadError is why a worker can't take the scenario. It may show values of the worker's
// environment and lines of its files, so it stays there: the coordinator is only told that there
// is one.
type loadError struct{ error }

func (e loadError) Unwrap() error { return e.error }

func (w *Worker) load(ctx context.Context, s *coordinatorLink, p planMessage) (*WorkerScenario, error) {
	scratch, err := disk.NewScratch("mfaload-worker-")
	if err != nil {
		return nil, err
	}
	defer scratch.Close()
	if err := s.client.fetch(ctx, p.Files, scratch.Dir); err != nil {
		return nil, err
	}
	offer := Offer{Run: w.run(), Scenario: p.Scenario, Labels: p.Labels, Answers: p.Answers,
		Dir: scratch.Dir, Withheld: p.Withheld}
	for _, f := range p.Files {
		offer.Files = append(offer.Files, f.Name)
	}
	loaded, err := w.Load(ctx, offer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMismatch, loadError{err})
	}
	return loaded, nil
}

func (w *Worker) arm(ctx context.Context, s *coordinatorLink, part ShardRun) (runner.Start, error) {
	s.enter(claimed)
	go s.beats(ctx, part)
	select {
	case <-time.After(rand.N(s.spread + 1)):
	case <-ctx.Done():
		return runner.Start{}, context.Cause(ctx)
	}
	if err := part.Prepare(ctx); err != nil {
		return runner.Start{}, err
	}
	clock, err := measureClock(ctx, askClock(s.nc, s.names.clock(s.id)))
	if err != nil {
		return runner.Start{}, err
	}
	s.setClock(clock)
	s.enter(ready)
	set, err := s.await(ctx, func(now runState) bool { return now.Phase == arming || now.Phase == going })
	if err != nil {
		return runner.Start{}, err
	}
	// Now, and what is left added to it: waiting is then independent of steps of
	// the clock.
	now := time.Now()
	start := now.Add(clock.local(set.Start).Sub(now))
	late, cancel := context.WithDeadlineCause(ctx, start, errors.New("not all workers were ready in time"))
	defer cancel()
	s.enter(armed)
	if _, err := s.await(late, func(now runState) bool { return now.Phase == going }); err != nil {
		return runner.Start{}, err
	}
	return runner.Start{At: start, CalledAs: set.Start, MaySend: s.lease.holds}, nil
}

func (w *Worker) send(attached context.Context, s *coordinatorLink, part ShardRun, at runner.Start) error {
	s.enter(running)
	m, err := part.Run(s.load, at)
	if err != nil {
		s.leave(gone, err)
		return fmt.Errorf("%w: %w", ErrCutOff, err)
	}
	s.enter(delivering)
	if err := part.Keep(m); err != nil {
		w.Say("%v", err) // it travels all the same
	}
	if s.lease.look() && attached.Err() == nil {
		err = w.deliver(attached, s, m)
	}
	if attached.Err() != nil {
		err = cause(attached, context.Cause(attached))
	}
	if err != nil {
		s.leave(gone, err)
		if errors.Is(err, context.Canceled) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrCutOff, err)
	}
	w.Say("delivered shard %d", s.shard)
	s.leave(left, nil)
	return nil
}

// deliver hands the measurement over, and waits until the coordinator has all.
func (w *Worker) deliver(ctx context.Context, s *coordinatorLink, m *measure.Measurement) error {
	packed, err := pack(m)
	if err != nil {
		return err
	}
	if err := s.client.deliver(ctx, packed); err != nil {
		return fmt.Errorf("deliver the measurement: %w", err)
	}
	s.enter(delivered)
	_, err = s.await(ctx, func(now runState) bool { return now.Phase == done })
	return err
}

func newCoordinatorLink(nc *nats.Conn, w *Worker, id string) (*coordinatorLink, error) {
	s := &coordinatorLink{nc: nc, names: subjects{w.run()}, id: id, host: cut(w.Host, maxHost),
		shard: AnyShard, changed: make(chan struct{})}
	s.client = &coordinatorClient{s.names, id, nc}
	s.heard = time.Now()
	var err error
	if s.sub, err = nc.Subscribe(s.names.state(), s.hear); err != nil {
		return nil, fmt.Errorf("listen to the coordinator: %w", err)
	}
	return s, nil
}
