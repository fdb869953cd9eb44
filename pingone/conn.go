package pingone

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// conn is a connection with its buffers. One goroutine at a time uses it.
type conn struct {
	net.Conn
	direct direct // sends and receives without TLS, on systems that have it

	in        []byte // what was received: bytes from..to are not read yet
	from, to  int
	out       []byte
	old       bool      // the answer is HTTP/1.0, which has no transfer codings
	misframed bool      // a header line that is none would tell the body's end
	before    []byte    // the Correlation-Id of the answer before
	idle      time.Time // since when nobody uses it; zero for a new one
	deadline  time.Time // of the present request
	armed     time.Time // the deadline that is set on the connection
	unbind    func() bool

	mu       sync.Mutex
	ctx      context.Context
	canceled bool
}

func newConn(nc net.Conn) *conn {
	c := &conn{Conn: nc, in: make([]byte, 4<<10)}
	c.direct.init(c)
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

// arm has the present request end at a deadline. One that is set already and
// not much earlier is left, and moved once it is reached: setting one for each
// request would cost more than it is worth.
func (c *conn) arm(deadline time.Time, much time.Duration) error {
	c.deadline = deadline
	if !c.armed.IsZero() && !c.armed.After(deadline) && deadline.Sub(c.armed) < much && c.direct.ready() {
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

// goesOn says whether an error is but a deadline of an earlier request that was
// reached; it is moved then.
func (c *conn) goesOn(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && c.armed.Before(c.deadline) && c.ctx.Err() == nil && c.set(c.deadline) == nil
}

// shut closes the connection for good.
func (c *conn) shut() {
	if c.unbind != nil {
		c.unbind()
	}
	_ = c.Close()
}

// ask sends what is in c.out and waits for the first bytes of the answer.
func (c *conn) ask() error {
	c.from, c.to = 0, 0
	if c.direct.ready() {
		return c.direct.ask(c)
	}
	if !c.idle.IsZero() {
		if err := c.quiet(); err != nil {
			return &staleError{err}
		}
	}
	if _, err := c.Write(c.out); err != nil {
		return err
	}
	return c.fill()
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
	n, err := c.receive(c.in[c.to:])
	c.to += n
	return err
}

// receive reads at least a byte.
func (c *conn) receive(b []byte) (int, error) {
	for {
		n, err := c.Read(b)
		if n > 0 {
			return n, nil
		}
		if !c.goesOn(err) {
			return 0, err
		}
	}
}

// staleError says that an idle connection can't be used; nothing was sent.
type staleError struct{ err error }

func (e *staleError) Error() string { return "idle connection: " + e.err.Error() }
func (e *staleError) Unwrap() error { return e.err }

func isStale(err error) bool {
	var stale *staleError
	return errors.As(err, &stale)
}

// timedOut says whether what came unasked on an idle connection is a server's
// notice that it waited long enough. It reads what is there and waits for no
// more.
func (c *conn) timedOut() bool {
	n, _ := c.readNow(c.in[c.to:])
	c.to += n
	return endsIdle(c.in[:c.to])
}

// errUnasked means that bytes came while nothing had been asked.
var errUnasked = errors.New("bytes that were not asked for")
