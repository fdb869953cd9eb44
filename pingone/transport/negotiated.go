package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"mfaload/contract"
)

// negotiated speaks what the server chooses on each connection with TLS: HTTP/2 or HTTP/1.1.
type negotiated struct {
	http1 *http1
	http2 *http2
	// one says that the server chose HTTP/1.1 last: the next connection is probably like that.
	one atomic.Bool
}

// errOtherProtocol means that the server chose the other protocol, on a connection that is
// ready for requests by now. Nothing was sent.
var errOtherProtocol = errors.New("the server chose the other protocol")

func newNegotiated(t *Transport) *negotiated {
	n := &negotiated{http1: newHTTP1(t), http2: newHTTP2(t)}
	n.http1.strange = func(ctx context.Context, nc net.Conn, opened contract.Connection,
		deadline time.Time) error {
		n.one.Store(false)
		if _, err := n.http2.adopt(ctx, nc, opened, deadline); err != nil {
			return err
		}
		return errOtherProtocol
	}
	n.http2.strange = func(nc net.Conn, opened contract.Connection) {
		n.one.Store(true)
		n.http1.put(n.http1.adopt(nc, opened), time.Now())
	}
	return n
}

// client is the one with a connection for a request, or whose connections the server chose last.
func (n *negotiated) client() roundTripper {
	switch {
	case n.http2.hasRoom():
		return n.http2
	case n.one.Load() || n.http1.hasIdle():
		return n.http1
	}
	return n.http2
}

// maxChanges is how often the server may change its mind before a request is sent.
const maxChanges = 100

// roundTrip implements roundTripper.
func (n *negotiated) roundTrip(ctx context.Context, r Request, ex *contract.Exchange) error {
	for range maxChanges {
		if err := n.client().roundTrip(ctx, r, ex); err != errOtherProtocol {
			return err
		}
	}
	return Failure(ctx, fmt.Errorf("the server keeps changing its protocol: %w", io.EOF))
}

// open implements roundTripper.
func (n *negotiated) open(ctx context.Context, requests int) error {
	for range maxChanges {
		if err := n.client().open(ctx, requests); err != errOtherProtocol {
			return err
		}
	}
	return nil
}

// close implements roundTripper.
func (n *negotiated) close() {
	n.http1.close()
	n.http2.close()
}
