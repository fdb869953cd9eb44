package pingone_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"mfaload/contract"
	"mfaload/pingone"
	"mfaload/scenario"
)

// failures sends requests from so many workers at once, and counts how those ended
// that got no response.
func failures(t *testing.T, op *pingone.Operation, workers, each int) map[string]int {
	t.Helper()
	var mu sync.Mutex
	kinds := map[string]int{}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				var f *contract.Failure
				if err := op.Send(t.Context(), scenario.User{ID: userID},
					&contract.Exchange{}); errors.As(err, &f) {
					mu.Lock()
					kinds[f.Kind]++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return kinds
}

// goesAway answers the first request of a connection, and says that it takes none
// that began after it.
func goesAway(c net.Conn) {
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				goesAway(c)
			}()
		}
	}()
	// net/http waits a second before it tries a third connection for a request.
	op := open(t, "http://"+listener.Addr().String(), "", scenario.HTTP2, func(s *scenario.Target) { s.Timeout = patient })
	got := failures(t, op, 6, 200)
	delete(got, "connection going away")
	if len(got) > 0 {
		t.Error(got)
	}
}
