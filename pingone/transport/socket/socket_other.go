//go:build !unix

package socket

import "net"

// TCP is never ready on this system: requests are written first, and responses read
// after that.
type TCP struct{}

// Init does nothing.
func (*TCP) Init(net.Conn) {}

// Ready returns false.
func (*TCP) Ready() bool { return false }

// Exchange is never called.
func (*TCP) Exchange(_, _ []byte, _ bool) (written, n int, err error) { return 0, 0, nil }

// Resume is never called.
func (*TCP) Resume() (written, n int, err error) { return 0, 0, nil }

// ReadNow can't read without waiting here: a connection that TLS ended is found
// on its use.
func ReadNow(*net.TCPConn, []byte) (int, error) { return 0, ErrWouldBlock }

// Unacknowledged can't be known here: the system does not tell.
func Unacknowledged(net.Conn, int) bool { return false }

// PathOf can't be known here: the system does not tell.
func PathOf(net.Conn) (PathInfo, bool) { return PathInfo{}, false }
