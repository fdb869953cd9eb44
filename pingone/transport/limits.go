package transport

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"mfaload/contract"
	"mfaload/measure"
)

// connectionGate counts the connections of both protocols. Where the scenario allows no more of them it
// holds requests back, in the order in which they came.
type connectionGate struct {
	max     int          // connections that take requests at once; 0 for any number
	taken   atomic.Int64 // by those that are open, or about to be
	changes atomic.Uint64
	waiting atomic.Int64 // requests in line

	mu   sync.Mutex
	line []chan struct{} // the first has waited longest
}

// errBusy means that a request needs a connection more than the scenario allows. Nothing was sent.
var errBusy = errors.New("all connections that target.connections allows are in use")

// errOver means that the run ended while a request waited. Nothing was sent.
var errOver = errors.New("the run ended before a connection was free")

// enter takes the place of a connection, of at most so many; 0 is any number.
func (g *connectionGate) enter(most int) bool {
	for {
		n := g.taken.Load()
		if most > 0 && n >= int64(most) {
			return false
		}
		if g.taken.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// succeed takes a place for the successor of a connection, which has one still.
func (g *connectionGate) succeed() { g.taken.Add(1) }

// leave gives a place back.
func (g *connectionGate) leave() {
	g.taken.Add(-1)
	g.freed()
}

// freed says that a request more may find a connection.
func (g *connectionGate) freed() {
	if g.max == 0 {
		return
	}
	g.changes.Add(1)
	if g.waiting.Load() > 0 {
		g.wake()
	}
}

// wake has the first in line try again.
func (g *connectionGate) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.line) > 0 {
		close(g.line[0])
		g.line = g.line[1:]
		g.waiting.Store(int64(len(g.line)))
	}
}

// roundTrip has the client send a request once it finds a connection.
func (g *connectionGate) roundTrip(ctx context.Context, client roundTripper, r Request,
	ex *contract.Exchange) error {
	if g.max == 0 {
		return client.roundTrip(ctx, r, ex)
	}
	var began time.Time
	for first := false; ; first = true {
		seen := g.changes.Load()
		tries := first || g.waiting.Load() == 0
		if tries {
			if err := client.roundTrip(ctx, r, ex); err != errBusy {
				return err
			}
		}
		if began.IsZero() {
			began = time.Now()
		}
		err := g.wait(ctx, first, tries, seen)
		if err == nil && ex.MaySend != nil && !ex.MaySend() {
			g.wake() // what it was woken for is the next one's
			err = errOver
		}
		if ex.Waited = time.Since(began); err != nil {
			return &contract.Failure{Kind: measure.NoConnection, Own: true, Err: err}
		}
	}
}

// wait waits in line, at its front or its end, until it is time to try again. It is at once
// where something changed since the request tried, or where it did not try and nobody is in line.
func (g *connectionGate) wait(ctx context.Context, first, tried bool, seen uint64) error {
	g.mu.Lock()
	if !tried && len(g.line) == 0 {
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	if first {
		g.line = append([]chan struct{}{turn}, g.line...)
	} else {
		g.line = append(g.line, turn)
	}
	g.waiting.Store(int64(len(g.line)))
	if tried && g.changes.Load() != seen {
		g.remove(turn)
		g.mu.Unlock()
		return nil
	}
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	inLine := g.remove(turn)
	g.mu.Unlock()
	if !inLine {
		g.wake() // what it was woken for is the next one's
	}
	return context.Cause(ctx)
}

// remove takes a request out of line, and says whether it was in it.
func (g *connectionGate) remove(turn chan struct{}) bool {
	for i, other := range g.line {
		if other == turn {
			g.line = append(g.line[:i], g.line[i+1:]...)
			g.waiting.Store(int64(len(g.line)))
			return true
		}
	}
	return false
}

// lifetime is how long connections are used: each is replaced ahead of its end, so that no
// request waits for that.
type lifetime struct {
	maxRequests int           // 0 for any number
	maxAge      time.Duration // 0 for any age
	watched     atomic.Uint64
}

// aheadOf is with which of its requests a connection's successor is opened: a tenth ahead.
func (l *lifetime) aheadOf() int { return l.maxRequests - (l.maxRequests-1)/10 }

// ages is over how many connections the ends of those are spread that were opened at once.
const ages = 16

// watch has a connection replaced, and retired, as it grows old, until it is stopped. Replacing
// begins a twentieth of the greatest age ahead, and up to another one earlier.
func (l *lifetime) watch(replace, retire func()) (stop func()) {
	if l.maxAge == 0 {
		return func() {}
	}
	part := l.maxAge / 20
	earlier := part * time.Duration(l.watched.Add(1)%ages) / ages
	replacing := time.AfterFunc(l.maxAge-part-earlier, replace)
	retiring := time.AfterFunc(l.maxAge-earlier, retire)
	return func() {
		replacing.Stop()
		retiring.Stop()
	}
}
