package h2

import (
	"fmt"
	"strings"

	"golang.org/x/net/http2"

	"mfaload/contract"
)

// headers handles a HEADERS frame or a CONTINUATION.
func (c *StreamConn) headers(h http2.FrameHeader, payload []byte) error {
	c.count(c.streams[h.StreamID], h)
	if h.Type == http2.FrameHeaders {
		c.in.blocked, c.in.block = h, c.in.block[:0]
		var ok bool
		if payload, ok = unpad(h, payload); ok && h.Flags.Has(http2.FlagHeadersPriority) {
			if ok = len(payload) >= 5; ok {
				payload = payload[5:]
			}
		}
		if !ok {
			return fmt.Errorf("%w: a HEADERS frame shorter than its padding", ErrNotHTTP2)
		}
	}
	block, whole := payload, h.Flags.Has(http2.FlagHeadersEndHeaders)
	if h.Type == http2.FrameContinuation || !whole {
		c.in.block = append(c.in.block, payload...)
		block = c.in.block
	}
	if !whole {
		if len(block) > MaxHead {
			if s := c.streams[h.StreamID]; s != nil {
				c.giveUp(s, ErrHeadTooLong)
			}
			return ErrHeadTooLong
		}
		return c.pass(h)
	}
	h = c.in.blocked
	c.in.list.reset()
	err := c.in.decoder.decode(block, &c.in.list)
	s := c.streams[h.StreamID]
	if s == nil {
		if err == nil {
			err = c.stray(h)
		}
		return err
	}
	c.fieldsOf(s, h.Flags.Has(http2.FlagHeadersEndStream), err != nil)
	return err
}

// fieldsOf handles the decoded fields of a stream. Ends says whether the stream ends with them,
// broken that the rest of the block could not be decoded.
func (c *StreamConn) fieldsOf(s *stream, ends, broken bool) {
	if broken {
		c.note(s, ruleHPACK, "header blocks that can be decoded", "one that can't be")
	}
	switch {
	case c.in.list.over:
		c.giveUp(s, ErrHeadTooLong)
	case s.headed:
		c.trailer(s, ends)
	default:
		c.responseHead(s, ends, broken)
	}
}

// trailer handles the fields after a body.
func (c *StreamConn) trailer(s *stream, ends bool) {
	if !ends {
		c.note(s, ruleOrder, "trailers that end the stream", "a second head that does not")
	}
	begin := 0
	for _, end := range c.in.list.ends {
		if c.in.list.text[begin] == ':' && end.name > begin {
			c.note(s, rulePseudo, "no pseudo-header field in trailers",
				fmt.Sprintf("%.60q", c.in.list.text[begin:end.name]))
		}
		begin = end.value
	}
	if ends {
		c.complete(s)
	}
}

// responseHead handles the head of a response, or an informational one (1xx).
func (c *StreamConn) responseHead(s *stream, ends, broken bool) {
	status, ok := c.readHead(s)
	switch {
	case !ok:
		c.giveUp(s, fmt.Errorf("%w: no :status of three digits", ErrNotHTTP2))
		return
	case status < 200 && !ends && !broken:
		if status == 101 {
			c.note(s, rulePseudo, "no HTTP status 101, which HTTP/2 does not have", "HTTP status 101")
		}
		if s.head += len(c.in.list.text) + 1; s.head > MaxHead {
			c.giveUp(s, ErrHeadTooLong)
		}
		return
	}
	s.headed = true
	s.ex.Status = status
	c.announce(s)
	switch {
	case broken:
		s.ex.Unframed = true
		c.arrived(s)
	case ends:
		if status < 200 {
			c.note(s, ruleOrder, "a response after an informational one", "the end of the stream")
		}
		c.complete(s)
	}
}

// readHead copies the decoded fields into the stream's exchange.
func (c *StreamConn) readHead(s *stream) (status int, ok bool) {
	ex, list := s.ex, &c.in.list
	text := ex.HoldHead(list.text)
	ex.Header = ex.Header[:0]
	regular := false
	begin := 0
	for _, end := range list.ends {
		name, value := text[begin:end.name], text[end.name:end.value]
		begin = end.value
		if strings.HasPrefix(name, ":") {
			if name == ":status" && status == 0 {
				status = statusOf(value)
			} else {
				c.note(s, rulePseudo, "one pseudo-header field, :status", fmt.Sprintf("%.60q", name))
			}
			if regular {
				c.note(s, rulePseudo, "pseudo-header fields before the others",
					fmt.Sprintf("%.60q after them", name))
			}
			continue
		}
		regular = true
		if !isName(name) || !isValue(value) {
			c.note(s, ruleFields, "names in lower case, and values without controls",
				fmt.Sprintf("a field %.60q", name))
		}
		if ofConnection(name) {
			c.note(s, ruleConnection, "no field that is about a connection of HTTP/1.1",
				fmt.Sprintf("%.60q", name))
		}
		ex.Header = append(ex.Header, contract.HeaderField{Name: name, Value: value})
	}
	return status, status > 0
}

// statusOf reads three digits; 0 for anything else.
func statusOf(text string) (status int) {
	if len(text) != 3 || text[0] == '0' {
		return 0
	}
	for _, b := range []byte(text) {
		if b < '0' || b > '9' {
			return 0
		}
		status = 10*status + int(b-'0')
	}
	return status
}

// isName says whether a name is a token in lower case (section 8.2.1).
func isName(s string) bool {
	for i := range len(s) {
		if !nameBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

var nameBytes = func() (t [256]bool) {
	for b := '!'; b < 0x7f; b++ {
		t[b] = !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, b) && (b < 'A' || b > 'Z')
	}
	return t
}()

// isValue says whether a field may have a value (section 8.2.1).
func isValue(s string) bool {
	if s == "" {
		return true
	}
	if first, last := s[0], s[len(s)-1]; first == ' ' || first == '\t' || last == ' ' || last == '\t' {
		return false
	}
	return strings.IndexByte(s, 0) < 0 && strings.IndexByte(s, '\r') < 0 && strings.IndexByte(s, '\n') < 0
}

// ofConnection says whether a field is specific to a connection of HTTP/1.1 (section 8.2.2).
func ofConnection(name string) bool {
	switch len(name) {
	case len("upgrade"):
		return strings.EqualFold(name, "upgrade")
	case len("connection"), len("proxy-connection"), len("transfer-encoding"):
		return strings.EqualFold(name, "connection") || strings.EqualFold(name, "keep-alive") ||
			strings.EqualFold(name, "proxy-connection") || strings.EqualFold(name, "transfer-encoding")
	}
	return false
}

// announce reads the length of the body from content-length.
func (c *StreamConn) announce(s *stream) {
	value, count := s.ex.Header.Get("content-length")
	if count == 0 {
		return
	}
	s.length = 0
	for _, b := range []byte(value) {
		if b < '0' || b > '9' || s.length > 1<<59 || value == "" {
			s.length = -1
			break
		}
		s.length = 10*s.length + int64(b-'0')
	}
	if s.length < 0 || value == "" || count > 1 {
		s.length = -1
		c.note(s, ruleLength, "one content-length that is a number",
			fmt.Sprintf("%.60q, %d times", value, count))
	}
	if s.length > 0 && bodyless(s.ex.Status) {
		s.length = -1
		c.note(s, ruleBodyless, fmt.Sprintf("no body with HTTP status %d", s.ex.Status),
			"a header that announces one")
	}
}
