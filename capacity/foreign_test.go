package capacity_test

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/bench/model"
	"mfaload/capacity"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// foreign is a service that shares no code with the simulator and goes on from
// trial to trial: what an overload left behind is still there in the next one. It
// is measured as a run is.
type foreign struct {
	name    string
	service func(seed uint64) model.Service
	poisson bool
	limit   time.Duration // of the p95
	// errors is the share of errors that is allowed.
	errors float64
	truth  float64 // requests a second
}

// timeout and drain are those of a scenario by default.
const (
	timeout = 10 * time.Second
	drain   = 10 * time.Second
)

func foreigners() []foreign {
	const place = 20 * time.Millisecond
	return []foreign{
		{name: "patient", service: func(uint64) model.Service { return model.NewPatient(4, place) },
			limit: 200 * time.Millisecond, errors: 0.001, truth: 200},
		{name: "strained", service: func(uint64) model.Service {
			return model.NewStrained(4, place, time.Second, time.Minute)
		},
			limit: 200 * time.Millisecond, errors: 0.001, truth: 200},
		// A minute with p95 <= 200 ms at most: of an M/M/8 with a queue of 64 that refuses
		// hardly anything there.
		{name: "pool", service: func(seed uint64) model.Service {
			return model.NewPool(8, 30*time.Millisecond, 64, seed)
		}, poisson: true,
			limit: 200 * time.Millisecond, errors: 0.01, truth: pooled(8, 64, 30*time.Millisecond,
				200*time.Millisecond, 0.05)},
	}
}

// pooled is the highest rate of an M/M/c with a bounded queue at which no more
// than a share takes longer than a time: of those that are served, by the state
// that they find.
func pooled(c, queue int, mean, over time.Duration, share float64) float64 {
	mu, t := 1/mean.Seconds(), over.Seconds()
	late := make([]float64, c+queue) // of a request that finds so many others
	for n := range late {
		late[n] = longer(max(n-c+1, 0), float64(c)*mu, mu, t)
	}
	return bisect(1, float64(c)*mu, share, func(rate float64) float64 {
		p, beyond, served := 1.0, 0.0, 0.0
		for n, late := range late {
			served += p
			beyond += p * late
			p *= rate / (mu * float64(min(n+1, c)))
		}
		return beyond / served
	})
}

// longer is how likely it is that k departures at a rate and a service after them
// take longer than a time, by simple integration.
func longer(k int, rate, mu, t float64) float64 {
	if k == 0 {
		return math.Exp(-mu * t)
	}
	const steps = 400
	density := func(x float64) float64 { // of the k departures
		logarithm, _ := math.Lgamma(float64(k))
		return math.Exp(float64(k)*math.Log(rate) + float64(k-1)*math.Log(x) - rate*x - logarithm)
	}
	within := 0.0
	for i := range steps {
		x := t * (float64(i) + 0.5) / steps
		within += density(x) * t / steps * -math.Expm1(-mu*(t-x))
	}
	return 1 - within
}

// session is a search of a foreign service. Its clock goes on.
type session struct {
	*foreign
	served model.Service
	random *rand.Rand
	now    time.Duration
	sent   int
	limits []capacity.Criterion
	terms  *scenario.Scenario
}

func (f *foreign) session(seed uint64) *session {
	s := &scenario.Scenario{Name: f.name, Groups: []scenario.Group{{Name: "all", IDs: []string{"a"}}},
		Thresholds: []scenario.Threshold{
			{Metric: scenario.Response, Stat: "p95", Quantile: 95, Limit: f.limit.Seconds(),
				Written: f.limit.String()},
			{Metric: scenario.ErrorRate, Limit: f.errors, Written: fmt.Sprintf("%g%%", 100*f.errors)},
			{Metric: scenario.AchievedRate, Limit: 0.99, Written: "99%"},
		}}
	return &session{foreign: f, served: f.service(seed), random: rand.New(rand.NewPCG(seed, 11)),
		limits: capacity.Criteria(s), terms: s}
}

// arrivals are the times of requests at a rate.
func (s *session) arrivals(rate float64, length time.Duration, yield func(at time.Duration) bool) {
	position := 0.0
	for k := 0; ; k++ {
		at := time.Duration(position / rate * 1e9)
		if at >= length || !yield(at) {
			return
		}
		position++
		if s.poisson {
			position += s.random.ExpFloat64() - 1
		}
	}
}

// try is a trial, as a generator with a worker for each request makes it.
func (s *session) try(_ context.Context, a capacity.TrialSpec) (*capacity.Outcome, error) {
	s.now += a.Settle
	recovered := s.recover(a.Recovery)
	if recovered != nil && !recovered.Back {
		return &capacity.Outcome{Recovered: recovered}, nil
	}
	recorder, profile := measure.NewRecorder(1, nil, 0), measure.LoadProfile{}
	end, last := a.Warmup+a.Length, time.Duration(0)
	busy := 0.0 // request-seconds in flight in the judged part
	var scheduled [2]uint64
	s.arrivals(a.Rate, end, func(at time.Duration) bool {
		o := s.request(at)
		if o.Done > end+drain {
			o.Done, o.Label, o.Failed, o.AsExpected = end+drain, "unanswered at end of drain", true, false
		}
		o.Warmup = at < a.Warmup
		recorder.Record(0, o)
		profile.Add(at, false)
		last = max(last, o.Done)
		busy += max(min(o.Done, end)-max(at, a.Warmup), 0).Seconds()
		if o.Warmup {
			scheduled[0]++
		} else {
			scheduled[1]++
		}
		return true
	})
	s.now += max(last, end)
	m, err := recorder.Final()
	if err != nil {
		return nil, err
	}
	m.Schema, m.Scenario, m.Groups, m.Profile.Due = measure.Schema, s.name, []string{"all"}, profile.Due
	m.Warmup.Planned, m.Main.Start, m.Main.Planned, m.Main.LastSent = a.Warmup, a.Warmup, a.Length, end
	m.Warmup.Scheduled, m.Main.Scheduled = scheduled[:1], scheduled[1:]
	m.Generator.Hiccups, m.Generator.Elapsed = measure.NewHistogram(), max(last, end)
	m.Terms = report.TermsOf(s.terms).Encode()
	r, err := report.Judge(m)
	if err != nil {
		return nil, err
	}
	o := capacity.Read(m, r, s.limits, busy/a.Length.Seconds())
	o.Recovered = recovered
	return o, nil
}

// request is what becomes of a request at a time of the trial.
func (s *session) request(at time.Duration) *measure.Observation {
	s.sent++
	done, refused := s.served.Arrive(s.now + at)
	o := &measure.Observation{Intended: at, Sent: at, Done: done - s.now + time.Millisecond,
		Label: "201 OTP_REQUIRED", AsExpected: true}
	switch {
	case refused:
		o.Label, o.AsExpected, o.Refused = "503", false, true
	case o.Done > at+timeout:
		o.Done, o.Label, o.Failed, o.AsExpected = at+timeout, "timeout", true, false
	}
	return o
}

// recover waits until the service is back.
func (s *session) recover(r *capacity.Recovery) *capacity.Recovered {
	if r == nil {
		return nil
	}
	out, left := &capacity.Recovered{}, r.Max
	for i := range r.Rates {
		took, back := s.watch(r, i, left, out)
		left -= took
		s.now += took
		out.Took += took
		if out.Back = back; !back {
			break
		}
	}
	return out
}

func (s *session) watch(r *capacity.Recovery, i int, left time.Duration,
	out *capacity.Recovered) (took time.Duration, back bool) {
	w, flying := r.Watch(i), &ends{}
	s.arrivals(r.Rates[i], left, func(at time.Duration) bool {
		for len(*flying) > 0 && (*flying)[0].at <= at {
			e := heap.Pop(flying).(end)
			w.Done(e.number, e.at, e.served)
		}
		if back = w.Back(at); back {
			took = at
			return false
		}
		o := s.request(at)
		out.Sent++
		heap.Push(flying, end{o.Done, w.Sent(at), o.AsExpected})
		return true
	})
	if !back {
		took = left
	}
	return took, back
}

// ends are the ends of requests in flight, the next one first.
type end struct {
	at     time.Duration
	number int
	served bool
}

type ends []end

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].at < e[j].at }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(end)) }
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// the two searches of a service that is not ours: short trials with a wide
// interval, and the defaults, within nine minutes.
func short() scenario.Capacity {
	c := scenario.NewCapacity(640)
	c.StartRate, c.Width, c.Trial, c.Budget = 40, 0.1, 5*time.Second, 9*time.Minute
	return c
}

func usual() scenario.Capacity {
	c := scenario.NewCapacity(640)
	c.Budget = 9 * time.Minute
	return c
}

func trialsText(f *capacity.SearchResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.1f to %.1f with %.3f, by %s: %s\n", f.Low, f.High, f.Confidence, f.LimitedBy,
		strings.Join(slices.Concat([]string{f.Why}, f.Unproved), "; "))
	for _, t := range f.Trials {
		fmt.Fprintf(&b, "  %7.2f/s %6v %-12s %.3f by %s, served %.1f, unserved %.0f, p50 %.0f ms, p95 %.0f "+
			"ms, recovery %+v: %s\n", t.Rate, t.Length, t.Verdict, t.Broken, t.By,
			t.Served, t.Backlog.Unserved, t.Figures.Response.P50, t.Figures.Response.P95, t.Recovered,
			strings.Join(t.Reasons, "; "))
	}
	return b.String()
}

// TestForeign searches services that are not ours, on a virtual clock, with many
// seeds.
func TestForeign(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it makes dozens of searches")
	}
	seeds := uint64(10)
	if *long {
		seeds = uint64(*number)
	}
	for _, f := range foreigners() {
		for name, c := range map[string]scenario.Capacity{"short": short(), "usual": usual()} {
			if f.name == "strained" && name == "usual" {
				c.Budget = 30 * time.Minute // a single overload of that length takes it minutes to get over
			}
			t.Run(f.name+" "+name, func(t *testing.T) {
				t.Parallel()
				missed, seeds := 0, seeds
				if !f.poisson {
					seeds = 1 // without chance each would give the same search
				}
				for seed := range seeds {
					s := f.session(seed)
					found, err := capacity.Search(context.Background(),
						capacity.SearchOptions{Capacity: c, Limits: s.limits}, s.try)
					if err != nil {
						t.Fatal(err)
					}
					if *misses {
						t.Logf("seed %d, truth %.1f: %s", seed, f.truth, trialsText(found))
					}
					checkSteps(t, found)
					if width := (found.High - found.Low) / ((found.High +
						found.Low) / 2); found.Took > c.Budget+drain || found.Settled &&
						width > c.Width*(1+1e-9) {
						t.Errorf("seed %d took %v, and its interval is %.1f %% wide: %s", seed, found.Took,
							100*width, trialsText(found))
					}
					if found.Low > f.truth || found.High < f.truth {
						missed++
						t.Logf("seed %d, truth %.1f: %s", seed, f.truth, trialsText(found))
					}
				}
				if missed > f.mayMiss(int(seeds)) {
					t.Errorf("%d of %d searches missed %.1f/s", missed, seeds, f.truth)
				}
			})
		}
	}
}

// mayMiss is how many of n searches may miss the truth: none of a service without
// chance. Of another a search may miss it one time in twenty: the most that would not
// be less likely than one in fifty if that is so. Of ten these are two.
func (f *foreign) mayMiss(n int) int {
	if !f.poisson {
		return 0
	}
	const each = 0.05
	k, term := 0, math.Pow(1-each, float64(n))
	for within := term; 1-within > 0.02; within += term {
		term *= float64(n-k) / float64(k+1) * each / (1 - each)
		k++
	}
	return k
}

// checkSteps holds the rates of a search against what it may do next.
func checkSteps(t *testing.T, f *capacity.SearchResult) {
	t.Helper()
	reached := f.Trials[0].Rate
	for i, tr := range f.Trials {
		if tr.Rate > 2*reached*(1+1e-9) {
			t.Errorf("trial %d goes from %.4g/s to %.4g/s", tr.Number, reached, tr.Rate)
		}
		if tr.Verdict != capacity.Break {
			reached = max(reached, tr.Rate)
		}
		if i > 0 && f.Trials[i-1].Overloaded && tr.Recovered == nil {
			t.Errorf("trial %d did not wait after an overload", tr.Number)
		}
	}
}

// short of a service that serves everybody, after a trial that is far too much for
// it: nothing is served, and what was counted in flight does not fit what ended.
func TestUnservedBacklogIsABreak(t *testing.T) {
	for _, f := range foreigners()[:2] {
		s := f.session(1)
		a := capacity.TrialSpec{Number: 1, Rate: 640, Warmup: 10 * time.Second, Length: 5 * time.Second}
		o, err := s.try(context.Background(), a)
		if err != nil {
			t.Fatal(err)
		}
		for _, counted := range []float64{o.InFlight, 100, 20_000} {
			o.InFlight = counted
			if tr := capacity.Judge(a, o, s.limits); tr.Verdict != capacity.Break ||
				tr.By != capacity.LimitedByBacklog || !tr.Overloaded || len(tr.Reasons) != 1 {
				t.Errorf("%s, %v in flight: %s by %s: %v", f.name, counted, tr.Verdict, tr.By, tr.Reasons)
			}
		}
		if o.Served > 210 {
			t.Errorf("%s served %v/s of 200/s", f.name, o.Served)
		}
		// What mfaload itself is to blame for is no break.
		o.Doubts = []string{"late"}
		if tr := capacity.Judge(a, o, s.limits); tr.Verdict != capacity.Inconclusive || !tr.Overloaded {
			t.Errorf("%s, in doubt: %s", f.name, tr.Verdict)
		}
	}
}

// Little's law holds for a time that has an end: what began before it or ended after
// it counts as long as it was in flight within.
func TestLittleOfATimeWithAnEnd(t *testing.T) {
	f := foreigners()[0]
	for _, rate := range []float64{150, 205, 400} {
		s := f.session(1)
		o, err := s.try(context.Background(), capacity.TrialSpec{Number: 1, Rate: rate,
			Warmup: 2 * time.Second,
			Length: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(o.Expected/o.InFlight-1) > 0.05 {
			t.Errorf("%v/s: %v in flight, %v by the times", rate, o.InFlight, o.Expected)
		}
	}
}

// After a start that is far too high the search goes down in large steps, each
// after the service is back.
func TestStepsDownGeometrically(t *testing.T) {
	f := foreigners()[0]
	c := short()
	c.StartRate = 640
	s := f.session(1)
	found, err := capacity.Search(context.Background(), capacity.SearchOptions{Capacity: c, Limits: s.limits},
		s.try)
	if err != nil {
		t.Fatal(err)
	}
	for i, tr := range found.Trials[1:] {
		if before := found.Trials[i]; tr.Rate < before.Rate && before.Rate > 300 &&
			tr.Rate > before.Rate/1.9 {
			t.Errorf("from %.4g/s to %.4g/s", before.Rate, tr.Rate)
		}
		if before := found.Trials[i]; before.Overloaded && tr.Recovered == nil {
			t.Errorf("trial %d did not wait", tr.Number)
		}
	}
	if found.Low < 180 || found.Low > 200 || found.High < 200 || found.High > 220 {
		t.Error(trialsText(found))
	}
}

// A service that is slow to recover is said to be so, and is not measured too low.
func TestSlowRecoveryIsSaid(t *testing.T) {
	f := foreigners()[1]
	s := f.session(1)
	found, err := capacity.Search(context.Background(), capacity.SearchOptions{Capacity: short(),
		Limits: s.limits},
		s.try)
	if err != nil {
		t.Fatal(err)
	}
	if reasons := strings.Join(found.Result().Reasons, "\n"); !strings.Contains(reasons,
		"to get back to its former response time") || found.High < 200 {
		t.Errorf("%s\n%s", reasons, trialsText(found))
	}
}

// What is waited and sent until a service is back counts against the budget and the
// cap of requests.
func TestRecoveryCounts(t *testing.T) {
	f := foreigners()[1]
	c := short()
	c.StartRate = 640
	search := func(requestsMax uint64) (*session, *capacity.SearchResult) {
		s := f.session(1)
		found, err := capacity.Search(context.Background(),
			capacity.SearchOptions{Capacity: c, Limits: s.limits, MaxRequests: requestsMax}, s.try)
		if err != nil {
			t.Fatal(err)
		}
		return s, found
	}
	s, found := search(0)
	waited, sent := time.Duration(0), 0.0
	for _, tr := range found.Trials {
		if tr.Recovered != nil {
			waited += tr.Recovered.Took
			sent += tr.Recovered.Sent
		}
	}
	if off := (found.Took - s.now).Abs(); waited < 10*time.Second || off > time.Second {
		t.Errorf("it took %v, %v of them until the service was back, and says %v", s.now, waited, found.Took)
	}
	requestsMax := s.sent - int(sent/2)
	if again, capped := search(uint64(requestsMax)); sent < 50 || again.sent > requestsMax {
		t.Errorf("%d requests of %d, %v of them until the service was back: %s", again.sent, requestsMax,
			sent, capped.Why)
	}
}

// One that does not recover at all ends the search, and is said to.
func TestNeverBack(t *testing.T) {
	f := foreigners()[1]
	f.service = func(uint64) model.Service {
		return model.NewStrained(4, 20*time.Millisecond, time.Second, 24*time.Hour)
	}
	s := f.session(1)
	c := short()
	c.Budget = time.Hour
	found, err := capacity.Search(context.Background(), capacity.SearchOptions{Capacity: c, Limits: s.limits},
		s.try)
	if err != nil {
		t.Fatal(err)
	}
	reasons := strings.Join(found.Result().Reasons, "\n")
	if found.Settled || found.Low < 40 || found.Low > 160 || found.High != 320 ||
		!strings.Contains(reasons, "did not get back to its former response time") ||
		!strings.Contains(reasons, "was not back at its former response time for 6m") {
		t.Errorf("%s\n%s", reasons, trialsText(found))
	}
	if r := found.Result(); r.Trials[len(r.Trials)-1].Recovery == nil {
		t.Error("the last trial says nothing of it")
	}
}
