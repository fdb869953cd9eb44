package feed

import (
	"math"
	"time"
)

// Order is the order in which users are asked.
type Order int

const (
	// Sequential is the file's order.
	Sequential Order = iota
	// Shuffle is a seeded permutation; in the next round it is the same.
	Shuffle
	// Random draws each user independently of the others, by a seed.
	Random
)

// Plan says how a queue hands out users.
type Plan struct {
	// Rows is the number of users, at least 1.
	Rows  int
	Order Order
	// Seed makes Shuffle and Random repeatable.
	Seed uint64
	// Stop ends the queue after each user was handed out once; without it the
	// queue begins anew. Not with Random.
	Stop bool
	// PerUser is the least time between two turns of the same user; 0 is none.
	PerUser time.Duration
}

// Reason says why there is no user.
type Reason int

const (
	// Given means that there is one.
	Given Reason = iota
	// RanOut means that all users had their turn.
	RanOut
	// TooSoon means that every user was asked within Plan.PerUser.
	TooSoon
)

// Queue hands out the users of a plan. It is a pure function of the plan and of
// the times at which it is asked. Its memory is at most 4 bytes a user, and none
// without PerUser. It is not safe for concurrent use.
type Queue struct {
	Plan
	shuffle shuffle
	turn    uint64 // how many users were handed out
	rounds  recent
	last    []uint32      // with Random: when each row was handed out, in ms from 1; 0 is never
	all     time.Duration // with Random: until when no user may be asked
}

// NewQueue returns a queue at its beginning.
func NewQueue(p Plan) *Queue {
	q := &Queue{Plan: p, rounds: newRecent(p.PerUser)}
	switch {
	case p.Order == Shuffle:
		q.shuffle = newShuffle(p.Rows, p.Seed)
	case p.Order == Random && p.PerUser > 0:
		q.last = make([]uint32, p.Rows)
	}
	return q
}

// Turn returns how many users were handed out.
func (q *Queue) Turn() uint64 { return q.turn }

// Next returns the row of the user whose turn it is at a time, which must not
// be before the last one.
func (q *Queue) Next(at time.Duration) (row int, why Reason) {
	if q.Stop && q.turn >= uint64(q.Rows) {
		return 0, RanOut
	}
	if q.Order == Random {
		return q.random(at)
	}
	// All others were asked after the one whose turn it is: if he may not be
	// asked yet, nobody may.
	if q.PerUser > 0 && !q.Stop && !q.rounds.pass(at, q.Rows) {
		return 0, TooSoon
	}
	row = q.Row(q.turn)
	q.turn++
	return row, Given
}

// Row returns the row of a turn, counted from 0. It does not hold for Random
// with PerUser, where the rows that are left depend on the times.
func (q *Queue) Row(turn uint64) int {
	position := turn % uint64(q.Rows)
	switch q.Order {
	case Shuffle:
		return int(q.shuffle.at(position))
	case Random:
		return draw(q.Rows, q.Seed, turn, 0)
	}
	return int(position)
}

// attempts is how often random draws again before it takes the next free row.
const attempts = 32

// random draws among the users who may be asked.
func (q *Queue) random(at time.Duration) (int, Reason) {
	if q.last == nil {
		q.turn++
		return q.Row(q.turn - 1), Given
	}
	if at < q.all {
		return 0, TooSoon
	}
	row := 0
	for t := range uint64(attempts) {
		if row = draw(q.Rows, q.Seed, q.turn, t); q.free(row, at) {
			return q.give(row, at)
		}
	}
	soonest := uint32(math.MaxUint32)
	for range q.Rows {
		if q.free(row, at) {
			return q.give(row, at)
		}
		soonest = min(soonest, q.last[row])
		if row++; row == q.Rows {
			row = 0
		}
	}
	// Nobody comes free before the one who was asked the longest ago.
	q.all = time.Duration(soonest-1)*time.Millisecond + q.PerUser
	return 0, TooSoon
}

// free says whether a row may be handed out.
func (q *Queue) free(row int, at time.Duration) bool {
	last := q.last[row]
	return last == 0 || at-time.Duration(last-1)*time.Millisecond >= q.PerUser
}

// give notes the time, rounded up so that no interval is ever too short.
func (q *Queue) give(row int, at time.Duration) (int, Reason) {
	q.last[row] = 1 + uint32((at+time.Millisecond-1)/time.Millisecond)
	q.turn++
	return row, Given
}
