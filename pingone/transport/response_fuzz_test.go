package transport

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/internal/testkit"
)

// textConn is a connection on which a server said something and then ended it.
type textConn struct {
	net.Conn
	*bytes.Reader
}

func (c textConn) Read(b []byte) (int, error)       { return c.Reader.Read(b) }
func (c textConn) SetDeadline(time.Time) error      { return nil }
func (c textConn) Close() error                     { return nil }
func (c textConn) SetReadDeadline(time.Time) error  { return nil }
func (c textConn) SetWriteDeadline(time.Time) error { return nil }

// Whatever a server says is a response within its bounds or a failure with a
// name, and where net/http takes it as well, it is the same response.
func FuzzReadResponse(f *testing.F) {
	for _, text := range []string{
		"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" +
			"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 404 Not Found\nContent-Type: text/plain\n\nnot here",
		"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 201 Created\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"HTTP/1.1 201 Created\r\nContent-Length: -1\r\nno field\r\n\r\n",
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nConnection: close\r\n\r\n",
		"HTTP/2 201\r\n\r\n", "SSH-2.0-x\r\n", "HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 201", "",
		"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	} {
		f.Add([]byte(text))
	}
	for _, r := range testkit.Responses() {
		f.Add(r.Wire())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := newConn(textConn{Reader: bytes.NewReader(text)})
		ex := &contract.Exchange{}
		reusable, err := c.readResponse(ex)
		if len(ex.Body) > maxBody || len(c.in) > 4*maxHead || err != nil && reusable {
			t.Fatalf("%d bytes of body, %d of buffer, reusable %v after %v", len(ex.Body), len(c.in),
				reusable, err)
		}
		if err != nil {
			if kind := failureKind(t.Context(), err); kind == "other failure" {
				t.Errorf("%v has no name", err)
			}
			return
		}
		if ex.Status < 100 || ex.Status > 999 {
			t.Errorf("status %d", ex.Status)
		}
		agree(t, text, ex)
	})
}

// agree holds a response without a fault against what net/http reads.
func agree(t *testing.T, text []byte, ex *contract.Exchange) {
	t.Helper()
	if len(ex.Framing) > 0 || ex.Cut || ex.Status == 101 { // what follows a 101 is no HTTP
		return
	}
	in := bufio.NewReader(bytes.NewReader(text))
	request := &http.Request{Method: "POST"}
	for {
		answer, err := http.ReadResponse(in, request)
		if err != nil {
			return // it is stricter, about names for example
		}
		if answer.StatusCode < 200 && answer.StatusCode != 101 {
			continue
		}
		body, err := io.ReadAll(answer.Body)
		if err == nil && (answer.StatusCode != ex.Status || !bytes.Equal(body, ex.Body)) {
			t.Errorf("status %d and %q, net/http reads %d and %q", ex.Status, ex.Body, answer.StatusCode,
				body)
		}
		return
	}
}
