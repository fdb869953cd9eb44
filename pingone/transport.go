package pingone

import (
	"context"
	"time"

	"mfaload/contract"
)

// transport sends requests to the target. There is one for HTTP/1.1, written
// for speed and for seeing every fault of framing, and net/http for HTTP/2.
// Neither follows a redirect, asks for compression or sends a request twice.
// Transports are safe for concurrent use.
type transport interface {
	// roundTrip sends a request and reads the whole answer to it into ex,
	// within the target's timeout. Its error is a [contract.Failure].
	roundTrip(ctx context.Context, r request, ex *contract.Exchange) error
	// open opens connections until n are open or one can't be opened.
	open(ctx context.Context, n int) error
	// close closes idle connections.
	close()
}

func newTransport(t *target) transport {
	if t.http2 {
		return newHTTP2(t)
	}
	return &http1{target: t}
}

// request is what is sent, apart from the target.
type request struct {
	method, path string
	// head holds whole header lines beside Host and Content-Length.
	head string
	// authorization is the header line with the token; empty for none.
	authorization string
	// trace is the value of the header X-Ping-External-Transaction-ID; empty
	// for none.
	trace []byte
	body  []byte
}

// transactionID is the header by which the service's audit log names a request.
const transactionID = "X-Ping-External-Transaction-ID"

// fault records a framing fault of the answer, to be judged by the contract.
func fault(ex *contract.Exchange, rule, expected, got string) {
	ex.Framing = append(ex.Framing, contract.Violation{Rule: rule, Expected: expected, Got: got})
}

// deadline is when a request of this moment has timed out.
func (t *target) deadline(ctx context.Context, now time.Time) time.Time {
	end := now.Add(t.timeout)
	if limit, has := ctx.Deadline(); has && limit.Before(end) {
		return limit
	}
	return end
}
