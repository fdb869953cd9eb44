// Package transport sends requests over HTTP/1.1 and HTTP/2 to one target, and reads
// the responses strictly: every fault of their framing is noted, for the contract to
// judge. It follows no redirect, asks for no compression and never sends a request
// twice.
//
// Where the rules of HTTP/1.1's framing come from (RFC 9112; * marks RFC 9110):
//
//	section   what it says                                        function
//	2.2       a line ends with CRLF; a bare LF is taken too       lineFrom
//	4         status line: version, three digits, reason          statusLine
//	5, 5.6.2* a field is a token, a colon at once, a value        readHead, isToken
//	5.2       a folded line is no field                           readHead
//	6.1, 6.2  Transfer-Encoding and Content-Length exclude one    framing
//	          another; HTTP/1.0 has no codings
//	6.3       a body ends by chunks, by length or by the end of   readBody, framing,
//	          the connection; equal lengths count once; none      bodyless
//	          with 204 and 304
//	7.1       chunks: size in hex, extensions, data, CRLF;        chunked, chunkSize,
//	          after the last one a trailer                        chunkEnd, trailer
//	8         a message that ends early is incomplete             cutOff
//	9.2       what comes while no request is under way is the     leftOver, RoundTrip
//	          response to none
//	9.3       a connection persists unless close is said, in      persists
//	          HTTP/1.0 only if keep-alive is said
//	9.5       a server may close an idle connection at any time   early, start
//	15.2*     informational responses come before the final one;  readResponse
//	          101 is final, and what follows it is no HTTP
//	15.5.9*   a 408 may end an idle connection: it is the         endsIdle, crossed
//	          response to no request
package transport

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"time"

	"mfaload/contract"
	"mfaload/scenario"
)

// Transport sends requests to one target. It is safe for concurrent use.
type Transport struct {
	origin string // scheme://host[:port]
	host   string // as the header Host has it
	// prefix comes before the path in request lines: with a proxy that takes
	// requests one by one it is the origin. proxyHead holds the header lines for it.
	prefix, proxyHead string
	names             HeaderNames
	dialer            *dialer
	http2             bool // is what has to be spoken
	timeout           time.Duration
	client            roundTripper
	gate              connectionGate
	lifetime          lifetime
	// background is for what no request waits for, until closed.
	background context.Context
	cancel     context.CancelFunc
}

// HeaderNames are the names of header fields that a transport knows; "" for none.
type HeaderNames struct {
	// RequestID is sent with a request that has an ID.
	RequestID string
	// ResponseID names a response, in faults that are found after it.
	ResponseID string
}

// roundTripper speaks a version of HTTP. It is safe for concurrent use.
type roundTripper interface {
	// roundTrip implements [Transport.RoundTrip]. It returns errBusy, and has sent nothing, if
	// the request needs a connection more than there may be.
	roundTrip(ctx context.Context, r Request, ex *contract.Exchange) error
	// open opens connections until n are open or one can't be opened.
	open(ctx context.Context, n int) error
	// close closes idle connections.
	close()
}

// New returns the transport to a URL's scheme and host, of the protocol, through the
// network and with the certificates that a valid scenario's target has. Its errors are
// about those: a file that can't be read, an owner who has not agreed.
func New(u *url.URL, s *scenario.Target, names HeaderNames) (*Transport, error) {
	t := &Transport{
		origin:  u.Scheme + "://" + u.Host,
		host:    u.Host,
		names:   names,
		http2:   s.Protocol == scenario.HTTP2,
		timeout: s.Timeout,
	}
	t.gate.max = s.Connections.Max
	t.lifetime.maxRequests, t.lifetime.maxAge = s.Connections.MaxRequests, s.Connections.MaxAge
	var err error
	if t.dialer, err = newDialer(u, s); err != nil {
		return nil, err
	}
	if p := t.dialer.proxy; p != nil && !p.socks && t.dialer.tls == nil && !t.http2 {
		p.perRequest = true
		t.prefix = t.origin
		t.proxyHead = p.authorization()
	}
	t.background, t.cancel = context.WithCancel(context.Background())
	t.dialer.http2 = t.http2
	switch secure := t.dialer.tls; {
	case s.Protocol == scenario.Auto && secure != nil:
		secure.NextProtos = []string{"h2", "http/1.1"}
		t.client = newNegotiated(t)
	case t.http2:
		if secure != nil {
			secure.NextProtos = []string{"h2"}
		}
		t.client = newHTTP2(t)
	default:
		t.client = newHTTP1(t)
	}
	return t, nil
}

// Request is what is sent, apart from the target.
type Request struct {
	Method, Path string
	// Head holds whole header lines besides Host and Content-Length.
	Head string
	// Authorization is the header line with the token; empty for none.
	Authorization string
	// ID is the value of the header field [HeaderNames.RequestID]; empty for none.
	ID []byte
	// TraceParent is the value of the header field traceparent; empty for none.
	TraceParent []byte
	Body        []byte
}

// RoundTrip sends a request and reads the whole response to it into ex, within the
// target's timeout. Its error is a [contract.Failure].
func (t *Transport) RoundTrip(ctx context.Context, r Request, ex *contract.Exchange) error {
	return t.gate.roundTrip(ctx, t.client, r, ex)
}

// Open opens connections ahead of n requests at once, many at a time: one for each over
// HTTP/1.1, as many as their streams need over HTTP/2, and as many as the scenario allows. It
// returns the error of the first that could not be opened.
func (t *Transport) Open(ctx context.Context, n int) error {
	const atOnce = 32
	failures := make(chan error, atOnce)
	for range atOnce {
		go func() { failures <- t.client.open(ctx, n) }()
	}
	var first error
	for range atOnce {
		if err := <-failures; first == nil {
			first = err
		}
	}
	return first
}

// Watch has each connection that is opened from now on told to seen, by
// whichever goroutine opened it. It is to be called before the first request.
func (t *Transport) Watch(seen func(contract.Connection)) { t.dialer.opened = seen }

// HTTPClient returns a client for requests to the target that are not the load's. They
// go the same way through the network, over HTTP/1.1 on connections of their own, each
// opened within the timeout. It follows no redirect.
func (t *Transport) HTTPClient(timeout time.Duration) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return t.dialer.dialHTTP1(ctx, timeout)
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes idle connections.
func (t *Transport) Close() {
	t.cancel()
	t.client.close()
}

// noteFault records a framing fault of the response, to be judged by the contract.
func noteFault(ex *contract.Exchange, rule, expected, got string) {
	ex.Framing = append(ex.Framing, contract.Violation{Rule: rule, Expected: expected, Got: got})
}

// deadline is when a request of this moment has timed out.
func (t *Transport) deadline(ctx context.Context, now time.Time) time.Time {
	end := now.Add(t.timeout)
	if limit, has := ctx.Deadline(); has && limit.Before(end) {
		return limit
	}
	return end
}
