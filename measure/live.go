package measure

import (
	"sync"
	"time"
)

// Live hands out the times of a run while it runs, bit by bit, to one of those
// who look on. Those who record never wait for it: full histograms are taken
// away from them and empty ones left. It is not safe for concurrent use, but
// several of them are.
type Live struct {
	watched *watched
	*times  // that came since it was last asked
}

// watched are the times that those who look on take from a recorder.
type watched struct {
	recorder *Recorder
	mu       sync.Mutex
	spare    *times
	all      []*Live
}

// times are those of requests that came to an end since they were last taken
// away.
type times struct {
	response, service *Histogram
	split             Split
}

func newTimes(histogram func() *Histogram) *times {
	return &times{response: histogram(), service: histogram()}
}

// Live begins to keep times for one who looks on. It is called before the run;
// requests recorded before it are not in them. Without it, nothing is kept.
func (r *Recorder) Live() *Live {
	w := &r.watched
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recorder == nil {
		w.recorder, w.spare = r, newTimes(NewHistogram)
		for i := range r.partitions {
			s := &r.partitions[i]
			s.mu.Lock()
			s.live = newTimes(NewHistogram)
			s.mu.Unlock()
		}
	}
	l := &Live{w, newTimes(NewSparse)}
	w.all = append(w.all, l)
	return l
}

// Take adds the times of all requests that came to an end since it was last called
// to two histograms, the warm-up's included.
func (l *Live) Take(response, service *Histogram) error {
	return l.takeAll(response, service, &Split{})
}

// TakeServed is Take of the requests that were served: a refusal is fast, and says
// nothing of how fast the service is.
func (l *Live) TakeServed(response, service *Histogram) error {
	var split Split
	all := newTimes(NewSparse)
	if err := l.takeAll(all.response, all.service, &split); err != nil {
		return err
	}
	served, serviced := split.Of(all.response, all.service)
	return mergeAll([]*Histogram{response, service}, []*Histogram{served, serviced})
}

// takeAll adds those of all requests, and says which of them were served.
func (l *Live) takeAll(response, service *Histogram, split *Split) error {
	l.watched.mu.Lock()
	defer l.watched.mu.Unlock()
	if err := l.watched.collect(); err != nil {
		return err
	}
	defer l.times.reset()
	return l.times.addTo(response, service, split)
}

// collect takes the times away from those who record, for all who look on.
func (w *watched) collect() error {
	for i := range w.recorder.partitions {
		s := &w.recorder.partitions[i]
		s.mu.Lock()
		s.live, w.spare = w.spare, s.live
		s.mu.Unlock()
		for _, l := range w.all {
			if err := w.spare.addTo(l.times.response, l.times.service, &l.times.split); err != nil {
				return err
			}
		}
		w.spare.reset()
	}
	return nil
}

func (t *times) addTo(response, service *Histogram, split *Split) error {
	split.add(&t.split, response, service, t.response, t.service)
	return mergeAll([]*Histogram{response, service}, []*Histogram{t.response, t.service})
}

func (t *times) reset() {
	t.response.Reset()
	t.service.Reset()
	t.split = Split{}
}

func (t *times) record(o *Observation) {
	if t != nil {
		t.split.record(o, t.response, t.service)
		t.response.Record(o.Done - o.Intended)
		t.service.Record(o.Done - o.Sent)
	}
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
