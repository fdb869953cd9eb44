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
	"mfaload/measure"
	"mfaload/measure/journal"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

// Runner runs one scenario once.
type Runner struct {
	// Scenario and Operation are required.
	Scenario  *scenario.Scenario
	Operation Operation
	// Rules are the names of the contract's rules, in the order of the bits of
	// [contract.Exchange.Evaluated].
	Rules []string
	// SaveAnswers is how many whole answers are kept of each group of
	// violations, at most [measure.Instances].
	SaveAnswers int
	// Shard says which part of the run is this one's; nil is all of it. It has to
	// have passed [schedule.CheckShard].
	Shard *measure.Shard
	// Previous are runs before this one, the first one first: the users go on where
	// they left off. For a load with stages that is not sharded.
	Previous []schedule.PreviousRun
	// StartAt is when the schedule begins; the zero value is at once. Run waits
	// for it.
	StartAt time.Time
	// StartedAs is what the measurement calls the start: all shards of a run have
	// to call it the same, whatever their clocks say. Default: the start.
	StartedAs time.Time
	// Unguarded leaves load.stopOn to somebody who judges several shards together,
	// with [Runner.Ticks], a [Guard] and [Runner.Stop].
	Unguarded bool
	// MaySend, where set, is asked right before each request. Once it says no the run ends as
	// interrupted, and nothing more is sent: a machine that stood still must not catch up with
	// what others have given up. It is quick, and called by many.
	MaySend func() bool
	// Journal, where set, has all written down that is measured, as it comes, and at
	// the end of the run its seconds are made of that.
	// JournalFailed is told when that is not possible any more; the run goes on.
	Journal       *journal.Writer
	JournalFailed func(error)
	// Wait waits until a time or until the context ends. Default: as exactly
	// as the system can; a test on a virtual clock needs [TimerWait].
	Wait func(context.Context, time.Time)

	once     sync.Once
	hash     string // of the scenario
	schedule *schedule.Schedule
	limit    workerLimit
	recorder *measure.Recorder
	start    atomic.Pointer[time.Time]
	inFlight atomic.Int64
	busyMax  atomic.Int64
	pauses   pauses
	freezes  *freezes
	going    atomic.Pointer[going]
	ending   ending
}

// Why a run with a start time did not start. Nothing was sent.
var (
	ErrLate      = errors.New("the start time has passed")
	ErrCancelled = errors.New("stopped before the start time")
)

// errDrained ends requests that are still in flight when the drain time is over.
var errDrained = errors.New("no answer before the end of the drain time")

func (r *Runner) init() {
	r.once.Do(func() {
		r.hash = r.Scenario.Hash()
		r.schedule = schedule.NewShard(r.Scenario, r.Shard, r.Previous...)
		r.limit = newWorkerLimit(r.Scenario, r.schedule)
		r.recorder = measure.NewRecorder(len(r.Scenario.Groups), r.Rules, r.SaveAnswers)
	})
}

// Run sends the whole schedule, waits for the answers and returns what it
// measured. It lasts as long as its schedule, also when nothing is due at the end
// of that. When the context ends it stops sending, waits for the answers in
// flight as long as the scenario's drain time, and never longer than it would have
// waited without, and returns what it measured up to then. It was interrupted only
// if there was more to send.
func (r *Runner) Run(ctx context.Context) (*measure.Measurement, error) {
	r.init()
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
	wait := newPatience(start, func() { cut(errDrained) })
	defer wait.timer.Stop()
	wait.until(r.drainEnds())
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	end := func() {
		wait.until(time.Since(start) + r.Scenario.Load.Drain)
		stop()
	}
	var load source
	if r.Scenario.Load.Closed() {
		load = newClosed(r, start, sending, end)
	} else {
		load = newPacer(r, start, sending, flight, next, stopPulling)
	}
	defer load.close()
	r.ending.begin(func() {
		load.interrupt() // before anyone can see that sending ended
		end()
	})
	defer context.AfterFunc(ctx, func() { r.ending.end(nil) })()
	written := r.writeDown(start, began, load)
	own := newOwnLoad(start, r.freezes, began.processors)
	if written != nil {
		own.noted = written.ownSecond
	}
	r.going.Store(&going{load, own})
	unguarded := r.guard(start)
	meter := r.meter(load, own, written)
	r.work(load, start, flight)
	var metered measure.Generator
	meter(&metered)
	unguarded()
	r.ending.over()
	written.end()

	m, err := r.recorder.Final()
	if err != nil {
		return nil, err
	}
	r.describe(m, start, load.extent())
	m.Generator = r.generator(began, start, load.extent())
	m.Generator.Hiccups, m.Generator.MaxGCPause, m.Generator.Seconds = metered.Hiccups, metered.MaxGCPause, metered.Seconds
	if r.Journal != nil { // what that takes is none of the run
		r.Journal.AddSeconds(m)
	}
	return m, nil
}

// generator says what the run took since it began.
func (r *Runner) generator(began usage, start time.Time, e extent) measure.Generator {
	g := began.generator(time.Since(start))
	g.BusyWorkersMax, g.Workers, g.AllBusy = int(r.busyMax.Load()), r.limit.workers, e.allBusy
	g.WorkersBy = r.limit.by
	return g
}

// begin waits for the start time and returns it with a reading of the monotonic
// clock.
func (r *Runner) begin(ctx context.Context) (start time.Time, err error) {
	start = time.Now()
	if r.StartAt.IsZero() {
		return start, nil
	}
	if late := start.Sub(r.StartAt); late >= 0 {
		return start, fmt.Errorf("%w %v ago", ErrLate, late.Round(time.Millisecond))
	}
	wait, unwait := r.Wait, func() {}
	if wait == nil {
		wait, unwait = newWait()
	}
	defer unwait()
	// The system's clock may be set while it waits: the last second counts.
	left := r.StartAt.Sub(start.Round(0))
	for ; left > time.Second && ctx.Err() == nil; left = r.StartAt.Sub(start.Round(0)) {
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

// admitted says whether a request may be sent, and ends the run where it may not.
func (r *Runner) admitted() bool {
	if r.MaySend == nil || r.MaySend() {
		return true
	}
	r.ending.end(nil)
	return false
}

// source says which request is next and when: the schedule, or users who wait
// for their answers.
type source interface {
	// begin begins workers with start, now and as they are needed.
	begin(start func(*worker))
	// nudge begins one where none was begun because mfaload was short of time.
	nudge()
	// take waits for the time of the worker's next request. It returns false
	// when there are no more.
	take(w *worker) (turn, bool)
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
	dueSince(second int) measure.Profile
	close()
}

// going is a run that has begun.
type going struct {
	load source
	own  *ownLoad
}

// extent is how far a run came.
type extent struct {
	scheduled, scheduledWarmup []uint64        // requests that were due, by group
	profile                    measure.Profile // from the second from on
	from                       int
	asked                      *asked
	noUsers                    uint64        // arrivals after all users ran out
	end                        time.Duration // of the time in which requests were due
	interrupted                bool
	allBusy                    time.Duration
}

// work sends the load's requests and waits for the answers.
func (r *Runner) work(load source, start time.Time, flight context.Context) {
	if r.Scenario.Load.Warmup > 0 {
		// What can't be opened now, requests will tell.
		go func() { _ = r.Operation.Open(flight, r.openAhead()) }()
	}
	var workers sync.WaitGroup
	load.begin(func(w *worker) {
		w.Runner, w.start, w.load = r, start, load
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
		return end + r.Scenario.Load.Drain
	}
	return math.MaxInt64
}

// watch has the connections recorded that are opened.
func (r *Runner) watch(start time.Time) {
	r.Operation.Watch(func(c contract.Connection) {
		handshake := time.Duration(-1)
		if c.Secure {
			handshake = c.Handshake
		}
		r.recorder.RecordConnection(c.Began.Sub(start) < r.schedule.Start(), c.Dial, handshake, c.Resumed)
	})
}

// meter has hiccups and mfaload's own load measured until the function it returns
// is called.
func (r *Runner) meter(load source, own *ownLoad, written *written) (end func(*measure.Generator)) {
	h, wait, closeWait := newHiccups(func(now time.Time, late time.Duration) {
		r.freezes.run(now, late)
		load.nudge()
		own.look(late)
	}), TimerWait, func() {}
	if written != nil {
		h.noted = written.hiccup
	}
	if r.Wait == nil {
		wait, closeWait = newWait()
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

// describe fills in what observations do not tell.
func (r *Runner) describe(m *measure.Measurement, start time.Time, e extent) {
	m.Scenario, m.Hash, m.Started = r.Scenario.Name, r.hash, start.UTC().Round(0)
	if m.Shard = r.Shard; !r.StartAt.IsZero() {
		m.Started = r.StartAt.UTC().Round(0)
	}
	if !r.StartedAs.IsZero() {
		m.Started = r.StartedAs.UTC().Round(0)
	}
	for _, g := range r.Scenario.Groups {
		m.Groups = append(m.Groups, g.Name)
	}
	m.Stopped, m.NoUsers = r.ending.reason(), e.noUsers
	m.Interrupted = e.interrupted && m.Stopped == nil
	if m.Stopped != nil {
		m.Stopped.Early = e.interrupted
	}
	m.Pauses = r.pauses.upto(e.end)
	e.asked.describe(m)
	m.Warmup.Scheduled, m.Main.Scheduled = e.scheduledWarmup, e.scheduled
	m.Profile = e.profile
	m.Profile.Stages = r.schedule.StagesUntil(e.end)
	m.Warmup.Planned = min(r.schedule.Start(), e.end)
	m.Main.Start = r.schedule.Start()
	m.Main.Planned = max(e.end-m.Main.Start, 0)
}

// Progress is how far a run has come. It may be asked at any time.
type Progress struct {
	measure.Progress
	// Planned is how many requests the schedule has.
	Planned uint64
	// Elapsed is the time since the start; End when the last stage ends.
	Elapsed, End time.Duration
	// InFlight is how many requests are waiting for an answer.
	InFlight int
	// Paused is how long nothing will be sent because an answer was 429.
	Paused time.Duration
}

// Progress returns how far the run has come.
func (r *Runner) Progress() Progress {
	r.init()
	p := Progress{Progress: r.recorder.Progress(), End: r.schedule.End(), InFlight: int(r.inFlight.Load())}
	if start := r.start.Load(); start != nil {
		p.Elapsed = time.Since(*start)
		p.Paused = r.pauses.left(p.Elapsed)
	}
	return p
}

// Schedule returns the run's schedule.
func (r *Runner) Schedule() *schedule.Schedule {
	r.init()
	return r.schedule
}
