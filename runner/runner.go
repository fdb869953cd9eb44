// Package runner turns a scenario into timed, checked requests. Its schedule is
// a pure function of the scenario; its workers send what the schedule promised
// and record when it happened and what came back.
package runner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/measure/journal"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// Config is what a run is.
type Config struct {
	// Scenario and Operation are required.
	Scenario  *scenario.Scenario
	Operation Operation
	// Rules are the names of the contract's rules, in the order of the bits of
	// [contract.Exchange.Evaluated].
	Rules []string
	// StepRules are the names of the rules that responses to steps are checked against, in the order of
	// the bits of their [contract.Exchange.Evaluated].
	StepRules []string
	// SaveAnswers is how many whole responses are kept of each group of
	// violations, at most [measure.Instances].
	SaveAnswers int
	// Shard says which part of the run is this one's; nil is all of it. It has to
	// have passed [schedule.CheckShard].
	Shard *measure.Shard
	// Side is which of two runs against two targets this one is; nil where it runs alone. Both are of
	// scenarios that differ in their targets only, and begin at one time.
	Side *DuetSide
	// Previous are runs before this one, the first one first: the users go on where
	// they left off. For a load with stages that is not sharded.
	Previous []schedule.PreviousRun
	// Used is what users had on the day of the start, before the run; nil where that changes nothing.
	Used *schedule.UsedToday
	// Unguarded leaves load.stopOn to somebody who judges several shards together,
	// with [Runner.Ticks], a [Guard] and [Runner.Stop].
	Unguarded bool
	// NameUser, if set, has the journal tell of each request by which name its user is known
	// there, and which correlation ID the response had.
	NameUser func(userID string) string
	// Looks, if set, may end the run as soon as it is decided.
	Looks *Looks
	// Wait waits until a time or until the context ends. Default: as exactly
	// as the system can; a test on a virtual clock needs [machine.TimerWait].
	Wait func(context.Context, time.Time)
}

// Start is how a run begins; the zero value is at once, without a journal.
type Start struct {
	// At is when the schedule begins; the zero value is at once. Run waits for it.
	At time.Time
	// CalledAs is what the measurement calls the start: all shards of a run have
	// to call it the same, whatever their clocks say. Default: the start.
	CalledAs time.Time
	// MaySend, where set, is asked right before each request. Once it says no the run ends
	// as interrupted, and nothing more is sent: a machine that stood still must not catch up
	// with what others have given up. It is quick, and called by many.
	MaySend func() bool
	// Journal, where set, has all written down that is measured, as it comes, and at
	// the end of the run its seconds are made of that.
	// JournalFailed is told when that is not possible any more; the run goes on.
	Journal       *journal.Appender
	JournalFailed func(error)
}

// Runner runs one scenario once.
type Runner struct {
	config Config
	begins Start  // as Run was told
	hash   string // of the scenario
	// goodWithin is the response time up to which a group's response is good.
	goodWithin []time.Duration
	schedule   *schedule.Schedule
	limit      workerLimit
	recorder   *measure.Recorder
	start      atomic.Pointer[time.Time]
	inFlight   atomic.Int64
	busyMax    atomic.Int64
	pauses     pauses
	freezes    *freezes
	going      atomic.Pointer[going]
	steps      *stepSender // nil if no steps follow
	stopper    runStopper
	stopped    atomic.Bool // before its time
}

// New returns a runner that is ready: those who look on may ask it for what they need,
// before the run and while it lasts. That takes a moment where many users are shared out.
func New(c Config) *Runner {
	r := &Runner{config: c, hash: c.Scenario.Hash(),
		schedule: schedule.NewShard(c.Scenario, c.Shard, c.Previous...).WithUsed(c.Used)}
	if c.Side.alternates() {
		r.schedule = r.schedule.Alternate(c.Side.number)
	}
	r.goodWithin = c.Scenario.GoodWithin()
	r.limit = newWorkerLimit(&c, r.schedule)
	r.recorder = measure.NewRecorder(len(c.Scenario.Groups), c.Rules, c.SaveAnswers)
	r.recorder.SplitWarmup(warmupParts(&c.Scenario.Load))
	r.steps = newStepSender(r)
	return r
}

// Why a run with a start time did not start. Nothing was sent.
var (
	ErrLate      = errors.New("the start time has passed")
	ErrCancelled = errors.New("stopped before the start time")
)

var errDrained = errors.New("no response before the end of the drain time")

// Run sends the whole schedule, waits for the responses and returns what it
// measured. It lasts as long as its schedule, also when nothing is due at the end
// of that. When the context ends it stops sending, waits for the responses in
// flight as long as the scenario's drain time, and never longer than it would have
// waited without, and returns what it measured up to then. It was interrupted only
// if there was more to send.
func (r *Runner) Run(ctx context.Context, how Start) (*measure.Measurement, error) {
	r.begins = how
	next, stopPulling := pullAhead(r.schedule.All())
	start, err := r.begin(ctx)
	if err != nil {
		stopPulling()
		return nil, err
	}
	began := startUsage()
	r.freezes = newFreezes(start)
	r.start.Store(&start)
	r.watch(start)

	// Requests in flight outlive the context, but not the drain time.
	flight, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	wait := newDrainTimer(start, func() { cut(errDrained) })
	defer wait.timer.Stop()
	wait.until(r.drainEnds())
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	end := func() {
		wait.until(time.Since(start) + r.config.Scenario.Load.Drain)
		stop()
	}
	var load loadModel
	if r.config.Scenario.Load.Closed() {
		load = newClosedModel(r, start, sending, end)
	} else {
		load = newPacer(r, start, sending, flight, next, stopPulling)
	}
	defer load.close()
	r.steps.begin(start, flight)
	r.stopper.begin(func() {
		load.interrupt() // before anyone can see that sending ended
		r.steps.interrupt()
		r.stopped.Store(true)
		end()
	})
	defer context.AfterFunc(ctx, func() { r.stopper.end(nil) })()
	writer := r.startJournal(start, began, load)
	own := newLoadMeter(start, r.freezes, began.processors)
	if writer != nil {
		own.noted = writer.ownSecond
	}
	r.going.Store(&going{load, own})
	unguarded, unlooked := r.guard(start), r.lookUntilDecided(start)
	meter := r.meter(load, own, writer)
	r.work(load, start, flight)
	r.steps.finish()
	var metered measure.Generator
	meter(&metered)
	unguarded()
	unlooked()
	r.stopper.over()
	writer.end()

	m, err := r.recorder.Final()
	if err != nil {
		return nil, err
	}
	if err := r.steps.observed(m); err != nil {
		return nil, err
	}
	r.describe(m, start, load.extent())
	m.Generator = r.generator(began, start, load.extent())
	m.Generator.Hiccups, m.Generator.MaxGCPause = metered.Hiccups, metered.MaxGCPause
	m.Generator.Seconds = metered.Seconds
	if r.begins.Journal != nil { // what that takes is none of the run
		r.begins.Journal.AddSeconds(m)
	}
	m.SettleWarmup()
	return m, nil
}

func (r *Runner) generator(began usage, start time.Time, e extent) measure.Generator {
	g := began.generator(time.Since(start))
	g.BusyWorkersMax, g.Workers, g.AllBusy = int(r.busyMax.Load()), r.limit.workers, e.allBusy
	g.WorkersBy = r.limit.by
	return g
}

// begin waits for the start time and returns it with its monotonic reading.
func (r *Runner) begin(ctx context.Context) (start time.Time, err error) {
	start = time.Now()
	if r.begins.At.IsZero() {
		return start, nil
	}
	if late := start.Sub(r.begins.At); late >= 0 {
		return start, fmt.Errorf("%w %v ago", ErrLate, late.Round(time.Millisecond))
	}
	wait, unwait := r.newWait()
	defer unwait()
	// The system's clock may be set while it waits: the last second counts.
	left := r.begins.At.Sub(start.Round(0))
	for ; left > time.Second && ctx.Err() == nil; left = r.begins.At.Sub(start.Round(0)) {
		wait(ctx, start.Add(min(left-time.Second/2, 10*time.Second)))
		start = time.Now()
	}
	start = start.Add(left)
	wait(ctx, start)
	if ctx.Err() != nil {
		return start, ErrCancelled
	}
	return start, nil
}

// newWait returns how one goroutine waits, and what ends that way to wait.
func (r *Runner) newWait() (wait func(context.Context, time.Time), stop func()) {
	if r.config.Wait != nil {
		return r.config.Wait, func() {}
	}
	return machine.NewWait()
}

// admitted says whether a request may be sent, and ends the run where it may not.
func (r *Runner) admitted() bool {
	if r.begins.MaySend == nil || r.begins.MaySend() {
		return true
	}
	r.stopper.end(nil)
	return false
}

// maySend says whether a request may still be sent that was handed out a while ago.
func (r *Runner) maySend() bool { return !r.stopped.Load() && r.admitted() }

// loadModel says which request is next and when: the schedule, or users who wait
// for their responses.
type loadModel interface {
	// begin begins workers with start, now and as they are needed.
	begin(start func(*requestWorker))
	// nudge begins one where none was begun because mfaload was short of time.
	nudge()
	// take waits for the time of the worker's next request. It returns false
	// when there are no more.
	take(w *requestWorker) (turn, bool)
	// withhold counts a request that was handed out as not sent.
	withhold(a schedule.Arrival, reason string)
	// interrupt ends the run before its time.
	interrupt()
	// extent says how far the run came, after its end.
	extent() extent
	// soFar says how far it has come, while it lasts. Of the arrivals that were due
	// it has the seconds from a given one on, or from an earlier one where that changed.
	soFar(now time.Duration, from int) extent
	// dueSince has the arrivals that were due so far, from a second on.
	dueSince(second int) measure.LoadProfile
	close()
}

type going struct {
	load loadModel
	own  *loadMeter
}

type extent struct {
	profile     measure.LoadProfile // from the second from on
	from        int
	counts      *userCounts
	noUsers     uint64        // arrivals after all users ran out
	end         time.Duration // of the time in which requests were due
	interrupted bool
	allBusy     time.Duration
}

func (r *Runner) work(load loadModel, start time.Time, flight context.Context) {
	if r.config.Scenario.Load.Warmup > 0 {
		// What can't be opened now, requests will tell.
		go func() { _ = r.config.Operation.Open(flight, r.openAhead()) }()
	}
	var workers sync.WaitGroup
	load.begin(func(w *requestWorker) {
		w.runner, w.start, w.load = r, start, load
		w.exchange.MaySend, w.names, w.mask = r.maySend, w.nameRequest, r.config.Operation.Mask
		workers.Go(func() {
			for {
				t, more := load.take(w)
				if !more {
					return
				}
				w.serve(flight, t)
			}
		})
	})
	workers.Wait()
}

// drainEnds is when requests in flight are given up, at the latest; a closed
// load that ends by its number of requests knows that only then.
func (r *Runner) drainEnds() time.Duration {
	if end := r.schedule.End(); end > 0 {
		return end + r.config.Scenario.Load.Drain
	}
	return math.MaxInt64
}

// watch has the connections recorded that are opened.
func (r *Runner) watch(start time.Time) {
	r.config.Operation.Watch(func(c contract.Connection) {
		protocol := measure.HTTP1
		if c.HTTP2 {
			protocol = measure.HTTP2
		}
		r.recorder.RecordConnection(c.Began.Sub(start) < r.schedule.Start(), measure.OpenedConnection{
			Dial: c.Dial, Handshake: c.Handshake, Secure: c.Secure, Resumed: c.Resumed, Protocol: protocol,
			Successor: c.Successor})
	})
}

// meter measures hiccups and mfaload's own load until what it returns is called.
func (r *Runner) meter(load loadModel, own *loadMeter, writer *journalWriter) (end func(*measure.Generator)) {
	h := newHiccupMeter(func(now time.Time, late time.Duration) {
		r.freezes.run(now, late)
		load.nudge()
		own.look(late)
	})
	if writer != nil {
		h.noted = writer.hiccup
	}
	// A test's own way to wait is none of the probe's.
	wait, closeWait := machine.TimerWait, func() {}
	if r.config.Wait == nil {
		wait, closeWait = machine.NewWait()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer closeWait()
		h.watch(ctx, wait)
	}()
	return func(g *measure.Generator) {
		cancel()
		<-done
		g.Hiccups, g.MaxGCPause, g.Seconds = h.late, h.pause, own.end()
	}
}

func (r *Runner) describe(m *measure.Measurement, start time.Time, e extent) {
	m.Scenario, m.Hash, m.Started = r.config.Scenario.Name, r.hash, start.UTC().Round(0)
	if m.Shard = r.config.Shard; !r.begins.At.IsZero() {
		m.Started = r.begins.At.UTC().Round(0)
	}
	if !r.begins.CalledAs.IsZero() {
		m.Started = r.begins.CalledAs.UTC().Round(0)
	}
	for _, g := range r.config.Scenario.Groups {
		m.Groups = append(m.Groups, g.Name)
	}
	m.GoodWithin = r.goodWithin
	m.Stopped, m.NoUsers = r.stopper.reason(), e.noUsers
	m.Alternating = r.config.Side.alternates()
	m.Interrupted = e.interrupted && m.Stopped == nil
	if m.Stopped != nil {
		m.Stopped.Early = e.interrupted
	}
	m.Pauses = r.pauses.upto(e.end)
	m.Profile = e.profile
	m.Profile.Stages = r.schedule.StagesUntil(e.end)
	m.Warmup.Planned = min(r.schedule.Start(), e.end)
	m.Main.Start = r.schedule.Start()
	m.Main.Planned = max(e.end-m.Main.Start, 0)
	m.DescribeWarmup(e.counts.parts)
	e.counts.describe(m)
	r.steps.describe(m)
}

// Operation is what a run sends. Its methods are called by many workers at
// once, each with an exchange of its own.
type Operation interface {
	// Send sends one request for the user and reads the whole response into ex.
	// It never retries. Any HTTP status is a response; an error is a
	// [contract.Failure] and means that there is no whole response.
	Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error
	// Open opens connections ahead of the requests, until n are open.
	Open(ctx context.Context, n int) error
	// Watch has each connection that is opened told to seen. It is called once,
	// before the first request.
	Watch(seen func(contract.Connection))
	// Mask takes secrets and personal data out of a text that is kept.
	Mask(text string) string
	// CorrelationID returns the ID that the service gave the response in ex, if it did.
	CorrelationID(ex *contract.Exchange) (id string, given bool)
	// Check judges the response in ex: it sets its label and whether it is as
	// expected, and appends to dst what it violates.
	Check(u scenario.User, ex *contract.Exchange, dst []contract.Violation) []contract.Violation
}

// FlowOperation is an operation whose requests begin something that steps can follow in.
type FlowOperation interface {
	Operation
	// Follow returns what the response in ex began; nil if that is nothing. It keeps nothing of ex.
	Follow(ex *contract.Exchange) FollowedTransaction
}

// FollowedTransaction is what a request began. It is used by one goroutine at a time.
type FollowedTransaction interface {
	// Possible says whether its status, by the last response, allows an action.
	Possible(a scenario.Action) bool
	// Send sends a step, as [Operation.Send] sends a request; with a wrong passcode where it is to be one.
	Send(ctx context.Context, s scenario.FlowStep, wrong bool, ex *contract.Exchange) error
	// Check judges the response to that step, by itself and against the one before, as [Operation.Check]
	// does.
	Check(s scenario.FlowStep, wrong bool, ex *contract.Exchange,
		dst []contract.Violation) []contract.Violation
	// Mask takes out what [Operation.Mask] does, and the passcode.
	Mask(text string) string
}
