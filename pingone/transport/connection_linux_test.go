package transport

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/pingone/transport/transporttest"
)

// crossingConn is a connection on which the server ends the wait for a request just as
// the second one is written.
type crossingConn struct {
	*net.TCPConn
	before func() // the second write
	writes int
}

// NetConn is the connection below, as a connection with TLS has one.
func (c *crossingConn) NetConn() net.Conn { return c.TCPConn }

func (c *crossingConn) Write(b []byte) (int, error) {
	if c.writes++; c.writes == 2 {
		c.before()
	}
	return c.TCPConn.Write(b)
}

// A 408 that crosses with a request is no response to it (RFC 9110, section 15.5.9):
// the service had ended the idle connection by then. One that was sent after the
// request arrived is a response like any other.
func TestTimeoutThatCrosses(t *testing.T) {
	const notice = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	const first = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
	for name, crosses := range map[string]bool{"crosses": true, "responds": false} {
		t.Run(name, func(t *testing.T) {
			client, server := transporttest.Pair(t)
			in := bufio.NewReader(server)
			request := func() {
				if r, err := http.ReadRequest(in); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
				}
			}
			end := func() { _, _ = io.WriteString(server, notice); server.Close() }
			c := &crossingConn{TCPConn: client, before: func() {}}
			if crosses {
				c.before = end
			}
			go func() {
				request()
				_, _ = io.WriteString(server, first)
				if !crosses {
					request()
					end()
				}
			}()
			h := &http1{transport: &Transport{timeout: time.Minute}}
			h.transport.gate.succeed()
			h.idle = append(h.idle, newConn(c))
			ex := &contract.Exchange{}
			if err := h.roundTrip(t.Context(), request1, ex); err != nil || ex.Status != 201 {
				t.Fatalf("%v, HTTP status %d", err, ex.Status)
			}
			ex = &contract.Exchange{}
			err := h.roundTrip(t.Context(), request1, ex)
			var f *contract.Failure
			switch {
			case crosses && (!errors.As(err, &f) || f.Kind != "idle connection closed"):
				t.Errorf("%v, HTTP status %d, want the idle connection closed", err, ex.Status)
			case !crosses && (err != nil || ex.Status != 408):
				t.Errorf("%v, HTTP status %d, want 408", err, ex.Status)
			}
		})
	}
}

var request1 = Request{Method: "POST", Path: "/", Body: []byte("{}")}

// What a server says after the handshake is found even if this machine was too busy to
// look in time.
func TestRefusedCertificateIsFoundLate(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	refused := make(chan error, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		nc, err := l.Accept()
		if err == nil {
			defer nc.Close()
			err = tls.Server(nc, &tls.Config{
				Certificates: server.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert,
			}).Handshake()
		}
		refused <- err
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	client := tls.Client(newTLSSocket(nc), &tls.Config{InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; err == nil {
		t.Fatal("the server takes a client without a certificate")
	}
	way := &Transport{timeout: time.Nanosecond}
	if err := way.settle(t.Context(), client, true, time.Nanosecond); err == nil || !isTLS(err) {
		t.Errorf("%v, want the server's alert", err)
	}
}

// A request that is longer than the socket's buffer has its own timeout, too, and not
// what is left of an earlier one's.
func TestTimeoutOfALongRequestIsItsOwn(t *testing.T) {
	client, server := transporttest.Pair(t)
	c := newConn(client)
	c.out = make([]byte, 64<<20)
	c.bind(t.Context())
	const earlier = 50 * time.Millisecond
	if err := c.arm(time.Now().Add(earlier), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.arm(time.Now().Add(time.Minute), 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	// The server reads nothing, and ends the connection after the earlier deadline.
	timer := time.AfterFunc(4*earlier, func() { _ = server.SetLinger(0); _ = server.Close() })
	defer timer.Stop()
	if err := c.start(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want the connection reset", err)
	}
}
