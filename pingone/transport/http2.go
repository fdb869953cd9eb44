package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mfaload/contract"
	"mfaload/pingone/transport/h2"
)

// http2 sends requests over HTTP/2, many at once on a connection, and opens as many
// connections as the streams need that servers allow on one. Over plain HTTP it speaks
// HTTP/2 from the first byte on.
type http2 struct {
	transport *Transport
	config    h2.ConnConfig
	fields    atomic.Pointer[lastFields]
	conns     atomic.Pointer[[]*h2.StreamConn] // a list that is never changed
	turn      atomic.Uint32
	limit     atomic.Int64 // of streams on a connection, as the last one said
	// strange, if set, takes a connection over on which the server did not choose HTTP/2.
	strange func(nc net.Conn, opened contract.Connection)

	mu      sync.Mutex
	opening []*opening
	unwatch map[*h2.StreamConn]func()
	closed  bool
}

// lastFields are the fields of a request as HTTP/2 has them.
type lastFields struct {
	method, path, head, authorization string
	fields                            *h2.SharedFields
}

// opening is a connection that is being opened, by one request for others too.
type opening struct {
	done    chan struct{}
	waiting int64          // requests that wait for it
	conn    *h2.StreamConn // once it is done
	err     error
	expired bool // the time of the request that opened it was over
}

func newHTTP2(t *Transport) *http2 {
	h := &http2{transport: t, unwatch: map[*h2.StreamConn]func(){}}
	h.config = h2.ConnConfig{Timeout: t.timeout, IDName: strings.ToLower(t.names.RequestID), Gone: h.gone}
	if most := t.lifetime.maxRequests; most > 0 {
		h.config.MaxRequests, h.config.AheadOf, h.config.Ahead = most, t.lifetime.aheadOf(), h.replace
	}
	if t.gate.max > 0 {
		h.config.Freed = t.gate.freed
	}
	h.conns.Store(&[]*h2.StreamConn{})
	return h
}

// roundTrip implements roundTripper.
func (h *http2) roundTrip(ctx context.Context, r Request, ex *contract.Exchange) error {
	ex.Sent = time.Now()
	began, before := ex.Sent, ex.Dial
	deadline := h.transport.deadline(ctx, ex.Sent)
	request := h2.StreamRequest{Fields: h.shared(&r), ID: r.ID, TraceParent: r.TraceParent,
		Body: r.Body}
	for unused := 0; unused < maxUnused; {
		if c := h.choose(); c != nil {
			ex.Dial = before + ex.Sent.Sub(began)
			switch err := c.RoundTrip(ctx, deadline, request, ex); err {
			case nil:
				return nil
			case h2.ErrFull:
				continue // another request took its room
			default:
				return Failure(ctx, err)
			}
		}
		switch c, err := h.more(ctx, deadline); {
		case err == errBusy:
			return err
		case err != nil:
			ex.Dial = before + time.Since(began)
			return asFailure(ctx, err)
		case c != nil && c.Unused():
			unused++
		}
		ex.Sent = time.Now() // a connection had to be opened first
	}
	return Failure(ctx, fmt.Errorf("no connection took the request: %w", io.EOF))
}

// maxUnused is how many connections are opened for a request that the server ends before they
// take one.
const maxUnused = 10

// hasRoom says whether a connection takes one more request.
func (h *http2) hasRoom() bool {
	return slices.ContainsFunc(*h.conns.Load(), func(c *h2.StreamConn) bool { return c.Room() > 0 })
}

// shared returns the fields of a request that others have too: all but its ID and the
// length of its body.
func (h *http2) shared(r *Request) *h2.SharedFields {
	if f := h.fields.Load(); f != nil && f.authorization == r.Authorization && f.head == r.Head &&
		f.path == r.Path && f.method == r.Method {
		return f.fields
	}
	scheme, _, _ := strings.Cut(h.transport.origin, ":")
	f := &lastFields{r.Method, r.Path, r.Head, r.Authorization,
		h2.NewSharedFields(r.Method, scheme, h.transport.host, r.Path, r.Head+r.Authorization)}
	h.fields.Store(f)
	return f.fields
}

// choose returns the connection on which the fewest requests wait; nil where none takes
// one more.
func (h *http2) choose() (chosen *h2.StreamConn) {
	conns := *h.conns.Load()
	var fewest int64
	first := int(h.turn.Add(1)) // equal ones take turns
	for i := range conns {
		c := conns[(first+i)%len(conns)]
		if waiting := c.Waiting(); c.Room() > 0 && (chosen == nil || waiting < fewest) {
			chosen, fewest = c, waiting
		}
	}
	return chosen
}

// more waits until there is a connection more: one that is being opened and has room left,
// or one that it opens. It returns that, or nil if one has room already.
func (h *http2) more(ctx context.Context, deadline time.Time) (*h2.StreamConn, error) {
	h.mu.Lock()
	switch limit := h.limit.Load(); {
	case h.hasRoom():
		h.mu.Unlock()
		return nil, nil
	case h.refuses():
		h.mu.Unlock()
		return nil, errNoStreams
	default:
		for _, o := range h.opening {
			if limit == 0 || o.waiting < limit { // before the first connection none is known
				o.waiting++
				h.mu.Unlock()
				return o.wait(ctx, deadline)
			}
		}
	}
	if gate := &h.transport.gate; !gate.enter(gate.max) {
		h.mu.Unlock()
		return nil, errBusy
	}
	return h.openOne(ctx, deadline, false)
}

// capacity is how many requests the connections take at once.
func (h *http2) capacity() (n int64) {
	for _, c := range *h.conns.Load() {
		if limit, ok := c.Limit(); ok {
			n += limit
		}
	}
	return n
}

// refuses says whether there is a connection on which the server allows no stream: then it
// does so on another one.
func (h *http2) refuses() bool {
	for _, c := range *h.conns.Load() {
		if limit, ok := c.Limit(); ok && limit == 0 {
			return true
		}
	}
	return false
}

// wait waits for a connection that another request opens. One that failed because that
// request's time was over says nothing of this one.
func (o *opening) wait(ctx context.Context, deadline time.Time) (*h2.StreamConn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case <-o.done:
		if o.expired {
			return nil, ctx.Err()
		}
		return o.conn, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// openOne opens a connection, whose place was taken, for those who will wait for it. It leaves
// the place where there is none, and unlocks the transport.
func (h *http2) openOne(ctx context.Context, deadline time.Time,
	successor bool) (c *h2.StreamConn, err error) {
	o := &opening{done: make(chan struct{}), waiting: 1}
	h.opening = append(h.opening, o)
	h.mu.Unlock()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	nc, opened, err := h.transport.dialer.dial(ctx, successor)
	switch {
	case err != nil:
		h.transport.gate.leave()
	case h.strange != nil && !opened.HTTP2:
		h.strange(nc, opened)
		err = errOtherProtocol
	default:
		c, err = h.adopt(ctx, nc, opened, deadline)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	o.conn, o.err, o.expired = c, err, err != nil && ctx.Err() != nil
	h.opening = slices.DeleteFunc(h.opening, func(other *opening) bool { return other == o })
	close(o.done)
	return c, err
}

// adopt begins HTTP/2 on a connection, whose place was taken, and has requests take it.
func (h *http2) adopt(ctx context.Context, nc net.Conn, opened contract.Connection,
	deadline time.Time) (c *h2.StreamConn, err error) {
	err = errNotHTTP2
	if opened.HTTP2 {
		err = endWith(ctx, nc, deadline, func() (err error) {
			c, err = h2.New(nc, opened, &h.config)
			return err
		})
	}
	if err != nil {
		_ = nc.Close()
		h.transport.gate.leave()
		return nil, err
	}
	limit, _ := c.Limit()
	h.limit.Store(limit)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unwatch[c] = h.transport.lifetime.watch(func() { h.replace(c) }, c.Retire)
	conns := append(slices.Clone(*h.conns.Load()), c)
	h.conns.Store(&conns)
	c.Start()
	if h.closed {
		c.Retire()
	}
	h.transport.gate.freed()
	if h.transport.gate.max > 0 {
		go h.fill()
	}
	return c, nil
}

// fill opens as many connections as the scenario allows: requests spread over them.
func (h *http2) fill() {
	t := h.transport
	for t.gate.enter(t.gate.max) {
		go func() {
			h.mu.Lock()
			_, _ = h.openOne(t.background, time.Now().Add(t.timeout), false)
		}()
	}
}

// replace opens the successor of a connection, and retires that.
func (h *http2) replace(c *h2.StreamConn) {
	t := h.transport
	t.gate.succeed()
	h.mu.Lock()
	_, err := h.openOne(t.background, time.Now().Add(t.timeout), true)
	if err == nil || err == errOtherProtocol {
		c.Retire()
	}
}

// gone takes a connection out that takes no more requests. For one that the server said
// goes away another is opened at once, so that no request waits for it.
func (h *http2) gone(c *h2.StreamConn, away bool) {
	h.mu.Lock()
	conns := slices.Clone(*h.conns.Load())
	conns = slices.DeleteFunc(conns, func(other *h2.StreamConn) bool { return other == c })
	h.conns.Store(&conns)
	h.unwatch[c]()
	delete(h.unwatch, c)
	over := h.closed
	h.mu.Unlock()
	h.transport.gate.leave()
	switch t := h.transport; {
	case over:
	case t.gate.max > 0:
		h.fill()
	case away:
		_, _ = h.more(t.background, time.Now().Add(t.timeout))
	}
}

// open implements roundTripper: it opens as many connections as n requests at once need, or
// as the scenario allows.
func (h *http2) open(ctx context.Context, n int) (err error) {
	gate := &h.transport.gate
	for deadline := h.transport.deadline(ctx, time.Now()); err == nil; {
		h.mu.Lock()
		limit, capacity := h.limit.Load(), h.capacity()
		under := int64(len(h.opening))
		switch {
		case h.refuses(), gate.max == 0 && capacity >= int64(n):
			h.mu.Unlock()
			return nil
		case gate.max == 0 && under > 0 && (limit == 0 || capacity+under*limit >= int64(n)):
			o := h.opening[0]
			h.mu.Unlock()
			_, err = o.wait(ctx, deadline)
		case !gate.enter(gate.max):
			h.mu.Unlock()
			return nil
		default:
			_, err = h.openOne(ctx, deadline, false)
		}
	}
	if err == errOtherProtocol {
		return err
	}
	return Failure(ctx, err)
}

// close implements roundTripper.
func (h *http2) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	for _, c := range *h.conns.Load() {
		c.Retire()
	}
}

var (
	errNotHTTP2  = errors.New("the server does not speak HTTP/2")
	errNoStreams = errors.New("the server allows no streams: its MAX_CONCURRENT_STREAMS is 0")
)
