package h2

import (
	"fmt"

	"golang.org/x/net/http2"
)

// count counts a frame of a response. The stream is nil for none.
func (c *StreamConn) count(s *stream, h http2.FrameHeader) {
	if s == nil {
		return
	}
	if s.ex.First.IsZero() {
		s.ex.First = c.in.at
		s.ex.Network = c.path.Network(c.in.at.Sub(s.ex.Sent), c.in.at)
	}
	s.ex.Bytes += frameHead + uint64(h.Length)
}

// data handles a DATA frame.
func (c *StreamConn) data(h http2.FrameHeader, payload []byte) error {
	c.credit(int64(h.Length))
	s := c.streams[h.StreamID]
	if s == nil {
		return c.stray(h)
	}
	c.count(s, h)
	text, ok := unpad(h, payload)
	if !ok {
		c.note(s, ruleFrame, "padding within its frame", "a DATA frame shorter than its padding")
	}
	if padding := len(payload) - len(text); padding > 0 {
		_ = c.framer.WriteWindowUpdate(s.id, uint32(padding)) // so that the window is that of the body
		c.flushAside()
	}
	ends := h.Flags.Has(http2.FlagDataEndStream)
	switch {
	case !s.headed && ends:
		c.giveUp(s, fmt.Errorf("%w: a body without a head", ErrNotHTTP2))
	case !s.headed:
		c.note(s, ruleOrder, "a head before the body", "a DATA frame")
	case !c.grow(s, text):
		s.ex.Cut = true
		c.reset(s.id, http2.ErrCodeCancel)
		c.arrived(s)
		c.flushAside()
	case ends:
		c.complete(s)
	}
	if len(text) == 0 || !ok {
		return c.pass(h)
	}
	return nil
}

// grow appends to a body, and says whether it is within MaxBody.
func (c *StreamConn) grow(s *stream, text []byte) bool {
	s.body += int64(len(text))
	if bodyless(s.ex.Status) {
		if s.body == int64(len(text)) && s.body > 0 {
			c.note(s, ruleBodyless, fmt.Sprintf("no body with HTTP status %d", s.ex.Status), "a DATA frame")
		}
		return true
	}
	room := MaxBody - len(s.ex.Body)
	s.ex.Body = append(s.ex.Body, text[:min(room, len(text))]...)
	return len(text) <= room
}

// credit returns n bytes of the connection's window to the server.
func (c *StreamConn) credit(n int64) {
	if c.received += n; c.received > connWindow {
		c.note(nil, ruleWindow, "bodies within the connection's window", "a body beyond it")
	}
	if c.received >= connWindow/2 {
		_ = c.framer.WriteWindowUpdate(0, uint32(c.received))
		c.received = 0
		c.flushAside()
	}
}

// complete handles the end of a response.
func (c *StreamConn) complete(s *stream) {
	if s.length >= 0 && s.length != s.body && !bodyless(s.ex.Status) {
		c.note(s, ruleLength, fmt.Sprintf("%d bytes, by content-length", s.length),
			fmt.Sprintf("%d bytes in DATA frames", s.body))
	}
	if s.unsent {
		c.reset(s.id, http2.ErrCodeNo)
		c.flushAside()
	}
	c.arrived(s)
}

// arrived hands a response over.
func (c *StreamConn) arrived(s *stream) {
	c.idle = 0
	s.ex.Received = c.in.at
	c.finish(s, nil)
}

// bodyless says whether responses with a status have no body (RFC 9110, section 6.4.1).
func bodyless(status int) bool { return status == 204 || status == 304 }

// unpad removes the padding of a payload (section 6.1).
func unpad(h http2.FrameHeader, payload []byte) (rest []byte, ok bool) {
	if !h.Flags.Has(http2.FlagDataPadded) {
		return payload, true
	}
	if len(payload) == 0 || int(payload[0]) >= len(payload) {
		return nil, false
	}
	return payload[1 : len(payload)-int(payload[0])], true
}
