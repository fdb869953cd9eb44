package transport

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
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

	mu   sync.Mutex
	idle []*conn      // the last used is taken first
	live atomic.Int64 // connections that are open or about to be
}

// roundTrip implements roundTripper.
func (h *http1) roundTrip(ctx context.Context, r Request, ex *contract.Exchange) error {
	ex.Sent = time.Now()
	deadline := h.transport.deadline(ctx, ex.Sent)
	for {
		c, err := h.take(ctx, deadline)
		if err != nil {
			return Failure(ctx, err)
		}
		c.writeRequest(h.transport, &r)
		if c.idle.IsZero() {
			ex.Sent = time.Now() // it had to be opened first
		}
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
		ex.Received = time.Now()
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
	h.live.Add(1)
	c, err := h.dial(ctx, deadline)
	if err != nil {
		h.live.Add(-1)
		return nil, err
	}
	c.bind(ctx)
	return c, c.arm(deadline, 0)
}

func (h *http1) dial(ctx context.Context, deadline time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	nc, err := h.transport.dialer.dial(ctx)
	if err != nil {
		return nil, err
	}
	return newConn(nc), nil
}

func (h *http1) put(c *conn, now time.Time) {
	c.idle = now
	h.mu.Lock()
	h.idle = append(h.idle, c)
	h.mu.Unlock()
}

func (h *http1) drop(c *conn) {
	h.live.Add(-1)
	c.shut()
}

// open implements roundTripper.
func (h *http1) open(ctx context.Context, n int) error {
	for h.live.Add(1) <= int64(n) {
		c, err := h.dial(ctx, h.transport.deadline(ctx, time.Now()))
		if err != nil {
			h.live.Add(-1)
			return Failure(ctx, err)
		}
		h.put(c, time.Now())
	}
	h.live.Add(-1)
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
	return c.readResponse(ex)
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
