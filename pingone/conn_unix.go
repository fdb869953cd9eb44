//go:build unix

package pingone

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// direct sends and receives on a TCP connection without TLS. The request is
// written from within the wait for the answer: so the first read comes when
// there is something to read, and a fruitless one before it is saved.
type direct struct {
	raw     syscall.RawConn // nil with TLS
	step    func(fd uintptr) bool
	sent    bool
	written int
	n       int
	err     error
}

func (p *direct) init(c *conn) {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	p.raw = raw
	p.step = func(fd uintptr) bool { return p.advance(c, int(fd)) }
}

func (p *direct) ready() bool { return p.raw != nil }

// ask implements [conn.ask].
func (p *direct) ask(c *conn) error {
	p.sent, p.written, p.n, p.err = false, 0, 0, nil
	err := p.raw.Read(p.step)
	for err != nil && c.goesOn(err) {
		err = p.raw.Read(p.step)
	}
	if err == nil {
		err = p.err
	}
	if err != nil {
		return err
	}
	if p.written < len(c.out) {
		// The socket's buffer is full: a request longer than that.
		if _, err := c.Write(c.out[p.written:]); err != nil {
			return err
		}
		return c.fill()
	}
	c.to = p.n
	if p.n == 0 {
		return io.EOF
	}
	return nil
}

// advance does what can be done without waiting, and says whether that is all.
func (p *direct) advance(c *conn, fd int) bool {
	if !p.sent {
		p.sent = true
		if !c.idle.IsZero() {
			if err := peek(uintptr(fd)); err != nil {
				p.err = &staleError{err}
				return true
			}
		}
		p.written, p.err = send(fd, c.out)
		return p.err != nil || p.written < len(c.out)
	}
	p.n, p.err = read(fd, c.in)
	if errors.Is(p.err, unix.EAGAIN) {
		p.err = nil
		return false
	}
	return true
}

func send(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Write(fd, b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		case !errors.Is(err, unix.EINTR):
			return 0, os.NewSyscallError("write", err)
		}
	}
}

// readNow reads what is there without waiting.
func readNow(tcp *net.TCPConn, b []byte) (n int, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	if failed := raw.Control(func(fd uintptr) { n, err = read(int(fd), b) }); failed != nil {
		return 0, failed
	}
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, errNothing
	case n == 0 && err == nil:
		return 0, io.EOF
	}
	return n, err
}

func read(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EAGAIN):
			return 0, unix.EAGAIN
		case !errors.Is(err, unix.EINTR):
			return 0, os.NewSyscallError("read", err)
		}
	}
}
