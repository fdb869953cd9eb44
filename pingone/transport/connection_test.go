package transport_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/pingone/transport"
	"mfaload/pingone/transport/transporttest"
)

func TestConnectionsAreKept(t *testing.T) {
	url, connections := transporttest.StartRaw(t, plain, plain, plain)
	to := open(t, url, nil)
	for range 3 {
		if got := send(t, to); got.Status != 201 {
			t.Errorf("%+v", got)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// A connection that the server closed while it was idle costs no request.
func TestClosedIdleConnectionIsReplaced(t *testing.T) {
	url, connections := transporttest.StartRaw(t, plain)
	to := open(t, url, nil)
	for i := range 20 {
		// The close may come while the request is being sent. Then the request
		// fails and is not sent again.
		switch got := send(t, to); {
		case got.Status == 201, got.Failure == "connection closed", got.Failure == "connection reset":
		default:
			t.Errorf("request %d: %+v", i, got)
		}
	}
	if n := connections.Load(); n < 10 {
		t.Errorf("%d connections", n)
	}
}

func TestNotReusedAfterLeftovers(t *testing.T) {
	url, connections := transporttest.StartRaw(t, plain+"{}", plain)
	to := open(t, url, nil)
	if got := send(t, to); got.Framing != "http.length" {
		t.Errorf("%+v", got)
	}
	send(t, to)
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// Whether a connection is kept is said by all fields Connection together, and
// by the version where they are silent.
func TestConnectionOptions(t *testing.T) {
	for _, tt := range []struct {
		name, version, fields string
		kept                  bool
	}{
		{"nothing", "1.1", "", true},
		{"close", "1.1", "Connection: close\r\n", false},
		{"close in capitals", "1.1", "connection: CLOSE\r\n", false},
		{"a list that ends in close", "1.1", "Connection: Upgrade, close\r\n", false},
		{"a list that begins with close", "1.1", "Connection: close ,Upgrade\r\n", false},
		{"two fields", "1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
		{"an option that holds close", "1.1", "Connection: close-not\r\n", true},
		{"HTTP/1.0", "1.0", "", false},
		{"HTTP/1.0 that keeps", "1.0", "Connection: Keep-Alive\r\n", true},
		{"HTTP/1.0 that keeps, in a list", "1.0", "Connection: x, keep-alive\r\n", true},
		{"HTTP/1.0 that contradicts itself", "1.0", "Connection: keep-alive, close\r\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			response := "HTTP/" + tt.version + " 201 Created\r\nContent-Length: 2\r\n" + tt.fields + "\r\n{}"
			url, connections := transporttest.StartRaw(t, response, response)
			to := open(t, url, nil)
			for i := range 2 {
				if diff := cmp.Diff(outcome{Status: 201, Body: "{}"}, send(t, to)); diff != "" {
					t.Errorf("request %d: %s", i, diff)
				}
			}
			if kept := connections.Load() == 1; kept != tt.kept {
				t.Errorf("%d connections, want the connection kept: %v", connections.Load(), tt.kept)
			}
		})
	}
}

// A server may say that it waited long enough on an idle connection (RFC 9110,
// section 15.5.9): no request is lost, and no response is to blame.
func TestUnsolicitedTimeoutEndsAnIdleConnection(t *testing.T) {
	notice := "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	full := "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nCorrelation-Id: the-first\r\n\r\n{}"
	everyWay(t, func(t *testing.T, w way) {
		if w.speaksHTTP2() {
			t.Skip("HTTP/2 has its own notice")
		}
		for name, tt := range map[string]struct {
			after   string
			framing []string
		}{
			"with the response": {notice, nil},
			"of HTTP/1.0":       {strings.Replace(notice, "1.1", "1.0", 1), nil},
			"another response": {strings.Replace(notice, "408 Request Timeout", "400 Bad Request", 1),
				[]string{"http.length"}},
		} {
			t.Run(name, func(t *testing.T) {
				to, write := unsolicited(t, w, full, tt.after)
				var rules []string
				for i := range 2 {
					ex := &contract.Exchange{}
					if err := to.RoundTrip(t.Context(), request, ex); err != nil {
						t.Fatalf("request %d: %v", i, err)
					}
					for _, v := range ex.Framing {
						rules = append(rules, v.Rule)
						if i == 1 && !strings.Contains(v.Got, "the-first") {
							t.Errorf("the violation does not name the response that it is about: %s", v.Got)
						}
					}
					if i == 0 {
						write()
					}
				}
				if !slices.Equal(rules, tt.framing) {
					t.Errorf("violations of %v, want %v", rules, tt.framing)
				}
			})
		}
	})
}

// unsolicited returns the transport to a server that responds to the first request of
// its first connection, and writes something more once write is called.
func unsolicited(t *testing.T, w way, response, more string) (to *transport.Transport, write func()) {
	t.Helper()
	first, written := make(chan struct{}), make(chan struct{})
	var connections atomic.Int64
	to = w.serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, response)
		if connections.Add(1) == 1 {
			<-first
			_, _ = io.WriteString(c, more)
			close(written)
		}
	}, nil)
	return to, func() { close(first); <-written }
}

// A 408 that a request got is a response like any other.
func TestTimeoutThatIsAResponse(t *testing.T) {
	url, _ := transporttest.StartRaw(t, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
	if diff := cmp.Diff(outcome{Status: 408}, send(t, open(t, url, nil))); diff != "" {
		t.Error(diff)
	}
}
