package h2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"mfaload/contract"
)

// script is a connection to a server that sends its settings, waits for a request, sends
// what it has to say, and ends the connection.
type script struct {
	net.Conn
	first, rest *bytes.Reader
	asked       chan struct{}
	once        sync.Once
}

func (s *script) Read(b []byte) (int, error) {
	if n, err := s.first.Read(b); err == nil {
		return n, nil
	}
	<-s.asked
	return s.rest.Read(b)
}

// Write looks for the HEADERS frame of stream 1.
func (s *script) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte{1, 4, 0, 0, 0, 1}) {
		s.once.Do(func() { close(s.asked) })
	}
	return len(b), nil
}

func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) Close() error                     { s.once.Do(func() { close(s.asked) }); return nil }

// Whatever frames a server sends, a request ends: with a response within its bounds, or
// with an error that has a name.
func FuzzFrames(f *testing.F) {
	var text bytes.Buffer
	w := http2.NewFramer(&text, nil)
	w.AllowIllegalWrites = true
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	_ = e.WriteField(hpack.HeaderField{Name: ":status", Value: "201"})
	_ = e.WriteField(hpack.HeaderField{Name: "content-length", Value: "2"})
	head := http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}
	add := func(write ...func()) {
		text.Reset()
		for _, each := range write {
			each()
		}
		f.Add(slices.Clone(text.Bytes()))
	}
	headers := func() { _ = w.WriteHeaders(head) }
	data := func() { _ = w.WriteData(1, true, []byte("{}")) }
	add(headers, data)
	add(headers, func() { _ = w.WriteDataPadded(1, true, []byte("{}"), make([]byte, 20)) })
	add(func() {
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes()[:1]})
	}, func() { _ = w.WriteContinuation(1, true, block.Bytes()[1:]) }, data, data)
	add(func() { _ = w.WritePing(false, [8]byte{}) }, func() { _ = w.WriteSettings() }, headers,
		func() { _ = w.WriteWindowUpdate(0, 1<<31-1) }, func() { _ = w.WriteGoAway(1, 0, nil) }, data)
	add(func() { _ = w.WriteRSTStream(1, http2.ErrCodeRefusedStream) })
	add(func() {
		_ = w.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true,
			BlockFragment: []byte{0x82}})
	}, headers, data)
	f.Fuzz(func(t *testing.T, said []byte) {
		nc := &script{first: bytes.NewReader([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}), rest: bytes.NewReader(said),
			asked: make(chan struct{})}
		config := &ConnConfig{Timeout: time.Hour, Gone: func(*StreamConn, bool) {}}
		c, err := New(nc, contract.Connection{}, config)
		if err != nil {
			t.Fatal(err)
		}
		c.Start()
		ex := &contract.Exchange{}
		r := StreamRequest{Fields: NewSharedFields("POST", "http", "a.test", "/", ""), Body: []byte("{}")}
		err = c.RoundTrip(context.Background(), time.Now().Add(time.Hour), r, ex)
		if len(ex.Body) > MaxBody || len(ex.Framing) > 16 {
			t.Errorf("%d bytes of body, %d faults", len(ex.Body), len(ex.Framing))
		}
		for _, v := range ex.Framing {
			if !strings.HasPrefix(v.Rule, "h2.") && v.Rule != ruleBodyless {
				t.Errorf("%+v", v)
			}
		}
		named := []error{io.EOF, io.ErrUnexpectedEOF, ErrNotProcessed, ErrReset, ErrGoneAway, ErrNotHTTP2,
			ErrHeadTooLong, ErrFlood}
		switch {
		case err == nil && (ex.Status < 100 || ex.Status > 999 || ex.Received.IsZero()):
			t.Errorf("HTTP status %d at %v", ex.Status, ex.Received)
		case err != nil && !slices.ContainsFunc(named, func(n error) bool { return errors.Is(err, n) }):
			t.Errorf("%v has no name", err)
		}
		c.Retire()
		c.mu.Lock()
		defer c.mu.Unlock()
		if cap(c.out) > 2*maxQueued {
			t.Errorf("%d bytes to write", cap(c.out))
		}
	})
}
