package socket_test

import (
	"net"
	"testing"
	"time"

	"mfaload/pingone/transport/socket"
)

// The network is named by evidence only: segments that were sent again, or a round trip that no held
// acknowledgement explains.
func TestNetworkIsNamedByEvidence(t *testing.T) {
	const ms = time.Millisecond
	usual := socket.PathInfo{RTT: ms, MinRTT: ms, Segments: 10}
	for name, test := range map[string]struct {
		after    socket.PathInfo
		silent   bool // the system does not tell
		wait     time.Duration
		min, max time.Duration
	}{
		"slow service": {after: usual, wait: 400 * ms},
		"held acknowledgement": {after: socket.PathInfo{RTT: 41 * ms, MinRTT: ms, Segments: 20},
			wait: 400 * ms},
		"sent again": {after: socket.PathInfo{RTT: ms, MinRTT: ms, Segments: 20, Retransmits: 1},
			wait: 400 * ms, min: 390 * ms, max: 400 * ms},
		"long round trip": {after: socket.PathInfo{RTT: 201 * ms, MinRTT: ms, Segments: 20},
			wait: 400 * ms, min: 200 * ms, max: 200 * ms},
		"one sample of a long trip": {after: socket.PathInfo{RTT: 26 * ms, MinRTT: ms, Segments: 11},
			wait: 400 * ms, min: 200 * ms, max: 200 * ms},
		"longer trip than the wait": {after: socket.PathInfo{RTT: 900 * ms, MinRTT: ms, Segments: 20},
			wait: 400 * ms, min: 399 * ms, max: 399 * ms},
		"as usual": {after: socket.PathInfo{RTT: ms, MinRTT: ms, Segments: 20, Retransmits: 1},
			wait: 4 * ms},
		"the system does not tell": {silent: true, wait: 400 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			answer, told := usual, true
			p := socket.PathMeter{Path: func(net.Conn) (socket.PathInfo, bool) { return answer, told }}
			now := time.Unix(1_800_000_000, 0)
			for range 100 {
				p.Begin(now)
				now = now.Add(5 * ms)
				p.Network(2*ms, now)
			}
			p.Begin(now)
			answer, told = test.after, !test.silent
			if got := p.Network(test.wait, now.Add(test.wait)); got < test.min || got > test.max {
				t.Errorf("the network took %v of %v, not %v to %v", got, test.wait, test.min, test.max)
			}
		})
	}
}
