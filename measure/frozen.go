package measure

import (
	"encoding/binary"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// frozen are the buckets of a histogram that nothing is recorded into any more,
// or seldom: two varints each, the distance from the bucket before in steps of
// the resolution, and the count. That takes some 3 bytes, a tenth of what a
// small sparse histogram takes.
type frozen struct {
	buckets []byte
	count   uint64
}

// step divides the lowest value of every bucket: the largest power of two that
// [lowest] is not below.
const step = 512

// freeze makes a sparse histogram as small as it gets. Recording into it makes
// it large again.
func (h *Histogram) freeze() {
	if h.packed == nil {
		return
	}
	var buffer [256]byte
	b, before := buffer[:0], int64(0)
	h.packed.ForEachBucket(func(value, count int64) bool {
		b = binary.AppendUvarint(b, uint64((value-before)/step))
		b = binary.AppendUvarint(b, uint64(count))
		before = value
		return true
	})
	h.frozen = &frozen{append([]byte(nil), b...), uint64(h.packed.TotalCount())}
	h.packed = nil
}

// thaw undoes freeze.
func (h *Histogram) thaw() {
	if h.frozen != nil {
		h.packed, h.frozen = h.frozen.sparse(), nil
	}
}

// sparse returns the buckets as a histogram of the library.
func (f *frozen) sparse() *hdrhistogram.PackedHistogram {
	p := hdrhistogram.NewPacked(lowest, highest, digits)
	for value, count := range f.each {
		_ = p.RecordValues(value, count) // it was in range
	}
	return p
}

// each yields the buckets in ascending order, as ForEachBucket of the library.
func (f *frozen) each(yield func(value, count int64) bool) {
	value := uint64(0)
	for b := f.buckets; len(b) > 0; {
		distance, n := binary.Uvarint(b)
		count, m := binary.Uvarint(b[n:])
		b = b[n+m:]
		if value += distance * step; !yield(int64(value), int64(count)) {
			return
		}
	}
}
