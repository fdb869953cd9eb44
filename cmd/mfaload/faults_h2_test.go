package main_test

import (
	"bytes"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is a connection of a server that speaks HTTP/2 frame by frame.
type frames struct {
	*http2.Framer
	net.Conn
	server *faultServer
	window uint32 // that the client has for bodies
	served int    // streams of this connection so far
	last   uint32 // stream that a GOAWAY named; what comes above it is not processed (RFC 9113, 6.8)
}

// stream is a request that came whole, or as much of it as could come.
type stream struct {
	*frames
	id     uint32
	number int
}

// startFrames starts a server whose fault is done for each request as its
// headers came, or its body where body is set.
func startFrames(t *testing.T, window uint32, fault func(*stream) bool) *faultServer {
	t.Helper()
	s := startFaults(t, nil, nil)
	s.admit(func(c net.Conn, _ int) bool {
		f := &frames{Framer: http2.NewFramer(c, c), Conn: c, server: s, window: window}
		f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		f.serve(fault)
		return false
	})
	return s
}

func (f *frames) serve(fault func(*stream) bool) {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(f.Conn, preface); err != nil || string(preface) != http2.ClientPreface {
		return
	}
	if f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: f.window}) != nil {
		return
	}
	open := map[uint32]*stream{}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() && f.WriteSettingsAck() != nil {
				return
			}
		case *http2.PingFrame:
			if !frame.IsAck() && f.WritePing(true, frame.Data) != nil {
				return
			}
		case *http2.MetaHeadersFrame:
			open[frame.StreamID] = f.begin(frame)
		case *http2.DataFrame:
			x := open[frame.StreamID]
			if f.last > 0 && frame.StreamID > f.last {
				continue
			}
			if x != nil && frame.StreamEnded() {
				delete(open, frame.StreamID)
				if f.served++; !fault(x) {
					return
				}
			}
		}
	}
}

// begin counts a request.
func (f *frames) begin(frame *http2.MetaHeadersFrame) *stream {
	x := &stream{frames: f, id: frame.StreamID}
	id := ""
	for _, field := range frame.Fields {
		if strings.EqualFold(field.Name, "X-Ping-External-Transaction-ID") {
			id = field.Value
		}
	}
	x.number, _ = strconv.Atoi(strings.TrimPrefix(id, "f-"))
	f.server.mu.Lock()
	defer f.server.mu.Unlock()
	f.server.came[id]++
	return x
}

// head sends the head of a good answer.
func (x *stream) head() bool {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":status", "201"}, {"content-type", "application/json"},
		{"correlation-id", strconv.Itoa(x.number)}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return x.WriteHeaders(http2.HeadersFrameParam{StreamID: x.id, BlockFragment: block.Bytes(),
		EndHeaders: true}) == nil
}

func (x *stream) answer() bool {
	if !x.head() || x.WriteData(x.id, true, []byte(goodBody(x.server.address, x.number))) != nil {
		return false
	}
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	x.server.answered++
	return true
}

func (x *stream) half() bool { return x.head() && x.WriteData(x.id, false, []byte(`{"id":`)) == nil }

// goAway says that this stream is the last one that is processed.
func (x *stream) goAway() bool {
	x.last = x.id
	return x.WriteGoAway(x.id, http2.ErrCodeNo, nil) == nil
}

// HTTP/2 has ways of its own to go wrong. Each is counted under its name, and
// no request is sent twice where the server may have seen it.
func TestFaultsOfHTTP2(t *testing.T) {
	t.Parallel()
	const much = 65535
	for _, test := range []struct {
		name   string
		window uint32
		fault  func(*stream) bool
		target string
		want   counts
		either string // another name that the kernel or the moment may give
	}{
		{"all well", much, (*stream).answer, "", counts{}, ""},
		{"the stream is reset", much, func(x *stream) bool {
			return x.WriteRSTStream(x.id, http2.ErrCodeInternal) == nil
		}, "", counts{"stream reset": 10}, ""},
		{"the stream is refused", much, func(x *stream) bool {
			return x.WriteRSTStream(x.id, http2.ErrCodeRefusedStream) == nil
		}, "", counts{"request not processed": 10}, ""},
		{"the stream is reset in the body", much, func(x *stream) bool {
			return x.half() && x.WriteRSTStream(x.id, http2.ErrCodeInternal) == nil
		}, "", counts{"stream reset": 10}, ""},
		{"every other connection goes away after its response", much, func(x *stream) bool {
			return x.answer() && x.goAway() // a request may leave as that is under way
		}, "", counts{}, "request not processed, connection closed"},
		{"the connection goes away before the request", much, func(x *stream) bool {
			_ = x.WriteGoAway(max(x.id, 2)-2, http2.ErrCodeNo, nil)
			return false
		}, "", counts{"request not processed": 10}, ""},
		// The first request may be quicker than the settings.
		{"no window for the request", 0, (*stream).answer, "timeout: 100ms", counts{"timeout": 10},
			"201 OTP_REQUIRED"},
		{"silence in the body", much, (*stream).half, "timeout: 100ms", counts{"timeout": 10}, ""},
		{"the connection ends", much, func(*stream) bool { return false }, "",
			counts{"connection closed": 10}, "connection reset"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &faulty{server: startFrames(t, test.window, test.fault),
				target: strings.TrimPrefix(test.target+", protocol: h2", ", ")}
			// one stream at a time, so that each meets its own fault
			f.load = "{workers: 1, stages: [{rate: 200/s, requests: 10}]}"
			rep, printed, code := f.run(t)
			if rep == nil {
				t.Fatalf("exit code %d:\n%s", code, printed)
			}
			f.exact(t, rep)
			for either := range strings.SplitSeq(test.either, ", ") {
				n := rep.Errors[either] + rep.Statuses[either]
				delete(rep.Errors, either)
				for name := range test.want {
					rep.Errors[name] += n
				}
				maps.DeleteFunc(rep.Errors, func(_ string, n uint64) bool { return n == 0 })
			}
			if diff := cmp.Diff(test.want, counts(rep.Errors)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
