package pingone

import (
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peek returns nil for a socket that is open and on which nothing came: it looks
// at what there is to read, without waiting or reading it. It finds most
// connections that a server closed while they were idle, before a request is
// lost on them. The library's call would make an address for each look.
func peek(fd uintptr) error {
	var one [1]byte
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&one)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == syscall.EAGAIN, errno == syscall.EINTR:
		return nil
	case errno != 0:
		return errno
	case n == 0:
		return io.EOF
	default:
		return errUnasked
	}
}
