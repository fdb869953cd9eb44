package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"mfaload/contract"
	"mfaload/pingone/transport"
	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

// opened counts the connections of a transport.
type opened struct{ http1, http2, successors atomic.Int64 }

func watch(to *transport.Transport) *opened {
	o := &opened{}
	to.Watch(func(c contract.Connection) {
		if c.HTTP2 {
			o.http2.Add(1)
		} else {
			o.http1.Add(1)
		}
		if c.Successor {
			o.successors.Add(1)
		}
	})
	return o
}

func (o *opened) all() int64 { return o.http1.Load() + o.http2.Load() }

// bounded changes a target's connections.
func bounded(c scenario.Connections) func(*scenario.Target) {
	return func(target *scenario.Target) { target.Connections = c }
}

// limited lets a server allow so many streams on a connection of HTTP/2.
func limited(streams int) func(*httptest.Server) {
	return func(s *httptest.Server) {
		s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	}
}

// With auto the server chooses the protocol, on each connection again: none is lost, and the
// scenario's number of connections holds for both together.
func TestAutoSpeaksWhatTheServerChooses(t *testing.T) {
	t.Parallel()
	const max = 6
	for name, chosen := range map[string]func(n int64) []string{
		"HTTP/2":   func(int64) []string { return []string{"h2", "http/1.1"} },
		"HTTP/1.1": func(int64) []string { return []string{"http/1.1"} },
		"none":     func(int64) []string { return nil },
		"both":     func(n int64) []string { return []string{[]string{"h2", "http/1.1"}[n%2]} },
	} {
		for _, limits := range []scenario.Connections{{}, {Max: max}, {MaxRequests: 7}} {
			t.Run(fmt.Sprintf("%s, %+v", name, limits), func(t *testing.T) {
				t.Parallel()
				var n atomic.Int64
				url, caFile := transporttest.Start(t, transporttest.Created, true, func(s *httptest.Server) {
					limited(4)(s)
					s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
						c := s.TLS.Clone()
						c.GetConfigForClient, c.NextProtos = nil, chosen(n.Add(1))
						return c, nil
					}}
				})
				to := way{protocol: scenario.Auto}.open(t, url, caFile, bounded(limits))
				seen := watch(to)
				if err := to.Open(t.Context(), 3); err != nil {
					t.Error(err)
				}
				if kinds := countFailures(t, to, 12, 10); len(kinds) > 0 {
					t.Error(kinds)
				}
				one, two := seen.http1.Load(), seen.http2.Load()
				if (one > 0) != (name != "HTTP/2") || (two > 0) != (name == "HTTP/2" || name == "both") {
					t.Errorf("%d connections of HTTP/1.1, %d of HTTP/2", one, two)
				}
				if limits.Max > 0 && one+two > max {
					t.Errorf("%d and %d connections, more than %d", one, two, max)
				}
			})
		}
	}
}

// There are never more connections than the scenario allows; requests wait for them, and none
// fails for that.
func TestConnectionsKeepToTheirMax(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		t.Parallel()
		url, caFile := transporttest.Start(t, transporttest.Created, w.secure, limited(2))
		to := w.open(t, url, caFile, bounded(scenario.Connections{Max: 3}))
		seen := watch(to)
		var waited atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 10 {
					ex := &contract.Exchange{}
					if err := to.RoundTrip(t.Context(), request, ex); err != nil {
						t.Error(err)
					}
					if ex.Waited > 0 {
						waited.Add(1)
					}
				}
			})
		}
		all.Wait()
		if n := seen.all(); n == 0 || n > 3 {
			t.Errorf("%d connections", n)
		}
		if waited.Load() == 0 {
			t.Error("no request waited")
		}
		if err := to.Open(t.Context(), 100); err != nil || seen.all() != 3 {
			t.Errorf("%d connections after opening ahead: %v", seen.all(), err)
		}
	})
}

// Over HTTP/2 requests spread over as many connections as the scenario says, from the first
// one on.
func TestStreamsSpreadOverConnections(t *testing.T) {
	t.Parallel()
	var counts [4]atomic.Int64
	url := transporttest.ListenFrames(t, nil, func(s *stream) bool {
		counts[s.Number%4].Add(1)
		return s.Respond("{}")
	})
	to := way{protocol: scenario.HTTP2}.open(t, url, "", bounded(scenario.Connections{Max: 4}))
	if err := to.Open(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		if got := send(t, to); got.Failure != "" {
			t.Fatalf("%+v", got)
		}
	}
	for i := range counts {
		if n := counts[i].Load(); n != 100 {
			t.Errorf("connection %d had %d of 400 requests", i, n)
		}
	}
}

// A connection takes as many requests as the scenario says and no more, and its successor is
// there by then.
func TestConnectionsAreReplacedAfterTheirRequests(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 10, 50} {
		everyWay(t, func(t *testing.T, w way) {
			t.Parallel()
			var mu sync.Mutex
			requests := map[string]int{}
			url, caFile := transporttest.Start(t, func(rw http.ResponseWriter, r *http.Request) {
				mu.Lock()
				requests[r.RemoteAddr]++
				mu.Unlock()
				transporttest.Created(rw, r)
			}, w.secure, nil)
			to := w.open(t, url, caFile, bounded(scenario.Connections{MaxRequests: most}))
			seen := watch(to)
			if kinds := countFailures(t, to, 4, 50); len(kinds) > 0 {
				t.Error(kinds)
			}
			for from, n := range requests {
				if n > most {
					t.Errorf("%s had %d requests", from, n)
				}
			}
			if n, few := seen.successors.Load(), int64(200/most-4); n < few {
				t.Errorf("%d successors, want %d at least", n, few)
			}
		})
	}
}

// Connections are replaced by their age, whether requests use them or not, and none is lost.
func TestConnectionsAreReplacedByAge(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("not with -short: it waits for connections to grow old")
	}
	everyWay(t, func(t *testing.T, w way) {
		t.Parallel()
		url, caFile := transporttest.Start(t, transporttest.Created, w.secure, nil)
		to := w.open(t, url, caFile, bounded(scenario.Connections{Max: 2, MaxAge: 200 * time.Millisecond}))
		seen := watch(to)
		for seen.successors.Load() < 4 {
			if got := send(t, to); got.Failure != "" {
				t.Fatalf("%+v", got)
			}
			time.Sleep(time.Millisecond) // the load's pace
		}
	})
}

// A connection that goes away, or says nothing any more, makes room for another.
func TestLostConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]func(s *stream) bool{
		"ends": func(s *stream) bool { return s.Respond("{}") && s.Number%2 == 1 },
		"goes away": func(s *stream) bool {
			return s.Respond("{}") && s.WriteGoAway(s.ID, http2.ErrCodeNo, nil) == nil && s.Gone()
		},
		"is frozen": func(s *stream) bool { return s.Number > 0 && s.Respond("{}") || s.Gone() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := overFrames(t, nil, func(target *scenario.Target) {
				target.Timeout, target.Connections.Max = shortTimeout, 1
			}, respond)
			responses := 0
			for range 100 {
				if got := send(t, to); got.Status == 201 {
					responses++
				}
			}
			if responses < 30 {
				t.Errorf("%d of 100 requests had a response", responses)
			}
		})
	}
}

// A request that waits for a connection until the run ends was not sent, and the next one gets
// what it waited for.
func TestWaitingEndsWithTheRun(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		t.Parallel()
		arrived, release := make(chan struct{}, 1), make(chan struct{})
		url, caFile := transporttest.Start(t, func(rw http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-release
			transporttest.Created(rw, r)
		}, w.secure, limited(1))
		to := w.open(t, url, caFile, bounded(scenario.Connections{Max: 1}))
		var all sync.WaitGroup
		all.Go(func() {
			if got := send(t, to); got.Failure != "" {
				t.Errorf("%+v", got)
			}
		})
		<-arrived
		over, end := context.WithCancel(t.Context())
		all.Go(func() {
			var f *contract.Failure
			err := to.RoundTrip(over, request, &contract.Exchange{})
			if !errors.As(err, &f) || f.Kind != "no connection free" || !f.Own {
				t.Error(err)
			}
			close(release)
		})
		all.Go(func() {
			if got := send(t, to); got.Failure != "" {
				t.Errorf("%+v", got)
			}
		})
		end()
		all.Wait()
	})
}

// A response says over which connection it came, when its first byte did, how many bytes it has, and
// what the request waited for.
func TestEveryTransportTellsOfTheTransfer(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		body := strings.Repeat("x", 100_000) // more than is read at once
		to := w.serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, body)
		}, nil)
		exchange := func() *contract.Exchange {
			ex := &contract.Exchange{}
			if err := to.RoundTrip(t.Context(), request, ex); err != nil {
				t.Fatal(err)
			}
			return ex
		}
		began := time.Now()
		one := exchange()
		two := exchange()
		if opened := one.Dial + one.Handshake; opened <= 0 || (one.Handshake > 0) != w.secure ||
			one.Sent.Sub(began) < opened || one.First.Before(one.Sent) || !one.First.Before(one.Received) {
			t.Errorf("opened in %v and %v, sent %v, first byte %v, received %v", one.Dial, one.Handshake,
				one.Sent, one.First, one.Received)
		}
		if two.Connection != one.Connection || one.Connection == 0 || !two.Opened.Equal(one.Opened) ||
			two.Opened.After(two.Sent) || two.Dial != 0 || two.Handshake != 0 {
			t.Errorf("%+v, then %+v", one.Transfer, two.Transfer)
		}
		for _, ex := range []*contract.Exchange{one, two} {
			if over := int(ex.Bytes) - len(body); over < 10 || over > 1000 {
				t.Errorf("%d bytes, of them %d of the body", ex.Bytes, len(body))
			}
		}
	})
}

// A request that can't be sent tells how long it waited for a connection.
func TestTransferWithoutAConnection(t *testing.T) {
	to := open(t, "http://127.0.0.1:1", nil)
	ex := &contract.Exchange{}
	if err := to.RoundTrip(t.Context(), request, ex); err == nil || ex.Connection != 0 || ex.Dial <= 0 ||
		!ex.First.IsZero() {
		t.Errorf("%v, %+v", err, ex.Transfer)
	}
}
