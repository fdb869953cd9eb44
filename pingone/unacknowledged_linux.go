package pingone

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unacknowledged says whether it is certain that what was received last was sent
// before any of the n bytes that were sent last arrived: each segment acknowledges
// all that its sender's system has received until then. A reset is no such proof:
// what it acknowledges is not taken in.
func unacknowledged(nc net.Conn, n int) bool {
	raw := rawConn(nc)
	if raw == nil {
		return false
	}
	certain := false
	_ = raw.Control(func(fd uintptr) {
		i, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || i.Bytes_sent == 0 {
			return // an old kernel counts nothing
		}
		// The first byte that is acknowledged is none of ours: it opened the connection.
		certain = i.Bytes_sent-i.Bytes_retrans >= i.Bytes_acked-1+uint64(n)
	})
	return certain
}

// rawConn is the socket below a connection; nil where there is none.
func rawConn(nc net.Conn) syscall.RawConn {
	if secured, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = secured.NetConn()
	}
	socket, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
