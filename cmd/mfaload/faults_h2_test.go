package main_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is a connection of a server that speaks HTTP/2 frame by frame.
type frames struct {
	*http2.Framer
	net.Conn
	server   *faultServer
	settings []http2.Setting
	late     time.Duration // how long after the connection the settings are sent
	served   int           // streams of this connection so far
	received int           // bytes of bodies since the window was opened last
	last     uint32        // stream that a GOAWAY named; what comes above it is not processed (RFC 9113, 6.8)

	held []*stream // that wait for their response

	writes  sync.Mutex
	streams atomic.Int64 // that are open
}

// stream is a request that came whole, or as much of it as could come.
type stream struct {
	*frames
	id     uint32
	number int
}

// startFrames starts a server without TLS that speaks HTTP/2.
func startFrames(t *testing.T, late time.Duration, fault func(*stream) bool,
	settings ...http2.Setting) *faultServer {
	t.Helper()
	s := startFaults(t, nil, nil)
	s.speakFrames(late, fault, settings...)
	return s
}

// speakFrames has a server speak HTTP/2. Its fault is done for each request that came whole. It
// sends its settings a while after a connection is open.
func (s *faultServer) speakFrames(late time.Duration, fault func(*stream) bool, settings ...http2.Setting) {
	s.admit(func(c net.Conn, _ int) bool {
		f := &frames{Framer: http2.NewFramer(c, c), Conn: c, server: s, settings: settings, late: late}
		f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		f.serve(fault)
		return false
	})
}

func (f *frames) serve(fault func(*stream) bool) {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(f.Conn, preface); err != nil || string(preface) != http2.ClientPreface {
		return
	}
	time.Sleep(f.late) // the server's way; nothing is judged by it
	if f.WriteSettings(f.settings...) != nil {
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
			if !frame.IsAck() && !f.write(f.WriteSettingsAck) {
				return
			}
		case *http2.PingFrame:
			if !frame.IsAck() && !f.write(func() error { return f.WritePing(true, frame.Data) }) {
				return
			}
		case *http2.MetaHeadersFrame:
			open[frame.StreamID] = f.begin(frame)
		case *http2.DataFrame:
			x := open[frame.StreamID]
			if !f.receive(len(frame.Data())) {
				return
			}
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

// write writes frames that stay together.
func (f *frames) write(frames func() error) bool {
	f.writes.Lock()
	defer f.writes.Unlock()
	return frames() == nil
}

// receive opens the connection's window again for bodies that came.
func (f *frames) receive(n int) bool {
	if f.received += n; f.received < 16<<10 {
		return true
	}
	n, f.received = f.received, 0
	return f.write(func() error { return f.WriteWindowUpdate(0, uint32(n)) })
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
	f.server.streamsMax = max(f.server.streamsMax, f.streams.Add(1))
	return x
}

// head sends the head of a good answer.
func (x *stream) head() error {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":status", "201"}, {"content-type", "application/json"},
		{"correlation-id", strconv.Itoa(x.number)}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return x.WriteHeaders(http2.HeadersFrameParam{StreamID: x.id, BlockFragment: block.Bytes(),
		EndHeaders: true})
}

func (x *stream) answer() bool {
	x.streams.Add(-1) // before the client knows
	if !x.write(func() error {
		return errors.Join(x.head(), x.WriteData(x.id, true, []byte(goodBody(x.server.address, x.number))))
	}) {
		return false
	}
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	x.server.answered++
	return true
}

func (x *stream) half() bool {
	return errors.Join(x.head(), x.WriteData(x.id, false, []byte(`{"id":`))) == nil
}

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
			f := &faulty{server: startFrames(t, 0, test.fault, http2.Setting{
				ID: http2.SettingInitialWindowSize, Val: test.window}),
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
