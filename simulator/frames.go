package simulator

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// framesPrefix begins the names of faults that only a server of frames can have.
const framesPrefix = "h2."

// WritesFrames says whether the simulator has to write the frames of HTTP/2 itself: net/http
// has none of the faults that break its rules. A server of HTTP/1.1 then hands connections
// of HTTP/2 over as requests with the method PRI.
func (s *Environment) WritesFrames() bool {
	for _, f := range s.config.Faults {
		if strings.HasPrefix(f.Name, framesPrefix) {
			return true
		}
	}
	return false
}

// frameServer is the server's end of a connection of HTTP/2. It trusts the client's windows
// to take responses of the simulator's size.
type frameServer struct {
	environment *Environment
	ctx         context.Context
	requests    map[uint32]*http.Request
	bodies      map[uint32]*bytes.Buffer

	mu     sync.Mutex // of writes
	framer *http2.Framer
}

// serveFrames takes a connection over whose preface was read as a request.
func (s *Environment) serveFrames(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	c, in, err := h.Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f := &frameServer{environment: s, ctx: ctx, framer: http2.NewFramer(c, in),
		requests: map[uint32]*http.Request{}, bodies: map[uint32]*bytes.Buffer{}}
	f.framer.AllowIllegalWrites = true
	f.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var rest [len("SM\r\n\r\n")]byte
	if _, err := io.ReadFull(in, rest[:]); err != nil || f.framer.WriteSettings() != nil {
		return
	}
	for f.next() {
	}
}

// next handles a frame.
func (f *frameServer) next() bool {
	frame, err := f.framer.ReadFrame()
	if err != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			return f.framer.WriteSettingsAck() == nil
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			return f.framer.WritePing(true, frame.Data) == nil
		}
	case *http2.MetaHeadersFrame:
		id := frame.StreamID
		f.requests[id], f.bodies[id] = f.request(frame), &bytes.Buffer{}
		if frame.StreamEnded() {
			f.answer(id)
		}
	case *http2.DataFrame:
		body := f.bodies[frame.StreamID]
		if n := uint32(len(frame.Data())); n > 0 {
			_ = f.framer.WriteWindowUpdate(0, n)
			_ = f.framer.WriteWindowUpdate(frame.StreamID, n)
		}
		if body == nil || body.Len() > maxRequest {
			return true
		}
		if body.Write(frame.Data()); frame.StreamEnded() {
			f.answer(frame.StreamID)
		}
	}
	return true
}

func (f *frameServer) request(frame *http2.MetaHeadersFrame) *http.Request {
	r := &http.Request{Method: frame.PseudoValue("method"), Host: frame.PseudoValue("authority"),
		URL: &url.URL{Path: frame.PseudoValue("path")}, Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: http.Header{}}
	for _, field := range frame.RegularFields() {
		r.Header.Add(field.Name, field.Value)
	}
	return r.WithContext(f.ctx)
}

// answer has a request answered that came whole.
func (f *frameServer) answer(id uint32) {
	r, body := f.requests[id], f.bodies[id]
	delete(f.requests, id)
	delete(f.bodies, id)
	r.Body, r.ContentLength = io.NopCloser(body), int64(body.Len())
	go func() {
		w := &frameResponse{frameServer: f, id: id, header: http.Header{}, send: (*frameResponse).whole}
		defer func() {
			if aborted := recover(); aborted != nil && aborted != http.ErrAbortHandler {
				panic(aborted)
			} else if aborted != nil {
				f.mu.Lock()
				defer f.mu.Unlock()
				_ = f.framer.WriteRSTStream(id, http2.ErrCodeInternal)
			}
		}()
		f.environment.ServeHTTP(w, r)
		f.mu.Lock()
		defer f.mu.Unlock()
		w.begin()
		w.send(w)
	}()
}

// frameResponse is a response that becomes frames. It is an [http.ResponseWriter].
type frameResponse struct {
	*frameServer
	id     uint32
	header http.Header
	status int
	body   []byte
	fields [][2]string // as they are sent
	send   func(*frameResponse)
}

// Header implements [http.ResponseWriter].
func (w *frameResponse) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *frameResponse) WriteHeader(status int) { w.status = status }

// Write implements [http.ResponseWriter].
func (w *frameResponse) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}

// begin makes the fields of what was written.
func (w *frameResponse) begin() {
	w.fields = [][2]string{{":status", strconv.Itoa(w.status)}}
	for name, values := range w.header {
		for _, value := range values {
			w.fields = append(w.fields, [2]string{strings.ToLower(name), value})
		}
	}
}

// block encodes fields. None goes into the client's table.
func block(fields [][2]string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, field := range fields {
		_ = e.WriteField(hpack.HeaderField{Name: field[0], Value: field[1], Sensitive: true})
	}
	return b.Bytes()
}

func (w *frameResponse) head(block []byte) {
	_ = w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: w.id, BlockFragment: block, EndHeaders: true})
}

// data sends a part of the body, in frames of the size that every client takes.
func (w *frameResponse) data(text []byte, ends bool) {
	for len(text) > 16<<10 {
		_ = w.framer.WriteData(w.id, false, text[:16<<10])
		text = text[16<<10:]
	}
	_ = w.framer.WriteData(w.id, ends, text)
}

// whole sends the response as it is.
func (w *frameResponse) whole() {
	w.head(block(w.fields))
	w.data(w.body, true)
}

// inFrames is a fault in the frames of a success. Over HTTP/1.1 it does nothing.
func inFrames(does string, send func(*frameResponse)) defect {
	return defect{does + " (HTTP/2)", success, func(a *simulatedResponse) { a.frames = send }}
}

// withField is a fault of a field that comes behind the status.
func withField(does, name, value string) defect {
	return inFrames(does, func(w *frameResponse) {
		w.fields = append(w.fields[:1:1], append([][2]string{{name, value}}, w.fields[1:]...)...)
		w.whole()
	})
}

// before is a fault of a frame that comes before the response.
func before(does string, write func(f *http2.Framer, id uint32) error) defect {
	return inFrames(does, func(w *frameResponse) {
		_ = write(w.framer, w.id)
		w.whole()
	})
}

// frameFaults are named like the rule that each of them breaks, and no other.
var frameFaults = map[string]defect{
	"h2.length": inFrames("announces a byte more than it sends", func(w *frameResponse) {
		for i := range w.fields {
			if w.fields[i][0] == "content-length" {
				w.fields[i][1] = strconv.Itoa(len(w.body) + 1)
			}
		}
		w.whole()
	}),
	"h2.pseudo":     withField("sends the pseudo-header field :version", ":version", "2"),
	"h2.fields":     withField("sends a field with a name in capitals", "X-Upper", "1"),
	"h2.connection": withField("sends connection: keep-alive", "connection", "keep-alive"),
	"h2.order": inFrames("sends a second head in the middle of the body", func(w *frameResponse) {
		half := len(w.body) / 2
		w.head(block(w.fields))
		w.data(w.body[:half], false)
		w.head(block([][2]string{{"x-part", "2"}}))
		w.data(w.body[half:], true)
	}),
	"h2.closed": inFrames("sends DATA after the end of the stream", func(w *frameResponse) {
		w.whole()
		w.data([]byte("{}"), false)
	}),
	"h2.hpack": inFrames("ends a header block with a field that no table has, and the connection",
		func(w *frameResponse) { w.head(append(block(w.fields), 0xfe)) }),
	"h2.idle": before("sends DATA on a stream that nobody opened", func(f *http2.Framer, id uint32) error {
		return f.WriteData(id+1000, false, []byte("{}"))
	}),
	"h2.push": before("promises a push", func(f *http2.Framer, id uint32) error {
		return f.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: id + 1, EndHeaders: true,
			BlockFragment: block([][2]string{{":method", "GET"}, {":path", "/"}})})
	}),
	"h2.settings": before("turns push on, which a server may not", func(f *http2.Framer, _ uint32) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 1})
	}),
	"h2.window": before("opens a window by nothing", func(f *http2.Framer, _ uint32) error {
		return f.WriteWindowUpdate(0, 0)
	}),
	"h2.frame": before("sends a PING of five bytes", func(f *http2.Framer, _ uint32) error {
		return f.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 5))
	}),
}
