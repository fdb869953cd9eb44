package transport

import (
	"crypto/tls"
	"errors"
	"net"

	"mfaload/pingone/transport/socket"
)

// tlsSocket is the TCP connection below TLS. TLS reads a record at a time, and two reads of
// the system for each would cost more than all records at once: so a tlsSocket receives
// as much as there is. A request over HTTP/1.1 can be held until TLS reads the response: it
// is sent from within that wait, as [socket.TCP] does without TLS.
type tlsSocket struct {
	*net.TCPConn
	socket socket.TCP

	in       []byte // what was received: bytes from..to were not read by TLS yet
	from, to int
	full     bool // the last read filled the buffer: there was more
	peeking  bool // reads wait for nothing

	out     []byte // what was written while holding: bytes sent.. are still here
	sent    int
	holding bool
	idle    bool // the connection was, before what is held: it may have been closed
	stale   bool // it was: nothing of what is held was sent
}

// A buffer begins small, because each connection over HTTP/1.1 has one, and grows while
// reads fill it.
const (
	minBuffer = 4 << 10
	maxBuffer = 64 << 10
)

// newTLSSocket returns what to use below TLS: a connection that is not TCP's as it is.
func newTLSSocket(nc net.Conn) net.Conn {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nc
	}
	s := &tlsSocket{TCPConn: tcp, in: make([]byte, minBuffer)}
	s.socket.Init(tcp)
	return s
}

// socketBelow is the tlsSocket of a connection; nil for one without TLS, or with TLS twice.
func socketBelow(nc net.Conn) *tlsSocket {
	if secured, ok := nc.(*tls.Conn); ok {
		s, _ := secured.NetConn().(*tlsSocket)
		return s
	}
	return nil
}

// hold keeps what is written from now on, until the next read or that holding ends.
func (s *tlsSocket) hold(idle bool) {
	s.holding, s.idle = true, idle
	s.out, s.sent, s.stale = s.out[:0], 0, false
}

// unsent says whether something is held.
func (s *tlsSocket) unsent() bool { return s.sent < len(s.out) }

// Write implements [net.Conn].
func (s *tlsSocket) Write(b []byte) (int, error) {
	if s.holding || s.unsent() {
		s.out = append(s.out, b...)
		return len(b), nil
	}
	return s.TCPConn.Write(b)
}

// Read implements [net.Conn].
func (s *tlsSocket) Read(b []byte) (int, error) {
	if s.from == s.to {
		if s.full && len(s.in) < maxBuffer {
			s.in = make([]byte, 2*len(s.in))
		}
		n, err := s.receive()
		s.from, s.to, s.full = 0, n, n == len(s.in)
		if n == 0 {
			return 0, err
		}
	}
	n := copy(b, s.in[s.from:s.to])
	s.from += n
	return n, nil
}

// receive reads into the buffer. It sends what is held first, unless there is something to
// read on a connection that was idle: then TLS has to look at that.
func (s *tlsSocket) receive() (int, error) {
	if s.peeking {
		return socket.ReadNow(s.TCPConn, s.in)
	}
	if !s.unsent() {
		return s.TCPConn.Read(s.in)
	}
	written, n, err := s.socket.Exchange(s.out[s.sent:], s.in, s.idle)
	s.sent += written
	if s.stale = err != nil && isStale(err); s.stale {
		if errors.Is(err, socket.ErrUnsolicited) {
			return s.TCPConn.Read(s.in)
		}
		return 0, errors.Unwrap(err)
	}
	s.idle = s.idle && s.sent == 0
	for ; err == nil && s.unsent(); s.sent += written { // the socket's buffer was full
		written, err = s.TCPConn.Write(s.out[s.sent:])
	}
	if n > 0 || err != nil {
		return n, err
	}
	return s.TCPConn.Read(s.in)
}

// readNow reads what was received on a connection and waits for nothing.
func readNow(nc net.Conn, b []byte) (int, error) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		return socket.ReadNow(tcp, b)
	}
	s := socketBelow(nc)
	if s == nil {
		return 0, socket.ErrWouldBlock
	}
	s.peeking = true
	defer func() { s.peeking = false }()
	return nc.Read(b)
}
