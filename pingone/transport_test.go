package pingone_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/pingone"
	"mfaload/scenario"
)

// transports are all the ways to the target; each has to pass the same tests.
var transports = []struct {
	name     string
	protocol scenario.Protocol
	secure   bool
}{
	{"http1", scenario.HTTP1, false},
	{"http1-tls", scenario.HTTP1, true},
	{"h2", scenario.HTTP2, true},
	{"h2-without-tls", scenario.HTTP2, false},
}

// patient is a timeout that no test waits for, however busy the machine is.
const patient = 20 * time.Second

// everyTransport runs a test over each transport against a server.
func everyTransport(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, op *pingone.Operation)) {
	everyTransportWithin(t, patient, handler, test)
}

func everyTransportWithin(t *testing.T, timeout time.Duration, handler http.HandlerFunc,
	test func(t *testing.T, op *pingone.Operation)) {
	for _, way := range transports {
		t.Run(way.name, func(t *testing.T) { test(t, serve(t, handler, way.protocol, way.secure, timeout)) })
	}
}

// serve starts a server and returns the operation on it.
func serve(t *testing.T, handler http.HandlerFunc, protocol scenario.Protocol, secure bool, timeout time.Duration) *pingone.Operation {
	t.Helper()
	url, caFile := start(t, handler, secure, nil)
	return operationOn(t, url, func(s *scenario.Scenario) {
		s.Target.Protocol, s.Target.CAFile, s.Target.Timeout = protocol, caFile, timeout
	})
}

// start starts a server, which configure may change before, and returns its URL
// and the file with its authority.
func start(t *testing.T, handler http.HandlerFunc, secure bool, configure func(*httptest.Server)) (url, caFile string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetHTTP2(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	if configure != nil {
		configure(server)
	}
	if secure {
		server.EnableHTTP2 = true
		server.StartTLS()
		caFile = filepath.Join(t.TempDir(), "ca.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		if err := os.WriteFile(caFile, text, 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.URL, caFile
}

func TestEveryTransportSendsTheRequestAndReadsTheAnswer(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := `{"user":{"id":"` + userID + `"}}`
		if r.Method != "POST" || r.URL.Path != "/"+envID+"/deviceAuthentications" || string(body) != want ||
			r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "Bearer the-token" ||
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
	everyTransport(t, handler, func(t *testing.T, op *pingone.Operation) {
		ex := &contract.Exchange{}
		for range 3 { // the exchange and the connection are used again
			ex.Reset()
			if err := op.Send(t.Context(), scenario.User{ID: userID}, ex); err != nil {
				t.Fatal(err)
			}
			id, _ := ex.Header.Get("correlation-id")
			twice, n := ex.Header.Get("Twice")
			if ex.Status != 201 || string(ex.Body) != `{"a":1}` || id != "one" || twice != "1" || n != 2 || len(ex.Framing) > 0 {
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
	everyTransport(t, handler, func(t *testing.T, op *pingone.Operation) {
		requests.Store(0)
		if got := send(t, op); got.Status != 307 || requests.Load() != 1 {
			t.Errorf("%+v after %d requests", got, requests.Load())
		}
	})
}

func TestEveryTransportCutsLongBodies(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20+1))
	}
	everyTransport(t, handler, func(t *testing.T, op *pingone.Operation) {
		ex := &contract.Exchange{}
		if err := op.Send(t.Context(), scenario.User{ID: userID}, ex); err != nil || !ex.Cut || len(ex.Body) != 1<<20 {
			t.Errorf("cut %v at %d bytes: %v", ex.Cut, len(ex.Body), err)
		}
	})
}

// An answer that is late, cut off or not there is a failure with a name, and
// the request is not sent again.
func TestEveryTransportNamesFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		timeout time.Duration
		handler http.HandlerFunc
		want    []string
	}{
		{"silence", time.Second, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, []string{"timeout"}},
		{"silence in the body", time.Second, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, []string{"timeout"}},
		{"no answer", patient, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			[]string{"connection closed", "connection reset", "stream reset"}},
		{"half an answer", patient, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "12345")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, []string{"answer cut off", "stream reset"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var requests atomic.Int64
			handler := func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				test.handler(w, r)
			}
			everyTransportWithin(t, test.timeout, handler, func(t *testing.T, op *pingone.Operation) {
				requests.Store(0)
				got := send(t, op)
				if !strings.Contains(strings.Join(test.want, ","), got.Failure) || got.Failure == "" {
					t.Errorf("%+v, want one of %q", got, test.want)
				}
				if n := requests.Load(); n != 1 {
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
	everyTransport(t, handler, func(t *testing.T, op *pingone.Operation) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-come; cancel() }()
		err := op.Send(ctx, scenario.User{ID: userID}, &contract.Exchange{})
		var f *contract.Failure
		if !errors.As(err, &f) || f.Kind != "canceled" {
			t.Errorf("%v", err)
		}
	})
}

// Many requests at once each get their own answer, and connections are told of.
func TestEveryTransportIsSafeForManyWorkers(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(w, r.Body)
	}
	everyTransport(t, handler, func(t *testing.T, op *pingone.Operation) {
		var opened atomic.Int64
		op.Watch(func(c contract.Connection) {
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
					if err := op.Send(t.Context(), scenario.User{ID: id}, ex); err != nil {
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
	everyTransport(t, handler, func(t *testing.T, op *pingone.Operation) {
		var opened, resumed atomic.Int64
		op.Watch(func(c contract.Connection) {
			opened.Add(1)
			if c.Resumed {
				resumed.Add(1)
			}
		})
		if err := op.Open(t.Context(), 50); err != nil {
			t.Fatal(err)
		}
		ahead := opened.Load()
		if strings.Contains(t.Name(), "http1") && ahead != 50 {
			t.Errorf("%d connections were opened ahead, want 50", ahead)
		}
		for range 50 {
			if got := send(t, op); got.Status != 201 {
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
	everyTransport(t, handler, func(t *testing.T, op *pingone.Operation) {
		if !strings.HasSuffix(t.Name(), "http1-tls") {
			t.Skip("other connections are kept")
		}
		var opened, resumed atomic.Int64
		op.Watch(func(c contract.Connection) {
			opened.Add(1)
			if c.Resumed {
				resumed.Add(1)
			}
		})
		for range 5 {
			send(t, op)
		}
		if opened.Load() != 5 || resumed.Load() != 4 {
			t.Errorf("%d connections, %d resumed", opened.Load(), resumed.Load())
		}
	})
}

// What does not speak HTTP/2 is no failure of the service's answers.
func TestServerWithoutHTTP2(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	defer server.Close()
	op := operationOn(t, server.URL, func(s *scenario.Scenario) { s.Target.Protocol = scenario.HTTP2 })
	if got := send(t, op); got.Failure == "" || got.Status != 0 {
		t.Errorf("%+v", got)
	}
}

// A deadline belongs to its request: what an earlier request on the connection
// left behind ends no later one, and a later one has its own.
func TestTimeoutIsTheRequestsOwn(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("not with -short: it waits for timeouts")
	}
	const timeout = time.Second
	for _, way := range transports {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			var silent atomic.Bool
			op := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if silent.Load() {
					<-r.Context().Done()
				}
				w.WriteHeader(http.StatusCreated)
			}, way.protocol, way.secure, timeout)
			ex := &contract.Exchange{}
			for start := time.Now(); time.Since(start) < 2*timeout; ex.Reset() {
				if err := op.Send(t.Context(), scenario.User{ID: userID}, ex); err != nil {
					t.Fatalf("%v into the run: %v", time.Since(start), err)
				}
			}
			silent.Store(true)
			if got := send(t, op); got.Failure != "timeout" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A connection that the server ended while it was idle costs no request, and
// none is sent twice: TLS ends one by a notice before the end of the connection.
func TestConnectionsThatEndedAreReplaced(t *testing.T) {
	t.Parallel()
	for _, way := range transports {
		if way.protocol != scenario.HTTP1 {
			continue // net/http notices the end by itself, a moment later
		}
		t.Run(way.name, func(t *testing.T) {
			var requests atomic.Int64
			var server *httptest.Server
			url, caFile := start(t, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				created(w, r)
			}, way.secure, func(s *httptest.Server) { server = s })
			op := operationOn(t, url, func(s *scenario.Scenario) { s.Target.CAFile = caFile })
			for i := range 20 {
				if got := send(t, op); got.Status != 201 || requests.Load() != int64(i+1) {
					t.Fatalf("request %d: %+v, %d came", i+1, got, requests.Load())
				}
				server.CloseClientConnections()
			}
		})
	}
}
