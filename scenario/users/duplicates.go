package users

import (
	"encoding/binary"
	"math/bits"
	"slices"
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
// time, and then looks at the few rows whose hash is there twice.
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

// collect looks for hashes that are there twice in one range of hashes.
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

// confirm compares the users behind the hashes.
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
