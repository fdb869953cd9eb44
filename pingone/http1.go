package pingone

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"mfaload/contract"
)

// http1 sends requests over HTTP/1.1, each on a connection that nobody else
// uses meanwhile, and keeps connections alive. It is written by hand because
// net/http hides what a conformance test must see (a Content-Length that is too
// small, a 204 with a body, contradictory framing) and costs twice as much.
type http1 struct {
	target *target

	mu   sync.Mutex
	idle []*conn      // the last used is taken first
	live atomic.Int64 // connections that are open or about to be
}

// roundTrip implements transport.
func (h *http1) roundTrip(ctx context.Context, r request, ex *contract.Exchange) error {
	ex.Sent = time.Now()
	deadline := h.target.deadline(ctx, ex.Sent)
	for {
		c, err := h.take(ctx, deadline)
		if err != nil {
			return failure(ctx, err)
		}
		c.request(h.target, r)
		if c.idle.IsZero() {
			ex.Sent = time.Now() // it had to be opened first
		}
		reusable, err := c.exchange(ex)
		if err != nil && isStale(err) {
			// Nothing was sent on it, so another one may be tried.
			if errors.Is(err, errUnasked) && !c.timedOut() {
				fault(ex, ruleLength, "no byte after the end of a response", "bytes after the previous response on the connection"+c.previous())
			}
			h.drop(c)
			continue
		}
		ex.Received = time.Now()
		if err == nil && reusable {
			c.remember(ex)
			h.put(c, ex.Received)
			return nil
		}
		h.drop(c)
		if err != nil {
			return failure(ctx, err)
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
		if c.arm(deadline, h.target.timeout/2) == nil {
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
	nc, err := h.target.dialer.dial(ctx)
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

// open implements transport.
func (h *http1) open(ctx context.Context, n int) error {
	for h.live.Add(1) <= int64(n) {
		c, err := h.dial(ctx, h.target.deadline(ctx, time.Now()))
		if err != nil {
			h.live.Add(-1)
			return failure(ctx, err)
		}
		h.put(c, time.Now())
	}
	h.live.Add(-1)
	return nil
}

// close implements transport.
func (h *http1) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.idle {
		h.drop(c)
	}
	h.idle = nil
}

// request writes the request into the connection's buffer.
func (c *conn) request(t *target, r request) {
	c.out = append(c.out[:0], r.method...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, t.prefix...)
	c.out = append(c.out, r.path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, t.host...)
	c.out = append(c.out, "\r\n"...)
	c.out = append(c.out, r.head...)
	c.out = append(c.out, r.authorization...)
	if len(r.trace) > 0 {
		c.out = append(c.out, transactionID+": "...)
		c.out = append(c.out, r.trace...)
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, "Content-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(r.body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, r.body...)
}

// remember keeps what names the answer, for faults that are found after it.
func (c *conn) remember(ex *contract.Exchange) {
	id, _ := ex.Header.Get("Correlation-Id")
	c.before = append(c.before[:0], id[:min(len(id), 64)]...)
}

// previous names the answer before the present one.
func (c *conn) previous() string {
	if len(c.before) == 0 {
		return ""
	}
	return ", whose correlation-id is " + string(c.before)
}

// exchange sends the request and reads the answer. The connection can be used
// again if both were whole and nothing is left over.
func (c *conn) exchange(ex *contract.Exchange) (reusable bool, err error) {
	if err := c.ask(); err != nil {
		return false, c.early(err)
	}
	return c.readAnswer(ex)
}

// early explains an error before the first byte of an answer. A server may
// close a connection that was idle while the request is on its way there. That
// is no failure to answer, so it has a name of its own where it is certain. The
// request is not sent again: what stands before the service may have taken it.
func (c *conn) early(err error) error {
	if errors.Is(err, io.EOF) && c.crossed() {
		return errIdleClosed
	}
	return err
}

// crossed says whether it is certain that what was received on a connection that had
// been idle was sent before any of the request arrived.
func (c *conn) crossed() bool { return !c.idle.IsZero() && unacknowledged(c.Conn, len(c.out)) }

var errIdleClosed = errors.New("the server closed the idle connection as the request was sent")
