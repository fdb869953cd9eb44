package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mfaload/contract"
	"mfaload/pingone/transport/h2"
)

// http2 sends requests over HTTP/2, many at once on a connection, and opens as many
// connections as the streams need that servers allow on one. Over plain HTTP it speaks
// HTTP/2 from the first byte on.
type http2 struct {
	transport *Transport
	config    h2.ConnConfig
	fields    atomic.Pointer[lastFields]
	conns     atomic.Pointer[[]*h2.StreamConn] // a list that is never changed
	turn      atomic.Uint32
	limit     atomic.Int64 // of streams on a connection, as the last one said

	mu      sync.Mutex
	opening []*opening
	closed  bool
	// background ends what no request waits for.
	background context.Context
	cancel     context.CancelFunc
}

// lastFields are the fields of a request as HTTP/2 has them.
type lastFields struct {
	method, path, head, authorization string
	fields                            *h2.SharedFields
}

// opening is a connection that is being opened, by one request for others too.
type opening struct {
	done    chan struct{}
	waiting int64 // requests that wait for it
	err     error // once it is done
	expired bool  // the time of the request that opened it was over
}

func newHTTP2(t *Transport) *http2 {
	if secure := t.dialer.tls; secure != nil {
		secure.NextProtos = []string{"h2"}
	}
	h := &http2{transport: t}
	h.config = h2.ConnConfig{Timeout: t.timeout, IDName: strings.ToLower(t.names.RequestID), Gone: h.gone}
	h.conns.Store(&[]*h2.StreamConn{})
	h.background, h.cancel = context.WithCancel(context.Background())
	return h
}

// roundTrip implements roundTripper.
func (h *http2) roundTrip(ctx context.Context, r Request, ex *contract.Exchange) error {
	ex.Sent = time.Now()
	deadline := h.transport.deadline(ctx, ex.Sent)
	request := h2.StreamRequest{Fields: h.shared(&r), ID: r.ID, Body: r.Body}
	for range maxOpened {
		if c := h.choose(); c != nil {
			switch err := c.RoundTrip(ctx, deadline, request, ex); err {
			case nil:
				return nil
			case h2.ErrFull:
				continue
			default:
				return Failure(ctx, err)
			}
		}
		if err := h.more(ctx, deadline); err != nil {
			return Failure(ctx, err)
		}
		ex.Sent = time.Now() // a connection had to be opened first
	}
	return Failure(ctx, fmt.Errorf("no connection took the request: %w", io.EOF))
}

// maxOpened is how many connections are tried for a request: a server may end each before
// it takes one.
const maxOpened = 10

// shared returns the fields of a request that others have too: all but its ID and the
// length of its body.
func (h *http2) shared(r *Request) *h2.SharedFields {
	if f := h.fields.Load(); f != nil && f.authorization == r.Authorization && f.head == r.Head &&
		f.path == r.Path && f.method == r.Method {
		return f.fields
	}
	scheme, _, _ := strings.Cut(h.transport.origin, ":")
	f := &lastFields{r.Method, r.Path, r.Head, r.Authorization,
		h2.NewSharedFields(r.Method, scheme, h.transport.host, r.Path, r.Head+r.Authorization)}
	h.fields.Store(f)
	return f.fields
}

// choose returns the connection on which the fewest requests wait; nil where none takes
// one more.
func (h *http2) choose() (chosen *h2.StreamConn) {
	conns := *h.conns.Load()
	var fewest int64
	first := int(h.turn.Add(1)) // equal ones take turns
	for i := range conns {
		c := conns[(first+i)%len(conns)]
		if waiting := c.Waiting(); c.Room() > 0 && (chosen == nil || waiting < fewest) {
			chosen, fewest = c, waiting
		}
	}
	return chosen
}

// more waits until there is a connection more: one that is being opened and has room left,
// or one that it opens.
func (h *http2) more(ctx context.Context, deadline time.Time) error {
	h.mu.Lock()
	switch limit := h.limit.Load(); {
	case h.choose() != nil:
		h.mu.Unlock()
		return nil
	case h.refuses():
		h.mu.Unlock()
		return errNoStreams
	default:
		for _, o := range h.opening {
			if limit == 0 || o.waiting < limit { // before the first connection none is known
				o.waiting++
				h.mu.Unlock()
				return o.wait(ctx, deadline)
			}
		}
	}
	return h.openOne(ctx, deadline)
}

// capacity is how many requests the connections take at once.
func (h *http2) capacity() (n int64) {
	for _, c := range *h.conns.Load() {
		if limit, ok := c.Limit(); ok {
			n += limit
		}
	}
	return n
}

// refuses says whether there is a connection on which the server allows no stream: then it
// does so on another one.
func (h *http2) refuses() bool {
	for _, c := range *h.conns.Load() {
		if limit, ok := c.Limit(); ok && limit == 0 {
			return true
		}
	}
	return false
}

// wait waits for a connection that another request opens. One that failed because that
// request's time was over says nothing of this one.
func (o *opening) wait(ctx context.Context, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case <-o.done:
		if o.expired {
			return ctx.Err()
		}
		return o.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openOne opens a connection for those who will wait for it. It unlocks the transport.
func (h *http2) openOne(ctx context.Context, deadline time.Time) error {
	o := &opening{done: make(chan struct{}), waiting: 1}
	h.opening = append(h.opening, o)
	h.mu.Unlock()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	c, err := h.dial(ctx, deadline)
	h.mu.Lock()
	defer h.mu.Unlock()
	o.err, o.expired = err, err != nil && ctx.Err() != nil
	h.opening = slices.DeleteFunc(h.opening, func(other *opening) bool { return other == o })
	if err == nil {
		limit, _ := c.Limit()
		h.limit.Store(limit)
		conns := append(slices.Clone(*h.conns.Load()), c)
		h.conns.Store(&conns)
		c.Start()
		if h.closed {
			c.Close()
		}
	}
	close(o.done)
	return err
}

func (h *http2) dial(ctx context.Context, deadline time.Time) (c *h2.StreamConn, err error) {
	nc, err := h.transport.dialer.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err = h.transport.speaksHTTP2(nc); err == nil {
		err = endWith(ctx, nc, deadline, func() (err error) {
			c, err = h2.New(nc, &h.config)
			return err
		})
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

// gone takes a connection out that takes no more requests. For one that the server said
// goes away another is opened at once, so that no request waits for it.
func (h *http2) gone(c *h2.StreamConn, away bool) {
	h.mu.Lock()
	conns := slices.Clone(*h.conns.Load())
	conns = slices.DeleteFunc(conns, func(other *h2.StreamConn) bool { return other == c })
	h.conns.Store(&conns)
	over := h.closed
	h.mu.Unlock()
	if away && !over {
		_ = h.more(h.background, time.Now().Add(h.transport.timeout))
	}
}

// open implements roundTripper: it opens as many connections as n requests at once need.
func (h *http2) open(ctx context.Context, n int) (err error) {
	for deadline := h.transport.deadline(ctx, time.Now()); err == nil; {
		h.mu.Lock()
		limit, capacity := h.limit.Load(), h.capacity()
		under := int64(len(h.opening))
		switch {
		case capacity >= int64(n) || h.refuses():
			h.mu.Unlock()
			return nil
		case under > 0 && (limit == 0 || capacity+under*limit >= int64(n)):
			o := h.opening[0]
			h.mu.Unlock()
			err = o.wait(ctx, deadline)
		default:
			err = h.openOne(ctx, deadline)
		}
	}
	return Failure(ctx, err)
}

// close implements roundTripper.
func (h *http2) close() {
	h.cancel()
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	for _, c := range *h.conns.Load() {
		c.Close()
	}
}

// speaksHTTP2 returns an error for a connection with TLS on which the server chose another
// protocol.
func (t *Transport) speaksHTTP2(nc net.Conn) error {
	if secured, ok := nc.(*tls.Conn); ok && secured.ConnectionState().NegotiatedProtocol != "h2" {
		return errNotHTTP2
	}
	return nil
}

var (
	errNotHTTP2  = errors.New("the server does not speak HTTP/2")
	errNoStreams = errors.New("the server allows no streams: its MAX_CONCURRENT_STREAMS is 0")
)
