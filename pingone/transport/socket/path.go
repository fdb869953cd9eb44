package socket

import (
	"net"
	"time"
)

// PathMeter tells how much of the wait for a response the network took, by what the system knows of a
// connection (TCP_INFO on Linux). It asks seldom: for few of the slow responses, and some times a second
// for what is usual. One goroutine at a time uses it.
type PathMeter struct {
	// Conn is the connection.
	Conn net.Conn
	// Path asks the system about it; [PathOf] if nil.
	Path  func(net.Conn) (PathInfo, bool)
	last  PathInfo
	asked time.Time
	// usual is about what a wait takes, slow from where on few are longer.
	usual, slow time.Duration
}

const (
	// askEvery is how old what the system said may be as a request is sent.
	askEvery = 20 * time.Millisecond
	// slowMin is how long a wait is at least that the system is asked about.
	slowMin = 5 * time.Millisecond
	// heldACK is how long the acknowledgement of a request may wait for the response, which then looks
	// like time on the network: two times the 40 ms of Linux, for there may be two such samples.
	heldACK = 80 * time.Millisecond
)

// Begin notes that a request is sent.
func (p *PathMeter) Begin(now time.Time) {
	if now.Sub(p.asked) >= askEvery {
		p.ask(now)
	}
}

func (p *PathMeter) ask(now time.Time) bool {
	of := PathOf
	if p.Path != nil {
		of = p.Path
	}
	path, ok := of(p.Conn)
	p.last, p.asked = path, now
	return ok
}

// Network returns how much of a wait for the first byte of a response the network took.
func (p *PathMeter) Network(wait time.Duration, now time.Time) time.Duration {
	if wait <= p.slow || wait < slowMin {
		p.slow -= p.slow / 64
		p.usual += (wait - p.usual) / 8
		return 0
	}
	p.slow = max(p.slow+p.slow/4, slowMin)
	before := p.last
	if !p.ask(now) {
		return 0
	}
	if p.last.Retransmits > before.Retransmits {
		return max(wait-p.usual, 0)
	}
	trip := p.last.RTT
	if p.last.Segments-before.Segments <= 2 && trip > before.RTT {
		trip = before.RTT + 8*(trip-before.RTT) // a new sample counts for an eighth (RFC 6298)
	}
	if more := min(trip, wait) - p.last.MinRTT; more > heldACK {
		return more
	}
	return 0
}
