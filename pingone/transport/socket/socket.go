// Package socket has the system calls of package transport: what a TCP socket can
// tell and do that package net has no function for. Everything a system lacks has a
// substitute that is slower or knows less, never one that is wrong.
//
//   - [TCP] writes a request and reads its response within one wait (Unix).
//   - [ReadNow] reads without waiting (Unix).
//   - [Unacknowledged] knows what the peer had received (Linux).
//   - [PathOf] knows round trips and lost segments (Linux).
package socket

import (
	"errors"
	"time"
)

// PathInfo is what a system knows of the way to a connection's peer.
type PathInfo struct {
	// RTT is the smoothed time of a round trip, MinRTT the shortest one.
	RTT, MinRTT time.Duration
	// Retransmits counts the segments that were sent again, Segments those with data.
	Retransmits, Segments uint32
}

// StaleError says that an idle connection can't be used; nothing was sent.
type StaleError struct{ Err error }

func (e *StaleError) Error() string { return "idle connection: " + e.Err.Error() }
func (e *StaleError) Unwrap() error { return e.Err }

// ErrUnsolicited means that bytes came while no request was under way.
var ErrUnsolicited = errors.New("bytes that were not asked for")

// ErrWouldBlock means that nothing was there to read. It is a temporary [net.Error], so
// that package tls goes on after it.
var ErrWouldBlock error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "nothing to read" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }
