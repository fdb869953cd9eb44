package transport

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
	transport *Transport
	client    *http.Transport
}

func newHTTP2(t *Transport) *http2 {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dialer.dial(ctx) }
	if secure := t.dialer.tls; secure != nil {
		secure.NextProtos = []string{"h2"}
	}
	return &http2{transport: t, client: &http.Transport{
		DialContext: dial, DialTLSContext: dial, Protocols: protocols,
		DisableCompression: true, MaxResponseHeaderBytes: maxHead,
	}}
}

// roundTrip implements roundTripper. What HTTP/2 itself forbids of a response (a
// length that lies, a body with a 204) ends as a failure.
func (h *http2) roundTrip(ctx context.Context, r Request, ex *contract.Exchange) error {
	ex.Sent = time.Now()
	ctx, cancel := context.WithDeadline(ctx, h.transport.deadline(ctx, ex.Sent))
	defer cancel()
	response, err := h.send(ctx, r)
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF // nothing of a response came that could be cut off
		}
		return Failure(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.ProtoMajor != 2 {
		return Failure(ctx, errNotHTTP2)
	}
	ex.Status = response.StatusCode
	ex.Header = appendFields(ex.Header[:0], response.Header)
	err = readUpTo(ex, response.Body)
	ex.Received = time.Now()
	if err != nil {
		return Failure(ctx, err)
	}
	return nil
}

// send sends the request. Where net/http found only connections that take no more, it
// sent nothing: then it is tried again, with new ones.
func (h *http2) send(ctx context.Context, r Request) (*http.Response, error) {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		req, err := http.NewRequestWithContext(ctx, r.Method, h.transport.origin+r.Path,
			bytes.NewReader(r.Body))
		if err != nil {
			return nil, err
		}
		// Without it, net/http sends a request again on a connection that ended.
		req.GetBody = nil
		req.Header = parseHeader(r.Head + r.Authorization)
		if len(r.ID) > 0 {
			req.Header.Set(h.transport.names.RequestID, string(r.ID))
		}
		response, err := h.client.RoundTrip(req)
		if err == nil || !neverSent(err) || attempt == attempts {
			return response, err
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

// parseHeader reads whole header lines, as a request has them.
func parseHeader(lines string) http.Header {
	h := http.Header{}
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		h.Add(name, value)
	}
	return h
}

// appendFields appends header fields in the order of their names: HTTP/2's own order is
// lost in net/http.
func appendFields(dst contract.Fields, h http.Header) contract.Fields {
	for name, values := range h {
		for _, value := range values {
			dst = append(dst, contract.HeaderField{Name: name, Value: value})
		}
	}
	slices.SortStableFunc(dst, func(a, b contract.HeaderField) int { return strings.Compare(a.Name, b.Name) })
	return dst
}

// open implements roundTripper. net/http opens a connection only with a request
// to send on it, and one carries many: the warm-up's own requests open them.
func (h *http2) open(context.Context, int) error { return nil }

// close implements roundTripper.
func (h *http2) close() { h.client.CloseIdleConnections() }
