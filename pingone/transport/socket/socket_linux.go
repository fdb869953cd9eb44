package socket

import (
	"io"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peek returns nil for a socket that is open and on which nothing came: it looks
// at what there is to read, without waiting or reading it. It finds most
// connections that a server closed while they were idle, before a request is
// lost on them. The library's call would make an address for each look.
func peek(fd uintptr) error {
	var one [1]byte
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&one)), 1,
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == syscall.EAGAIN, errno == syscall.EINTR:
		return nil
	case errno != 0:
		return errno
	case n == 0:
		return io.EOF
	default:
		return ErrUnsolicited
	}
}

// Unacknowledged says whether it is certain that what was received last was sent
// before any of the n bytes that were sent last arrived: each segment acknowledges
// all that its sender's system has received until then. A reset is no such proof:
// what it acknowledges is not taken in.
func Unacknowledged(nc net.Conn, n int) bool {
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

// PathOf returns what the system knows of the way to the peer.
func PathOf(nc net.Conn) (p PathInfo, ok bool) {
	raw := rawConn(nc)
	if raw == nil {
		return p, false
	}
	_ = raw.Control(func(fd uintptr) {
		if i, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			p = PathInfo{RTT: time.Duration(i.Rtt) * time.Microsecond,
				MinRTT:      time.Duration(i.Min_rtt) * time.Microsecond,
				Retransmits: i.Total_retrans, Segments: i.Data_segs_out}
			ok = true
		}
	})
	return p, ok
}
