package pingone

import (
	"errors"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unheard says whether it is certain that the other side had given up the
// connection before the n bytes that were sent last came there. The segment by
// which it ends a connection acknowledges all that its system has received until
// then, so whatever is not acknowledged when the end is read was on its way. A
// reset is no such proof: what it acknowledges is not taken in.
func unheard(nc net.Conn, err error, n int) bool {
	raw := rawConn(nc)
	if !errors.Is(err, io.EOF) || raw == nil {
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
