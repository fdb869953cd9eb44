// Package live shows a run while it lasts: once a second in the terminal, on a
// page, to Prometheus and by OTLP. It takes its figures from the run, and no request
// waits for a reader. A run that nobody watches keeps nothing for it.
package live

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/scenario"
)

const (
	// window is how many seconds back rates and percentiles look.
	window = 10
	// maxRows bounds what a status lists of outcomes and of rules.
	maxRows = 50
)

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
	EndedCounts
	// RateLimited counts all responses that are 429, expected or not.
	RateLimited uint64 `json:"rate_limited"`
	// Good counts the good responses, Goodput those a second of the last 10 s.
	Good    uint64  `json:"good"`
	Goodput float64 `json:"goodput"`
	// Thresholds are those of the scenario as they stand, by the requests that came to an end without
	// the warm-up. Only the end of the run tells the verdict.
	Thresholds []report.Threshold `json:"thresholds"`
	// Outcomes are what became of all requests, the most frequent first.
	Outcomes []OutcomeCount `json:"outcomes"`
	// Violations counts the broken rules, those first that count against the run, then the most frequent.
	Violations []ViolationCount `json:"violations"`
	// Steps are those that follow requests (then); nothing else of a status counts them.
	Steps []StepStatus `json:"steps,omitempty"`
	// Stopping says that somebody stopped the run from its page.
	Stopping bool `json:"stopping,omitempty"`
	// Done says that the run is over and nothing will change any more.
	Done bool `json:"done"`
}

// EndedCounts counts requests that ended: each is AsExpected, Unexpected, Violating, Refused or Failed.
// Refused are those with a response of 429 that would else be Unexpected.
type EndedCounts struct {
	Ended      uint64 `json:"ended"`
	AsExpected uint64 `json:"as_expected"`
	Unexpected uint64 `json:"unexpected"`
	Violating  uint64 `json:"violating"`
	Refused    uint64 `json:"refused"`
	Failed     uint64 `json:"failed"`
}

// byOutcome yields the counts with their names.
func (e EndedCounts) byOutcome(yield func(outcome string, n uint64) bool) {
	_ = yield("as expected", e.AsExpected) && yield("unexpected", e.Unexpected) &&
		yield("violating", e.Violating) && yield("rate limited", e.Refused) && yield("failed", e.Failed)
}

func (e *EndedCounts) add(o EndedCounts) {
	e.Ended += o.Ended
	e.AsExpected += o.AsExpected
	e.Unexpected += o.Unexpected
	e.Violating += o.Violating
	e.Refused += o.Refused
	e.Failed += o.Failed
}

// OutcomeCount counts requests that ended alike.
type OutcomeCount struct {
	// Label is the response or the failure, such as "201 OTP_REQUIRED" or "timeout".
	Label string `json:"label"`
	// Outcome is "as expected", "unexpected", "violating", "rate limited" or "failed".
	Outcome string `json:"outcome"`
	Count   uint64 `json:"count"`
}

// ViolationCount counts the violations of a rule.
type ViolationCount struct {
	Rule string `json:"rule"`
	// Fails says that they count against the run; the others are notes.
	Fails bool   `json:"fails"`
	Count uint64 `json:"count"`
}

// Percentiles are in milliseconds. Count is how many requests they are of.
type Percentiles struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func percentiles(h *measure.Histogram) Percentiles {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return Percentiles{h.Count(), ms(h.Percentile(50)), ms(h.Percentile(95)), ms(h.Percentile(99)),
		ms(h.Max())}
}

// Errors counts the requests without a response and those with another than
// expected, without the responses that are 429.
func (s *Status) Errors() uint64 { return s.Failed + s.Unexpected }

// Sampler looks at a run once a second. It is safe for concurrent use.
type Sampler struct {
	runner *runner.Runner
	live   *measure.Live
	place  func() string

	mu       sync.Mutex
	recent   [window + 1]sample // a ring
	taken    int
	ended    *measure.EndedRequests // since the start
	response *measure.Histogram     // since the start
	service  *measure.Histogram
	parts    measure.TransferTimes
	steps    *liveSteps // nil if none follow

	traced      *measure.TracedRequests // nil where requests begin no trace
	exemplars   tracedExemplars
	spans       *spanExport // nil where none are exported
	traceCounts TraceCounts

	history  runHistory
	status   Status
	stopping bool
	watchers map[chan struct{}]bool
}

type sample struct {
	elapsed           time.Duration
	sent, good        uint64
	response, service *measure.Histogram
}

// New returns a sampler of a run that has not begun. Place says in a few words
// where in its schedule the run is.
func New(r *runner.Runner, place func() string) *Sampler {
	s := &Sampler{runner: r, live: r.Live(), place: place, response: measure.NewSparse(),
		service: measure.NewSparse(), ended: measure.NewEndedRequests(len(r.Scenario().Groups)),
		history: newHistory(), steps: newLiveSteps(r),
		watchers: map[chan struct{}]bool{}}
	for i := range s.recent {
		s.recent[i].response, s.recent[i].service = measure.NewSparse(), measure.NewSparse()
	}
	if r.Scenario().Target.Trace.Sent() {
		s.traced = r.Traced()
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
	p, before := s.runner.Progress(), s.ended.Counts
	s.taken++
	now := &s.recent[s.taken%len(s.recent)]
	now.response.Reset()
	now.service.Reset()
	now.elapsed, now.sent, now.good = p.Elapsed, p.Sent+uint64(p.InFlight), p.Good
	s.live.Take(s.ended, now.response, now.service, &s.parts)
	s.steps.take()
	s.response.Merge(now.response)
	s.service.Merge(now.service)
	s.status = s.fill(p, done)
	s.takeTraced(p.Started)
	s.remember(before, done)
	s.tell()
}

// slowAfter is how many requests have to be served before one can be slow that has no limit.
const slowAfter = 100

// takeTraced takes the requests worth looking at. Slow is from now on what is above p99 so far.
func (s *Sampler) takeTraced(started time.Time) {
	if s.traced == nil {
		return
	}
	all, left := s.traced.Take()
	s.exemplars.add(started, all)
	if s.spans != nil {
		s.traceCounts.LeftOut += left + s.spans.add(&s.status, started, s.runner.Scenario().Groups, all)
	}
	if s.response.Count() >= slowAfter {
		s.traced.SlowAbove(s.response.Percentile(99))
	}
}

// tell has all watchers look at what is new.
func (s *Sampler) tell() {
	for w := range s.watchers {
		select {
		case w <- struct{}{}:
		default: // it has yet to check the last one
		}
	}
}

// Stopping notes that somebody stopped the run from its page.
func (s *Sampler) Stopping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping, s.status.Stopping = true, true
	s.tell()
}

func (s *Sampler) fill(p runner.RunProgress, done bool) Status {
	n := s.ended.Counts
	st := Status{
		Scenario: s.runner.Scenario().Name, Elapsed: p.Elapsed.Seconds(), End: p.End.Seconds(),
		Left:  max(p.End-p.Elapsed, 0).Seconds(),
		Stage: s.place(), InFlight: p.InFlight, Workers: s.runner.MaxWorkers(),
		Scheduled: s.runner.Schedule().Count(), EndedCounts: EndedCounts{Ended: n.Sent, AsExpected: n.Clean,
			Unexpected: n.Unexpected(), Violating: n.Violating, Refused: n.Refused, Failed: n.Failed},
		RateLimited: n.RateLimited, Good: n.Good, Thresholds: s.thresholds(p), Outcomes: s.outcomes(),
		Violations: s.violations(), Steps: s.steps.status(), Stopping: s.stopping, Done: done,
	}
	from, to := s.ends()
	if span := to.elapsed - from.elapsed; span > 0 {
		st.Achieved = float64(to.sent-min(from.sent, to.sent)) / span.Seconds()
		st.Goodput = float64(to.good-min(from.good, to.good)) / span.Seconds()
		st.Planned = s.runner.Schedule().MeanRate(from.elapsed, to.elapsed)
	}
	st.Response, st.Service = s.times(func(x *sample) *measure.Histogram { return x.response }),
		s.times(func(x *sample) *measure.Histogram { return x.service })
	return st
}

// thresholds are those of the scenario as they stand.
func (s *Sampler) thresholds(p runner.RunProgress) []report.Threshold {
	sc := s.runner.Scenario()
	ended := report.EndedPart{Phase: &s.ended.Main, Sent: s.sentOfDue(p)}
	for i := range sc.Groups {
		ended.Groups = append(ended.Groups, sc.Groups[i].Name)
	}
	all := []report.Threshold{}
	for _, t := range sc.Thresholds {
		all = append(all, ended.SoFar(t))
	}
	return all
}

// sentOfDue is how many of the arrivals that were due after the warm-up were sent. It is known of those
// that come one after the other in time: how many random ones were due is not.
func (s *Sampler) sentOfDue(p runner.RunProgress) measure.Share {
	schedule := s.runner.Schedule()
	random := s.runner.Scenario().Load.Arrivals == scenario.Poisson
	if now := min(p.Elapsed, p.End); now > schedule.Start() && !random {
		due := uint64(schedule.Upto(now) - schedule.Upto(schedule.Start()))
		// The last one may be on its way to a worker.
		sent := s.ended.Main.Counts(-1)
		return measure.Share{N: min(sent.Sent()+uint64(p.InFlight)+1, due), Of: due}
	}
	return measure.Share{}
}

// outcomes are what became of the requests, of all groups.
func (s *Sampler) outcomes() []OutcomeCount {
	counts := map[OutcomeCount]uint64{}
	for _, phase := range []*measure.Phase{&s.ended.Main, &s.ended.Warmup} {
		for _, c := range phase.Cells {
			for outcome, n := range endedOf(c).byOutcome {
				counts[OutcomeCount{Label: c.Label, Outcome: outcome}] += n
			}
		}
	}
	all := []OutcomeCount{}
	for o, n := range counts {
		if n > 0 {
			all = append(all, OutcomeCount{o.Label, o.Outcome, n})
		}
	}
	slices.SortFunc(all, func(a, b OutcomeCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Label, b.Label),
			cmp.Compare(a.Outcome, b.Outcome))
	})
	return all[:min(len(all), maxRows)]
}

// endedOf counts the requests of a cell.
func endedOf(c *measure.Cell) EndedCounts {
	sent := c.Response.Count()
	if c.Failed {
		return EndedCounts{Ended: sent, Failed: sent}
	}
	// A response that breaks a rule is violating, whatever it was otherwise.
	others := sent - c.Clean - c.Violating
	refused := min(c.RateLimited, others)
	return EndedCounts{Ended: sent, AsExpected: c.Clean, Unexpected: others - refused, Violating: c.Violating,
		Refused: refused}
}

// violations are the broken rules.
func (s *Sampler) violations() []ViolationCount {
	all := []ViolationCount{}
	for rule, n := range s.ended.Broken {
		all = append(all, ViolationCount{rule.Rule, rule.Fails, n})
	}
	slices.SortFunc(all, func(a, b ViolationCount) int {
		if a.Fails != b.Fails {
			return map[bool]int{true: -1, false: 1}[a.Fails]
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule))
	})
	return all[:min(len(all), maxRows)]
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
	return percentiles(sum)
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
