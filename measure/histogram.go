package measure

import (
	"bytes"
	"fmt"
	"math/big"
	"math/bits"
	"time"

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

// Histogram counts durations. Beside the buckets of an HdrHistogram it keeps
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

// NewHistogram returns an empty histogram of some 200 kB, fast to record into.
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

// Merge adds all that o counts to h, exactly.
func (h *Histogram) Merge(o *Histogram) error {
	if o.Count() == 0 {
		return nil
	}
	if h.Count() == 0 {
		h.min = o.min
	}
	if dropped := h.mergeBuckets(o); dropped != 0 {
		return fmt.Errorf("merge histograms: %d values do not fit: they were recorded with another geometry",
			dropped)
	}
	h.min, h.max = min(h.min, o.min), max(h.max, o.max)
	h.addSum(o.sumHi, o.sumLo)
	h.above += o.above
	return nil
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

// Equal says whether both count the same.
func (h *Histogram) Equal(o *Histogram) bool {
	if h.above != o.above || h.min != o.min || h.max != o.max || h.sumHi != o.sumHi || h.sumLo != o.sumLo {
		return false
	}
	return h.bucketed() == o.bucketed() && bytes.Equal(h.compactBytes(), o.compactBytes())
}

// sum returns the exact sum in nanoseconds.
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

// eachBucket yields the lowest value of each bucket that is not empty, in ascending
// order.
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
