package measure

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"sync"
	"time"

	"mfaload/internal/varint"
)

// histogramJSON is a histogram in a measurement file. Durations are in
// nanoseconds; buckets are an HdrHistogram V2 compressed payload in base64,
// which other HdrHistogram tools read.
type histogramJSON struct {
	Count   uint64 `json:"count"`
	Above   uint64 `json:"above,omitempty"`
	Min     int64  `json:"min_ns"`
	Max     int64  `json:"max_ns"`
	Sum     string `json:"sum_ns"`
	Buckets string `json:"buckets,omitempty"`
}

// MarshalJSON writes the histogram with everything it counts.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	j := histogramJSON{Count: h.Count(), Above: h.above, Min: int64(h.min), Max: int64(h.max),
		Sum: h.sum().String()}
	if h.bucketed() > 0 {
		buckets, err := h.encodeBuckets()
		if err != nil {
			return nil, fmt.Errorf("encode histogram: %w", err)
		}
		j.Buckets = string(buckets)
	}
	return json.Marshal(j)
}

// deflaters compress buckets. Each takes 800 KB, more than most histograms.
var deflaters = sync.Pool{New: func() any {
	w, _ := zlib.NewWriterLevel(nil, zlib.BestCompression) // there is such a level
	return w
}}

// The cookies and the length of the head in an HdrHistogram V2 payload.
const (
	v2Cookie           = 0x1c849303 | 0x10
	v2CompressedCookie = 0x1c849304 | 0x10
	v2Head             = 40
)

// encodeBuckets returns the buckets as the library encodes them, byte by byte, and
// does not make a compressor for each.
func (h *Histogram) encodeBuckets() ([]byte, error) {
	payload := h.appendV2(make([]byte, v2Head, 1024))
	for at, word := range []uint32{v2Cookie, uint32(len(payload) - v2Head), 0, digits} {
		binary.BigEndian.PutUint32(payload[4*at:], word)
	}
	for at, word := range []uint64{uint64(lowest), uint64(highest), math.Float64bits(1)} {
		binary.BigEndian.PutUint64(payload[16+8*at:], word)
	}
	compressed := bytes.NewBuffer(make([]byte, 8, 1024))
	w := deflaters.Get().(*zlib.Writer)
	defer deflaters.Put(w)
	w.Reset(compressed)
	if _, err := w.Write(payload); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	all := compressed.Bytes()
	binary.BigEndian.PutUint32(all, v2CompressedCookie)
	binary.BigEndian.PutUint32(all[4:], uint32(len(all)-8))
	return base64.StdEncoding.AppendEncode(nil, all), nil
}

// appendV2 appends the counts of all buckets up to the last that is not empty, and
// of several empty ones in a row how many they are, below 0.
func (h *Histogram) appendV2(b []byte) []byte {
	if h.bucketed() == 0 {
		return append(b, 0)
	}
	next := uint64(0)
	for value, count := range h.eachBucket {
		n := bucket(value)
		switch empty := int64(n - next); {
		case empty == 1:
			b = append(b, 0)
		case empty > 1:
			b = binary.AppendVarint(b, -empty)
		}
		b, next = binary.AppendVarint(b, count), n+1
	}
	return b
}

// inflaters undo what deflaters do.
var inflaters sync.Pool

var maxBucket = bucket(highest)

// decodeBuckets reads what encodeBuckets returned, or another library of HdrHistogram
// for the same geometry.
func decodeBuckets(text string) (*compactBuckets, error) {
	all, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if len(all) < 8 || binary.BigEndian.Uint32(all)&^0xf0 != v2CompressedCookie&^0xf0 ||
		uint64(binary.BigEndian.Uint32(all[4:])) > uint64(len(all)-8) {
		return nil, errors.New("they are none of an HdrHistogram, version 2")
	}
	payload, err := inflate(all[8:][:binary.BigEndian.Uint32(all[4:])])
	if err != nil {
		return nil, err
	}
	head := payload[:min(v2Head, len(payload))]
	if len(head) < v2Head || binary.BigEndian.Uint32(head)&^0xf0 != v2Cookie&^0xf0 ||
		uint64(binary.BigEndian.Uint32(head[4:])) != uint64(len(payload)-v2Head) {
		return nil, errors.New("they are cut off")
	}
	if binary.BigEndian.Uint32(head[12:]) != digits || binary.BigEndian.Uint64(head[16:]) != uint64(lowest) ||
		binary.BigEndian.Uint64(head[24:]) != uint64(highest) {
		return nil, errors.New("another geometry")
	}
	return readV2(payload[v2Head:])
}

// inflate undoes the compression of as much as a histogram can have.
func inflate(compressed []byte) ([]byte, error) {
	in := bytes.NewReader(compressed)
	r, _ := inflaters.Get().(io.ReadCloser)
	var err error
	if r == nil {
		r, err = zlib.NewReader(in)
	} else {
		err = r.(zlib.Resetter).Reset(in, nil)
	}
	if err != nil {
		return nil, err
	}
	defer inflaters.Put(r)
	most := int64(v2Head + (maxBucket+1)*binary.MaxVarintLen64)
	all, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(all)) > most {
		err = errors.New("they are more than there can be")
	}
	return all, err
}

func readV2(payload []byte) (*compactBuckets, error) {
	f := &compactBuckets{}
	next, before := uint64(0), uint64(0)
	in := varint.Reader{Rest: payload}
	for len(in.Rest) > 0 {
		n := in.Varint()
		if in.Bad || n < -int64(maxBucket) || n > math.MaxInt64-int64(f.count) {
			return nil, errors.New("they are damaged")
		}
		if n < 0 {
			next += uint64(-n)
			continue
		}
		if next > maxBucket {
			return nil, errors.New("there are more than the geometry has")
		}
		if n > 0 {
			f.buckets = appendBucket(f.buckets, next-before, uint64(n))
			f.count += uint64(n)
			before = next
		}
		next++
	}
	f.buckets = slices.Clip(f.buckets)
	return f, nil
}

// UnmarshalJSON reads what MarshalJSON wrote. It refuses other geometries and
// figures that contradict one another.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var j histogramJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	read, err := j.histogram()
	if err != nil {
		return fmt.Errorf("read histogram: %w: the file is damaged or from another version", err)
	}
	*h = *read
	return nil
}

func (j histogramJSON) histogram() (*Histogram, error) {
	h := &Histogram{compact: &compactBuckets{}}
	if j.Buckets != "" {
		var err error
		if h.compact, err = decodeBuckets(j.Buckets); err != nil {
			return nil, err
		}
	}
	sum, ok := new(big.Int).SetString(j.Sum, 10)
	if !ok || sum.Sign() < 0 || sum.BitLen() > 128 {
		return nil, fmt.Errorf("the sum %.40q is no count of nanoseconds", j.Sum)
	}
	h.above, h.min, h.max = j.Above, time.Duration(j.Min), time.Duration(j.Max)
	h.sumLo = new(big.Int).And(sum, maxUint64).Uint64()
	h.sumHi = new(big.Int).Rsh(sum, 64).Uint64()
	return h, h.contradiction(j.Count)
}

var maxUint64 = new(big.Int).SetUint64(^uint64(0))

func (h *Histogram) contradiction(count uint64) error {
	n := h.bucketed() + h.above
	switch {
	case n < h.above || n != count:
		return fmt.Errorf("it says %d values and holds %d", count, n)
	case h.min < 0 || h.min > h.max:
		return fmt.Errorf("minimum %v and maximum %v contradict each other", h.min, h.max)
	case h.sumHi >= max(n, 1):
		return errors.New("the sum is more than its values can add up to")
	case n == 0 && (h.max != 0 || h.sumLo != 0):
		return errors.New("it is empty and has a maximum or a sum")
	}
	return nil
}

func (h *Histogram) unmade() bool { return h.dense == nil && h.packed == nil && h.compact == nil }
