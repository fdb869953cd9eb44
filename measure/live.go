package measure

import "time"

// Live hands out the times of a run while it runs, bit by bit. Those who record
// never wait for it: it takes a full histogram away from them and leaves an
// empty one. It is not safe for concurrent use.
type Live struct {
	recorder *Recorder
	spare    *times
}

// times are those of requests that came to an end since they were last taken
// away.
type times struct{ response, service *Histogram }

func newTimes() *times { return &times{NewHistogram(), NewHistogram()} }

// Live begins to keep times for one who looks on. It is called once, before the
// run; requests recorded before it are not in them. Without it, nothing is kept.
func (r *Recorder) Live() *Live {
	for i := range r.stripes {
		s := &r.stripes[i]
		s.mu.Lock()
		s.live = newTimes()
		s.mu.Unlock()
	}
	return &Live{r, newTimes()}
}

// Take adds the times of the requests that came to an end since it was last
// called to two histograms, the warm-up's included.
func (l *Live) Take(response, service *Histogram) error {
	for i := range l.recorder.stripes {
		s := &l.recorder.stripes[i]
		s.mu.Lock()
		s.live, l.spare = l.spare, s.live
		s.mu.Unlock()
		if err := mergeAll([]*Histogram{response, service}, []*Histogram{l.spare.response, l.spare.service}); err != nil {
			return err
		}
		l.spare.response.Reset()
		l.spare.service.Reset()
	}
	return nil
}

func (t *times) record(o *Observation) {
	if t != nil {
		t.response.Record(o.Done - o.Intended)
		t.service.Record(o.Done - o.Sent)
	}
}

// Buckets yields what the histogram counts in ascending order: a value of each
// bucket that is not empty, to 3 significant digits, and how many lie there.
// What is above the range comes last, at the maximum.
func (h *Histogram) Buckets(yield func(value time.Duration, count uint64) bool) {
	more := true
	if h.dense == nil {
		h.sparse().ForEachBucket(func(value, count int64) bool {
			more = count == 0 || yield(time.Duration(value), uint64(count))
			return more
		})
	} else {
		for _, bar := range h.dense.Distribution() {
			if more = bar.Count == 0 || yield(time.Duration(bar.From), uint64(bar.Count)); !more {
				break
			}
		}
	}
	if more && h.above > 0 {
		yield(h.max, h.above)
	}
}

// Sum returns the sum of the durations in seconds.
func (h *Histogram) Sum() float64 {
	sum, _ := h.sum().Float64()
	return sum / float64(time.Second)
}
