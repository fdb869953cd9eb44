package pingone

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"mfaload/contract"
)

// http2 sends requests over HTTP/2 with net/http, many at once on a connection.
// Over plain HTTP it speaks HTTP/2 from the first byte on.
type http2 struct {
	target *target
	client *http.Transport
}

func newHTTP2(t *target) *http2 {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dialer.dial(ctx) }
	if secure := t.dialer.tls; secure != nil {
		secure.NextProtos = []string{"h2"}
	}
	return &http2{target: t, client: &http.Transport{
		DialContext: dial, DialTLSContext: dial, Protocols: protocols,
		DisableCompression: true, MaxResponseHeaderBytes: maxHead,
	}}
}

// roundTrip implements transport. What HTTP/2 itself forbids of an answer (a
// length that lies, a body with a 204) ends as a failure.
func (h *http2) roundTrip(ctx context.Context, r request, ex *contract.Exchange) error {
	ex.Sent = time.Now()
	ctx, cancel := context.WithDeadline(ctx, h.target.deadline(ctx, ex.Sent))
	defer cancel()
	answer, err := h.send(ctx, r)
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF // nothing of an answer came that could be cut off
		}
		return failure(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.ProtoMajor != 2 {
		return failure(ctx, errNotHTTP2)
	}
	ex.Status = answer.StatusCode
	ex.Header = fields(ex.Header[:0], answer.Header)
	err = readUpTo(ex, answer.Body)
	ex.Received = time.Now()
	if err != nil {
		return failure(ctx, err)
	}
	return nil
}

// send sends the request. Where net/http found only connections that take no more, it
// sent nothing: then it is tried again, with new ones.
func (h *http2) send(ctx context.Context, r request) (*http.Response, error) {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		req, err := http.NewRequestWithContext(ctx, r.method, h.target.origin+r.path, bytes.NewReader(r.body))
		if err != nil {
			return nil, err
		}
		// Without it, net/http sends a request again on a connection that ended.
		req.GetBody = nil
		req.Header = header(r.head + r.authorization)
		if len(r.trace) > 0 {
			req.Header.Set(transactionID, string(r.trace))
		}
		answer, err := h.client.RoundTrip(req)
		if err == nil || !neverSent(err) || attempt == attempts {
			return answer, err
		}
	}
}

// neverSent says that nothing of a request was sent: over HTTP/2, net/http wants its
// body again only after the connections that it tried would not take it.
func neverSent(err error) bool {
	return strings.Contains(err.Error(), "cannot rewind body after connection loss")
}

var errNotHTTP2 = errors.New("the server does not speak HTTP/2")

// readUpTo reads a body of at most maxBody bytes.
func readUpTo(ex *contract.Exchange, body io.Reader) error {
	for {
		if len(ex.Body) == cap(ex.Body) {
			ex.Body = slices.Grow(ex.Body, 1<<10)
		}
		n, err := body.Read(ex.Body[len(ex.Body):cap(ex.Body)])
		ex.Body = ex.Body[:len(ex.Body)+n]
		if len(ex.Body) > maxBody {
			ex.Body, ex.Cut = ex.Body[:maxBody], true
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return cutOff(err)
		}
	}
}

// header reads whole header lines, as a request has them.
func header(lines string) http.Header {
	h := http.Header{}
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		h.Add(name, value)
	}
	return h
}

// fields are header fields in the order of their names: HTTP/2's own order is
// lost in net/http.
func fields(dst contract.Fields, h http.Header) contract.Fields {
	for name, values := range h {
		for _, value := range values {
			dst = append(dst, contract.Field{Name: name, Value: value})
		}
	}
	slices.SortStableFunc(dst, func(a, b contract.Field) int { return strings.Compare(a.Name, b.Name) })
	return dst
}

// open implements transport. net/http opens a connection only with a request
// to send on it, and one carries many: the warm-up's own requests open them.
func (h *http2) open(context.Context, int) error { return nil }

// close implements transport.
func (h *http2) close() { h.client.CloseIdleConnections() }
