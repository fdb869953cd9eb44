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
	// Replace removes what an earlier run of this name left on an external server.
	Replace bool
	// Plan is what is to be run. Required.
	Plan Plan
	// Within is how long workers have to join and get ready. Required.
	Within time.Duration
	// Fail, where set, yields why the run can't begin.
	Fail <-chan error
	// Say tells people what is going on. Required.
	Say func(format string, args ...any)
	// Watch, where set, is told the run's state some times a second.
	Watch func(*Status)
}

// Result is what came of a run that began.
type Result struct {
	// Parts are the measurements by shard; nil where one was lost.
	Parts []*measure.Measurement
	Lost  []Lost
	// RoundTrip is the longest of the round trips that the workers' clocks were
	// read with: they began within half of it of each other, and what their
	// machines add.
	RoundTrip time.Duration
}

// Lost is a shard without a measurement.
type Lost struct {
	Shard int
	Host  string
	Why   string
	// At is how long after the start it was last heard of.
	At time.Duration
	// Last is its last snapshot; nil where there is none.
	Last *Snapshot
}

// Lead leads a run: it waits for the workers, has them begin at one time, and
// collects what they measured. When the context ends before the start, nothing
// is sent; later, the workers stop sending and what they measured is collected.
// The error is [ErrNotStarted], the context's, or says what is wrong with the
// server.
func (c *Coordinator) Lead(ctx context.Context) (*Result, error) {
	nc, err := c.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	defer nc.Close()
	// What is stored is removed also after an interruption.
	lasting := context.WithoutCancel(ctx)
	setup, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	st, err := newStore(setup, nc, c.Plan.Run, c.Replace)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	defer func() {
		ending, cancel := context.WithTimeout(lasting, 10*time.Second)
		defer cancel()
		st.remove(ending)
	}()
	refs, err := st.publish(setup, c.Plan.Files)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	r := newRun(c, nc, st)
	if err := r.listen(refs); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	return r.lead(ctx)
}

func (c *Coordinator) connect(ctx context.Context) (*nats.Conn, error) {
	if c.Embedded != nil {
		return c.Embedded.connect(lasting("mfaload coordinator")...)
	}
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return dial(waiting, func() (*nats.Conn, error) {
		return c.External.connect("mfaload coordinator", names{c.Plan.Run}.inbox("coordinator"))
	})
}

// listen answers workers and takes in what they say.
func (r *run) listen(refs []fileRef) error {
	p := r.c.Plan
	answer := encode(plan{Protocol: protocol, Version: p.Version, Scenario: p.Scenario, Hash: p.Hash, Shards: p.Shards, Answers: p.Answers, Files: refs, Withheld: tidy(p.Withheld), Spread: p.Spread})
	subscriptions := map[string]nats.MsgHandler{
		r.names.hello("*"): func(m *nats.Msg) { r.greet(m, answer) },
		r.names.clock("*"): tellClock,
		r.names.beat("*"):  r.take,
	}
	for subject, handler := range subscriptions {
		if _, err := r.nc.Subscribe(subject, handler); err != nil {
			return fmt.Errorf("listen to the workers: %w", err)
		}
	}
	return r.nc.Flush()
}

// greet gives a worker the plan.
func (r *run) greet(m *nats.Msg, answer []byte) {
	_ = m.Respond(answer)
	h, err := decode[hello](m.Data)
	if err == nil && (h.Protocol != protocol || h.Version != r.c.Plan.Version) {
		r.post(func() {
			r.c.Say("a worker at %s is mfaload %.60q, and this is %s: it can't take part", h.Host, h.Version, r.c.Plan.Version)
		})
	}
}

// take hands a worker's beat to the loop.
func (r *run) take(m *nats.Msg) {
	id := m.Subject[len(r.names.beat("")):]
	b, err := decode[beat](m.Data)
	if err != nil {
		return
	}
	r.post(func() { r.hear(id, b) })
}

// lead is the loop that owns everything about the run.
func (r *run) lead(ctx context.Context) (*Result, error) {
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
