package pingone

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"mfaload/contract"
)

// http1 sends requests over HTTP/1.1, each on a connection that nobody else
// uses meanwhile, and keeps connections alive. It follows no redirect, asks
// for no compression and never sends a request twice. It is written by hand
// because net/http hides what a conformance test must see: a Content-Length
// that is too small, a 204 with a body, contradictory framing.
type http1 struct {
	target *target

	mu   sync.Mutex
	idle []*conn // the last used is taken first
}

// request is what is sent, apart from the target.
type request struct {
	method, path string
	// head holds whole header lines beside Host and Content-Length.
	head string
	body []byte
}

// roundTrip sends a request and reads the whole answer to it into ex. Its
// error is a [contract.Failure].
func (h *http1) roundTrip(ctx context.Context, r *request, ex *contract.Exchange) error {
	c, err := h.take(ctx, ex)
	if err != nil {
		return failure(ctx, err)
	}
	// The deadline bounds the exchange; a context that ends earlier moves it.
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return failure(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	ex.Sent = time.Now()
	reusable, err := c.exchange(h.target, r, ex)
	ex.Received = time.Now()
	if stop() && err == nil && reusable {
		h.put(c)
		return nil
	}
	_ = c.Close()
	if err != nil {
		return failure(ctx, err)
	}
	return nil
}

// take returns an idle connection, or a new one.
func (h *http1) take(ctx context.Context, ex *contract.Exchange) (*conn, error) {
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
		switch err := c.quiet(); {
		case err == nil:
			return c, nil
		case errors.Is(err, errUnasked) && h.target.tls == nil:
			fault(ex, ruleLength, "no byte after the answer's end", "bytes after the answer before this one, on the same connection")
		}
		_ = c.Close()
	}
	nc, err := h.target.dial(ctx)
	if err != nil {
		return nil, err
	}
	return newConn(nc), nil
}

func (h *http1) put(c *conn) {
	c.idle = time.Now()
	h.mu.Lock()
	h.idle = append(h.idle, c)
	h.mu.Unlock()
}

// close closes the idle connections.
func (h *http1) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.idle {
		_ = c.Close()
	}
	h.idle = nil
}

// exchange writes the request and reads the answer. The connection can be used
// again if both were whole and nothing is left over.
func (c *conn) exchange(t *target, r *request, ex *contract.Exchange) (reusable bool, err error) {
	c.out = append(c.out[:0], r.method...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, r.path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, t.host...)
	c.out = append(c.out, "\r\n"...)
	c.out = append(c.out, r.head...)
	c.out = append(c.out, "Content-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(r.body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, r.body...)
	if _, err := c.Write(c.out); err != nil {
		return false, c.early(err)
	}
	if _, err := c.in.Peek(1); err != nil {
		return false, c.early(err)
	}
	return c.readAnswer(ex)
}

// longIdle is for how long a connection is idle before its server's closing it
// is a likelier reason for a failure than the request.
const longIdle = time.Second

// early explains an error before the first byte of an answer. A server may
// close a connection that was idle just as the request is on its way. Whether
// it saw the request can't be known, so it is not sent again; and it is no
// failure to answer, so it has a name of its own.
func (c *conn) early(err error) error {
	if isClosed(err) && !c.idle.IsZero() && time.Since(c.idle) >= longIdle {
		return errIdleClosed
	}
	return err
}

var errIdleClosed = errors.New("the server closed the idle connection as the request was sent")

// fault records a framing fault of the answer, to be judged by the contract.
func fault(ex *contract.Exchange, rule, expected, got string) {
	ex.Framing = append(ex.Framing, contract.Violation{Rule: rule, Expected: expected, Got: got})
}

// dialed is a connection below TLS, where there is TLS.
type dialed interface{ NetConn() net.Conn }
