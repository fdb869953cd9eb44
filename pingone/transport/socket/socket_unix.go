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

// TCP sends and receives on a TCP connection. The request is written
// from within the wait for the response: so the first read comes when there is
// something to read, and a fruitless one before it is saved. One goroutine at a time
// uses it.
type TCP struct {
	raw  syscall.RawConn // nil for another connection
	step func(fd uintptr) bool

	out, in []byte
	idle    bool // the connection was: it may have been closed meanwhile
	begun   bool
	written int
	n       int
	err     error
}

// Init makes a TCP of a TCP connection. Of any other it makes one that is not ready.
func (t *TCP) Init(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	t.raw = raw
	t.step = func(fd uintptr) bool { return t.advance(int(fd)) }
}

// Ready says whether Exchange can be used.
func (t *TCP) Ready() bool { return t.raw != nil }

// Exchange writes out and reads the first n bytes of the response into in. Where the
// socket's buffer takes less than all of out it returns what it took, and reads
// nothing. The error of an idle connection that is closed, or on which something came,
// is a [StaleError].
func (t *TCP) Exchange(out, in []byte, idle bool) (written, n int, err error) {
	t.out, t.in, t.idle = out, in, idle
	t.begun, t.written, t.n, t.err = false, 0, 0, nil
	return t.Resume()
}

// Resume continues an exchange that was ended by the connection's deadline.
func (t *TCP) Resume() (written, n int, err error) {
	err = t.raw.Read(t.step)
	if err == nil {
		err = t.err
	}
	if err == nil && t.n == 0 && t.written == len(t.out) {
		err = io.EOF
	}
	return t.written, t.n, err
}

// advance does what can be done without waiting, and says whether that is all.
func (t *TCP) advance(fd int) bool {
	if !t.begun {
		t.begun = true
		if t.idle {
			if err := peek(uintptr(fd)); err != nil {
				t.err = &StaleError{err}
				return true
			}
		}
		t.written, t.err = write(fd, t.out)
		return t.err != nil || t.written < len(t.out)
	}
	t.n, t.err = read(fd, t.in)
	if errors.Is(t.err, unix.EAGAIN) {
		t.err = nil
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
