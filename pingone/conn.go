package pingone

import (
	"bufio"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// conn is a connection with its buffers.
type conn struct {
	net.Conn
	in   *bufio.Reader
	out  []byte
	idle time.Time // since when nobody uses it; zero for a new one
}

func newConn(c net.Conn) *conn { return &conn{Conn: c, in: bufio.NewReaderSize(c, 8<<10)} }

// errUnasked means that bytes came while nothing had been asked.
var errUnasked = errors.New("bytes that were not asked for")

// quiet returns nil for an idle connection that is open and on which nothing
// came. It finds most connections that a server closed while they were idle,
// before a request is lost on them.
func (c *conn) quiet() error {
	if c.in.Buffered() > 0 {
		return errUnasked
	}
	nc := c.Conn
	if t, ok := nc.(dialed); ok {
		nc = t.NetConn()
	}
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var state error
	if err := raw.Read(func(fd uintptr) bool {
		state = peek(fd)
		return true // never wait
	}); err != nil {
		return err
	}
	return state
}

// isClosed says that the other side closed or reset the connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
