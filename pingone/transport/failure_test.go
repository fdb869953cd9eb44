package transport

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"mfaload/measure"
)

// Whatever keeps this machine from opening a connection is its own limit, by the
// numbers of every system, and never a failure of the service.
func TestOwnLimitsOfEverySystem(t *testing.T) {
	system := func(call string, errno syscall.Errno) error { return os.NewSyscallError(call, errno) }
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, test := range []struct {
		name string
		err  error
		want string // "" for a failure
	}{
		{"ports", dial(system("connect", syscall.EADDRNOTAVAIL)), measure.NoPorts},
		{"ports of a source", dial(system("bind", syscall.EADDRINUSE)), measure.NoPorts},
		{"ports on FreeBSD", dial(system("connect", syscall.EAGAIN)), measure.NoPorts},
		{"ports on Windows", dial(system("connectex", 10048)), measure.NoPorts},
		{"ports on Windows, otherwise", dial(system("connectex", 10049)), measure.NoPorts},
		{"descriptors", dial(system("socket", syscall.EMFILE)), measure.NoDescriptors},
		{"descriptors of the system", dial(system("socket", syscall.ENFILE)), measure.NoDescriptors},
		{"descriptors on Windows", dial(system("socket", 10024)), measure.NoDescriptors},
		{"memory", dial(system("socket", syscall.ENOMEM)), measure.NoMemory},
		{"buffers", dial(system("connect", syscall.ENOBUFS)), measure.NoMemory},
		{"buffers on Windows", dial(system("connectex", 10055)), measure.NoMemory},
		{"packet filter", dial(system("connect", syscall.EPERM)), measure.NotPermitted},
		{"packet filter on Windows", dial(system("connectex", 10013)), measure.NotPermitted},
		{"no network", dial(system("connect", syscall.ENETDOWN)), measure.NetworkDown},
		{"no network on Windows", dial(system("connectex", 10050)), measure.NetworkDown},
		{"descriptors, on the way to a proxy", &proxyError{dial(system("socket", syscall.EMFILE))},
			measure.NoDescriptors},
		{"descriptors, while a name is looked up",
			dial(&net.DNSError{Err: "dial udp 192.0.2.1:53: socket: " + syscall.EMFILE.Error(),
				Name: "a.test"}), measure.NoDescriptors},
		{"descriptors, in the system's own lookup",
			dial(&net.DNSError{Err: syscall.EMFILE.Error(), Name: "a.test"}), measure.NoDescriptors},
		{"source", &sourceError{net.IPv4(192, 0, 2, 1)}, measure.NoSource},
		{"version of IP", errNoSource, measure.NoSource},
		{"loopback", dial(errNotLoopback), measure.NotLoopback},

		{"refused", dial(system("connect", syscall.ECONNREFUSED)), ""},
		{"unreachable", dial(system("connect", syscall.EHOSTUNREACH)), ""},
		{"no such name", dial(&net.DNSError{Err: "no such host", Name: "a.test", IsNotFound: true}), ""},
		{"buffers, of a request that may be on its way", &net.OpError{Op: "write", Net: "tcp",
			Err: system("write", syscall.ENOBUFS)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := Failure(context.Background(), fmt.Errorf("open: %w", test.err))
			if f.Own != (test.want != "") || f.Own && (f.Kind != test.want || f.Disconnected ||
				!measure.IsOwnLimit(f.Kind)) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// Windows has numbers of its own for what the network and the peer do.
func TestFailuresOfEverySystem(t *testing.T) {
	for kind, of := range map[string]map[string][]syscall.Errno{
		measure.ConnectionRefused: {"dial": {syscall.ECONNREFUSED, 10061, 1225}},
		"connection reset": {"read": {syscall.ECONNRESET, 10054, 10053, 10052, 1236},
			"write": {syscall.EPIPE, syscall.ECONNABORTED, 10054, 10058}},
		"timeout":          {"dial": {syscall.ETIMEDOUT, 10060}, "read": {10060}},
		"host unreachable": {"dial": {syscall.ENETUNREACH, syscall.EHOSTUNREACH, 10051, 10065, 1231, 1232}},
	} {
		for op, numbers := range of {
			for _, errno := range numbers {
				f := Failure(context.Background(), &net.OpError{Op: op, Net: "tcp",
					Err: os.NewSyscallError(op, errno)})
				if f.Kind != kind || f.Own || f.Disconnected != (kind != "timeout" || op == "dial") {
					t.Errorf("%s, %d: %+v, want %s", op, int(errno), f, kind)
				}
			}
		}
	}
	cut := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("wsarecv", windowsReset)}
	if windows, linux := systemFailure(cut, "windows"),
		systemFailure(cut, "linux"); windows != "connection reset" || linux != "other failure" {
		t.Error(windows, linux)
	}
}
