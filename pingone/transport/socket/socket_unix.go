//go:build unix

package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Conn sends and receives on a TCP connection without TLS. The request is written
// from within the wait for the response: so the first read comes when there is
// something to read, and a fruitless one before it is saved. One goroutine at a time
// uses it.
type Conn struct {
	raw  syscall.RawConn // nil for another connection
	step func(fd uintptr) bool

	out, in []byte
	idle    bool // the connection was: it may have been closed meanwhile
	begun   bool
	written int
	n       int
	err     error
}

// Init makes a Conn of a TCP connection. Of any other it makes one that is not ready.
func (c *Conn) Init(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	c.raw = raw
	c.step = func(fd uintptr) bool { return c.advance(int(fd)) }
}

// Ready says whether Exchange can be used.
func (c *Conn) Ready() bool { return c.raw != nil }

// Exchange writes out and reads the first n bytes of the response into in. Where the
// socket's buffer takes less than all of out it returns what it took, and reads
// nothing. The error of an idle connection that is closed, or on which something came,
// is a [StaleError].
func (c *Conn) Exchange(out, in []byte, idle bool) (written, n int, err error) {
	c.out, c.in, c.idle = out, in, idle
	c.begun, c.written, c.n, c.err = false, 0, 0, nil
	return c.Resume()
}

// Resume continues an exchange that was ended by the connection's deadline.
func (c *Conn) Resume() (written, n int, err error) {
	err = c.raw.Read(c.step)
	if err == nil {
		err = c.err
	}
	if err == nil && c.n == 0 && c.written == len(c.out) {
		err = io.EOF
	}
	return c.written, c.n, err
}

// advance does what can be done without waiting, and says whether that is all.
func (c *Conn) advance(fd int) bool {
	if !c.begun {
		c.begun = true
		if c.idle {
			if err := peek(uintptr(fd)); err != nil {
				c.err = &StaleError{err}
				return true
			}
		}
		c.written, c.err = write(fd, c.out)
		return c.err != nil || c.written < len(c.out)
	}
	c.n, c.err = read(fd, c.in)
	if errors.Is(c.err, unix.EAGAIN) {
		c.err = nil
		return false
	}
	return true
}

func write(fd int, b []byte) (int, error) {
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

// ReadNow reads what is there without waiting; [ErrWouldBlock] says that nothing is.
func ReadNow(tcp *net.TCPConn, b []byte) (n int, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	if failed := raw.Control(func(fd uintptr) { n, err = read(int(fd), b) }); failed != nil {
		return 0, failed
	}
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, ErrWouldBlock
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
