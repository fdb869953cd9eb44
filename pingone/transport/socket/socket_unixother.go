//go:build unix && !linux

package socket

import (
	"errors"
	"io"
	"net"

	"golang.org/x/sys/unix"
)

// peek returns nil for a socket that is open and on which nothing came: it looks
// at what there is to read, without waiting or reading it.
func peek(fd uintptr) error {
	var one [1]byte
	n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	default:
		return ErrUnsolicited
	}
}

// Unacknowledged can't be known here: the system does not tell.
func Unacknowledged(net.Conn, int) bool { return false }

// PathOf can't be known here: the system does not tell.
func PathOf(net.Conn) (PathInfo, bool) { return PathInfo{}, false }
