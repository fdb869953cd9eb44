package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// listenOn accepts connections on an address of this machine, and tells which.
func listenOn(t *testing.T, ip string, port int, seen chan<- string) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(ip), Port: port})
	if err != nil {
		t.Skipf("SKIPPED: this machine can't listen on %s: %v", ip, err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
			seen <- ip
		}
	}()
	return l
}

// New connections take turns over all addresses of a name that respond, and look
// the name up again.
func TestConnectionsTakeTurnsOverAddresses(t *testing.T) {
	seen := make(chan string, 10)
	first := listenOn(t, "127.0.0.1", 0, seen)
	port := first.Addr().(*net.TCPAddr).Port
	second := listenOn(t, "127.0.0.2", port, seen)
	found, lookups := []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}, 0
	d := &dialer{network: "tcp", addresses: []string{net.JoinHostPort("service.example", fmt.Sprint(port))},
		timeout: 5 * time.Second, loopbackOnly: true}
	d.resolver.find = func(context.Context, string, string) ([]netip.Addr, error) {
		lookups++
		// In another order each time, as name servers do.
		found[0], found[1] = found[1], found[0]
		return append([]netip.Addr(nil), found...), nil
	}
	connect := func(times int) map[string]int {
		t.Helper()
		counts := map[string]int{}
		for range times {
			nc, _, err := d.dial(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			counts[<-seen]++
			_ = nc.Close()
		}
		return counts
	}
	if got := connect(6); got["127.0.0.1"] != 3 || got["127.0.0.2"] != 3 || lookups != 6 {
		t.Errorf("%v with %d lookups, want 3 each with 6", got, lookups)
	}
	_ = second.Close()
	if got := connect(4); got["127.0.0.1"] != 4 {
		t.Errorf("%v, want the address that responds", got)
	}
	_ = first.Close()
	if _, _, err := d.dial(t.Context(), false); failureKind(t.Context(), err) != "connection refused" {
		t.Errorf("%v", err)
	}
	// Somewhere else by now.
	third := listenOn(t, "127.0.0.3", port, seen)
	defer third.Close()
	found[0], found[1] = netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("127.0.0.3")
	if got := connect(2); got["127.0.0.3"] != 2 {
		t.Errorf("%v, want the new address", got)
	}
}

// A source meets only addresses of its own version of IP, and every one of them.
func TestSourcesMeetAddressesOfTheirVersion(t *testing.T) {
	var r resolver
	found := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"),
		netip.MustParseAddr("2001:db8::1")}
	from := &net.TCPAddr{IP: net.ParseIP("192.0.2.9")}
	for turn, want := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.1"} {
		got := r.order(found, uint64(turn), from)
		if len(got) != 2 || got[0].String() != want {
			t.Errorf("turn %d: %v", turn, got)
		}
	}
	if _, err := r.inTurn(t.Context(), found[2:], 0, from, nil); failureKind(t.Context(),
		err) != "name not resolved" {
		t.Errorf("%v", err)
	}
}

// canceledConn is a connection whose last byte comes just as its context is canceled.
type canceledConn struct {
	net.Conn
	response string
	cancel   func()
}

func (c *canceledConn) Write(b []byte) (int, error) { return len(b), nil }
func (c *canceledConn) SetDeadline(time.Time) error { return nil }

func (c *canceledConn) Read(b []byte) (int, error) {
	if len(c.response) == 1 {
		c.cancel()
	}
	n := copy(b, c.response)
	c.response = c.response[n:]
	return n, nil
}

// A tunnel that was opened as its context ended is not used: a deadline in the past may
// be set on it any time from then on, and would be another request's timeout.
func TestTunnelEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	nc := &canceledConn{response: "HTTP/1.1 200 OK\r\n\r\n", cancel: cancel}
	if err := (&proxy{target: "service.example:443"}).passHTTP(ctx, nc); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}
