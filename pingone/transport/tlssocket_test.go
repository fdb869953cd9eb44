//go:build unix

package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"mfaload/pingone/transport/socket"
	"mfaload/pingone/transport/transporttest"
)

// gathering is a connection that sends what is written between two calls at once.
type gathering struct {
	*net.TCPConn
	gathers bool
	out     bytes.Buffer
}

func (g *gathering) Write(b []byte) (int, error) {
	if g.gathers {
		return g.out.Write(b)
	}
	return g.TCPConn.Write(b)
}

func (g *gathering) flush() error {
	g.gathers = false
	_, err := g.TCPConn.Write(g.out.Bytes())
	return err
}

// tlsPair is the two ends of a connection with TLS on which the client has read a response.
func tlsPair(t *testing.T) (client *conn, server *tls.Conn, below *gathering) {
	t.Helper()
	keys := httptest.NewUnstartedServer(nil)
	keys.StartTLS()
	t.Cleanup(keys.Close)
	c, s := transporttest.Pair(t)
	below = &gathering{TCPConn: s}
	server = tls.Server(below, &tls.Config{Certificates: keys.TLS.Certificates})
	done := make(chan error, 1)
	go func() {
		_, err := server.Write([]byte("a response"))
		done <- err
	}()
	client = newConn(tls.Client(newTLSSocket(c), &tls.Config{InsecureSkipVerify: true}))
	client.bind(t.Context())
	client.out = []byte("a request")
	if err := errors.Join(client.arm(time.Now().Add(time.Minute), 0), client.start(), <-done); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(server, make([]byte, len(client.out))); err != nil {
		t.Fatal(err)
	}
	client.idle = time.Now()
	return client, server, below
}

// TLS reads records one by one; one read of the system receives all there are.
func TestRecordsAreReceivedTogether(t *testing.T) {
	client, server, below := tlsPair(t)
	below.gathers = true
	record := make([]byte, 200)
	for range 15 {
		if _, err := server.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := below.flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.receive(record); err != nil {
		t.Fatal(err)
	}
	if got, want := client.below.to, below.out.Len(); got != want {
		t.Errorf("%d bytes were received at once of %d", got, want)
	}
}

// A request is sent if what was received on the idle connection is about TLS alone, and not if
// it ends the connection or is a response to nothing.
func TestIdleConnectionWithTLSIsLookedAt(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile func(server *tls.Conn) error
		stale     error // nil if the request is to be sent
	}{
		"nothing": {func(*tls.Conn) error { return nil }, nil},
		"the end": {func(server *tls.Conn) error { return server.CloseWrite() }, io.EOF},
		"a response to nothing": {func(server *tls.Conn) error {
			_, err := server.Write([]byte("x"))
			return err
		}, socket.ErrUnsolicited},
		"the end without a notice": {func(server *tls.Conn) error {
			return server.NetConn().(*gathering).CloseWrite()
		}, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			client, server, _ := tlsPair(t)
			if err := test.meanwhile(server); err != nil {
				t.Fatal(err)
			}
			if test.stale == nil {
				go func() {
					got := make([]byte, len(client.out))
					_, _ = io.ReadFull(server, got)
					_, _ = server.Write(got)
				}()
				if err := client.start(); err != nil || string(client.in[:client.to]) != string(client.out) {
					t.Errorf("received %q and %v", client.in[:client.to], err)
				}
				return
			}
			err := client.start()
			if !isStale(err) || !errors.Is(err, test.stale) {
				t.Errorf("%v, want an idle connection that can't be used: %v", err, test.stale)
			}
			_ = client.below.TCPConn.Close()
			if sent, _ := io.ReadAll(server.NetConn()); len(sent) > 0 {
				t.Errorf("%d bytes were sent", len(sent))
			}
		})
	}
}

// A request over TLS on a connection that is kept allocates nothing but what package tls does:
// one reader of 24 bytes for each record, here at both ends.
func TestRequestsOverTLSAllocateNothing(t *testing.T) {
	client, server, _ := tlsPair(t)
	go func() {
		for in := make([]byte, len(client.out)); ; {
			if _, err := io.ReadFull(server, in); err != nil {
				return
			}
			if _, err := server.Write(in); err != nil {
				return
			}
		}
	}()
	defer client.shut()
	allocations := testing.AllocsPerRun(200, func() {
		if err := client.start(); err != nil || client.to != len(client.out) {
			t.Fatal(client.to, err)
		}
	})
	if allocations > 2 {
		t.Errorf("%v allocations a request and its response", allocations)
	}
}
