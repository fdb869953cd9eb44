// Package live shows a run while it lasts: once a second in the terminal, on a
// page, to Prometheus and by OTLP. It takes its figures from the run, and no request
// waits for a reader. A run that nobody watches keeps nothing for it.
package live

import (
	"sync"
	"time"

	"mfaload/measure"
	"mfaload/runner"
)

// window is how far back rates and percentiles look.
const window = 10

// Status is how a run stands. Times are in milliseconds or seconds, rates in
// requests a second.
type Status struct {
	Scenario string  `json:"scenario"`
	Elapsed  float64 `json:"elapsed_s"`
	// End is when the last stage ends, Left how long that is from now; 0 where a
	// closed load ends by its number of requests.
	End  float64 `json:"end_s"`
	Left float64 `json:"left_s"`
	// Stage says where in the schedule the run is.
	Stage string `json:"stage"`
	// Planned and Achieved are the rates of the last 10 s: of what was due and
	// of what was sent.
	Planned  float64 `json:"planned_rate"`
	Achieved float64 `json:"achieved_rate"`
	InFlight int     `json:"in_flight"`
	Workers  int     `json:"workers"`
	// Response and Service are the times of the requests that were served and came
	// to an end in the last 10 s.
	Response Percentiles `json:"response_ms"`
	Service  Percentiles `json:"service_ms"`
	// Scheduled is how many requests there will be; 0 where it is not known.
	Scheduled uint64 `json:"scheduled"`
	// Ended requests are AsExpected, Unexpected, Violating, Refused or Failed.
	// Refused are those answered with 429 that would else be Unexpected.
	Ended      uint64 `json:"ended"`
	AsExpected uint64 `json:"as_expected"`
	Unexpected uint64 `json:"unexpected"`
	Violating  uint64 `json:"violating"`
	Refused    uint64 `json:"refused"`
	Failed     uint64 `json:"failed"`
	// RateLimited counts all answers that are 429, expected or not.
	RateLimited uint64 `json:"rate_limited"`
	// Done says that the run is over and nothing will change any more.
	Done bool `json:"done"`
}

// Percentiles are in milliseconds. Count is how many requests they are of.
type Percentiles struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Errors counts the requests without an answer and those with another than
// expected, without the answers that are 429.
func (s *Status) Errors() uint64 { return s.Failed + s.Unexpected }

// Sampler looks at a run once a second. It is safe for concurrent use.
type Sampler struct {
	name   string
	runner *runner.Runner
	live   *measure.Live
	place  func() string

	mu       sync.Mutex
	recent   [window + 1]sample // a ring
	taken    int
	response *measure.Histogram // since the start
	service  *measure.Histogram
	status   Status
	watchers map[chan struct{}]bool
}

type sample struct {
	elapsed           time.Duration
	sent              uint64
	response, service *measure.Histogram
}

// New returns a sampler of a run that has not begun. Place says in a few words
// where in its schedule the run is.
func New(name string, r *runner.Runner, place func() string) *Sampler {
	s := &Sampler{name: name, runner: r, live: r.Live(), place: place, response: measure.NewSparse(),
		service:  measure.NewSparse(),
		watchers: map[chan struct{}]bool{}}
	for i := range s.recent {
		s.recent[i].response, s.recent[i].service = measure.NewSparse(), measure.NewSparse()
	}
	s.status = s.fill(s.runner.Progress(), false)
	return s
}

// Sample takes what came since the last sample. It is called once a second.
func (s *Sampler) Sample() { s.sample(false) }

// Finish takes the last sample, after the end of the run.
func (s *Sampler) Finish() { s.sample(true) }

func (s *Sampler) sample(done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.runner.Progress()
	s.taken++
	now := &s.recent[s.taken%len(s.recent)]
	now.response.Reset()
	now.service.Reset()
	now.elapsed, now.sent = p.Elapsed, p.Sent+uint64(p.InFlight)
	s.live.TakeServed(now.response, now.service)
	s.response.Merge(now.response)
	s.service.Merge(now.service)
	s.status = s.fill(p, done)
	for w := range s.watchers {
		select {
		case w <- struct{}{}:
		default: // it has yet to look at the last one
		}
	}
}

func (s *Sampler) fill(p runner.RunProgress, done bool) Status {
	st := Status{
		Scenario: s.name, Elapsed: p.Elapsed.Seconds(), End: p.End.Seconds(),
		Left:  max(p.End-p.Elapsed, 0).Seconds(),
		Stage: s.place(), InFlight: p.InFlight, Workers: s.runner.MaxWorkers(),
		Scheduled: s.runner.Schedule().Count(), Ended: p.Sent, AsExpected: p.Clean,
		Unexpected: p.Unexpected(),
		Violating:  p.Violating, Refused: p.Refused, Failed: p.Failed, RateLimited: p.RateLimited, Done: done,
	}
	from, to := s.ends()
	if span := to.elapsed - from.elapsed; span > 0 {
		st.Achieved = float64(to.sent-min(from.sent, to.sent)) / span.Seconds()
		st.Planned = s.runner.Schedule().MeanRate(from.elapsed, to.elapsed)
	}
	st.Response, st.Service = s.times(func(x *sample) *measure.Histogram { return x.response }),
		s.times(func(x *sample) *measure.Histogram { return x.service })
	return st
}

// ends are the first and the last sample of the window; before it is full the
// first is the start.
func (s *Sampler) ends() (from, to *sample) {
	to = &s.recent[s.taken%len(s.recent)]
	if s.taken <= window {
		return &sample{}, to
	}
	return &s.recent[(s.taken+1)%len(s.recent)], to
}

// times are those of the samples in the window. The oldest sample of the ring is
// its edge: what it brought came before.
func (s *Sampler) times(of func(*sample) *measure.Histogram) Percentiles {
	sum := measure.NewSparse()
	for i := range s.recent {
		if s.taken > window && i == (s.taken+1)%len(s.recent) {
			continue
		}
		sum.Merge(of(&s.recent[i]))
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return Percentiles{sum.Count(), ms(sum.Percentile(50)), ms(sum.Percentile(99)), ms(sum.Max())}
}

// Status returns the last sample.
func (s *Sampler) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Sampler) watch() (news <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[c] = true
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, c)
	}
}

// Every calls f again and again, in a goroutine of its own, until it is stopped. Stop waits for a
// call that goes on.
func Every(d time.Duration, f func()) (stop func()) {
	ticker := time.NewTicker(d)
	quit, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ticker.C:
				f()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(quit)
		<-stopped
	}
}
