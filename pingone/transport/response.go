package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"mfaload/contract"
	"mfaload/pingone/transport/h2"
)

// Bounds on a response. A head beyond its bound is a failure, a body beyond its
// bound is cut off.
const (
	maxHead = h2.MaxHead
	maxBody = h2.MaxBody
)

// Rules of the contract about framing, which only a transport can see.
const (
	ruleLength   = "http.length"
	ruleBodyless = "http.bodyless"
	ruleFraming  = "http.framing"
)

// errNotHTTP means that what came is no HTTP response.
var errNotHTTP = errors.New("the server did not send an HTTP/1.1 response")

var errHeadTooLong = fmt.Errorf("the response's head is longer than %d bytes", maxHead)

// readResponse reads one final response; informational ones before it are passed
// over. The connection can be used again if the response's end was certain.
func (c *conn) readResponse(ex *contract.Exchange) (reusable bool, err error) {
	for bound := maxHead; ; {
		n, sound, err := c.readHead(ex, bound)
		if err != nil {
			return false, err
		}
		if ex.Status == http.StatusRequestTimeout && c.crossed() {
			return false, errIdleClosed // it ends the idle connection, and is the response to no request
		}
		if ex.Status < 100 || ex.Status > 199 || ex.Status == 101 {
			return c.readBody(ex, sound && c.persists(ex.Header))
		}
		bound -= n
	}
}

// readHead reads a status line and header fields of at most bound bytes. A field
// that can't be one is a fault, and sound says that there was none.
func (c *conn) readHead(ex *contract.Exchange, bound int) (n int, sound bool, err error) {
	ex.Header = ex.Header[:0]
	if n, err = c.headLength(bound); err != nil {
		return 0, false, err
	}
	line, rest, _ := strings.Cut(ex.HoldHead(c.in[c.from:c.from+n]), "\n")
	c.from += n
	if ex.Status, c.http10, err = statusLine(strings.TrimRight(line, "\r")); err != nil {
		return n, false, err
	}
	c.misframed = false
	for sound = true; ; {
		line, rest, _ = strings.Cut(rest, "\n")
		field := strings.TrimSuffix(line, "\r")
		if field == "" {
			return n, sound, nil
		}
		name, value, found := strings.Cut(field, ":")
		if !found || !isToken(name) || strings.IndexByte(value, '\r') >= 0 ||
			strings.IndexByte(value, 0) >= 0 {
			noteFault(ex, ruleFraming, "header fields as name: value", "an invalid header line")
			sound = false
			c.misframed = c.misframed || frames(strings.TrimSpace(name))
			continue
		}
		ex.Header = append(ex.Header, contract.HeaderField{Name: name, Value: strings.Trim(value, " \t")})
	}
}

// frames says whether a header field tells where a body ends.
func frames(name string) bool {
	return strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "Transfer-Encoding")
}

// headLength receives a whole head, up to the line with nothing in it, and
// returns its length.
func (c *conn) headLength(bound int) (int, error) {
	for n := 0; ; {
		line, err := c.lineFrom(n, bound)
		if err != nil {
			return 0, err
		}
		empty := len(line) == 1 || len(line) == 2 && line[0] == '\r'
		if n += len(line); empty && n > len(line) {
			return n, nil
		}
		if n == len(line) && !bytes.HasPrefix(line, []byte("HTTP/1.")) {
			return 0, errNotHTTP
		}
	}
}

// readLine reads a line with its end; it is valid until more is received.
func (c *conn) readLine(bound int) ([]byte, error) {
	line, err := c.lineFrom(0, bound)
	c.from += len(line)
	return line, err
}

// lineFrom shows the line that begins so many bytes on, with its end, and
// reads nothing. All of it is to lie within so many bytes.
func (c *conn) lineFrom(skip, bound int) ([]byte, error) {
	for searched := skip; ; {
		waiting := c.in[c.from:c.to]
		if i := bytes.IndexByte(waiting[searched:], '\n'); i >= 0 && searched+i < bound {
			return waiting[skip : searched+i+1], nil
		}
		if searched = len(waiting); searched >= bound {
			return nil, errHeadTooLong
		}
		if err := c.fill(); err != nil {
			return nil, cutOff(err)
		}
	}
}

// statusLine reads "HTTP/1.1 201 Created". Http10 says that its version is
// HTTP/1.0.
func statusLine(line string) (status int, http10 bool, err error) {
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if (version != "HTTP/1.1" && version != "HTTP/1.0") || err != nil || len(code) != 3 || status < 100 {
		return 0, false, errNotHTTP
	}
	return status, version == "HTTP/1.0", nil
}

// persists says whether the server keeps the connection open (RFC 9112, section
// 9.3): with HTTP/1.1 unless it says close, with HTTP/1.0 only if it says
// keep-alive. Either may stand anywhere in any of the fields Connection.
func (c *conn) persists(h contract.Fields) bool {
	keep := !c.http10
	for _, f := range h {
		if len(f.Name) != len("Connection") || !strings.EqualFold(f.Name, "Connection") {
			continue
		}
		for option := range strings.SplitSeq(f.Value, ",") {
			switch option = strings.Trim(option, " \t"); {
			case strings.EqualFold(option, "close"):
				return false
			case strings.EqualFold(option, "keep-alive"):
				keep = true
			}
		}
	}
	return keep
}

// isToken says whether a name is one that a header field may have (RFC 9110,
// section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

var tokenBytes = func() (t [256]bool) {
	for b := '!'; b < 0x7f; b++ {
		t[b] = !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, b)
	}
	return t
}()

// framing is how the end of a body is told (RFC 9112, section 6.3).
type framing struct {
	chunked bool
	sized   bool // by length
	length  uint64
	flawed  bool // it contradicts itself
}

// end says whether the end of the body can be told, whatever else is wrong.
func (f framing) end() bool { return f.chunked || f.sized }

// framing reads what the header says of the body's end. A length that is there
// several times counts once if it is always the same.
func (c *conn) framing(h contract.Fields) (f framing) {
	coding, codings := h.Get("Transfer-Encoding")
	length, lengths := h.Get("Content-Length")
	switch {
	case c.misframed:
		f.flawed = true
	case codings > 0:
		f.flawed = codings > 1 || lengths > 0 || c.http10 || !strings.EqualFold(coding, "chunked")
		last := coding[strings.LastIndexByte(coding, ',')+1:]
		f.chunked = codings == 1 && strings.EqualFold(strings.TrimSpace(last), "chunked")
	case lengths > 0:
		length, rest, list := strings.Cut(length, ",")
		length = strings.TrimSpace(length)
		size, err := strconv.ParseUint(length, 10, 62)
		f.length, f.sized = size, err == nil && equalLengths(h, length) && (!list || equalItems(rest, length))
		f.flawed = !f.sized || list || lengths > 1
	}
	return f
}

func equalLengths(h contract.Fields, length string) bool {
	for _, f := range h {
		if strings.EqualFold(f.Name, "Content-Length") && !equalItems(f.Value, length) {
			return false
		}
	}
	return true
}

func equalItems(list, item string) bool {
	for other := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(other) != item {
			return false
		}
	}
	return true
}

const wantFraming = "one Content-Length, or Transfer-Encoding: chunked"

// readBody reads the body as the head frames it. Where that tells no end it
// takes what is there and waits for nothing: the connection is closed.
func (c *conn) readBody(ex *contract.Exchange, keep bool) (reusable bool, err error) {
	f := c.framing(ex.Header)
	body := bodyReader{conn: c, ex: ex}
	if bodyless(ex.Status) {
		if f.flawed {
			noteFault(ex, ruleFraming, wantFraming, "framing that contradicts itself")
			return false, nil
		}
		if f.sized && f.length > 0 || f.chunked {
			noteFault(ex, ruleBodyless, fmt.Sprintf("no body with HTTP status %d", ex.Status),
				"a header that announces one")
			return false, nil
		}
		return c.leftOver(ex, keep && ex.Status != 101), nil
	}
	if f.flawed {
		noteFault(ex, ruleFraming, wantFraming, "framing that contradicts itself")
		keep = false
	}
	switch {
	case f.flawed && !f.end():
		return false, body.takeReceived()
	case f.chunked:
		err = body.chunked()
		if errors.Is(err, errNotHTTP) {
			if !f.flawed {
				noteFault(ex, ruleFraming, "chunks with their size before them", "an invalid chunk")
			}
			return false, body.takeReceived()
		}
	case f.sized:
		err = body.take(f.length)
	default:
		return false, body.untilClose()
	}
	if err != nil || ex.Cut {
		return false, err
	}
	return c.leftOver(ex, keep), nil
}

// bodyless says whether responses with a status have no body (RFC 9112, section
// 6.3). One with 101 is followed by another protocol, which no request wanted.
func bodyless(status int) bool { return status == 101 || status == 204 || status == 304 }

// leftOver looks for bytes behind the end of the response: a Content-Length that
// is too small, or a body where there must be none.
func (c *conn) leftOver(ex *contract.Exchange, keep bool) (reusable bool) {
	n := c.to - c.from
	if n == 0 {
		return keep
	}
	if endsIdle(c.in[c.from:c.to]) {
		return false
	}
	rule, expected := ruleLength, fmt.Sprintf("no byte after the %d of the body", len(ex.Body))
	if bodyless(ex.Status) {
		rule, expected = ruleBodyless, fmt.Sprintf("no body with HTTP status %d", ex.Status)
	}
	noteFault(ex, rule, expected, fmt.Sprintf("at least %d bytes more", n))
	return false
}

// endsIdle says whether bytes that no request is waiting for are the response by which a
// server may end a connection that was idle (RFC 9110, section 15.5.9).
func endsIdle(text []byte) bool {
	return bytes.HasPrefix(text, []byte("HTTP/1.1 408")) || bytes.HasPrefix(text, []byte("HTTP/1.0 408"))
}

// bodyReader collects a body of at most maxBody bytes.
type bodyReader struct {
	*conn
	ex *contract.Exchange
}

// take reads exactly n bytes, or as many as the bound allows.
func (b *bodyReader) take(n uint64) error {
	if room := uint64(maxBody - len(b.ex.Body)); n > room {
		n, b.ex.Cut = room, true
	}
	for n > 0 {
		if b.from == b.to {
			if err := b.fill(); err != nil {
				return cutOff(err)
			}
		}
		step := int(min(n, uint64(b.to-b.from)))
		b.ex.Body = append(b.ex.Body, b.in[b.from:b.from+step]...)
		b.from += step
		n -= uint64(step)
	}
	return nil
}

// takeReceived takes what came already of a body whose end can't be told.
func (b *bodyReader) takeReceived() error {
	b.ex.Unframed = true
	return b.take(uint64(b.to - b.from))
}

// untilClose reads a body whose end is the end of the connection.
func (b *bodyReader) untilClose() error {
	for !b.ex.Cut {
		if b.from == b.to {
			if err := b.fill(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
		if err := b.take(uint64(b.to - b.from)); err != nil {
			return err
		}
	}
	return nil
}

// chunked reads a body in chunks, its trailer too.
func (b *bodyReader) chunked() error {
	for {
		size, err := b.chunkSize()
		if err != nil {
			return err
		}
		if size == 0 {
			return b.trailer()
		}
		if err := b.take(size); err != nil || b.ex.Cut {
			return err
		}
		if err := b.chunkEnd(); err != nil {
			return err
		}
	}
}

// maxSizeLine bounds the line before a chunk.
const maxSizeLine = 4 << 10

// chunkSize reads the line before a chunk. It does not wait for the rest of a
// line that can't become one.
func (b *bodyReader) chunkSize() (uint64, error) {
	for {
		line := b.in[b.from:b.to]
		digits := hexDigits(line)
		rest := bytes.TrimLeft(line[digits:], " \t")
		if len(line) > 0 && digits == 0 || digits > 15 ||
			len(rest) > 0 && !bytes.ContainsRune([]byte(";\r\n"), rune(rest[0])) {
			return 0, errNotHTTP
		}
		if bytes.IndexByte(rest, '\n') >= 0 || len(line) >= maxSizeLine {
			size, err := strconv.ParseUint(string(line[:digits]), 16, 62)
			if err == nil {
				_, err = b.readLine(maxSizeLine)
			}
			return size, err
		}
		if err := b.fill(); err != nil {
			return 0, cutOff(err)
		}
	}
}

func hexDigits(text []byte) int {
	n := 0
	for n < len(text) && (text[n]-'0' < 10 || text[n]|0x20 >= 'a' && text[n]|0x20 <= 'f') {
		n++
	}
	return n
}

// chunkEnd reads the end of the line that a chunk is.
func (b *bodyReader) chunkEnd() error {
	if b.from == b.to {
		if err := b.fill(); err != nil {
			return cutOff(err)
		}
	}
	if first := b.in[b.from]; first != '\r' && first != '\n' {
		return errNotHTTP
	}
	end, err := b.readLine(4)
	if err == nil && len(bytes.TrimRight(end, "\r\n")) > 0 {
		err = errNotHTTP
	}
	return err
}

func (b *bodyReader) trailer() error {
	for bound := maxHead; ; {
		line, err := b.readLine(bound)
		if err != nil {
			return err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return nil
		}
		bound -= len(line)
	}
}

// cutOff is the error of a body that ended early.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
