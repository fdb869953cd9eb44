package users

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// Order is the order in which a group's users are asked; zero is Sequential.
type Order string

const (
	// Sequential is the order of the list or file.
	Sequential Order = "sequential"
	// Shuffle is a permutation by the scenario's seed, the same in each round.
	Shuffle Order = "shuffle"
	// Random draws each user independently of the others, by the scenario's seed.
	Random Order = "random"
	// Once is Sequential, and nobody is asked twice: its queue stops after a lap.
	Once Order = "once"
	// Recorded is that of a recording, whose rows name the users: no queue hands them out.
	Recorded Order = "recorded"
)

// QueueOptions says how a queue hands out users.
type QueueOptions struct {
	// Rows is the number of users, at least 1.
	Rows  int
	Order Order
	// Seed makes Shuffle and Random repeatable.
	Seed uint64
	// Stop ends a lap after each user was handed out once; without it the queue
	// begins again. Not with Random.
	Stop bool
	// PerUser is the least time between two turns of the same user; 0 is none.
	PerUser time.Duration
	// PerDay is the most turns of the same user within 24 hours; 0 means no limit.
	// With Random it is the most turns at all.
	PerDay uint64
}

// Reason says why there is no user.
type Reason int

const (
	// Available means that there is one.
	Available Reason = iota
	// RanOut means that all users had their turn.
	RanOut
	// TooSoon means that every user was asked within QueueOptions.PerUser.
	TooSoon
	// Capped means that every user was asked QueueOptions.PerDay times.
	Capped
)

// Queue hands out the users of a plan. It is a pure function of the plan and of
// the times at which it is asked. Its memory is at most 4 bytes a user for each
// of PerUser and PerDay, and none without them. It is not safe for concurrent use.
type Queue struct {
	QueueOptions
	shuffle    shuffle
	turn       uint64 // how many users were handed out
	lap        uint64 // how many of them before the lap
	rounds     recent
	day        *daily
	timesGiven []uint32      // with Random and PerDay: how often each row was handed out
	last       []uint32      // with Random: when each row was handed out, in ms from 1; 0 is never
	all        time.Duration // with Random: until when no user may be asked
	given      uint64        // with Random: the turns that count of those before the first one
	had        []uint32      // by row: turns before the first one, which count until; nil for none
	until      time.Duration
}

// NewQueue returns a queue at its beginning.
func NewQueue(p QueueOptions) *Queue {
	q := &Queue{QueueOptions: p, rounds: newRecent(p.PerUser)}
	switch {
	case p.Order == Shuffle:
		q.shuffle = newShuffle(p.Rows, p.Seed)
	case p.Order == Random && p.PerUser > 0:
		q.last = make([]uint32, p.Rows)
	}
	switch {
	case p.PerDay == 0:
	case p.Order == Random:
		q.timesGiven = make([]uint32, p.Rows)
	default:
		q.day = &daily{}
	}
	return q
}

// Begin has the users begin with the turns that they had before, by row. Those count against PerDay
// until a time, with Random for good. It is called before the first turn; without PerDay it
// changes nothing.
func (q *Queue) Begin(had []uint32, until time.Duration) {
	if q.PerDay == 0 {
		return
	}
	q.had, q.until = had, until
	if q.Order == Random {
		copy(q.timesGiven, had)
		for _, n := range had {
			q.given += min(uint64(n), q.PerDay)
		}
	}
}

// passes says whether the user whose turn it is had so many turns before that he is passed over.
// Each lap since the beginning gave him one, or passed him over too.
func (q *Queue) passes(at time.Duration) bool {
	if q.had == nil || at >= q.until {
		return false
	}
	rows := uint64(q.Rows)
	return uint64(q.had[q.Row(q.turn)])+q.turn/rows >= q.PerDay
}

// Turn returns how many users were handed out in the lap.
func (q *Queue) Turn() uint64 { return q.turn - q.lap }

// Lap begins another lap: the users go on after the last one, and Stop and Turn
// count from here on. The intervals and caps of a user hold over all laps.
func (q *Queue) Lap() { q.lap = q.turn }

// Clone returns a queue that goes on like this one.
func (q *Queue) Clone() *Queue {
	c := *q
	c.rounds, c.timesGiven, c.last = q.rounds.clone(), slices.Clone(q.timesGiven), slices.Clone(q.last)
	if q.day != nil {
		day := *q.day
		c.day = &day
	}
	return &c
}

// Next returns the row of the user whose turn it is at a time, which must not
// be before the last one.
func (q *Queue) Next(at time.Duration) (row int, why Reason) {
	if q.Stop && q.Turn() >= uint64(q.Rows) {
		return 0, RanOut
	}
	if q.Order == Random {
		return q.random(at)
	}
	// All others were asked after the one whose turn it is: if he may not be
	// asked yet, nobody may.
	for {
		pass := q.passes(at)
		if why = q.mayGo(at); why != Available {
			return 0, why
		}
		if !pass {
			break
		}
		if q.turn++; q.Stop && q.Turn() >= uint64(q.Rows) {
			return 0, RanOut
		}
	}
	row = q.Row(q.turn)
	q.turn++
	return row, Available
}

// mayGo says whether the user whose turn it is may be asked, and notes it.
func (q *Queue) mayGo(at time.Duration) Reason {
	if q.PerUser > 0 && q.rounds.full(at, q.Rows) {
		return TooSoon
	}
	if q.day != nil {
		if q.day.at(at); q.day.count/uint64(q.Rows) >= q.PerDay {
			return Capped
		}
		q.day.add()
	}
	if q.PerUser > 0 {
		q.rounds.add(at)
	}
	return Available
}

// Row returns the row of a turn, counted from 0. It does not hold for Random
// with PerUser or PerDay, where the rows that are left depend on those before.
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
	switch {
	case q.last == nil && q.timesGiven == nil:
		q.turn++
		return q.Row(q.turn - 1), Available
	case q.timesGiven != nil && (q.given+q.turn)/uint64(q.Rows) >= q.PerDay:
		return 0, Capped
	case at < q.all:
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
		if q.under(row) {
			soonest = min(soonest, q.last[row])
		}
		if row++; row == q.Rows {
			row = 0
		}
	}
	// Nobody comes free before the one who was asked the longest ago.
	q.all = time.Duration(soonest-1)*time.Millisecond + q.PerUser
	return 0, TooSoon
}

func (q *Queue) free(row int, at time.Duration) bool {
	if q.last == nil || !q.under(row) {
		return q.under(row)
	}
	last := q.last[row]
	return last == 0 || at-time.Duration(last-1)*time.Millisecond >= q.PerUser
}

// under says whether a row was handed out less often than PerDay allows.
func (q *Queue) under(row int) bool {
	return q.timesGiven == nil || uint64(q.timesGiven[row]) < q.PerDay
}

// give notes the time, rounded up so that no interval is ever too short.
func (q *Queue) give(row int, at time.Duration) (int, Reason) {
	if q.last != nil {
		q.last[row] = 1 + uint32((at+time.Millisecond-1)/time.Millisecond)
	}
	if q.timesGiven != nil {
		q.timesGiven[row]++
	}
	q.turn++
	return row, Available
}

// shuffle is a seeded permutation of the rows 0 to rows-1 that takes no memory: a
// Feistel network over the next power of four, walked along until it comes back
// into the range.
type shuffle struct {
	rows uint64
	seed uint64
	half int // bits of half a block
}

func newShuffle(rows int, seed uint64) shuffle {
	return shuffle{uint64(rows), seed, max((bits.Len64(uint64(rows-1))+1)/2, 1)}
}

const rounds = 6

// at returns where the permutation puts position i.
func (s shuffle) at(i uint64) uint64 {
	mask := uint64(1)<<s.half - 1
	for {
		left, right := i>>s.half, i&mask
		for round := range uint64(rounds) {
			left, right = right, left^mix(s.seed+round<<56^right)&mask
		}
		if i = left<<s.half | right; i < s.rows {
			return i
		}
	}
}

// draw is a seeded choice out of the rows: attempt t for position i. Choices are
// independent of one another.
func draw(rows int, seed, i, t uint64) int {
	row, _ := bits.Mul64(mix(mix(seed+i)+t), uint64(rows))
	return int(row)
}
