package pingone

import (
	"bufio"
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
	line, err := c.readLine(bound)
	if err != nil {
		return 0, false, err
	}
	n = len(line)
	if ex.Status, keep, err = statusLine(strings.TrimRight(line, "\r\n")); err != nil {
		return n, false, err
	}
	for {
		line, err := c.readLine(bound - n)
		if err != nil {
			return n, false, err
		}
		n += len(line)
		field := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
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

// readLine reads a line with its end.
func (c *conn) readLine(bound int) (string, error) {
	var long []byte
	for {
		part, err := c.in.ReadSlice('\n')
		if len(long)+len(part) > bound {
			return "", errHeadTooLong
		}
		if err == nil && long == nil {
			return string(part), nil
		}
		long = append(long, part...)
		switch {
		case err == nil:
			return string(long), nil
		case errors.Is(err, io.EOF):
			return "", io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
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
	for _, b := range []byte(s) {
		if b <= ' ' || b >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, b) >= 0 {
			return false
		}
	}
	return s != ""
}

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
	case codings > 0 && lengths > 0, codings > 1, codings > 0 && !strings.EqualFold(coding, "chunked"), badLength:
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
	n := c.in.Buffered()
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
	at := len(b.ex.Body)
	// A body grows as it comes, so a length that lies takes no memory.
	for n > 0 {
		step := int(min(n, 32<<10))
		b.ex.Body = append(b.ex.Body, make([]byte, step)...)
		if _, err := io.ReadFull(b.in, b.ex.Body[at:at+step]); err != nil {
			return cutOff(err)
		}
		at += step
		n -= uint64(step)
	}
	return nil
}

// untilClose reads a body whose end is the end of the connection.
func (b *bodyReader) untilClose() error {
	for {
		if err := b.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if b.ex.Cut {
			return nil
		}
	}
}

// fill takes what has come, at least a byte.
func (b *bodyReader) fill() error {
	if _, err := b.in.Peek(1); err != nil {
		return err
	}
	return b.take(uint64(b.in.Buffered()))
}

// chunked reads a body in chunks, its trailer too.
func (b *bodyReader) chunked() error {
	for {
		line, err := b.readLine(4 << 10)
		if err != nil {
			return err
		}
		digits, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ";")
		size, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 62)
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
		if strings.TrimRight(end, "\r\n") != "" {
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
		if strings.TrimRight(line, "\r\n") == "" {
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
