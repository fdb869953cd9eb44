package h2

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// SharedFields are the header fields that requests share, the pseudo-header fields first.
type SharedFields struct{ list []hpack.HeaderField }

// NewSharedFields returns the fields of requests to a path of an origin. Lines are whole header
// lines as HTTP/1.1 has them.
func NewSharedFields(method, scheme, authority, path, lines string) *SharedFields {
	f := &SharedFields{[]hpack.HeaderField{{Name: ":method", Value: method}, {Name: ":scheme", Value: scheme},
		{Name: ":authority", Value: authority}, {Name: ":path", Value: path}}}
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		f.list = append(f.list, hpack.HeaderField{Name: strings.ToLower(name),
			Value: strings.TrimSpace(value)})
	}
	return f
}

// encode returns the block that puts the fields into the server's table, which has so many
// bytes, and the block that names them once they are there. The first empties the table,
// so that it is known what it holds. Fields for which there is no room are written out.
func (f *SharedFields) encode(table int) (first, again []byte) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	e.SetMaxDynamicTableSize(0)
	e.SetMaxDynamicTableSize(uint32(table))
	for range 2 {
		first, again = again, nil
		left := table
		for _, field := range f.list {
			if size := int(field.Size()); size <= left {
				left -= size
			} else {
				field.Sensitive = true // the library has no other way to keep it out
			}
			_ = e.WriteField(field)
		}
		again = bytes.Clone(block.Bytes())
		block.Reset()
	}
	return first, again
}

// writeRequest adds the frames of a request, as far as the windows allow.
func (c *StreamConn) writeRequest(s *stream, r *StreamRequest) {
	if c.fields != r.Fields {
		c.fields = r.Fields
		var first []byte
		first, c.block = r.Fields.encode(c.settings.table)
		c.writeHead(s, first, r)
	} else {
		c.writeHead(s, c.block, r)
	}
	if s.rest, s.unsent = r.Body, len(r.Body) > 0; s.unsent {
		c.writeBody(s)
	}
}

// writeHead adds a HEADERS frame: a block and the fields that change from request to
// request, which go into no table.
func (c *StreamConn) writeHead(s *stream, block []byte, r *StreamRequest) {
	begin := len(c.out)
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: block,
		EndHeaders: true, EndStream: len(r.Body) == 0})
	const contentLength = 28 // in the static table
	var number [20]byte
	c.out = appendInteger(c.out, 0, 4, contentLength)
	c.out = appendText(c.out, strconv.AppendInt(number[:0], int64(len(r.Body)), 10))
	if len(r.ID) > 0 {
		c.writeField(c.config.IDName, r.ID)
	}
	if len(r.TraceParent) > 0 {
		c.writeField("traceparent", r.TraceParent)
	}
	n := len(c.out) - begin - frameHead
	c.out[begin], c.out[begin+1], c.out[begin+2] = byte(n>>16), byte(n>>8), byte(n)
	if n > c.settings.frame {
		c.split(begin, s.id)
	}
}

// writeField adds a field that goes into no table.
func (c *StreamConn) writeField(name string, value []byte) {
	c.out = append(c.out, 0)
	c.out = appendText(c.out, name)
	c.out = appendText(c.out, value)
}

// frameHead is the length of what comes before a frame's payload.
const frameHead = 9

// split makes the HEADERS frame at the end one of the server's size, with CONTINUATION
// frames after it.
func (c *StreamConn) split(begin int, id uint32) {
	block := bytes.Clone(c.out[begin+frameHead:])
	size := c.settings.frame
	c.out[begin], c.out[begin+1], c.out[begin+2] = byte(size>>16), byte(size>>8), byte(size)
	c.out[begin+4] &^= byte(http2.FlagHeadersEndHeaders)
	c.out = c.out[:begin+frameHead+size]
	for block = block[size:]; len(block) > 0; block = block[size:] {
		size = min(size, len(block))
		_ = c.framer.WriteContinuation(id, size == len(block), block[:size])
	}
}

func appendText[T []byte | string](dst []byte, text T) []byte {
	return append(appendInteger(dst, 0, 7, len(text)), text...)
}

// writeBody adds as much of a request's body as the windows allow.
func (c *StreamConn) writeBody(s *stream) {
	for s.unsent {
		n := int(min(int64(len(s.rest)), int64(c.settings.frame), s.window, c.window))
		if n <= 0 {
			return // a window opens by and by, or the request's time is over
		}
		s.unsent = n < len(s.rest)
		_ = c.framer.WriteData(s.id, !s.unsent, s.rest[:n])
		s.rest = s.rest[n:]
		s.window -= int64(n)
		c.window -= int64(n)
	}
}

// writeBodies goes on with the bodies that waited for a window.
func (c *StreamConn) writeBodies() {
	for _, s := range c.streams {
		if s.unsent {
			c.writeBody(s)
		}
	}
}
