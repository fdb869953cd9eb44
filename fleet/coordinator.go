package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/measure"
)

// Coordinator leads a run.
type Coordinator struct {
	// Embedded is the server of this run; nil where External names another one.
	Embedded *Embedded
	External *External
	// Plan is what is to be run. Required.
	Plan Plan
	// Within is how long workers have to join and get ready. Required.
	Within time.Duration
	// Fail, where set, yields why the run can't begin.
	Fail <-chan error
	// Say tells people what is going on. It must not block. Required.
	Say func(format string, args ...any)
	// Watch, where set, is told the run's state some times a second. It must not block.
	Watch func(*RunStatus)
}

// RunResult is what came of a run that began.
type RunResult struct {
	// Started is the start that all shards have in common.
	Started time.Time
	// Parts are the measurements by shard; nil where one was lost.
	Parts []*measure.Measurement
	// Lost are the shards without a measurement, by index, with what was last known of them.
	Lost []measure.LostShard
	// RoundTrip is the longest of the round trips that the workers' clocks were
	// read with: they began within half of it of each other, and what their
	// machines add.
	RoundTrip time.Duration
}

var errExists = errors.New("the NATS server has a run of that name, and its coordinator is alive: " +
	"choose another --run")

// Lead leads a run: it waits for the workers, has them begin at one time, and
// collects what they measured. When the context ends before the start, nothing
// is sent; later, the workers stop sending and what they measured is collected.
// Each phase has an end of its own: a shard whose worker does not reach the next one in
// time is lost. The error is [ErrNotStarted], the context's, or says what is wrong with the
// server.
func (c *Coordinator) Lead(ctx context.Context) (*RunResult, error) {
	files, err := openFiles(c.Plan.Files)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	defer files.close()
	nc, err := c.connect(ctx)
	if err != nil {
		return nil, c.notStarted(ctx, err)
	}
	defer nc.Close()
	r := newRun(c, nc, c.Say)
	if err := c.alone(ctx, r); err != nil {
		return nil, c.notStarted(ctx, err)
	}
	if err := r.listen(files); err != nil {
		return nil, c.notStarted(ctx, err)
	}
	return r.lead(ctx)
}

// errInterrupted ends a run whose user stopped it before its start. It is
// [context.Canceled], without its words.
var errInterrupted error = interrupted{}

type interrupted struct{}

func (interrupted) Error() string { return "interrupted before the start: nothing was sent" }
func (interrupted) Unwrap() error { return context.Canceled }

func (c *Coordinator) notStarted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	return fmt.Errorf("%w: %w", ErrNotStarted, err)
}

func (c *Coordinator) connect(ctx context.Context) (*nats.Conn, error) {
	if c.Embedded != nil {
		return c.Embedded.connect(lasting("mfaload coordinator")...)
	}
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return dial(waiting, func() (*nats.Conn, error) {
		return c.External.connect("mfaload coordinator", subjects{c.Plan.Run}.inbox("coordinator"))
	})
}

// alone makes sure that nobody else leads a run of this name on an external server. Two that
// begin at the same time hear each other later: see [run.hearOther].
func (c *Coordinator) alone(ctx context.Context, r *coordination) error {
	if c.External == nil {
		return nil
	}
	try, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	question := encode(hello{Protocol: protocol, Version: c.Plan.Version, Host: "another coordinator"})
	_, err := r.nc.RequestWithContext(try, r.names.hello(newWorkerID()), question)
	if err == nil {
		return errExists
	}
	return ctx.Err() // without a response, nobody is there
}

func (r *coordination) listen(files *files) error {
	p := r.c.Plan
	response := encode(planMessage{Protocol: protocol, Version: p.Version, Epoch: r.state.Epoch,
		Scenario: p.Scenario, Hash: p.Hash, Labels: p.Labels, Shards: p.Shards, Answers: p.Answers,
		Files: files.refs, Withheld: tidy(p.Withheld), Spread: p.Spread})
	if len(response) > int(r.nc.MaxPayload()) {
		return fmt.Errorf("the plan of the run has %d bytes, and the NATS server takes %d: use fewer "+
			"files, or raise its max_payload", len(response), r.nc.MaxPayload())
	}
	subscriptions := map[string]nats.MsgHandler{
		r.names.hello("*"): func(m *nats.Msg) { r.greet(m, response) },
		r.names.clock("*"): tellClock,
		r.names.file("*"):  files.serve,
		r.names.claim("*"): r.takeClaim,
		r.names.final("*"): r.takeFinal,
		r.names.beat("*"):  r.takeBeat,
	}
	if r.c.External != nil {
		subscriptions[r.names.state()] = r.hearOther
	}
	for subject, handler := range subscriptions {
		if _, err := r.nc.Subscribe(subject, handler); err != nil {
			return fmt.Errorf("listen to the workers: %w", err)
		}
	}
	return r.nc.FlushTimeout(10 * time.Second)
}

func (r *coordination) greet(m *nats.Msg, response []byte) {
	_ = m.Respond(response)
	h, err := decode[hello](m.Data)
	if err == nil && (h.Protocol != protocol || h.Version != r.c.Plan.Version) {
		r.post(func() {
			r.stranger("a worker at %s is mfaload %.60q, and this is %s: it can't take part", h.Host,
				h.Version, r.c.Plan.Version)
		})
	}
}

func (r *coordination) hearOther(m *nats.Msg) {
	if s, err := decode[runState](m.Data); err != nil || s.Epoch == r.state.Epoch || s.Phase == done ||
		s.Phase == cancelled {
		return
	}
	r.post(func() {
		if r.state.Phase == gathering || r.state.Phase == arming {
			r.fail("%w", errExists)
		}
	})
}

// idOf is the worker that sent a message: the last part of its subject.
func idOf(m *nats.Msg, any string) string { return m.Subject[len(any)-1:] }

// takeBeat hands a worker's beat to the loop. One who has no shard has little to say.
func (r *coordination) takeBeat(m *nats.Msg) {
	id := idOf(m, r.names.beat("*"))
	if _, admitted := r.admitted.Load(id); !admitted && len(m.Data) > maxStranger {
		return
	}
	if b, err := decode[beat](m.Data); err == nil {
		r.post(func() { r.hear(id, b) })
	}
}

// maxStranger is the largest beat of a worker without a shard, in bytes.
const maxStranger = 2 * maxText

func (r *coordination) lead(ctx context.Context) (*RunResult, error) {
	defer close(r.quit)
	r.enter(gathering, "")
	gather := time.NewTimer(r.c.Within)
	defer gather.Stop()
	beats, looks := time.NewTicker(beatEvery), time.NewTicker(beatEvery/2)
	defer beats.Stop()
	defer looks.Stop()
	interrupted := ctx.Done()
	for r.failed == nil && !r.over() {
		select {
		case event := <-r.events:
			event()
		case <-beats.C:
			r.broadcast()
		case <-looks.C:
			r.look()
		case why := <-r.c.Fail:
			if r.state.Phase == gathering || r.state.Phase == arming {
				r.fail("%w", why)
			}
		case <-gather.C:
			r.late()
		case <-interrupted:
			interrupted = nil
			r.interrupt()
		}
		r.addUp()
		r.advance()
	}
	if r.failed != nil {
		r.enter(cancelled, r.failed.Error())
		r.linger()
		if errors.Is(r.failed, context.Canceled) {
			return nil, r.failed
		}
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, r.failed)
	}
	r.enter(done, "")
	r.linger()
	return r.result(), nil
}
