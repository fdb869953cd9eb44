package pingone

import (
	"errors"
	"net"
)

// sight is the connection below TLS. A look at the connection above it takes in
// what came there and waits for nothing.
type sight struct {
	*net.TCPConn
	looks bool
}

// newSight returns the connection as it is where there is nothing to look at.
func newSight(nc net.Conn) net.Conn {
	if tcp, ok := nc.(*net.TCPConn); ok {
		return &sight{TCPConn: tcp}
	}
	return nc
}

// Read reads without waiting where it is but a look.
func (s *sight) Read(b []byte) (int, error) {
	if s.looks {
		return readNow(s.TCPConn, b)
	}
	return s.TCPConn.Read(b)
}

// errNothing means that nothing came. To TLS it is an error that goes over.
var errNothing net.Error = nothing{}

type nothing struct{}

func (nothing) Error() string   { return "nothing to read" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }

// quiet returns nil for an idle connection with TLS that is open. It takes in
// what TLS has to say for itself, tickets for example, and so finds the notice
// by which a server ends a connection, before a request is lost on it. A byte
// that came is kept.
func (c *conn) quiet() error {
	n, err := c.readNow(c.in[:1])
	switch {
	case n > 0:
		c.to = n
		return errUnasked
	case errors.Is(err, errNothing):
		return nil
	}
	return err
}

// readNow reads what came on the connection and waits for nothing.
func (c *conn) readNow(b []byte) (int, error) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return readNow(tcp, b)
	}
	secured, ok := c.Conn.(interface{ NetConn() net.Conn })
	if !ok {
		return 0, errNothing
	}
	below, ok := secured.NetConn().(*sight)
	if !ok {
		return 0, errNothing
	}
	below.looks = true
	defer func() { below.looks = false }()
	return c.Read(b)
}
