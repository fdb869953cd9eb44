package measure_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"mfaload/measure"
)

// The buckets in a file are, byte by byte, what the library of HdrHistogram writes.
func TestBucketsAreEncodedAsTheLibraryDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	for round := range 60 {
		sparse, dense := measure.NewSparse(), measure.NewHistogram()
		for range 1 + random.IntN(1+round*20) {
			d := time.Duration(random.Int64N(int64(time.Microsecond) << random.IntN(32)))
			for range 1 + random.IntN(200)*random.IntN(2) {
				sparse.Record(d)
				dense.Record(d)
			}
		}
		for _, h := range []*measure.Histogram{sparse, dense} {
			text, err := json.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			var file struct{ Buckets string }
			if err := json.Unmarshal(text, &file); err != nil {
				t.Fatal(err)
			}
			if file.Buckets == "" {
				continue // all are above the range
			}
			read, err := hdrhistogram.DecodePacked([]byte(file.Buckets))
			if err != nil {
				t.Fatal(err)
			}
			want, err := read.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if file.Buckets != string(want) {
				t.Fatalf("%s\nis not what the library writes:\n%s", file.Buckets, want)
			}
		}
	}
}
