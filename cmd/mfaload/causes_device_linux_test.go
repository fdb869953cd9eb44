package main_test

import (
	bigendian "encoding/binary"
	"net"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// packet is one that passes the device: the number counts those of its direction that begin a connection,
// or have data.
type packet struct {
	toServer, opens bool
	number          int
}

// device is a network between 10.9.0.1, where servers listen, and 10.9.0.2, to which clients connect.
// It swaps the two addresses of each packet, which leaves all checksums as they are.
type device struct {
	file *os.File
	port uint16 // of the server

	mu     sync.Mutex
	rule   func(p packet) (drop bool, delay time.Duration)
	counts map[packet]int
}

// newDevice makes the device in a network of its own.
func newDevice(t *testing.T) *device {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("this system gives no network device: %v", err)
	}
	request, err := unix.NewIfreq("way")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		t.Fatal(err)
	}
	control, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(control)
	for _, step := range []struct {
		request uint
		set     func() error
	}{
		{unix.SIOCSIFADDR, func() error { return request.SetInet4Addr([]byte{10, 9, 0, 1}) }},
		{unix.SIOCSIFNETMASK, func() error { return request.SetInet4Addr([]byte{255, 255, 255, 0}) }},
		{unix.SIOCSIFFLAGS, func() error { request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }},
	} {
		if err := step.set(); err != nil {
			t.Fatal(err)
		}
		if err := unix.IoctlIfreq(control, step.request, request); err != nil {
			t.Fatal(err)
		}
	}
	d := &device{file: os.NewFile(uintptr(fd), "tun")}
	t.Cleanup(func() { d.file.Close() })
	go d.forward()
	return d
}

func (d *device) forward() {
	for {
		b := make([]byte, 64<<10)
		n, err := d.file.Read(b)
		if err != nil {
			return
		}
		if b = b[:n]; n < 40 || b[0]>>4 != 4 || b[9] != unix.IPPROTO_TCP {
			continue
		}
		drop, delay := d.judge(b)
		if drop {
			continue
		}
		var swapped [4]byte
		copy(swapped[:], b[12:16])
		copy(b[12:16], b[16:20])
		copy(b[16:20], swapped[:])
		if delay == 0 {
			_, _ = d.file.Write(b)
			continue
		}
		time.AfterFunc(delay, func() { _, _ = d.file.Write(b) })
	}
}

// judge applies the rule to a packet that it is about.
func (d *device) judge(b []byte) (drop bool, delay time.Duration) {
	tcp := b[int(b[0]&15)*4:]
	p := packet{toServer: bigendian.BigEndian.Uint16(tcp[2:]) == d.port, opens: tcp[13]&2 != 0}
	if data := len(tcp) - int(tcp[12]>>4)*4; data == 0 && !p.opens {
		return false, 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts[p]++
	p.number = d.counts[p]
	return d.rule(p)
}

// cause injects a delay on the device.
func (d *device) cause(t *testing.T, i injected) string {
	t.Helper()
	l, err := net.Listen("tcp", "10.9.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.port, d.rule, d.counts = uint16(l.Addr().(*net.TCPAddr).Port), i.rule, map[packet]int{}
	d.mu.Unlock()
	configure := i.configure
	i.configure = func(server *httptest.Server) {
		_ = server.Listener.Close()
		server.Listener = l
		if configure != nil {
			configure(server)
		}
	}
	i.between = func(server string) string {
		_, port, _ := net.SplitHostPort(server)
		return net.JoinHostPort("10.9.0.2", port)
	}
	return i.cause(t)
}

// lost drops one packet with data.
func lost(toServer bool, number int) func(packet) (bool, time.Duration) {
	return func(p packet) (bool, time.Duration) {
		return p.toServer == toServer && !p.opens && p.number == number, 0
	}
}

// late delays some packets in a row in one direction.
func late(toServer bool, from int, delay time.Duration) func(packet) (bool, time.Duration) {
	return func(p packet) (bool, time.Duration) {
		if p.toServer == toServer && !p.opens && p.number >= from && p.number < from+3 {
			return false, delay
		}
		return false, 0
	}
}

// What a network does to single packets is named too.
func TestCausesOnTheNetwork(t *testing.T) {
	if os.Getenv(inside) == "" {
		if program(t); os.Getenv("MFALOAD_CAUSES") == "" {
			t.Skip("make causes runs it")
		}
		runInside(t)
		return
	}
	loopbackUp(t)
	d, still := newDevice(t), steady(0)
	const http2, tells = ", protocol: h2", ", serviceTimeHeader: Server-Timing"
	const slowly = "{stages: [{rate: 5/s, duration: 6s}]}"
	// A target that is not loopback gets its token with TLS only.
	for _, i := range []injected{
		{name: "lost request", want: "network", handle: still, rule: lost(true, 50)},
		{name: "lost request later", want: "network", handle: still, rule: lost(true, 70)},
		// A request that follows at once has a lost one sent again at once, on the same connection.
		{name: "lost request, HTTP/2", want: "network", handle: still, target: http2, load: slowly,
			rule: lost(true, 20)},
		{name: "long way there", want: "network", handle: still,
			rule: late(true, 60, 150*time.Millisecond)},
		{name: "longer way there", want: "network", handle: still,
			rule: late(true, 60, 180*time.Millisecond)},
		{name: "long way there, HTTP/2", want: "network", handle: still, target: http2, load: slowly,
			rule: late(true, 20, 120*time.Millisecond)},
		{name: "long way back", want: "network", handle: still,
			rule: late(false, 60, 150*time.Millisecond)},
		{name: "very long way there", want: "network", handle: still,
			rule: late(true, 60, 600*time.Millisecond)},
		{name: "lost response, the service tells", want: "network", handle: timed, target: tells,
			rule: lost(false, 50)},
		{name: "lost opening of a connection", want: "connect", handle: still, configure: oneEach,
			rule: func(p packet) (bool, time.Duration) {
				return p.toServer && p.opens && p.number == slowOne, 0
			}},
		{name: "slow service on a quiet network", want: "service", handle: slowFirst,
			rule: func(packet) (bool, time.Duration) { return false, 0 }},
		{name: "slow service on a slow network", want: "service", handle: slowFirst,
			rule: func(packet) (bool, time.Duration) { return false, 20 * time.Millisecond }},
	} {
		t.Run(i.name, func(t *testing.T) {
			i.secure = true
			if got := d.cause(t, i); got != i.want {
				t.Errorf("the cause is %s, not %s", got, i.want)
			}
		})
	}
}
