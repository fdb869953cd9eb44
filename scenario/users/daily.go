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
