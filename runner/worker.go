package runner

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"mfaload/contract"
	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

type requestWorker struct {
	runner *Runner
	number int
	start  time.Time

	load       loadModel
	wake       chan struct{}                    // tells it that it leads
	leads      bool                             // it begins as the leader
	free       time.Duration                    // since when it is not in flight
	withheld   bool                             // its last request was not sent
	wait       func(context.Context, time.Time) // of a closed load's user
	exchange   contract.Exchange
	violations []contract.Violation
	names      func() (correlationID, traceID, spanID string)
	mask       func(text string) string
	step       string // the name of the step it sends, "" for an initialization
	seen       measure.Observation
}

// serve sends the arrival's request, checks its response and records both. The
// clock stops before the check: checking is never part of a service time.
func (w *requestWorker) serve(flight context.Context, a turn) {
	ex := &w.exchange
	ex.Reset()
	w.enter()

	ex.Number = a.Index
	sent := time.Since(w.start)
	err := w.runner.config.Operation.Send(flight, a.User, ex)
	now := time.Now()
	done := now.Sub(w.start)

	w.runner.inFlight.Add(-1)
	if reason := ownLimit(err); reason != "" {
		w.free, w.withheld = done, true
		if reason != measure.NoConnection { // the scenario's choice: it is unsent, as if no worker was free
			w.load.withhold(a.Arrival, reason)
		}
		return
	}
	w.withheld = false
	o := &w.seen
	*o = measure.Observation{
		Group: a.User.Group, Warmup: a.Warmup,
		Intended: a.At, Sent: sent + ex.Waited, Done: done,
		// While all workers that there may be were in flight nobody could have
		// sent it: that wait is the service's. Only what a freeze left behind is not.
		// A wait for a connection, of as many as the scenario allows, is none of it either.
		Own:        max(sent-a.could, min(sent-a.At, a.lateByFreeze)),
		Violations: o.Violations[:0],
		GoodWithin: measure.GoodWithin(w.runner.goodWithin, a.User.Group),
	}
	o.Index, o.RequestTransfer, o.Names = a.Index, w.transfer(o.Sent), w.names
	if name := w.runner.config.NameUser; name != nil {
		o.User = name(a.User.ID)
		o.CorrelationID, o.TraceID, o.SpanID = w.nameRequest()
	}
	o.Harmed = w.harmed(o, now)
	w.free = done
	if ex.Waited > 0 {
		w.runner.recorder.RecordWait(a.Warmup, ex.Waited)
	}
	if err != nil {
		if ownFailure(err) {
			o.Harmed = done - a.At
		}
		o.Failed, o.Label, o.Disconnected = true, failure(flight, err), disconnected(flight, err)
		o.Refused = o.Label == measure.ConnectionRefused
	} else {
		w.check(a.User)
	}
	w.runner.recorder.Record(w.number, o)
	if o.RateLimited {
		w.refused()
	}
	if o.AsExpected && !o.Warmup {
		w.runner.steps.follow(a.Index, a.User, done, ex)
	}
}

// transfer is how the exchange of a request that was sent then went over the network.
func (w *requestWorker) transfer(sent time.Duration) measure.RequestTransfer {
	t := &w.exchange.Transfer
	seen := measure.RequestTransfer{Connection: t.Connection, Waited: w.exchange.Waited, Dial: t.Dial,
		Handshake: t.Handshake, Network: t.Network, Service: t.Service, Bytes: t.Bytes}
	if t.Connection > 0 {
		seen.Age = max(sent-t.Opened.Sub(w.start), 0).Truncate(time.Millisecond)
	}
	if !t.First.IsZero() {
		seen.FirstByte = max(t.First.Sub(w.start)-sent, 1)
	}
	return seen
}

// nameRequest returns the names by which others find the request.
func (w *requestWorker) nameRequest() (correlationID, traceID, spanID string) {
	id, _ := w.runner.config.Operation.CorrelationID(&w.exchange)
	id = strings.Clone(w.runner.config.Operation.Mask(id)) // a part of the exchange, which is used again
	if parent := w.exchange.TraceParent; len(parent) > 0 {
		fields := bytes.Split(parent, []byte("-"))
		traceID, spanID = string(fields[1]), string(fields[2])
	}
	return id[:min(len(id), maxCorrelationID)], traceID, spanID
}

func (w *requestWorker) refused() {
	now := time.Since(w.start)
	switch w.runner.config.Scenario.Load.On429 {
	case scenario.Pause429:
		w.runner.pauses.begin(now, pauseAfter(&w.exchange))
	case scenario.Stop429:
		w.runner.stopper.end(&measure.Stop{At: now, Condition: "load.on429: stop",
			Observed: "a response was 429, too many requests"})
	}
}

func (w *requestWorker) enter() {
	n := w.runner.inFlight.Add(1)
	for {
		highest := w.runner.busyMax.Load()
		if n <= highest || w.runner.busyMax.CompareAndSwap(highest, n) {
			return
		}
	}
}

func failure(flight context.Context, err error) string {
	if context.Cause(flight) == errDrained {
		return measure.Drained
	}
	var f *contract.Failure
	if errors.As(err, &f) {
		return f.Kind
	}
	return measure.OtherFailure
}

// harmed is how much of a response time mfaload itself may have caused.
func (w *requestWorker) harmed(o *measure.Observation, now time.Time) time.Duration {
	still := w.runner.freezes.within(o.Sent, o.Done, now)
	if o.Own >= measure.HarmFloor {
		return still + o.Own
	}
	return still
}

// ownFailure says whether a request failed for want of this machine's memory.
func ownFailure(err error) bool {
	var f *contract.Failure
	return errors.As(err, &f) && measure.IsOwnLimit(f.Kind)
}

// ownLimit is why mfaload itself did not send a request; "" where it did.
func ownLimit(err error) string {
	if err == nil {
		return "" // first, because the next variable is on the heap
	}
	var f *contract.Failure
	if errors.As(err, &f) && f.Own {
		return f.Kind
	}
	return ""
}

func disconnected(flight context.Context, err error) bool {
	var f *contract.Failure
	return flight.Err() == nil && errors.As(err, &f) && f.Disconnected
}

func (w *requestWorker) check(u scenario.User) {
	w.violations = w.runner.config.Operation.Check(u, &w.exchange, w.violations[:0])
	w.observe(u)
}

// observe takes over what a check found.
func (w *requestWorker) observe(u scenario.User) {
	ex, o := &w.exchange, &w.seen
	o.Label, o.AsExpected, o.Evaluated = ex.Label, ex.AsExpected, ex.Evaluated
	o.RateLimited = ex.Status == http.StatusTooManyRequests
	o.Refused = o.RateLimited || ex.Status == http.StatusServiceUnavailable && retryAfter(ex)
	if len(w.violations) == 0 {
		return
	}
	for _, v := range w.violations {
		o.Violations = append(o.Violations, measure.RuleViolation{
			Rule: v.Rule, Pointer: v.Pointer, Fails: v.Level == contract.Fail,
			Expected: v.Expected, Got: v.Got, Counted: v.Counted,
		})
	}
	// The contract hides the token; what a scenario's headers hold it can't know.
	o.Mask = w.mask
	o.Example = w.example(u.ID)
}

// example describes the exchange for the violations that are kept of it. What it
// shows is masked once, however many they are.
func (w *requestWorker) example(userID string) func(whole bool) measure.Example {
	var e *measure.Example
	var response *measure.MaskedResponse
	kept := 0
	return func(whole bool) measure.Example {
		ex, mask := &w.exchange, w.mask
		if e == nil {
			correlation, _ := w.runner.config.Operation.CorrelationID(ex)
			e = &measure.Example{
				Step: w.step, UserID: userID, CorrelationID: strings.Clone(mask(correlation)),
				TransactionID: string(ex.TransactionID), Status: ex.Status,
				Method: ex.Method, URL: ex.URL, Body: mask(string(ex.Request)), At: w.seen.Sent,
			}
		}
		shown := *e
		if whole && kept < maxWhole {
			if kept++; response == nil {
				response = w.response(ex)
			}
			shown.Answer = response
		}
		return shown
	}
}

func retryAfter(ex *contract.Exchange) bool {
	_, n := ex.Header.Get("Retry-After")
	return n > 0
}

func (w *requestWorker) response(ex *contract.Exchange) *measure.MaskedResponse {
	mask := w.mask
	body := strings.ToValidUTF8(string(ex.Body[:min(len(ex.Body), maxKept)]), "\uFFFD")
	a := &measure.MaskedResponse{Headers: []string{}, Body: mask(body)}
	for _, f := range ex.Header {
		a.Headers = append(a.Headers, mask(f.Name+": "+f.Value))
	}
	return a
}

const (
	// maxCorrelationID bounds an ID that is kept of a response.
	maxCorrelationID = 128
	// maxKept bounds a body that is kept.
	maxKept = 64 << 10
	// maxWhole is with how many of the violations of one response it is kept whole.
	// The others name the same correlation ID.
	maxWhole = 8
)

// What follows is for those who look on. They see what comes after they first asked for
// it, so that they ask before the run begins.

// RunProgress is how far a run has come. It may be asked at any time.
type RunProgress struct {
	measure.Progress
	// Planned is how many requests the schedule has.
	Planned uint64
	// Started is when the run began; zero before.
	Started time.Time
	// Elapsed is the time since the start; End when the last stage ends.
	Elapsed, End time.Duration
	// InFlight is how many requests are waiting for a response.
	InFlight int
	// Paused is how long nothing will be sent because a response was 429.
	Paused time.Duration
}

// Progress returns how far the run has come.
func (r *Runner) Progress() RunProgress {
	p := RunProgress{Progress: r.recorder.Progress(), End: r.schedule.End(), InFlight: int(r.inFlight.Load())}
	if start := r.start.Load(); start != nil {
		p.Started, p.Elapsed = *start, time.Since(*start)
		p.Paused = r.pauses.left(p.Elapsed)
	}
	return p
}

// Scenario returns what the run is of.
func (r *Runner) Scenario() *scenario.Scenario { return r.config.Scenario }

// Schedule returns the run's schedule.
func (r *Runner) Schedule() *schedule.Schedule {
	return r.schedule
}

// Live begins to keep what came to an end for one who looks on while the scenario runs.
func (r *Runner) Live() *measure.Live {
	return r.recorder.Live()
}

// LiveSteps begins to hand out the steps that follow requests: these are the groups of what it takes. Live
// is nil if none follow.
func (r *Runner) LiveSteps() (names []string, live *measure.Live) {
	if r.steps == nil {
		return nil, nil
	}
	return r.steps.names, r.steps.recorder.Live()
}

// Traced begins to keep requests whose traces are worth looking at.
func (r *Runner) Traced() *measure.TracedRequests { return r.recorder.Traced() }

// Ticks begins to hand out the run second by second, with its requests or without, to
// one who judges several machines together with a [Guard].
func (r *Runner) Ticks(requests bool) *measure.Ticks {
	return r.recorder.Ticks(requests)
}

// Own says what is known of mfaload's own part in a run that goes on, from a second
// on. It may be asked at any time.
func (r *Runner) Own(from int) *measure.OwnPart {
	p := &measure.OwnPart{Workers: r.limit.workers, From: from}
	if g := r.going.Load(); g != nil {
		p.Profile, p.Seconds = g.load.dueSince(from), g.own.since(int64(from))
	}
	return p
}

// Stop ends the run before its time, as failed, for a reason that somebody else
// found. It does nothing before the run and after its end.
func (r *Runner) Stop(why measure.Stop) { r.stopper.end(&why) }

// Snapshots begins to keep what the judged part of the run has measured so far, for
// one who looks on from another machine, and returns what hands it out. It
// is called once; what it returns is not safe for concurrent use.
func (r *Runner) Snapshots() func() *measure.Part {
	soFar := r.recorder.Snapshots()
	return func() *measure.Part {
		now := r.Progress().Elapsed
		p := soFar.Take()
		if r.config.Shard != nil {
			p.Index = r.config.Shard.Index
		}
		from, to := r.schedule.Start(), now
		if end := r.schedule.End(); end > 0 {
			to = min(now, end)
		}
		p.Planned, p.Generator.Elapsed = max(to-from, 0), now
		due := r.schedule.MeanRate(from, to) * p.Planned.Seconds()
		// An arrival that was not due a moment ago may be answered by now.
		p.Scheduled = max(uint64(math.Round(due)), p.Sent())
		return p
	}
}
