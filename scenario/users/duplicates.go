package users

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"time"
)

// passKeys is how many users are compared at once: 32 MB of hashes. More users
// take more passes over the stores, never more memory.
const passKeys = 4 << 20

// Where is a row of one of several stores.
type Where struct{ Store, Row int }

// Duplicate is a row whose user was there before.
type Duplicate struct{ Row, First Where }

// Duplicates finds users who are in the stores more than once. It tells at most
// the first rows of that kind, in order, and whether there are more of them.
// However many users there are, it takes 32 MB: it sorts hashes of a range at a
// time, and then looks at the few rows whose hash comes again.
func Duplicates(stores []*Store, most int) (found []Duplicate, more bool, err error) {
	total := 0
	for _, s := range stores {
		total += s.Len()
	}
	f := &finder{stores: stores, max: most, suspects: map[uint64][]seen{}}
	passes := uint64(total/(passKeys-passKeys/16) + 1)
	f.keys = make([]uint64, 0, min(total, passKeys))
	for pass := range passes {
		if err := f.collect(pass, passes); err != nil {
			return nil, false, err
		}
	}
	f.keys = nil
	if len(f.suspects) == 0 {
		return nil, false, nil
	}
	return f.confirm()
}

type finder struct {
	stores   []*Store
	max      int
	keys     []uint64
	suspects map[uint64][]seen // by hash; who was seen is filled in by confirm
	crowded  bool              // there are more suspects than are kept
}

type seen struct {
	id ID
	at Where
}

// collect looks for duplicate hashes in one range of hashes.
func (f *finder) collect(pass, passes uint64) error {
	f.keys = f.keys[:0]
	err := f.each(func(_ Where, id ID) bool {
		h := id.hash()
		if high, _ := bits.Mul64(h, passes); high != pass {
			return true
		}
		// A range overflows where the same users come again and again.
		if len(f.keys) == cap(f.keys) && len(f.keys) > 0 {
			f.compact()
		}
		f.keys = append(f.keys, h)
		return true
	})
	f.compact()
	return err
}

// compact sorts the hashes and leaves each once.
func (f *finder) compact() {
	slices.Sort(f.keys)
	for i := 1; i < len(f.keys); i++ {
		if f.keys[i] == f.keys[i-1] {
			f.suspect(f.keys[i])
		}
	}
	f.keys = slices.Compact(f.keys)
}

// maxSuspects bounds the hashes that are looked at again.
const maxSuspects = 10_000

func (f *finder) suspect(h uint64) {
	if len(f.suspects) < maxSuspects {
		f.suspects[h] = nil
	} else if _, known := f.suspects[h]; !known {
		f.crowded = true
	}
}

func (f *finder) confirm() (found []Duplicate, more bool, err error) {
	more = f.crowded
	err = f.each(func(at Where, id ID) bool {
		h := id.hash()
		before, suspect := f.suspects[h]
		if !suspect {
			return true
		}
		for _, s := range before {
			if s.id != id {
				continue
			}
			if len(found) == f.max {
				more = true
				return false
			}
			found = append(found, Duplicate{Row: at, First: s.at})
			return true
		}
		f.suspects[h] = append(before, seen{id, at})
		return true
	})
	return found, more && len(found) > 0, err
}

// each shows all rows of all stores in order, until do returns false.
func (f *finder) each(do func(Where, ID) bool) error {
	for i, s := range f.stores {
		c := s.Cursor()
		for row := range s.Len() {
			e, err := c.At(row)
			if err != nil {
				return err
			}
			if !do(Where{i, row}, e.ID) {
				return nil
			}
		}
	}
	return nil
}

// hash spreads IDs evenly, also those that count up.
func (id *ID) hash() uint64 {
	return mix(mix(binary.LittleEndian.Uint64(id[:8])) + binary.LittleEndian.Uint64(id[8:]))
}

// mix is the finalizer of SplitMix64: every bit of x moves half of the result's.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

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

// ticks is the interval less what two rounded times may be off.
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

func (r *recent) add(at time.Duration) {
	r.newest = at
	if last := len(r.chunks) - 1; last < 0 || len(r.chunks[last]) == chunk {
		r.chunks = append(r.chunks, make([]uint32, 0, chunk))
	}
	last := len(r.chunks) - 1
	r.chunks[last] = append(r.chunks[last], uint32(at/r.tick))
	r.count++
}
