package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"

	"mfaload/contract"
	"mfaload/pingone/transport"
	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

// stream is what a response of HTTP/2 is written to.
type stream = transporttest.ServerStream

// overFrames returns the transport to a server of frames.
func overFrames(t testing.TB, settings []http2.Setting, change func(*scenario.Target),
	respond func(s *stream) bool) *transport.Transport {
	t.Helper()
	return way{protocol: scenario.HTTP2}.open(t, transporttest.ListenFrames(t, settings, respond), "", change)
}

// rules are those that the responses to a number of requests break.
func rules(t *testing.T, to *transport.Transport, requests int) (broken []string) {
	t.Helper()
	for range requests {
		ex := &contract.Exchange{}
		if err := to.RoundTrip(t.Context(), request, ex); err != nil {
			t.Fatalf("%v after %v", err, broken)
		}
		if ex.Status != 201 || !ex.Unframed && string(ex.Body) != "{}" {
			t.Errorf("%d %s", ex.Status, ex.Body)
		}
		for _, v := range ex.Framing {
			broken = append(broken, v.Rule)
			if v.Expected == "" || v.Got == "" {
				t.Errorf("%+v", v)
			}
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken)
}

// Whatever a server may do does no harm, and what it may not do has a rule. A fault that
// belongs to no response is found in the next one.
func TestFramingOfHTTP2(t *testing.T) {
	t.Parallel()
	fine := func(s *stream) bool { return s.Respond("{}") }
	then := func(before func(s *stream) error) func(s *stream) bool {
		return func(s *stream) bool { return before(s) == nil && s.Respond("{}") }
	}
	after := func(more func(s *stream) error) func(s *stream) bool {
		return func(s *stream) bool { return s.Respond("{}") && more(s) == nil }
	}
	head := func(fields ...string) func(s *stream) bool {
		return func(s *stream) bool {
			return s.Head(false, fields...) && s.WriteData(s.ID, true, []byte("{}")) == nil
		}
	}
	for _, test := range []struct {
		name    string
		respond func(s *stream) bool
		want    string // the rule; "" for none
	}{
		{"a plain response", fine, ""},
		{"padding", func(s *stream) bool {
			return s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID, PadLength: 200, EndHeaders: true,
				BlockFragment: transporttest.Block(":status", "201")}) == nil &&
				s.WriteDataPadded(s.ID, false, []byte("{"), make([]byte, 100)) == nil &&
				s.WriteDataPadded(s.ID, true, []byte("}"), make([]byte, 255)) == nil
		}, ""},
		{"a head with a priority", func(s *stream) bool {
			return s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID, EndHeaders: true,
				Priority:      http2.PriorityParam{StreamDep: 0, Weight: 3},
				BlockFragment: transporttest.Block(":status", "201")}) == nil &&
				s.WriteData(s.ID, true, []byte("{}")) == nil
		}, ""},
		{"a head in many frames", func(s *stream) bool {
			block := transporttest.Block(":status", "201", "x-long", strings.Repeat("y", 40_000))
			_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID, BlockFragment: block[:10]})
			for block = block[10:]; len(block) > 5000; block = block[5000:] {
				_ = s.WriteContinuation(s.ID, false, block[:5000])
			}
			return s.WriteContinuation(s.ID, true, block) == nil &&
				s.WriteData(s.ID, true, []byte("{}")) == nil
		}, ""},
		{"informational heads", then(func(s *stream) error {
			for range 20 {
				s.Head(false, ":status", "103", "link", "</x>")
			}
			return nil
		}), ""},
		{"trailers", func(s *stream) bool {
			return s.Head(false, ":status", "201") && s.WriteData(s.ID, false, []byte("{}")) == nil &&
				s.Head(true, "x-checksum", "1")
		}, ""},
		{"an empty frame at the end", func(s *stream) bool {
			return s.Head(false, ":status", "201") && s.WriteData(s.ID, false, []byte("{}")) == nil &&
				s.WriteData(s.ID, true, nil) == nil
		}, ""},
		{"a reset after the response", after(func(s *stream) error {
			return s.WriteRSTStream(s.ID, http2.ErrCodeNo)
		}), ""},
		{"frames nobody knows", then(func(s *stream) error {
			return s.WriteRawFrame(0xbe, 0xff, s.ID, []byte("grease"))
		}), ""},
		{"pings, priorities and windows", then(func(s *stream) error {
			_ = s.WritePing(false, [8]byte{1})
			_ = s.WritePriority(s.ID+100, http2.PriorityParam{Weight: 1})
			_ = s.WriteWindowUpdate(s.ID, 100)
			return s.WriteWindowUpdate(0, 100)
		}), ""},
		{"settings again", then(func(s *stream) error {
			return s.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 100},
				http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100},
				http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20}, http2.Setting{ID: 0xabcd, Val: 1})
		}), ""},

		{"a length too small", head(":status", "201", "content-length", "1"), "h2.length"},
		{"a length too large", head(":status", "201", "content-length", "3"), "h2.length"},
		{"a length of nonsense", head(":status", "201", "content-length", "2x"), "h2.length"},
		{"two lengths", head(":status", "201", "content-length", "2", "content-length", "2"), "h2.length"},
		{"two statuses", head(":status", "201", ":status", "201"), "h2.pseudo"},
		{"an unknown pseudo-header field", head(":status", "201", ":version", "2"), "h2.pseudo"},
		{"one of requests", head(":status", "201", ":path", "/"), "h2.pseudo"},
		{"a status that is not first", head("x-a", "b", ":status", "201"), "h2.pseudo"},
		{"a status in trailers", func(s *stream) bool {
			return s.Head(false, ":status", "201") && s.WriteData(s.ID, false, []byte("{}")) == nil &&
				s.Head(true, ":status", "201")
		}, "h2.pseudo"},
		{"HTTP status 101", then(func(s *stream) error { s.Head(false, ":status", "101"); return nil }),
			"h2.pseudo"},
		{"a name in capitals", head(":status", "201", "X-Upper", "1"), "h2.fields"},
		{"a name with a space", head(":status", "201", "x a", "1"), "h2.fields"},
		{"a value with a line feed", head(":status", "201", "x-a", "1\n2"), "h2.fields"},
		{"a value that ends in a space", head(":status", "201", "x-a", "1 "), "h2.fields"},
		{"connection", head(":status", "201", "connection", "keep-alive"), "h2.connection"},
		{"transfer-encoding", head(":status", "201", "transfer-encoding", "chunked"), "h2.connection"},
		{"a body before its head", then(func(s *stream) error {
			return s.WriteData(s.ID, false, []byte("x"))
		}), "h2.order"},
		{"a second head", func(s *stream) bool {
			return s.Head(false, ":status", "201") && s.Head(false, "x-a", "b") &&
				s.WriteData(s.ID, true, []byte("{}")) == nil
		}, "h2.order"},
		{"DATA after the end", after(func(s *stream) error { return s.WriteData(s.ID, false, []byte("x")) }),
			"h2.closed"},
		{"HEADERS after the end", after(func(s *stream) error { s.Head(true, ":status", "200"); return nil }),
			"h2.closed"},
		{"DATA on a stream nobody opened", then(func(s *stream) error {
			return s.WriteData(s.ID+100, true, []byte("x"))
		}), "h2.idle"},
		{"HEADERS on a stream of the server", then(func(s *stream) error {
			return s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID + 1, EndHeaders: true,
				EndStream: true, BlockFragment: transporttest.Block(":status", "200")})
		}), "h2.idle"},
		{"a reset of a stream nobody opened", then(func(s *stream) error {
			return s.WriteRSTStream(s.ID+100, http2.ErrCodeCancel)
		}), "h2.idle"},
		{"a push", then(func(s *stream) error {
			_ = s.WritePushPromise(http2.PushPromiseParam{StreamID: s.ID, PromiseID: s.ID + 1,
				EndHeaders:    true,
				BlockFragment: transporttest.Block(":method", "GET", ":scheme", "http", ":path", "/")})
			_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID + 1, EndHeaders: true,
				BlockFragment: transporttest.Block(":status", "200")})
			return s.WriteData(s.ID+1, true, []byte("pushed"))
		}), "h2.push"},
		{"a block with an index beyond the tables", func(s *stream) bool {
			_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID, EndHeaders: true,
				BlockFragment: append(transporttest.Block(":status", "201"), 0xff, 0x80, 0x01)})
			return s.Gone()
		}, "h2.hpack"},
		{"push turned on", then(func(s *stream) error {
			return s.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 1})
		}), "h2.settings"},
		{"a frame size that is too small", then(func(s *stream) error {
			return s.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 100})
		}), "h2.settings"},
		{"a window beyond 2^31-1 by settings", then(func(s *stream) error {
			return s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		}), "h2.settings"},
		{"an acknowledgement with settings", then(func(s *stream) error {
			return s.WriteRawFrame(http2.FrameSettings, http2.FlagSettingsAck, 0, make([]byte, 6))
		}), "h2.settings"},
		{"half a setting", then(func(s *stream) error {
			return s.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5))
		}), "h2.settings"},
		{"a window that opens by nothing", then(func(s *stream) error { return s.WriteWindowUpdate(0, 0) }),
			"h2.window"},
		{"a window beyond 2^31-1", then(func(s *stream) error {
			_ = s.WriteWindowUpdate(0, 1<<31-1)
			return s.WriteWindowUpdate(0, 1<<31-1)
		}), "h2.window"},
		{"a stream's window beyond 2^31-1", then(func(s *stream) error {
			return s.WriteWindowUpdate(s.ID, 1<<31-1)
		}), "h2.window"},
		{"a ping of five bytes", then(func(s *stream) error {
			return s.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 5))
		}), "h2.frame"},
		{"a frame that is too large", then(func(s *stream) error {
			return s.WriteRawFrame(0xbe, 0, s.ID, make([]byte, 20_000))
		}), "h2.frame"},
		{"DATA on no stream", then(func(s *stream) error {
			return s.WriteRawFrame(http2.FrameData, 0, 0, []byte("x"))
		}), "h2.frame"},
		{"padding longer than its frame", func(s *stream) bool {
			return s.Head(false, ":status", "201") &&
				s.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, s.ID, []byte{9, 'x'}) == nil &&
				s.WriteData(s.ID, true, []byte("{}")) == nil
		}, "h2.frame"},
		{"a reset of three bytes", then(func(s *stream) error {
			return s.WriteRawFrame(http2.FrameRSTStream, 0, s.ID, make([]byte, 3))
		}), "h2.frame"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var want []string
			if test.want != "" {
				want = []string{test.want}
			}
			if diff := cmp.Diff(want, rules(t, overFrames(t, nil, nil, test.respond), 3)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What leaves no response has a name, and takes neither memory nor time without bound.
func TestHostileHTTP2(t *testing.T) {
	t.Parallel()
	soon := within(shortTimeout)
	block := transporttest.Block
	for _, test := range []struct {
		name    string
		change  func(*scenario.Target)
		respond func(s *stream) bool
		want    string // names that it may have
	}{
		{"a reset", nil, func(s *stream) bool { return s.WriteRSTStream(s.ID, http2.ErrCodeInternal) == nil },
			"stream reset"},
		{"a refusal", nil, func(s *stream) bool {
			return s.WriteRSTStream(s.ID, http2.ErrCodeRefusedStream) == nil
		}, "request not processed"},
		{"a connection that goes away before it", nil, func(s *stream) bool {
			return s.WriteGoAway(s.ID-1, http2.ErrCodeNo, nil) == nil && s.Gone()
		}, "request not processed"},
		{"a connection that goes away with it", nil, func(s *stream) bool {
			_ = s.WriteGoAway(s.ID, http2.ErrCodeNo, nil)
			return false
		}, "connection going away"},
		{"a connection that ends", nil, func(*stream) bool { return false },
			"connection closed, connection reset"},
		{"half a response", nil, func(s *stream) bool { s.Head(false, ":status", "201"); return false },
			"answer cut off, connection reset"},
		{"a body without a head", nil, func(s *stream) bool { return s.WriteData(s.ID, true, nil) == nil },
			"not HTTP"},
		{"no status", nil, func(s *stream) bool { return s.Head(true, "x-a", "b") }, "not HTTP"},
		{"a status of words", nil, func(s *stream) bool { return s.Head(true, ":status", "abc") },
			"not HTTP"},
		{"a block that is none", nil, func(s *stream) bool {
			_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID, EndHeaders: true,
				BlockFragment: bytes.Repeat([]byte{0xff}, 10)})
			return s.Gone()
		}, "not HTTP"},
		{"a frame within a head", nil, func(s *stream) bool {
			beginHead(s)
			return s.WriteData(s.ID, true, nil) == nil && s.Gone()
		}, "not HTTP"},
		{"CONTINUATION without end", nil, func(s *stream) bool {
			beginHead(s)
			more := block("x-more", strings.Repeat("y", 1000))
			return s.Flood(func() error { return s.WriteContinuation(s.ID, false, more) })
		}, "head too long"},
		{"empty CONTINUATION without end", nil, func(s *stream) bool {
			beginHead(s)
			return s.Flood(func() error { return s.WriteContinuation(s.ID, false, nil) })
		}, "flood of frames"},
		{"an HPACK bomb", nil, func(s *stream) bool {
			bomb := append(block(":status", "201"), 0x40, 1, 'x', 0x7f, 0x81, 0x1e) // indexed, of 4000 bytes
			bomb = append(bomb, strings.Repeat("y", 4000)...)
			bomb = append(bomb, strings.Repeat("\xbe", 12_000)...)
			return s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID, EndHeaders: true, EndStream: true,
				BlockFragment: bomb}) == nil
		}, "head too long"},
		{"informational heads without end", nil, func(s *stream) bool {
			return s.Flood(func() error {
				s.Head(false, ":status", "103", "link", "x")
				return s.WritePing(true, [8]byte{})
			})
		}, "head too long, flood of frames"},
		{"pings without end", nil, func(s *stream) bool {
			return s.Flood(func() error { return s.WritePing(false, [8]byte{}) })
		}, "flood of frames"},
		{"settings without end", nil, func(s *stream) bool {
			return s.Flood(func() error { return s.WriteSettings() })
		}, "flood of frames"},
		{"empty DATA without end", nil, func(s *stream) bool {
			s.Head(false, ":status", "201")
			return s.Flood(func() error { return s.WriteData(s.ID, false, nil) })
		}, "flood of frames"},
		{"windows without end", nil, func(s *stream) bool {
			return s.Flood(func() error { return s.WriteWindowUpdate(s.ID, 1) })
		}, "flood of frames"},
		{"faults without end", nil, func(s *stream) bool {
			return s.Flood(func() error { return s.WriteData(s.ID+100, false, []byte("x")) })
		}, "flood of frames"},
		{"silence", soon, func(s *stream) bool { return s.Gone() }, "timeout"},
		{"silence in the body", soon, func(s *stream) bool {
			return s.Head(false, ":status", "201") && s.Gone()
		}, "timeout"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			to := overFrames(t, nil, test.change, test.respond)
			for range 2 {
				if got := send(t, to); got.Failure == "" || !strings.Contains(test.want, got.Failure) {
					t.Errorf("%+v, want one of %s", got, test.want)
				}
			}
		})
	}
}

// beginHead sends a head that goes on in the next frame.
func beginHead(s *stream) {
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID,
		BlockFragment: transporttest.Block(":status", "201")})
}

// What a server's flood takes of this machine's memory is bounded.
func TestFloodsTakeNoMemory(t *testing.T) {
	to := overFrames(t, nil, nil, func(s *stream) bool {
		beginHead(s)
		more := make([]byte, 16_000)
		return s.Flood(func() error { return s.WriteContinuation(s.ID, false, more) })
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		if got := send(t, to); got.Failure != "head too long" {
			t.Errorf("%+v", got)
		}
	}
	runtime.ReadMemStats(&after)
	if grew := (after.TotalAlloc - before.TotalAlloc) / 20; grew > 4<<20 {
		t.Errorf("a request takes %d bytes", grew)
	}
}

// A body that does not fit the server's windows is sent as they open, and one that may
// never be sent ends with its time.
func TestBodiesWaitForWindows(t *testing.T) {
	t.Parallel()
	long := request
	long.Body = []byte(strings.Repeat("0123456789", 20_000))
	ex := &contract.Exchange{}
	closed := overFrames(t, []http2.Setting{{ID: http2.SettingInitialWindowSize}}, within(shortTimeout),
		func(s *stream) bool { return s.Respond("{}") })
	if kind := kindOf(t, closed.RoundTrip(t.Context(), request, ex)); kind != "timeout" {
		t.Error(kind)
	}
	// net/http's server opens windows as a handler reads.
	all := way{protocol: scenario.HTTP2}.serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		b := make([]byte, 1<<20)
		n := 0
		for {
			m, err := r.Body.Read(b[n:])
			if n += m; err != nil {
				break
			}
		}
		fmt.Fprint(w, string(b[:n]) == string(long.Body))
	}, nil)
	for range 30 {
		ex.Reset()
		if err := all.RoundTrip(t.Context(), long, ex); err != nil || string(ex.Body) != "true" {
			t.Fatal(err, string(ex.Body))
		}
	}
}

// A response that comes before the request was sent is a response.
func TestResponseBeforeTheBody(t *testing.T) {
	t.Parallel()
	long := request
	long.Body = make([]byte, 200_000)
	to := way{protocol: scenario.HTTP2}.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("{}"))
	}, nil)
	for range 10 {
		ex := &contract.Exchange{}
		if err := to.RoundTrip(t.Context(), long, ex); err != nil || ex.Status != 201 || len(ex.Framing) > 0 {
			t.Fatal(err, ex.Status, ex.Framing)
		}
	}
}

// A server gets as many streams on a connection as it allows, from the first request on,
// and the others on more connections.
func TestStreamsKeepToTheServersLimit(t *testing.T) {
	t.Parallel()
	const workers, limit = 35, 10
	var opened atomic.Int64
	url, _ := transporttest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * time.Millisecond) // so that requests meet; nothing is judged by it
		w.WriteHeader(http.StatusCreated)
	}, false, func(s *httptest.Server) { s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: limit} })
	to := way{protocol: scenario.HTTP2}.open(t, url, "", nil)
	to.Watch(func(contract.Connection) { opened.Add(1) })
	if kinds := countFailures(t, to, workers, 20); len(kinds) > 0 {
		t.Error(kinds)
	}
	if n := opened.Load(); n < 4 || n > 10 {
		t.Errorf("%d connections for %d workers", n, workers)
	}
	if err := to.Open(t.Context(), 200); err != nil || opened.Load() != 20 {
		t.Errorf("%d connections for 200 requests: %v", opened.Load(), err)
	}
}

// A server that allows no stream gets none, and no connection after connection.
func TestServerThatAllowsNoStream(t *testing.T) {
	t.Parallel()
	to := overFrames(t, []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 0}}, nil,
		func(s *stream) bool { return s.Respond("{}") })
	var opened atomic.Int64
	to.Watch(func(contract.Connection) { opened.Add(1) })
	for range 5 {
		if got := send(t, to); got.Failure != "no stream allowed" {
			t.Errorf("%+v", got)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Settings that come late are waited for.
func TestLateSettings(t *testing.T) {
	t.Parallel()
	url := transporttest.ListenFramesLate(t, 50*time.Millisecond,
		[]http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 10}},
		func(s *stream) bool { return s.Respond("{}") })
	to := way{protocol: scenario.HTTP2}.open(t, url, "", nil)
	if kinds := countFailures(t, to, 30, 10); len(kinds) > 0 {
		t.Error(kinds)
	}
}

// A connection that says nothing any more gets no request after half of a timeout: the
// next ones go over another, and none that is under way is given up before its time.
func TestFrozenConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("not with -short: it waits for half of a timeout")
	}
	to := overFrames(t, nil, within(8*shortTimeout), func(s *stream) bool {
		return s.Number > 0 && s.Respond("{}") || s.Gone()
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1000)
	for len(ended) == 0 {
		go func() { ended <- to.RoundTrip(ctx, request, &contract.Exchange{}) }()
		time.Sleep(20 * time.Millisecond) // the load's pace
	}
	if err := <-ended; err != nil {
		t.Errorf("a request on the frozen connection ended first: %v", err)
	}
}

// Requests of a connection that goes away are not sent again, and each one knows whether
// it was processed.
func TestGoingAwayLosesNothingTwice(t *testing.T) {
	var came sync.Map
	to := overFrames(t, nil, nil, func(s *stream) bool {
		n, _ := came.LoadOrStore(string(s.Body), new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		if s.Respond("{}"); s.ID%7 == 0 {
			_ = s.WriteGoAway(s.ID, http2.ErrCodeNo, nil)
			return false
		}
		return true
	})
	var mu sync.Mutex
	kinds := map[string]int{}
	var all sync.WaitGroup
	for worker := range 6 {
		all.Go(func() {
			for n := range 200 {
				ex, r := &contract.Exchange{}, request
				r.Body = fmt.Appendf(nil, "%d-%d", worker, n)
				err := to.RoundTrip(t.Context(), r, ex)
				mu.Lock()
				kind := "response"
				if err != nil {
					kind = kindOf(t, err)
				}
				kinds[kind]++
				mu.Unlock()
				if _, processed := came.Load(string(r.Body)); kind == "request not processed" && processed {
					t.Error("a request that was processed is said not to be")
				}
			}
		})
	}
	all.Wait()
	came.Range(func(body, n any) bool {
		if n.(*atomic.Int64).Load() != 1 {
			t.Errorf("%s came more than once", body)
		}
		return true
	})
	if kinds["response"] < 600 {
		t.Error(kinds)
	}
	for kind := range kinds {
		// The reset of a connection that still had requests may outrun its GOAWAY.
		if !slices.Contains([]string{"response", "request not processed", "connection going away",
			"connection reset", "connection closed"}, kind) {
			t.Error(kinds)
		}
	}
}

// countFailures sends requests from so many workers at once, and counts how those ended
// that got no response.
func countFailures(t *testing.T, to *transport.Transport, workers, each int) map[string]int {
	t.Helper()
	var mu sync.Mutex
	kinds := map[string]int{}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				if got := send(t, to); got.Failure != "" {
					mu.Lock()
					kinds[got.Failure]++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return kinds
}

// A request over HTTP/2 allocates nothing either, nor its response.
func TestRequestsOverHTTP2AllocateNothing(t *testing.T) {
	to := way{protocol: scenario.HTTP2}.open(t, transporttest.Listen(t, transporttest.ServeQuickly), "", nil)
	ex := &contract.Exchange{}
	ctx, r := context.Background(), request
	r.ID = []byte("friday-17")
	allocations := testing.AllocsPerRun(2000, func() {
		ex.Reset()
		if err := to.RoundTrip(ctx, r, ex); err != nil || ex.Status != 201 || len(ex.Body) != 950 {
			t.Fatal(ex.Status, ex.Header, err)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations a request", allocations)
	}
}

// BenchmarkHTTP2 sends without checks, from 64 workers and from one, and so does net/http.
func BenchmarkHTTP2(b *testing.B) {
	url := transporttest.Listen(b, transporttest.ServeQuickly)
	to := way{protocol: scenario.HTTP2}.open(b, url, "", nil)
	library := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	library.Protocols.SetUnencryptedHTTP2(true)
	for name, trip := range map[string]func(ex *contract.Exchange) error{
		"own": func(ex *contract.Exchange) error { return to.RoundTrip(context.Background(), request, ex) },
		"net/http": func(ex *contract.Exchange) error {
			r, err := http.NewRequest("POST", url+request.Path, bytes.NewReader(request.Body))
			if err != nil {
				return err
			}
			response, err := library.RoundTrip(r)
			if err == nil {
				_, err = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
			return err
		},
	} {
		for _, workers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s-%d", name, workers), func(b *testing.B) { sendAll(b, workers, trip) })
		}
	}
}

func sendAll(b *testing.B, workers int, trip func(ex *contract.Exchange) error) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			ex := &contract.Exchange{}
			for left.Add(-1) >= 0 {
				ex.Reset()
				if err := trip(ex); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
