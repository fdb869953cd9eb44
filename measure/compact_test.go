package measure

import (
	"testing"
	"time"
)

// Every bucket has its number, and the number gives its lowest value back.
func TestBuckets(t *testing.T) {
	h := NewSparse()
	for d := time.Duration(1); d <= time.Hour; d += d/997 + 300 {
		h.Record(d)
		if d%3 == 0 {
			h.Record(d)
		}
	}
	h.Record(time.Hour)
	before := -1
	for value := range h.packed.ForEachBucket {
		n := bucket(value)
		if lowestOf(n) != value || int(n) <= before {
			t.Fatalf("%d is in bucket %d, which begins at %d", value, n, lowestOf(n))
		}
		before = int(n)
	}
	want := NewSparse()
	want.Merge(h)
	h.Shrink()
	if !h.Equal(want) || h.Percentile(50) != want.Percentile(50) || h.Count() != want.Count() {
		t.Error("a small histogram is another one")
	}
	if h.Record(time.Second); h.Count() != want.Count()+1 {
		t.Error("nothing can be recorded into it")
	}
}
