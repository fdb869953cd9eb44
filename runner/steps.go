package runner

import (
	"container/heap"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/scenario"
)

// maxTransactions bounds those whose next step is not due, or waits to be sent: about 3 kB each.
const maxTransactions = 100_000

// stepSender sends the steps that follow requests, each when it is due: the think time after the end of what
// came before. Its workers are none of the requests', so that those are sent and measured as if nothing
// followed. If as many steps are in flight as may be, others wait: that is part of their response time.
// All its methods do nothing on nil.
type stepSender struct {
	runner   *Runner
	names    []string
	first    []int // by group, the number of its first step
	recorder *measure.Recorder
	limit    int // of steps in flight

	start   time.Time
	flight  context.Context // ends when responses are given up
	sending context.Context // ends when no more is to be sent
	cut     context.CancelFunc
	wake    chan struct{} // something is due earlier, or a worker came free
	ended   chan struct{}
	sends   sync.WaitGroup

	mu        sync.Mutex
	waiting   waitingSteps
	idle      []*requestWorker
	workers   int
	inFlight  int
	awaited   time.Duration // until when the sender waits exactly; 0 while it can be woken
	freed     time.Duration // when one of as many in flight as may be came free
	over      bool          // no more requests come
	stopped   time.Duration // when sending ended before its time; 0 if it did not
	scheduled []uint64      // by step
	withheld  map[withheldKey]uint64
}

// dueStep is the next step of a transaction.
type dueStep struct {
	FollowedTransaction
	request uint64
	user    scenario.User
	step    int // of the user's group
	at      time.Duration
	wrong   bool
}

type waitingSteps []*dueStep

func (w waitingSteps) Len() int           { return len(w) }
func (w waitingSteps) Less(i, j int) bool { return w[i].at < w[j].at }
func (w waitingSteps) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waitingSteps) Push(x any)        { *w = append(*w, x.(*dueStep)) }
func (w *waitingSteps) Pop() any {
	last := len(*w) - 1
	x := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	return x
}

func newStepSender(r *Runner) *stepSender {
	c := &r.config
	steps := c.Scenario.Steps()
	if _, can := c.Operation.(FlowOperation); !can || len(steps) == 0 {
		return nil
	}
	f := &stepSender{runner: r, limit: r.limit.workers, first: make([]int, len(c.Scenario.Groups)),
		scheduled: make([]uint64, len(steps)), withheld: map[withheldKey]uint64{},
		recorder: measure.NewStepRecorder(len(steps), c.StepRules, c.SaveAnswers),
		wake:     make(chan struct{}, 1), ended: make(chan struct{})}
	for i, s := range steps {
		f.names = append(f.names, s.Name)
		if s.Step == 0 {
			f.first[s.Group] = i
		}
	}
	return f
}

func (f *stepSender) recorded() *measure.Recorder {
	if f == nil {
		return nil
	}
	return f.recorder
}

// begin sends from now on.
func (f *stepSender) begin(start time.Time, flight context.Context) {
	if f == nil {
		return
	}
	f.start, f.flight = start, flight
	f.sending, f.cut = context.WithCancel(flight)
	go f.send()
}

// interrupt sends no more.
func (f *stepSender) interrupt() {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.stopped = time.Since(f.start)
	f.mu.Unlock()
	f.cut()
}

// finish waits until nothing more follows, or may be sent. No more requests come.
func (f *stepSender) finish() {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	f.nudge()
	<-f.ended
	f.sends.Wait()
	f.cut()
	f.mu.Lock()
	defer f.mu.Unlock()
	end := time.Since(f.start)
	if f.stopped > 0 {
		end = f.stopped
	}
	for _, d := range f.waiting {
		if d.at > end {
			f.withheld[withheldKey{f.number(d), measure.AfterEnd}]++
		}
	}
	f.waiting = nil
}

func (f *stepSender) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *stepSender) number(d *dueStep) int { return f.first[d.user.Group] + d.step }

// follow has the steps follow that come after a request which ended at a time.
func (f *stepSender) follow(request uint64, u scenario.User, ended time.Duration, ex *contract.Exchange) {
	if f == nil || len(f.runner.config.Scenario.Groups[u.Group].Then) == 0 {
		return
	}
	if t := f.runner.config.Operation.(FlowOperation).Follow(ex); t != nil {
		f.next(&dueStep{FollowedTransaction: t, request: request, user: u, step: -1}, ended)
	}
}

// next finds out what follows in a transaction whose last response was there at a time.
func (f *stepSender) next(d *dueStep, ended time.Duration) {
	s := f.runner.config.Scenario
	then := s.Groups[d.user.Group].Then
	for d.step++; d.step < len(then); d.step++ {
		step := then[d.step]
		draw := s.Load.Draws(d.request, d.step)
		think := step.After.Draw(draw)
		taken := draw.Float64() < step.Share
		d.wrong, d.at = draw.Float64() < step.Wrong, ended+think
		switch {
		case !taken:
		case step.Action == scenario.Abandon:
			f.count(d, measure.Abandoned)
			return
		case !d.Possible(step.Action):
			f.count(d, measure.NotPossible)
		default:
			f.plan(d)
			return
		}
	}
}

// count counts a step that is not sent for a reason.
func (f *stepSender) count(d *dueStep, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scheduled[f.number(d)]++
	f.withheld[withheldKey{f.number(d), reason}]++
}

// plan counts a step, and has it sent when it is due.
func (f *stepSender) plan(d *dueStep) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scheduled[f.number(d)]++
	if len(f.waiting) >= maxTransactions {
		f.withheld[withheldKey{f.number(d), measure.TooManyWaiting}]++
		return
	}
	heap.Push(&f.waiting, d)
	switch {
	case f.waiting[0] != d:
	case d.at >= f.awaited:
		f.nudge()
	default:
		f.sends.Go(func() {
			machine.TimerWait(f.sending, f.start.Add(d.at))
			f.handOverDue()
		})
	}
}

// exactly is how long before a step is due it is waited for exactly. Nothing can end that wait, so that what
// becomes due meanwhile is waited for next to it.
const exactly = 2 * time.Millisecond

// send hands each step to a worker when it is due.
func (f *stepSender) send() {
	defer close(f.ended)
	wait, unwait := f.runner.newWait()
	defer unwait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for f.sending.Err() == nil {
		next, more := f.handOverDue()
		if !more {
			return
		}
		left := next - time.Since(f.start)
		if left <= exactly {
			wait(f.sending, f.start.Add(next))
			continue
		}
		timer.Reset(left - exactly)
		select {
		case <-timer.C:
		case <-f.wake:
		case <-f.sending.Done():
		}
	}
}

// handOverDue hands to workers what is due, and says when the next step is; or that there is none, and comes
// none. Where all workers are in flight, the sender is woken when one comes free.
func (f *stepSender) handOverDue() (next time.Duration, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaited = 0
	for len(f.waiting) > 0 && f.inFlight < f.limit {
		next := f.waiting[0].at
		if left := next - time.Since(f.start); left > 0 {
			if left <= exactly {
				f.awaited = next
			}
			return next, true
		}
		if f.sending.Err() != nil {
			break
		}
		f.handOver()
	}
	return math.MaxInt64, !f.over || f.inFlight > 0 || len(f.waiting) > 0
}

// handOver hands the first step to a worker, unless a pause goes on. The sender is locked.
func (f *stepSender) handOver() {
	d := heap.Pop(&f.waiting).(*dueStep)
	if f.runner.pauses.hold(d.at, time.Since(f.start)) {
		f.withheld[withheldKey{f.number(d), measure.Paused}]++
		return
	}
	var w *requestWorker
	if n := len(f.idle); n > 0 {
		w, f.idle = f.idle[n-1], f.idle[:n-1]
	} else {
		w = &requestWorker{runner: f.runner, start: f.start, number: f.workers}
		w.exchange.MaySend = f.runner.maySend
		f.workers++
	}
	f.inFlight++
	could := max(d.at, f.freed)
	f.sends.Go(func() {
		if f.runner.admitted() {
			f.serve(w, d, could)
		}
		f.mu.Lock()
		if f.inFlight >= f.limit {
			f.freed = time.Since(f.start)
		}
		f.inFlight--
		f.idle = append(f.idle, w)
		f.mu.Unlock()
		f.nudge()
	})
}

// serve sends a step, checks the response, records both, and plans what follows.
func (f *stepSender) serve(w *requestWorker, d *dueStep, could time.Duration) {
	ex, step := &w.exchange, f.runner.config.Scenario.Groups[d.user.Group].Then[d.step]
	ex.Reset()
	ex.Number = d.request
	sent := time.Since(f.start)
	err := d.Send(f.flight, step, d.wrong, ex)
	now := time.Now()
	done := now.Sub(f.start)
	if reason := ownLimit(err); reason != "" {
		if reason != measure.NoConnection {
			f.mu.Lock()
			f.withheld[withheldKey{f.number(d), reason}]++
			f.mu.Unlock()
		}
		return
	}
	o := &w.seen
	*o = measure.Observation{Group: f.number(d), Intended: d.at, Sent: sent + ex.Waited, Done: done,
		Own: max(sent-could, 0), Violations: o.Violations[:0]}
	o.Index, o.RequestTransfer = d.request, w.transfer(o.Sent)
	o.Harmed = w.harmed(o, now)
	if err != nil {
		if ownFailure(err) {
			o.Harmed = done - d.at
		}
		o.Failed, o.Label, o.Disconnected = true, failure(f.flight, err), disconnected(f.flight, err)
		o.Refused = o.Label == measure.ConnectionRefused
	} else {
		w.violations = d.Check(step, d.wrong, ex, w.violations[:0])
		w.mask, w.step = d.Mask, f.names[o.Group]
		w.observe(d.user)
	}
	f.recorder.Record(w.number, o)
	if o.RateLimited {
		w.refused()
	}
	if o.AsExpected {
		f.next(d, done)
	}
}

// describe adds what is known of the steps, but not what is observed.
func (f *stepSender) describe(m *measure.Measurement) {
	if f == nil {
		return
	}
	if m.Steps == nil {
		m.Steps = measure.NewSteps(f.names, m.Main.Start, m.Main.Planned)
	}
	s := m.Steps
	s.Groups, s.Main.Start, s.Main.Planned = f.names, m.Main.Start, m.Main.Planned
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Main.Scheduled, s.Main.Withheld = slices.Clone(f.scheduled), nil
	for w, n := range f.withheld {
		s.Main.Withheld = append(s.Main.Withheld,
			measure.Withheld{Group: w.group, Reason: w.reason, Count: n})
	}
	slices.SortFunc(s.Main.Withheld, measure.CompareWithheld)
}

// observed adds what was observed of the steps, at the end of the run.
func (f *stepSender) observed(m *measure.Measurement) (err error) {
	if f == nil {
		return nil
	}
	m.Steps, err = f.recorder.Final()
	return err
}
