package measure_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// What is taken bit by bit, while many record, is all of it and once.
func TestLiveTakesEverythingOnce(t *testing.T) {
	all := testkit.Observations(6, 8000)
	r := measure.NewRecorder(3, []string{"echo.user", "field.unknown"}, 0)
	l := r.Live()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < len(all); i += 8 {
				r.Record(w, all[i])
			}
		})
	}
	response, service := measure.NewSparse(), measure.NewSparse()
	recorded := make(chan struct{})
	go func() { wg.Wait(); close(recorded) }()
	for over := false; !over; {
		select {
		case <-recorded:
			over = true // and once more
		default:
		}
		if err := l.Take(response, service); err != nil {
			t.Fatal(err)
		}
	}
	wantResponse, wantService := measure.NewSparse(), measure.NewSparse()
	for _, o := range all {
		wantResponse.Record(o.Done - o.Intended)
		wantService.Record(o.Done - o.Sent)
	}
	if !response.Equal(wantResponse) || !service.Equal(wantService) {
		t.Errorf("took %d and %d of %d", response.Count(), service.Count(), len(all))
	}
}

func TestBucketsHoldEverything(t *testing.T) {
	for name, h := range map[string]*measure.Histogram{"dense": measure.NewHistogram(), "sparse": measure.NewSparse()} {
		sum := 0.0
		for _, d := range []time.Duration{0, time.Microsecond, 40 * time.Millisecond, 40 * time.Millisecond, time.Minute, 2 * time.Hour} {
			h.Record(d)
			sum += d.Seconds()
		}
		var n uint64
		last, again := time.Duration(-1), 0.0
		for value, count := range h.Buckets {
			if value <= last {
				t.Errorf("%s: %v after %v", name, value, last)
			}
			n, last, again = n+count, value, again+value.Seconds()*float64(count)
		}
		if n != h.Count() || last != 2*time.Hour || math.Abs(again/sum-1) > 0.001 || math.Abs(h.Sum()-sum) > 1e-9 {
			t.Errorf("%s: %d values up to %v, sum %v, %v", name, n, last, again, h.Sum())
		}
		for range h.Buckets {
			break // ends without a panic
		}
	}
}
