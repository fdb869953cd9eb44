package measure

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"time"
	"unsafe"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// compactBuckets are the buckets of a histogram that nothing is recorded into any more,
// or seldom. For each that is not empty there is a varint: twice the distance
// from the one before, plus 1 where a second varint has the count because it is
// not 1. That is one or two bytes, a tenth of what a small sparse histogram
// takes.
type compactBuckets struct {
	buckets []byte
	count   uint64
}

// step divides the lowest value of every bucket: the largest power of two that
// [lowest] is not below.
const step = 512

// shrink makes a sparse histogram as small as it gets. Recording into it makes
// it large again.
func (h *Histogram) shrink() {
	if h.packed != nil {
		h.compact, h.packed = compactOf(h.packed), nil
	}
}

// weight is how many bytes it takes, about.
func (h *Histogram) weight() int {
	switch size := int(unsafe.Sizeof(*h)); {
	case h.compact != nil:
		return size + int(unsafe.Sizeof(*h.compact)) + cap(h.compact.buckets)
	case h.packed != nil:
		return size + 4<<10
	default:
		return size + 200<<10
	}
}

// compactCopy returns a small histogram of the same content. Scratch is any
// sparse one, whose content is lost.
func (h *Histogram) compactCopy(scratch *Histogram) *Histogram {
	copied := *h
	if h.dense != nil {
		scratch.packed.Reset()
		scratch.packed.MergeFrom(h.dense)
		copied.dense, copied.packed = nil, scratch.packed
	}
	copied.shrink()
	return &copied
}

func compactOf(p *hdrhistogram.PackedHistogram) *compactBuckets {
	var buffer [512]byte
	return &compactBuckets{append([]byte(nil), appendBuckets(buffer[:0], p.ForEachBucket)...),
		uint64(p.TotalCount())}
}

// appendBuckets appends the buckets as compactBuckets has them.
func appendBuckets(b []byte, buckets iter.Seq2[int64, int64]) []byte {
	before := uint64(0)
	for value, count := range buckets {
		n := bucket(value)
		b = appendBucket(b, n-before, uint64(count))
		before = n
	}
	return b
}

// appendBucket appends a bucket that is so far from the one before.
func appendBucket(b []byte, distance, count uint64) []byte {
	if count == 1 {
		return binary.AppendUvarint(b, distance<<1)
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, distance<<1|1), count)
}

// compactBytes are those of any histogram as compactBuckets has them, to be read only.
func (h *Histogram) compactBytes() []byte {
	if h.compact != nil {
		return h.compact.buckets
	}
	return appendBuckets(nil, h.eachBucket)
}

// expand undoes shrink.
func (h *Histogram) expand() {
	if h.compact != nil {
		h.packed, h.compact = h.compact.sparse(), nil
	}
}

// sparse returns the buckets as a histogram of the library.
func (f *compactBuckets) sparse() *hdrhistogram.PackedHistogram {
	p := hdrhistogram.NewPacked(lowest, highest, digits)
	for value, count := range f.each {
		_ = p.RecordValues(value, count) // it was in range
	}
	return p
}

// each yields the buckets in ascending order, as ForEachBucket of the library.
func (f *compactBuckets) each(yield func(value, count int64) bool) {
	place := uint64(0)
	for b := f.buckets; len(b) > 0; {
		distance, n := binary.Uvarint(b)
		b = b[n:]
		count := uint64(1)
		if distance&1 == 1 {
			count, n = binary.Uvarint(b)
			b = b[n:]
		}
		if place += distance >> 1; !yield(lowestOf(place), int64(count)) {
			return
		}
	}
}

// atRank returns the largest time of the bucket that the time of a rank is in, from 1 on.
func (f *compactBuckets) atRank(rank uint64) (top time.Duration) {
	seen := uint64(0)
	for value, count := range f.each {
		top = time.Duration(lowestOf(bucket(value)+1) - 1)
		if seen += uint64(count); seen >= rank {
			break
		}
	}
	return top
}

// half is how many buckets have the same width, but for the first ones, which
// are twice as many: what 3 significant digits take.
const half = 1024

// bucket numbers the buckets by their lowest values, without a gap.
func bucket(lowest int64) uint64 {
	steps := uint64(lowest) / step
	wider := max(bits.Len64(steps)-bits.Len64(2*half-1), 0)
	return uint64(wider)*half + steps>>wider
}

// Resolution is how far apart two times can be that a [Histogram] can't tell apart,
// around a time.
func Resolution(around time.Duration) time.Duration {
	b := bucket(int64(min(max(around, 0), time.Duration(highest))))
	return time.Duration(lowestOf(b+1) - lowestOf(b))
}

// lowestOf is the lowest value of a bucket.
func lowestOf(bucket uint64) int64 {
	if bucket < 2*half {
		return int64(bucket * step)
	}
	wider := bucket/half - 1
	return int64((bucket - wider*half) << wider * step)
}
