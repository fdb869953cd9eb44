package transporttest

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Frames is the server's end of a connection of HTTP/2, frame by frame.
type Frames struct {
	*http2.Framer
	Conn net.Conn
	// Deaf has it answer no ping.
	Deaf bool
	// Number is the connection's, from 0.
	Number int

	open     map[uint32]*ServerStream
	received int // of bodies, since the window was opened last
}

// ServerStream is a request that came whole.
type ServerStream struct {
	*Frames
	ID     uint32
	Fields map[string]string
	Body   []byte
}

// ListenFrames starts a server of HTTP/2 without TLS that sends settings first and has each
// request responded to by a function, one after the other. A connection ends where it
// returns false.
func ListenFrames(t testing.TB, settings []http2.Setting, respond func(s *ServerStream) bool) (url string) {
	t.Helper()
	return ListenFramesLate(t, 0, settings, respond)
}

// ListenFramesLate is ListenFrames with settings that come after a while.
func ListenFramesLate(t testing.TB, late time.Duration, settings []http2.Setting,
	respond func(s *ServerStream) bool) (url string) {
	t.Helper()
	number := make(chan int, 1)
	number <- 0
	return Listen(t, func(c net.Conn) {
		n := <-number
		number <- n + 1
		f := &Frames{Framer: http2.NewFramer(c, c), Conn: c, Number: n, open: map[uint32]*ServerStream{}}
		f.AllowIllegalWrites = true
		f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		preface := make([]byte, len(http2.ClientPreface))
		_, err := io.ReadFull(c, preface)
		time.Sleep(late) // the server's way; nothing is judged by it
		if err != nil || f.WriteSettings(settings...) != nil {
			return
		}
		for f.next(respond) {
		}
	})
}

// next handles a frame.
func (f *Frames) next(respond func(s *ServerStream) bool) bool {
	frame, err := f.ReadFrame()
	if err != nil {
		return false
	}
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			return f.WriteSettingsAck() == nil
		}
	case *http2.PingFrame:
		if !frame.IsAck() && !f.Deaf {
			return f.WritePing(true, frame.Data) == nil
		}
	case *http2.MetaHeadersFrame:
		s := &ServerStream{Frames: f, ID: frame.StreamID, Fields: map[string]string{}}
		for _, field := range frame.Fields {
			s.Fields[field.Name] = field.Value
		}
		if f.open[s.ID] = s; frame.StreamEnded() {
			return f.end(s, respond)
		}
	case *http2.DataFrame:
		if f.received += len(frame.Data()); f.received > 16<<10 {
			_ = f.WriteWindowUpdate(0, uint32(f.received))
			f.received = 0
		}
		if s := f.open[frame.StreamID]; s != nil {
			if s.Body = append(s.Body, frame.Data()...); frame.StreamEnded() {
				return f.end(s, respond)
			}
		}
	}
	return true
}

func (f *Frames) end(s *ServerStream, respond func(s *ServerStream) bool) bool {
	delete(f.open, s.ID)
	return respond(s)
}

// Block encodes fields, a name and a value at a time, and puts none into a table.
func Block(fields ...string) []byte {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1], Sensitive: true})
	}
	return block.Bytes()
}

// Head sends the head of a response.
func (s *ServerStream) Head(end bool, fields ...string) bool {
	return s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID, BlockFragment: Block(fields...),
		EndHeaders: true, EndStream: end}) == nil
}

// Respond sends a whole response with HTTP status 201.
func (s *ServerStream) Respond(body string) bool {
	return s.Head(false, ":status", "201", "content-type", "application/json",
		"content-length", strconv.Itoa(len(body))) && s.WriteData(s.ID, true, []byte(body)) == nil
}

// Gone waits until the client ends the connection.
func (f *Frames) Gone() bool { _, _ = io.Copy(io.Discard, f.Conn); return false }

// Flood sends frames until the client ends the connection.
func (f *Frames) Flood(write func() error) bool {
	_ = f.Conn.SetDeadline(time.Now().Add(time.Minute)) // of a test that failed
	for write() == nil {
	}
	return false
}

// ServeQuickly responds to the requests of a connection of HTTP/2 as cheaply as can be, and
// allocates nothing for them: the cost that is measured is the client's.
func ServeQuickly(c net.Conn) {
	const frameHead = 9
	in, out := make([]byte, 64<<10), []byte(nil)
	var head []byte // without Huffman's code, whose buffers the race detector makes allocate
	for i, text := range []string{":status", "201", "content-type", "application/json", "correlation-id",
		"788d4931-6936-43f2-82ff-178f5762298a", "content-length", "950"} {
		if i%2 == 0 { // a field's name
			head = append(head, 0)
		}
		head = append(append(head, byte(len(text))), text...)
	}
	response := append([]byte{0, 0, byte(len(head)), 1, 4, 0, 0, 0, 0}, head...)
	response = append(response, 950>>16, 950>>8, 950&0xff, 0, 1, 0, 0, 0, 0)
	data := len(response) - 4 // where the second frame's stream is
	response = append(response, bytes.Repeat([]byte{'x'}, 950)...)
	if _, err := io.ReadFull(c, in[:len(http2.ClientPreface)]); err != nil {
		return
	}
	out = append(out, 0, 0, 0, 4, 0, 0, 0, 0, 0)                // settings
	out = append(out, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0, 0, 0) // a window for all requests
	for from, to := 0, 0; ; from = 0 {
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
		n, err := c.Read(in[to:])
		if err != nil {
			return
		}
		for to += n; to-from >= frameHead; {
			f := in[from:to]
			length := int(f[0])<<16 | int(f[1])<<8 | int(f[2])
			if len(f) < frameHead+length {
				break
			}
			switch {
			case f[3] == byte(http2.FrameData) && f[4]&byte(http2.FlagDataEndStream) != 0:
				copy(response[5:], f[5:frameHead])
				copy(response[data:], f[5:frameHead])
				out = append(out, response...)
			case f[3] == byte(http2.FramePing) && f[4] == 0:
				out = append(append(out, 0, 0, 8, 6, 1, 0, 0, 0, 0), f[frameHead:frameHead+8]...)
			}
			from += frameHead + length
		}
		to = copy(in, in[from:to])
	}
}
