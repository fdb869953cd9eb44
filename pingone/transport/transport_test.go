package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/pingone/transport"
	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

func TestEveryTransportSendsTheRequestAndReadsTheResponse(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := string(request.Body)
		if r.Method != "POST" || r.URL.Path != request.Path || string(body) != want ||
			r.Header.Get("Content-Type") != "application/json" ||
			r.Header.Get("Authorization") != "Bearer the-token" ||
			r.Header.Get("Accept-Encoding") != "" || r.ContentLength != int64(len(want)) {
			http.Error(w, fmt.Sprintf("%s %s %v %s", r.Method, r.URL, r.Header, body), http.StatusBadRequest)
			return
		}
		w.Header().Set("Correlation-Id", "one")
		w.Header().Add("Twice", "1")
		w.Header().Add("Twice", "2")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"a":1}`)
	}
	everyTransport(t, handler, func(t *testing.T, to *transport.Transport) {
		ex := &contract.Exchange{}
		for range 3 { // the exchange and the connection are used again
			ex.Reset()
			if err := to.RoundTrip(t.Context(), request, ex); err != nil {
				t.Fatal(err)
			}
			id, _ := ex.Header.Get("correlation-id")
			twice, n := ex.Header.Get("Twice")
			if ex.Status != 201 || string(ex.Body) != `{"a":1}` || id != "one" || twice != "1" || n != 2 ||
				len(ex.Framing) > 0 {
				t.Fatalf("%d %s %v %v", ex.Status, ex.Body, ex.Header, ex.Framing)
			}
			if ex.Sent.IsZero() || ex.Received.Before(ex.Sent) {
				t.Errorf("sent %v, received %v", ex.Sent, ex.Received)
			}
		}
	})
}

func TestEveryTransportFollowsNoRedirect(t *testing.T) {
	var requests atomic.Int64
	handler := func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}
	everyTransport(t, handler, func(t *testing.T, to *transport.Transport) {
		requests.Store(0)
		if got := send(t, to); got.Status != 307 || requests.Load() != 1 {
			t.Errorf("%+v after %d requests", got, requests.Load())
		}
	})
}

func TestEveryTransportCutsLongBodies(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20+1))
	}
	everyTransport(t, handler, func(t *testing.T, to *transport.Transport) {
		ex := &contract.Exchange{}
		if err := to.RoundTrip(t.Context(), request, ex); err != nil || !ex.Cut || len(ex.Body) != 1<<20 {
			t.Errorf("cut %v at %d bytes: %v", ex.Cut, len(ex.Body), err)
		}
	})
}

// A response that is late, cut off or not there is a failure with a name, and
// the request is not sent again.
func TestEveryTransportNamesFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		timeout time.Duration
		handler http.HandlerFunc
		want    []string
	}{
		{"silence", shortTimeout, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			[]string{"timeout"}},
		{"silence in the body", shortTimeout, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, []string{"timeout"}},
		{"no response", longTimeout, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			[]string{"connection closed", "connection reset", "stream reset"}},
		{"half a response", longTimeout, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "12345")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, []string{"answer cut off", "stream reset"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			handler := func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				test.handler(w, r)
			}
			everyWay(t, func(t *testing.T, w way) {
				requests.Store(0)
				got := send(t, w.serve(t, handler, within(test.timeout)))
				if !strings.Contains(strings.Join(test.want, ","), got.Failure) || got.Failure == "" {
					t.Errorf("%+v, want one of %q", got, test.want)
				}
				// One that timed out may not have been sent by then.
				if n := requests.Load(); n > 1 || n == 0 && got.Failure != "timeout" {
					t.Errorf("%d requests came, want 1", n)
				}
			})
		})
	}
}

func TestEveryTransportEndsWithItsContext(t *testing.T) {
	come := make(chan struct{}, 1)
	handler := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		come <- struct{}{}
		<-r.Context().Done()
	}
	everyTransport(t, handler, func(t *testing.T, to *transport.Transport) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-come; cancel() }()
		if kind := kindOf(t, to.RoundTrip(ctx, request, &contract.Exchange{})); kind != "canceled" {
			t.Error(kind)
		}
	})
}

// Many requests at once each get their own response, and connections are told of.
func TestEveryTransportIsSafeForManyWorkers(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(w, r.Body)
	}
	everyTransport(t, handler, func(t *testing.T, to *transport.Transport) {
		var opened atomic.Int64
		to.Watch(func(c contract.Connection) {
			opened.Add(1)
			if c.Dial <= 0 || c.Secure != (c.Handshake > 0) {
				t.Errorf("%+v", c)
			}
		})
		var workers sync.WaitGroup
		for worker := range 20 {
			workers.Go(func() {
				ex := &contract.Exchange{}
				for n := range 20 {
					ex.Reset()
					id := fmt.Sprintf("%08d-6936-43f2-82ff-178f5762298a", 100*worker+n)
					r := request
					r.Body = []byte(id)
					if err := to.RoundTrip(t.Context(), r, ex); err != nil {
						t.Error(err)
					} else if !strings.Contains(string(ex.Body), id) {
						t.Errorf("asked for %s, got %s", id, ex.Body)
					}
				}
			})
		}
		workers.Wait()
		if n := opened.Load(); n < 1 || n > 20 {
			t.Errorf("%d connections were opened for 20 workers", n)
		}
	})
}

func TestConnectionsAreOpenedAhead(t *testing.T) {
	handler := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }
	everyTransport(t, handler, func(t *testing.T, to *transport.Transport) {
		var opened, resumed atomic.Int64
		to.Watch(func(c contract.Connection) {
			opened.Add(1)
			if c.Resumed {
				resumed.Add(1)
			}
		})
		if err := to.Open(t.Context(), 50); err != nil {
			t.Fatal(err)
		}
		ahead := opened.Load()
		if strings.Contains(t.Name(), "http1") && ahead != 50 {
			t.Errorf("%d connections were opened ahead, want 50", ahead)
		}
		for range 50 {
			if got := send(t, to); got.Status != 201 {
				t.Fatalf("%+v", got)
			}
		}
		if n := opened.Load(); n > max(ahead, 1) {
			t.Errorf("%d connections were opened for requests", n-ahead)
		}
	})
}

// A session is resumed on the next connection once the server gave a ticket.
func TestTLSSessionsAreResumed(t *testing.T) {
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusCreated)
	}
	everyTransport(t, handler, func(t *testing.T, to *transport.Transport) {
		if !strings.HasSuffix(t.Name(), "http1-tls") {
			t.Skip("other connections are kept")
		}
		var opened, resumed atomic.Int64
		to.Watch(func(c contract.Connection) {
			opened.Add(1)
			if c.Resumed {
				resumed.Add(1)
			}
		})
		for range 5 {
			send(t, to)
		}
		if opened.Load() != 5 || resumed.Load() != 4 {
			t.Errorf("%d connections, %d resumed", opened.Load(), resumed.Load())
		}
	})
}

// What does not speak HTTP/2 is no failure of the service's responses.
func TestServerWithoutHTTP2(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	defer server.Close()
	to := open(t, server.URL, func(target *scenario.Target) { target.Protocol = scenario.HTTP2 })
	if got := send(t, to); got.Failure == "" || got.Status != 0 {
		t.Errorf("%+v", got)
	}
}

// A deadline belongs to its request: what an earlier request on the connection
// left behind ends no later one, and a later one has its own. A request that the
// machine held up for its whole timeout may end so, an earlier one of its end not.
func TestTimeoutIsTheRequestsOwn(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("not with -short: it waits for timeouts")
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			var silent atomic.Bool
			to := w.serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if silent.Load() {
					<-r.Context().Done()
				}
				w.WriteHeader(http.StatusCreated)
			}, within(shortTimeout))
			ex := &contract.Exchange{}
			responses := 0
			for start := time.Now(); time.Since(start) < 2*shortTimeout; ex.Reset() {
				began := time.Now()
				err := to.RoundTrip(t.Context(), request, ex)
				switch took := time.Since(began); {
				case err == nil:
					responses++
				case kindOf(t, err) != "timeout" || took < shortTimeout:
					t.Fatalf("%v into the run, after %v: %v", time.Since(start), took, err)
				}
			}
			if responses == 0 {
				t.Error("no request got its response in time")
			}
			silent.Store(true)
			if got := send(t, to); got.Failure != "timeout" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A connection that the server ended while it was idle costs no request, and
// none is sent twice: TLS ends one by a notice before the end of the connection.
func TestConnectionsThatEndedAreReplaced(t *testing.T) {
	t.Parallel()
	for _, w := range ways {
		if w.protocol != scenario.HTTP1 {
			continue // net/http notices the end by itself, a moment later
		}
		t.Run(w.name, func(t *testing.T) {
			var requests atomic.Int64
			var server *httptest.Server
			url, caFile := transporttest.Start(t, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				transporttest.Created(w, r)
			}, w.secure, func(s *httptest.Server) { server = s })
			to := w.open(t, url, caFile, nil)
			for i := range 20 {
				if got := send(t, to); got.Status != 201 || requests.Load() != int64(i+1) {
					t.Fatalf("request %d: %+v, %d came", i+1, got, requests.Load())
				}
				server.CloseClientConnections()
			}
		})
	}
}

func TestNeverLeavesLoopbackWithoutConsent(t *testing.T) {
	// 192.0.2.0/24 is documentation; nothing may even be tried there.
	to := open(t, "http://192.0.2.1", nil)
	if got := send(t, to); got.Failure != "not loopback" {
		t.Errorf("%+v", got)
	}
	if err := to.Reach(t.Context()); err == nil || !strings.Contains(err.Error(), "ownerAgreed") {
		t.Errorf("%v", err)
	}
}

func TestCanceledRequest(t *testing.T) {
	url, _ := transporttest.StartRaw(t, transporttest.Silence)
	to := open(t, url, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	go cancel()
	if kind := kindOf(t, to.RoundTrip(ctx, request, &contract.Exchange{})); kind != "canceled" {
		t.Error(kind)
	}
}

// A request on a connection that is kept allocates nothing, and its response neither.
func TestRequestsAllocateNothing(t *testing.T) {
	url := transporttest.Listen(t, func(c net.Conn) {
		in := make([]byte, 4096)
		response := []byte(plain)
		for n := 0; ; {
			m, err := c.Read(in[n:])
			if err != nil {
				return
			}
			if n += m; bytes.HasSuffix(in[:n], request.Body) {
				n = 0
				if _, err := c.Write(response); err != nil {
					return
				}
			}
		}
	})
	to := open(t, url, nil)
	ex := &contract.Exchange{}
	ctx := t.Context()
	allocations := testing.AllocsPerRun(200, func() {
		ex.Reset()
		if err := to.RoundTrip(ctx, request, ex); err != nil || ex.Status != 201 {
			t.Fatal(ex.Status, err)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations a request", allocations)
	}
}
