package transport_test

import (
	"bytes"
	"net"
	"testing"

	"mfaload/contract"
	"mfaload/pingone/transport/transporttest"
)

// A request on a connection that is kept allocates nothing, and its response neither.
func TestRequestsAllocateNothing(t *testing.T) {
	url := transporttest.Listen(t, func(c net.Conn) {
		in := make([]byte, 4096)
		response := []byte(plain)
		for n := 0; ; {
			m, err := c.Read(in[n:])
			if err != nil {
				return
			}
			if n += m; bytes.HasSuffix(in[:n], request.Body) {
				n = 0
				if _, err := c.Write(response); err != nil {
					return
				}
			}
		}
	})
	to := open(t, url, nil)
	ex := &contract.Exchange{}
	ctx := t.Context()
	allocations := testing.AllocsPerRun(200, func() {
		ex.Reset()
		if err := to.RoundTrip(ctx, request, ex); err != nil || ex.Status != 201 {
			t.Fatal(ex.Status, err)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations a request", allocations)
	}
}
