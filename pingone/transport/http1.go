package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"mfaload/contract"
	"mfaload/pingone/transport/socket"
)

// http1 sends requests over HTTP/1.1, each on a connection that nobody else
// uses meanwhile, and keeps connections alive. It is written by hand because
// net/http hides what a conformance test must see (a Content-Length that is too
// small, a 204 with a body, contradictory framing) and costs twice as much.
type http1 struct {
	transport *Transport

	// strange, if set, takes a connection over on which the server chose HTTP/2.
	strange func(ctx context.Context, nc net.Conn, opened contract.Connection, deadline time.Time) error
	// ahead is the number of the request with which a connection's successor is opened; 0 for none.
	ahead int

	mu   sync.Mutex
	idle []*conn // the last used is taken first
}

func newHTTP1(t *Transport) *http1 {
	h := &http1{transport: t}
	if t.lifetime.maxRequests > 0 {
		h.ahead = t.lifetime.aheadOf()
	}
	return h
}

// roundTrip implements roundTripper.
func (h *http1) roundTrip(ctx context.Context, r Request, ex *contract.Exchange) error {
	ex.Sent = time.Now()
	began := ex.Sent
	deadline := h.transport.deadline(ctx, ex.Sent)
	for {
		c, err := h.take(ctx, deadline)
		if err == errBusy {
			return err
		}
		if err != nil {
			ex.Dial += time.Since(began)
			return asFailure(ctx, err)
		}
		if c.requests++; c.requests == h.ahead {
			go h.replace(c)
		}
		c.writeRequest(h.transport, &r)
		if c.idle.IsZero() {
			ex.Sent = time.Now() // it had to be opened first
			ex.Dial += ex.Sent.Sub(began)
		}
		ex.Use(&c.opened, ex.Dial)
		c.path.Begin(ex.Sent)
		reusable, err := c.exchange(ex)
		if err != nil && isStale(err) {
			// Nothing was sent on it, so another one may be tried.
			if errors.Is(err, socket.ErrUnsolicited) && !c.timedOut() {
				noteFault(ex, ruleLength, "no byte after the end of a response",
					"bytes after the previous response on the connection"+c.previousResponse())
			}
			h.drop(c)
			continue
		}
		if ex.Received = ex.First; c.filled || err != nil {
			ex.Received = time.Now()
		}
		if err == nil && reusable {
			c.remember(ex, h.transport.names.ResponseID)
			h.put(c, ex.Received)
			return nil
		}
		h.drop(c)
		if err != nil {
			return Failure(ctx, err)
		}
		return nil
	}
}

// take returns an idle connection, or a new one, that ends with the context
// and at the deadline.
func (h *http1) take(ctx context.Context, deadline time.Time) (*conn, error) {
	for {
		h.mu.Lock()
		n := len(h.idle)
		if n == 0 {
			h.mu.Unlock()
			break
		}
		c := h.idle[n-1]
		h.idle = h.idle[:n-1]
		h.mu.Unlock()
		c.bind(ctx)
		if c.arm(deadline, h.transport.timeout/2) == nil {
			return c, nil
		}
		h.drop(c)
	}
	if !h.transport.gate.enter(h.transport.gate.max) {
		return nil, errBusy
	}
	c, err := h.dial(ctx, deadline, false)
	if err != nil {
		return nil, err
	}
	c.bind(ctx)
	if err := c.arm(deadline, 0); err != nil {
		h.drop(c)
		return nil, err
	}
	return c, nil
}

// dial opens a connection, whose place was taken. It leaves that where there is none.
func (h *http1) dial(ctx context.Context, deadline time.Time, successor bool) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	nc, opened, err := h.transport.dialer.dial(ctx, successor)
	if err != nil {
		h.transport.gate.leave()
		return nil, err
	}
	if h.strange != nil && opened.HTTP2 {
		return nil, h.strange(ctx, nc, opened, deadline)
	}
	return h.adopt(nc, opened), nil
}

// adopt returns a connection that is new.
func (h *http1) adopt(nc net.Conn, opened contract.Connection) *conn {
	c := newConn(nc)
	c.opened = opened
	c.unwatch = h.transport.lifetime.watch(func() { h.replace(c) }, func() { h.retire(c) })
	return c
}

// put keeps a connection for other requests, if it may take any.
func (h *http1) put(c *conn, now time.Time) {
	c.idle = now
	most := h.transport.lifetime.maxRequests
	h.mu.Lock()
	spent := c.retired || most > 0 && c.requests >= most
	if !spent {
		h.idle = append(h.idle, c)
	}
	h.mu.Unlock()
	if spent {
		h.drop(c)
		return
	}
	h.transport.gate.freed()
}

// drop closes a connection.
func (h *http1) drop(c *conn) {
	c.unwatch()
	c.shut()
	h.transport.gate.leave()
}

// replace opens the successor of a connection, and retires that.
func (h *http1) replace(c *conn) {
	t := h.transport
	t.gate.succeed()
	next, err := h.dial(t.background, time.Now().Add(t.timeout), true)
	switch err {
	case nil:
		h.put(next, time.Now())
		h.retire(c)
	case errOtherProtocol:
		h.retire(c)
	}
}

// retire lets a connection take no more requests.
func (h *http1) retire(c *conn) {
	h.mu.Lock()
	c.retired = true
	i := slices.Index(h.idle, c)
	if i >= 0 {
		h.idle = slices.Delete(h.idle, i, i+1)
	}
	h.mu.Unlock()
	if i >= 0 {
		h.drop(c)
	}
}

// hasIdle says whether a connection waits for a request.
func (h *http1) hasIdle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.idle) > 0
}

// open implements roundTripper.
func (h *http1) open(ctx context.Context, n int) error {
	gate := &h.transport.gate
	if gate.max > 0 {
		n = min(n, gate.max)
	}
	for n > 0 && gate.enter(n) {
		c, err := h.dial(ctx, h.transport.deadline(ctx, time.Now()), false)
		switch {
		case err == errOtherProtocol:
			return err
		case err != nil:
			return Failure(ctx, err)
		}
		h.put(c, time.Now())
	}
	return nil
}

// close implements roundTripper.
func (h *http1) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.idle {
		h.drop(c)
	}
	h.idle = nil
}

// writeRequest writes the request into the connection's buffer.
func (c *conn) writeRequest(t *Transport, r *Request) {
	c.out = append(c.out[:0], r.Method...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, t.prefix...)
	c.out = append(c.out, r.Path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, t.host...)
	c.out = append(c.out, "\r\n"...)
	c.out = append(c.out, r.Head...)
	c.out = append(c.out, t.proxyHead...)
	c.out = append(c.out, r.Authorization...)
	if len(r.ID) > 0 {
		c.out = append(c.out, t.names.RequestID...)
		c.out = append(c.out, ": "...)
		c.out = append(c.out, r.ID...)
		c.out = append(c.out, "\r\n"...)
	}
	if len(r.TraceParent) > 0 {
		c.out = append(append(append(c.out, "traceparent: "...), r.TraceParent...), "\r\n"...)
	}
	c.out = append(c.out, "Content-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(r.Body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, r.Body...)
}

// remember keeps what names the response, for faults that are found after it.
func (c *conn) remember(ex *contract.Exchange, field string) {
	id, _ := ex.Header.Get(field)
	c.previousID = append(c.previousID[:0], id[:min(len(id), 64)]...)
}

// previousResponse names the response before the present one.
func (c *conn) previousResponse() string {
	if len(c.previousID) == 0 {
		return ""
	}
	return ", whose correlation-id is " + string(c.previousID)
}

// exchange sends the request and reads the response. The connection can be used
// again if both were whole and nothing is left over.
func (c *conn) exchange(ex *contract.Exchange) (reusable bool, err error) {
	if err := c.start(); err != nil {
		return false, c.early(err)
	}
	ex.First, c.filled = time.Now(), false
	ex.Network = c.path.Network(ex.First.Sub(ex.Sent), ex.First)
	reusable, err = c.readResponse(ex)
	ex.Bytes = c.received - uint64(c.to-c.from)
	return reusable, err
}

// early explains an error before the first byte of a response. A server may
// close a connection that was idle while the request is on its way there. That
// is no failure to respond, so it has a name of its own where it is certain. The
// request is not sent again: what stands before the service may have taken it.
func (c *conn) early(err error) error {
	if errors.Is(err, io.EOF) && c.crossed() {
		return errIdleClosed
	}
	return err
}

// crossed says whether it is certain that what was received on a connection that had
// been idle was sent before any of the request arrived.
func (c *conn) crossed() bool { return !c.idle.IsZero() && socket.Unacknowledged(c.Conn, len(c.out)) }

var errIdleClosed = errors.New("the server closed the idle connection as the request was sent")

// conn is a connection with its buffers. One goroutine at a time uses it.
type conn struct {
	net.Conn
	socket socket.TCP // sends and receives without TLS, on systems that have it
	below  *tlsSocket // with TLS; nil without, and for TLS within TLS

	opened contract.Connection
	path   socket.PathMeter

	in         []byte // what was received: bytes from..to are not read yet
	from, to   int
	received   uint64 // bytes since the request was sent
	filled     bool   // some of them came after the first ones
	out        []byte
	http10     bool      // the response is HTTP/1.0, which has no transfer codings
	misframed  bool      // an invalid header line would tell the body's end
	previousID []byte    // the ID of the response before
	idle       time.Time // since when nobody uses it; zero for a new one
	requests   int       // that were sent on it
	retired    bool      // it takes no more of them; guarded by the transport
	unwatch    func()
	deadline   time.Time // of the present request
	armed      time.Time // the deadline that is set on the connection
	unbind     func() bool

	mu       sync.Mutex
	ctx      context.Context
	canceled bool
}

func newConn(nc net.Conn) *conn {
	c := &conn{Conn: nc, path: socket.PathMeter{Conn: nc}, in: make([]byte, 4<<10), unwatch: func() {}}
	c.socket.Init(nc)
	c.below = socketBelow(nc)
	return c
}

// bind makes the connection end with a context, and not with an earlier one.
// The requests of a run have one context, so this costs nothing but once a
// connection.
func (c *conn) bind(ctx context.Context) {
	if c.ctx == ctx {
		return
	}
	if c.unbind != nil {
		c.unbind()
	}
	c.mu.Lock()
	c.ctx, c.canceled, c.armed = ctx, false, time.Time{}
	c.mu.Unlock()
	c.unbind = context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.ctx == ctx {
			c.canceled = true
			_ = c.SetDeadline(time.Unix(1, 0))
		}
	})
}

// arm has the present request end at a deadline. One that is set already and earlier
// by less than the slack is left, and moved once it is reached: setting one for each
// request would cost more than it is worth.
func (c *conn) arm(deadline time.Time, slack time.Duration) error {
	c.deadline = deadline
	if !c.armed.IsZero() && !c.armed.After(deadline) && deadline.Sub(c.armed) < slack && c.socket.Ready() {
		return nil
	}
	return c.set(deadline)
}

func (c *conn) set(deadline time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.canceled {
		return nil
	}
	c.armed = deadline
	return c.SetDeadline(deadline)
}

// extend says whether an error is but a deadline of an earlier request that was
// reached; it is moved then.
func (c *conn) extend(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && c.armed.Before(c.deadline) &&
		c.ctx.Err() == nil && c.set(c.deadline) == nil
}

// shut closes the connection for good.
func (c *conn) shut() {
	if c.unbind != nil {
		c.unbind()
	}
	_ = c.Close()
}

// start sends what is in c.out and waits for the first bytes of the response.
func (c *conn) start() error {
	c.from, c.to, c.received = 0, 0, 0
	switch {
	case c.socket.Ready():
		return c.startDirectly()
	case c.below != nil && c.below.socket.Ready():
		return c.startBelowTLS()
	}
	if _, err := c.Write(c.out); err != nil {
		return err
	}
	return c.fill()
}

// startBelowTLS is start with TLS.
func (c *conn) startBelowTLS() error {
	c.below.hold(!c.idle.IsZero())
	_, err := c.Write(c.out)
	c.below.holding = false
	if err == nil {
		err = c.fill()
	}
	// What came with the previous response may say that the server closed: TLS reads it before anything
	// of the request is sent.
	stale := c.below.stale || !c.idle.IsZero() && c.below.sent == 0
	switch {
	case !stale:
		return err
	case err == nil:
		err = socket.ErrUnsolicited
	}
	return &socket.StaleError{Err: err}
}

// startDirectly is start without TLS.
func (c *conn) startDirectly() error {
	written, n, err := c.socket.Exchange(c.out, c.in, !c.idle.IsZero())
	for err != nil && c.extend(err) {
		written, n, err = c.socket.Resume()
	}
	if err != nil {
		return err
	}
	if written < len(c.out) {
		// The socket's buffer is full: a request longer than that.
		for rest := c.out[written:]; len(rest) > 0; {
			n, err := c.Write(rest)
			if err != nil && !c.extend(err) {
				return err
			}
			rest = rest[n:]
		}
		return c.fill()
	}
	c.to, c.received = n, uint64(n)
	return nil
}

// fill receives more, at least a byte. What is in the buffer may move.
func (c *conn) fill() error {
	if c.from > 0 {
		c.to = copy(c.in, c.in[c.from:c.to])
		c.from = 0
	}
	if c.to == len(c.in) {
		c.in = append(c.in, make([]byte, len(c.in))...)
	}
	c.filled = true
	n, err := c.receive(c.in[c.to:])
	c.to += n
	c.received += uint64(n)
	return err
}

// receive reads at least a byte.
func (c *conn) receive(b []byte) (int, error) {
	for {
		n, err := c.Read(b)
		if n > 0 {
			return n, nil
		}
		if !c.extend(err) {
			return 0, err
		}
	}
}

func isStale(err error) bool {
	var stale *socket.StaleError
	return errors.As(err, &stale)
}

// timedOut says whether what came on an idle connection is a server's notice that
// it waited long enough. It reads what is there and waits for no more.
func (c *conn) timedOut() bool {
	n, _ := readNow(c.Conn, c.in[c.to:])
	c.to += n
	return endsIdle(c.in[:c.to])
}
