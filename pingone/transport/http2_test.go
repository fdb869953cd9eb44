package transport_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"mfaload/pingone/transport"
	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

// countFailures sends requests from so many workers at once, and counts how those ended
// that got no response.
func countFailures(t *testing.T, to *transport.Transport, workers, each int) map[string]int {
	t.Helper()
	var mu sync.Mutex
	kinds := map[string]int{}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				if got := send(t, to); got.Failure != "" {
					mu.Lock()
					kinds[got.Failure]++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return kinds
}

// goAway responds to the first request of a connection, and says that it takes none
// that began after it.
func goAway(c net.Conn) {
	preface := make([]byte, len(http2.ClientPreface))
	f := http2.NewFramer(c, c)
	if _, err := io.ReadFull(c, preface); err != nil || f.WriteSettings() != nil {
		return
	}
	last := uint32(1<<31 - 1)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		data, ok := frame.(*http2.DataFrame)
		if settings, is := frame.(*http2.SettingsFrame); is && !settings.IsAck() {
			_ = f.WriteSettingsAck()
		}
		if !ok || !data.StreamEnded() || data.StreamID > last {
			continue
		}
		var block bytes.Buffer
		_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "201"})
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: data.StreamID, BlockFragment: block.Bytes(),
			EndHeaders: true})
		_ = f.WriteData(data.StreamID, true, []byte("{}"))
		last = min(last, data.StreamID)
		_ = f.WriteGoAway(last, http2.ErrCodeNo, nil)
	}
}

// A connection that goes away has one name, whenever a request meets that: nothing
// else ends a request here.
func TestGoingAwayHasOneName(t *testing.T) {
	// net/http waits a second before it tries a third connection for a request.
	to := way{protocol: scenario.HTTP2}.open(t, transporttest.Listen(t, goAway), "", nil)
	got := countFailures(t, to, 6, 200)
	delete(got, "connection going away")
	if len(got) > 0 {
		t.Error(got)
	}
}
