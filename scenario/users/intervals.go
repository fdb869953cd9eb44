package users

import "time"

// daily counts the turns of the last 24 hours by minute. A turn counts until its
// whole minute is 24 hours ago: a limit may be felt up to a minute too long, and
// is never exceeded.
type daily struct {
	minutes [minutesADay + 1]uint64
	now     int64 // the minute that turns are counted in
	count   uint64
}

const minutesADay = 24 * 60

// at lets go of what is too old at a time, which must not be before the last one.
func (d *daily) at(t time.Duration) {
	now := int64(t / time.Minute)
	for ; d.now < now && d.count > 0; d.now++ {
		oldest := &d.minutes[(d.now+1)%int64(len(d.minutes))]
		d.count -= *oldest
		*oldest = 0
	}
	d.now = now
}

func (d *daily) add() {
	d.minutes[d.now%int64(len(d.minutes))]++
	d.count++
}

// recent holds the times of the turns of the last interval, first in first out,
// 4 bytes each. The times are cut to ticks and to 32 bits: an interval has less
// than 2³¹ ticks, and older turns are let go, so that no two times in it are
// mistaken for each other.
type recent struct {
	interval time.Duration
	tick     time.Duration
	newest   time.Duration
	chunks   [][]uint32 // times of turns; whole chunks come and go
	first    int        // in the first chunk
	count    int
}

const chunk = 16 << 10

func newRecent(interval time.Duration) recent {
	return recent{interval: interval, tick: max(interval>>31+1, 100*time.Nanosecond)}
}

// full says whether as many turns as there are rows were taken within the
// interval before a time: then the next user had one of them.
func (r *recent) full(at time.Duration, rows int) bool {
	if r.count > 0 && at-r.newest >= r.interval {
		r.chunks, r.first, r.count = nil, 0, 0
	}
	now := uint32(at / r.tick)
	for r.count > 0 && now-r.chunks[0][r.first] >= r.ticks() {
		r.drop()
	}
	return r.count >= rows
}

// ticks is the interval less what two rounded times may be off: 200 ns for one of
// a minute.
func (r *recent) ticks() uint32 { return uint32(max(r.interval/r.tick-1, 1)) }

func (r *recent) drop() {
	r.first++
	r.count--
	if r.first == chunk {
		r.chunks, r.first = r.chunks[1:], 0
	}
}

// clone returns a copy that goes on by itself.
func (r *recent) clone() recent {
	c := *r
	c.chunks = nil
	for _, part := range r.chunks {
		c.chunks = append(c.chunks, append(make([]uint32, 0, chunk), part...))
	}
	return c
}

// add notes a turn at a time.
func (r *recent) add(at time.Duration) {
	r.newest = at
	if last := len(r.chunks) - 1; last < 0 || len(r.chunks[last]) == chunk {
		r.chunks = append(r.chunks, make([]uint32, 0, chunk))
	}
	last := len(r.chunks) - 1
	r.chunks[last] = append(r.chunks[last], uint32(at/r.tick))
	r.count++
}
