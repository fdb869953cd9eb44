package transport

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"mfaload/pingone/transport/socket"
)

// conn is a connection with its buffers. One goroutine at a time uses it.
type conn struct {
	net.Conn
	socket socket.TCP // sends and receives without TLS, on systems that have it

	in         []byte // what was received: bytes from..to are not read yet
	from, to   int
	out        []byte
	http10     bool      // the response is HTTP/1.0, which has no transfer codings
	misframed  bool      // a header line that is none would tell the body's end
	previousID []byte    // the ID of the response before
	idle       time.Time // since when nobody uses it; zero for a new one
	deadline   time.Time // of the present request
	armed      time.Time // the deadline that is set on the connection
	unbind     func() bool

	mu       sync.Mutex
	ctx      context.Context
	canceled bool
}

func newConn(nc net.Conn) *conn {
	c := &conn{Conn: nc, in: make([]byte, 4<<10)}
	c.socket.Init(nc)
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
	c.from, c.to = 0, 0
	if c.socket.Ready() {
		return c.startDirectly()
	}
	if !c.idle.IsZero() {
		if err := c.checkIdle(); err != nil {
			return &socket.StaleError{Err: err}
		}
	}
	if _, err := c.Write(c.out); err != nil {
		return err
	}
	return c.fill()
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
	c.to = n
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
		if !c.extend(err) {
			return 0, err
		}
	}
}

func isStale(err error) bool {
	var stale *socket.StaleError
	return errors.As(err, &stale)
}

// checkIdle returns nil for an idle connection with TLS that is open. It takes in
// what TLS has to say for itself, tickets for example, and so finds the notice
// by which a server ends a connection, before a request is lost on it. A byte
// that came is kept.
func (c *conn) checkIdle() error {
	n, err := readNow(c.Conn, c.in[:1])
	switch {
	case n > 0:
		c.to = n
		return socket.ErrUnsolicited
	case errors.Is(err, socket.ErrWouldBlock):
		return nil
	}
	return err
}

// timedOut says whether what came on an idle connection is a server's notice that
// it waited long enough. It reads what is there and waits for no more.
func (c *conn) timedOut() bool {
	n, _ := readNow(c.Conn, c.in[c.to:])
	c.to += n
	return endsIdle(c.in[:c.to])
}

// readNow reads what came on a connection and waits for nothing.
func readNow(nc net.Conn, b []byte) (int, error) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		return socket.ReadNow(tcp, b)
	}
	secured, ok := nc.(interface{ NetConn() net.Conn })
	if !ok {
		return 0, socket.ErrWouldBlock
	}
	below, ok := secured.NetConn().(*peekConn)
	if !ok {
		return 0, socket.ErrWouldBlock
	}
	below.peeking = true
	defer func() { below.peeking = false }()
	return nc.Read(b)
}

// peekConn is the TCP connection below TLS. While it is peeking, a read of the
// connection above takes in what came and waits for nothing.
type peekConn struct {
	*net.TCPConn
	peeking bool
}

// newPeekConn returns a connection that is not TCP's as it is.
func newPeekConn(nc net.Conn) net.Conn {
	if tcp, ok := nc.(*net.TCPConn); ok {
		return &peekConn{TCPConn: tcp}
	}
	return nc
}

// Read implements [net.Conn].
func (p *peekConn) Read(b []byte) (int, error) {
	if p.peeking {
		return socket.ReadNow(p.TCPConn, b)
	}
	return p.TCPConn.Read(b)
}
