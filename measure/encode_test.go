package measure_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
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
			var again measure.Histogram
			if err := json.Unmarshal(text, &again); err != nil || !again.Equal(h) {
				t.Fatalf("read as another one: %v", err)
			}
			for p := 0.5; p <= 100; p += 0.5 {
				if got, want := again.Percentile(p), dense.Percentile(p); got != want {
					t.Fatalf("p%v is %v, read from a file %v", p, want, got)
				}
			}
		}
	}
}

// What mfaload takes as buckets the library takes too, and for the same.
func FuzzBuckets(f *testing.F) {
	for n := range 4 {
		h := measure.NewSparse()
		for i := range n * n * 10 {
			h.Record(time.Duration(i*i+1) * time.Microsecond)
		}
		text, err := json.Marshal(h)
		if err != nil {
			f.Fatal(err)
		}
		var file struct{ Buckets string }
		if err := json.Unmarshal(text, &file); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Buckets)
		f.Add(strings.ReplaceAll(file.Buckets, "A", "B"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		ours, theirs, err, theirErr := measure.DecodedBuckets(text)
		if err == nil && (theirErr != nil || !bytes.Equal(ours, theirs)) {
			t.Errorf("%x, the library %x: %v", ours, theirs, theirErr)
		}
	})
}
