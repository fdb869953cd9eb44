package pingone

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"mfaload/contract"
)

// Bounds on an answer. A head beyond its bound is a failure, a body beyond its
// bound is cut off.
const (
	maxHead = 64 << 10
	maxBody = 1 << 20
)

// Rules of the contract about framing, which only a transport can see.
const (
	ruleLength   = "http.length"
	ruleBodyless = "http.bodyless"
	ruleFraming  = "http.framing"
)

// errNotHTTP means that what came is no HTTP answer.
var errNotHTTP = errors.New("what came is no HTTP/1.1 answer")

var errHeadTooLong = fmt.Errorf("the answer's head is longer than %d bytes", maxHead)

// readAnswer reads one final answer; informational ones before it are passed
// over. The connection can be used again if the answer's end was certain.
func (c *conn) readAnswer(ex *contract.Exchange) (reusable bool, err error) {
	for bound := maxHead; ; {
		n, keep, err := c.readHead(ex, bound)
		if err != nil {
			return false, err
		}
		if ex.Status < 100 || ex.Status > 199 || ex.Status == 101 {
			return c.readBody(ex, keep)
		}
		bound -= n
	}
}

// readHead reads a status line and header fields of at most bound bytes.
func (c *conn) readHead(ex *contract.Exchange, bound int) (n int, keep bool, err error) {
	ex.Header = ex.Header[:0]
	if n, err = c.headLength(bound); err != nil {
		return 0, false, err
	}
	line, rest, _ := strings.Cut(ex.HoldHead(c.in[c.from:c.from+n]), "\n")
	c.from += n
	if ex.Status, keep, err = statusLine(strings.TrimRight(line, "\r")); err != nil {
		return n, false, err
	}
	c.old = !keep
	for {
		line, rest, _ = strings.Cut(rest, "\n")
		field := strings.TrimSuffix(line, "\r")
		if field == "" {
			return n, keep, nil
		}
		name, value, found := strings.Cut(field, ":")
		if !found || !isToken(name) {
			fault(ex, ruleFraming, "header fields as name: value", "a header line that is none")
			keep = false
			continue
		}
		ex.Header = append(ex.Header, contract.Field{Name: name, Value: strings.Trim(value, " \t")})
	}
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

// statusLine reads "HTTP/1.1 201 Created". An HTTP/1.0 server closes the
// connection after its answer.
func statusLine(line string) (status int, keep bool, err error) {
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if (version != "HTTP/1.1" && version != "HTTP/1.0") || err != nil || len(code) != 3 || status < 100 {
		return 0, false, errNotHTTP
	}
	return status, version == "HTTP/1.1", nil
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

// readBody reads the body as the head frames it (RFC 9112, section 6.3).
func (c *conn) readBody(ex *contract.Exchange, keep bool) (reusable bool, err error) {
	coding, codings := ex.Header.Get("Transfer-Encoding")
	length, lengths := ex.Header.Get("Content-Length")
	connection, _ := ex.Header.Get("Connection")
	keep = keep && !strings.EqualFold(connection, "close")
	size, err := strconv.ParseUint(length, 10, 62)
	badLength := lengths > 0 && (err != nil || !sameLengths(ex.Header, length))
	body := bodyReader{conn: c, ex: ex}
	switch {
	case ex.Status == 204 || ex.Status == 304:
		if lengths > 0 && size > 0 || codings > 0 {
			fault(ex, ruleBodyless, fmt.Sprintf("no body with HTTP status %d", ex.Status), "a header that announces one")
			return false, nil
		}
	case codings > 0 && (lengths > 0 || c.old), codings > 1, codings > 0 && !strings.EqualFold(coding, "chunked"), badLength:
		fault(ex, ruleFraming, "one Content-Length, or Transfer-Encoding: chunked", "framing that contradicts itself")
		keep = false
		if codings == 0 {
			return false, body.untilClose()
		}
		if err := body.chunked(); err != nil {
			return false, err
		}
	case codings > 0:
		if err := body.chunked(); err != nil {
			return false, err
		}
	case lengths > 0:
		if err := body.take(size); err != nil {
			return false, err
		}
	default:
		return false, body.untilClose()
	}
	if ex.Cut {
		return false, nil
	}
	return c.leftOver(ex, keep), nil
}

func sameLengths(h contract.Header, length string) bool {
	for _, f := range h {
		if strings.EqualFold(f.Name, "Content-Length") && f.Value != length {
			return false
		}
	}
	return true
}

// leftOver looks for bytes behind the end of the answer: a Content-Length that
// is too small, or a body where there must be none.
func (c *conn) leftOver(ex *contract.Exchange, keep bool) (reusable bool) {
	n := c.to - c.from
	if n == 0 {
		return keep
	}
	rule, expected := ruleLength, fmt.Sprintf("no byte after the %d of the body", len(ex.Body))
	if ex.Status == 204 || ex.Status == 304 {
		rule, expected = ruleBodyless, fmt.Sprintf("no body with HTTP status %d", ex.Status)
	}
	fault(ex, rule, expected, fmt.Sprintf("at least %d bytes more", n))
	return false
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
		line, err := b.readLine(4 << 10)
		if err != nil {
			return err
		}
		digits, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(";"))
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 62)
		if err != nil {
			return errNotHTTP
		}
		if size == 0 {
			return b.trailer()
		}
		if err := b.take(size); err != nil || b.ex.Cut {
			return err
		}
		end, err := b.readLine(4)
		if err != nil {
			return err
		}
		if len(bytes.TrimRight(end, "\r\n")) > 0 {
			return errNotHTTP
		}
	}
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
