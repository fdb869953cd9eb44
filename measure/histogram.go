package measure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math/big"
	"math/bits"
	"time"
	"unsafe"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The one geometry of all histograms: nanoseconds with a resolution of 1 µs,
// up to 1 h, 3 significant digits. Histograms of other geometries are never
// merged, so no digit is lost silently.
const (
	lowest  = int64(time.Microsecond)
	highest = int64(time.Hour)
	digits  = 3
)

// Histogram counts durations. In addition to the buckets of an HdrHistogram it keeps
// the true minimum, maximum and sum, and it counts what lies above the range
// instead of losing it. The zero value is not usable; see [NewHistogram] and
// [NewSparse]. It is not safe for concurrent use.
type Histogram struct {
	// One of the three is set: dense is fast to record into, packed is small,
	// compact is smallest.
	dense   *hdrhistogram.Histogram
	packed  *hdrhistogram.PackedHistogram
	compact *compactBuckets

	above    uint64 // values above the range, which have no bucket
	min, max time.Duration
	sumHi    uint64 // the sum in nanoseconds, 128 bits
	sumLo    uint64
}

// NewHistogram returns an empty histogram of about 200 kB, fast to record into.
func NewHistogram() *Histogram {
	return &Histogram{dense: hdrhistogram.New(lowest, highest, digits)}
}

// NewSparse returns an empty histogram whose size grows with the number of
// different values, for the many small ones of a time series.
func NewSparse() *Histogram {
	return &Histogram{packed: hdrhistogram.NewPacked(lowest, highest, digits)}
}

// Record counts d once. A negative duration counts as 0.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	if h.Count() == 0 {
		h.min = d
	}
	h.min, h.max = min(h.min, d), max(h.max, d)
	h.addSum(0, uint64(d))
	if !h.put(int64(d)) {
		h.above++
	}
}

func (h *Histogram) put(v int64) bool {
	if v > highest {
		return false
	}
	switch h.expand(); {
	case h.packed != nil:
		return h.packed.RecordValue(v) == nil
	default:
		return h.dense.RecordValue(v) == nil
	}
}

func (h *Histogram) addSum(hi, lo uint64) {
	var carry uint64
	h.sumLo, carry = bits.Add64(h.sumLo, lo, 0)
	h.sumHi += hi + carry
}

// Count returns how many durations were recorded, those above the range too.
func (h *Histogram) Count() uint64 { return h.bucketed() + h.above }

func (h *Histogram) bucketed() uint64 {
	switch {
	case h.compact != nil:
		return h.compact.count
	case h.packed != nil:
		return uint64(h.packed.TotalCount())
	default:
		return uint64(h.dense.TotalCount())
	}
}

// sparse returns the buckets of a histogram that is not dense, to be read only.
func (h *Histogram) sparse() *hdrhistogram.PackedHistogram {
	if h.compact != nil {
		return h.compact.sparse()
	}
	return h.packed
}

// Above returns how many durations were longer than the range of 1 h.
func (h *Histogram) Above() uint64 { return h.above }

// Min returns the shortest duration, exactly; 0 where there is none.
func (h *Histogram) Min() time.Duration { return h.min }

// Max returns the longest duration, exactly; 0 where there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean returns the mean of the durations; 0 where there is none.
func (h *Histogram) Mean() time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	quotient, _ := bits.Div64(h.sumHi, h.sumLo, n)
	return time.Duration(quotient)
}

// Percentile returns the duration that p percent of the recorded ones do not
// exceed, to 3 significant digits; 0 where there is none. p is above 0 and at
// most 100.
func (h *Histogram) Percentile(p float64) time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	return h.atRank(Rank(p, n))
}

// atRank returns the duration that so many of the recorded ones do not exceed, from
// 1 up to their count.
func (h *Histogram) atRank(rank uint64) time.Duration {
	n, in := h.Count(), h.bucketed()
	if rank > in || rank == n {
		return h.max
	}
	if h.compact != nil {
		return min(max(h.compact.atRank(rank), h.min), h.max)
	}
	// The library rounds (percentile × count) to the nearest rank.
	percentile := float64(rank) / float64(in) * 100
	var v int64
	if h.dense != nil {
		v = h.dense.ValueAtPercentile(percentile)
	} else {
		v = h.packed.ValueAtPercentile(percentile)
	}
	return min(max(time.Duration(v), h.min), h.max)
}

// Beyond counts the durations that are certainly above a limit. Of those that
// share a bucket with it nothing more is known than the true minimum and maximum
// tell; they count as within it.
func (h *Histogram) Beyond(limit time.Duration) (n uint64) {
	switch {
	case h.max <= limit || h.Count() == 0:
		return 0
	case h.min > limit:
		return h.Count()
	}
	for lowest, count := range h.Buckets {
		if lowest > limit {
			n += count
		}
	}
	if h.above > 0 && limit >= time.Duration(highest) {
		n -= min(n, h.above) // how long each of those took is not known
	}
	return max(n, 1)
}

// Reset makes the histogram empty again, without giving its memory back.
func (h *Histogram) Reset() {
	switch {
	case h.Count() == 0:
		return
	case h.dense != nil:
		h.dense.Reset()
	default:
		h.expand()
		h.packed.Reset()
	}
	h.above, h.min, h.max, h.sumHi, h.sumLo = 0, 0, 0, 0, 0
}

// Merge adds all that o counts to h, exactly. All histograms have the one geometry, those that were
// read from files too, so nothing is dropped.
func (h *Histogram) Merge(o *Histogram) {
	if o.Count() == 0 {
		return
	}
	if h.Count() == 0 {
		h.min = o.min
	}
	if dropped := h.mergeBuckets(o); dropped != 0 {
		panic(fmt.Sprintf("measure: %d values are of a histogram of another geometry", dropped))
	}
	h.min, h.max = min(h.min, o.min), max(h.max, o.max)
	h.addSum(o.sumHi, o.sumLo)
	h.above += o.above
}

func (h *Histogram) mergeBuckets(o *Histogram) (dropped int64) {
	switch h.expand(); {
	case o.compact != nil:
		return h.mergeCompact(o.compact)
	case h.dense != nil && o.dense != nil:
		return h.dense.Merge(o.dense)
	case h.dense != nil:
		return o.packed.MergeInto(h.dense)
	case o.dense != nil:
		return h.packed.MergeFrom(o.dense)
	default:
		return h.packed.Merge(o.packed)
	}
}

func (h *Histogram) mergeCompact(o *compactBuckets) (dropped int64) {
	record := h.recordMany()
	for value, count := range o.each {
		if record(value, count) != nil {
			dropped += count
		}
	}
	return dropped
}

func (h *Histogram) recordMany() func(value, count int64) error {
	if h.dense != nil {
		return h.dense.RecordValues
	}
	return h.packed.RecordValues
}

func (h *Histogram) copied() *Histogram {
	c := NewSparse()
	c.Merge(h)
	return c
}

// Equal says whether both count the same.
func (h *Histogram) Equal(o *Histogram) bool {
	if h.above != o.above || h.min != o.min || h.max != o.max || h.sumHi != o.sumHi || h.sumLo != o.sumLo {
		return false
	}
	return h.bucketed() == o.bucketed() && bytes.Equal(h.compactBytes(), o.compactBytes())
}

func (h *Histogram) sum() *big.Int {
	s := new(big.Int).SetUint64(h.sumHi)
	return s.Lsh(s, 64).Add(s, new(big.Int).SetUint64(h.sumLo))
}

// Buckets yields what the histogram counts in ascending order: a value of each
// bucket that is not empty, to 3 significant digits, and how many lie there.
// What is above the range comes last, at the maximum.
func (h *Histogram) Buckets(yield func(value time.Duration, count uint64) bool) {
	more := true
	h.eachBucket(func(value, count int64) bool {
		more = count == 0 || yield(time.Duration(value), uint64(count))
		return more
	})
	if more && h.above > 0 {
		yield(h.max, h.above)
	}
}

// eachBucket yields the lowest values of buckets that are not empty, ascending.
func (h *Histogram) eachBucket(yield func(value, count int64) bool) {
	switch {
	case h.compact != nil:
		h.compact.each(yield)
	case h.packed != nil:
		h.packed.ForEachBucket(yield)
	default:
		for _, bar := range h.dense.Distribution() {
			if bar.Count > 0 && !yield(bar.From, bar.Count) {
				return
			}
		}
	}
}

// Sum returns the sum of the durations in seconds.
func (h *Histogram) Sum() float64 {
	sum, _ := h.sum().Float64()
	return sum / float64(time.Second)
}

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

// Shrink makes a sparse histogram as small as it gets. Recording into it makes
// it large again.
func (h *Histogram) Shrink() {
	if h.packed != nil {
		h.compact, h.packed = compactOf(h.packed), nil
	}
}

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
	copied.Shrink()
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

func (h *Histogram) expand() {
	if h.compact != nil {
		h.packed, h.compact = h.compact.sparse(), nil
	}
}

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

func lowestOf(bucket uint64) int64 {
	if bucket < 2*half {
		return int64(bucket * step)
	}
	wider := bucket/half - 1
	return int64((bucket - wider*half) << wider * step)
}
