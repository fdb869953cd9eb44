package fleet

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/runner"
)

const testVersion, testHash = "v-test", "5ca1ab1e"

// says collects what people are told.
type says struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed when there is another line
}

func (s *says) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
	if s.more != nil {
		close(s.more)
		s.more = nil
	}
}

// said says whether something was said, and else returns a channel that is
// closed when more is.
func (s *says) said(text string) (bool, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(strings.Join(s.lines, "\n"), text) {
		return true, nil
	}
	if s.more == nil {
		s.more = make(chan struct{})
	}
	return false, s.more
}

func (s *says) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// work is a worker's load that sends nothing: until its end or its
// interruption, and then a measurement of so many requests.
type work struct {
	mu       sync.Mutex
	shards   []measure.Shard
	starts   []time.Time
	kept     []*measure.Measurement
	length   time.Duration
	requests int
	prepare  func(measure.Shard) error
	grow     func(*measure.Measurement) // makes it larger, where set
	begun    chan measure.Shard         // told of every begin, where set
}

func (w *work) load(context.Context, Offer) (*WorkerScenario, error) {
	return &WorkerScenario{Hash: testHash, Shard: func(of measure.Shard) (ShardRun, error) {
		return &workedShard{work: w, shard: of}, nil
	}}, nil
}

// workedShard is a shard of a work.
type workedShard struct {
	*work
	shard measure.Shard
	sent  atomic.Uint64
}

func (w *workedShard) Prepare(context.Context) error {
	if w.prepare != nil {
		return w.prepare(w.shard)
	}
	return nil
}

func (w *workedShard) Run(ctx context.Context, start runner.Start) (*measure.Measurement, error) {
	w.mu.Lock()
	w.shards, w.starts = append(w.shards, w.shard), append(w.starts, start.At)
	w.mu.Unlock()
	interrupted := w.await(ctx, start.At)
	w.sent.Store(uint64(w.requests))
	m, err := measured(w.shard, w.requests, interrupted)
	m.Started = start.CalledAs
	if w.grow != nil {
		w.grow(m)
	}
	return m, err
}

// await waits until the load is over, and says whether it was interrupted.
func (w *workedShard) await(ctx context.Context, start time.Time) (interrupted bool) {
	begin, over := time.NewTimer(time.Until(start)), time.NewTimer(time.Until(start)+w.length)
	defer begin.Stop()
	defer over.Stop()
	for {
		select {
		case <-begin.C:
			if w.begun != nil {
				w.begun <- w.shard
			}
		case <-over.C:
			return false
		case <-ctx.Done():
			return true
		}
	}
}

func (w *workedShard) Snapshot() *Snapshot { return snapshot(w.shard, w.sent.Load()) }

func (w *workedShard) Keep(m *measure.Measurement) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, m)
	return nil
}

func (w *workedShard) Stop(measure.Stop) {}
func (w *workedShard) Close()            {}

// shardOf is a shard of the run of most tests.
func shardOf(index, count int) measure.Shard {
	return measure.Shard{Run: "test", Index: index, Count: count}
}

// snapshot is one of so many requests.
func snapshot(shard measure.Shard, n uint64) *Snapshot {
	p := &measure.Part{Index: shard.Index, Scheduled: n, Answered: n, Clean: n,
		Response: measure.NewSparse(), Service: measure.NewSparse(), Own: measure.NewSparse(),
		Generator: measure.Generator{Hiccups: measure.NewSparse()}}
	for i := range n {
		p.Response.Record(time.Duration(i) * time.Microsecond)
		p.Service.Record(time.Duration(i) * time.Microsecond)
		p.Own.Record(0)
	}
	return &Snapshot{Progress: measure.Progress{Sent: n, Clean: n}, Planned: n, SoFar: p}
}

// measured is a measurement of so many requests that took different times.
func measured(shard measure.Shard, requests int, interrupted bool) (*measure.Measurement, error) {
	r := measure.NewRecorder(1, []string{"rule"}, 0)
	for i := range requests {
		at := time.Duration(i) * time.Millisecond
		r.Record(0, &measure.Observation{Label: "201", AsExpected: true, Intended: at, Sent: at,
			Done: at + time.Duration(1+i*shard.Count+shard.Index)*time.Microsecond})
	}
	m, err := r.Final()
	if err != nil {
		return nil, err
	}
	m.Scenario, m.Hash, m.Version = "test", testHash, testVersion
	m.Groups, m.Interrupted = []string{"all"}, interrupted
	m.Shard = &shard
	m.Main.Scheduled[0] = uint64(requests)
	return m, nil
}

// team is a coordinator and what its workers join.
type team struct {
	*Coordinator
	join  *Join
	says  *says
	ended chan struct{} // closed when the coordinator is done
}

// lead has the coordinator lead, once.
func (tm *team) lead(ctx context.Context) (*RunResult, error) {
	defer close(tm.ended)
	return tm.Lead(ctx)
}

// await waits until the coordinator said something, and fails where it never
// will.
func (tm *team) await(t *testing.T, text string) {
	t.Helper()
	for {
		said, more := tm.says.said(text)
		if said {
			return
		}
		select {
		case <-more:
			continue
		case <-tm.ended:
		}
		if said, _ := tm.says.said(text); !said {
			t.Fatalf("the coordinator never said %q, but:\n%s", text, tm.says.all())
		}
		return
	}
}

// awaitBegin waits until all of the run's workers began, and fails where they never will.
func (tm *team) awaitBegin(t *testing.T, w *work) {
	t.Helper()
	for range tm.Plan.Shards {
		select {
		case <-w.begun:
		case <-tm.ended:
			t.Fatalf("the run ended before all began:\n%s", tm.says.all())
		}
	}
}

// newTeam is a coordinator with workers to come. Tests of teams mostly wait: they run side by side.
func newTeam(t *testing.T, shards int) *team {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: it waits for a real server")
	}
	t.Parallel()
	identity, err := NewIdentity("test")
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := Listen("127.0.0.1:0", identity)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(embedded.Close)
	join, err := identity.Join([]string{embedded.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	said := &says{}
	return &team{
		Coordinator: &Coordinator{Embedded: embedded, Within: time.Minute, Say: said.say,
			Plan: Plan{Run: "test", Version: testVersion, Hash: testHash, Scenario: "test", Shards: shards}},
		join: join, says: said, ended: make(chan struct{}),
	}
}

func (tm *team) worker(shard int, w *work) *Worker {
	return &Worker{Join: tm.join, Version: testVersion, Host: fmt.Sprint("host-", shard), Shard: shard,
		Within: time.Minute,
		Load:   w.load, Say: func(string, ...any) {}}
}

// start has the coordinator lead and so many workers work, and returns what
// waits for what came of them.
func (tm *team) start(ctx context.Context, workers ...*Worker) (lead func() (*RunResult, error),
	works []func() error) {
	var result *RunResult
	leading := begin(func() (err error) {
		result, err = tm.lead(ctx)
		return err
	})
	for _, w := range workers {
		works = append(works, begin(func() error { return w.Work(ctx) }))
	}
	return func() (*RunResult, error) { err := leading(); return result, err }, works
}

// begin runs f next to, and returns what waits for its end.
func begin(f func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return func() error { return <-done }
}

func TestAllWell(t *testing.T) {
	tm, w := newTeam(t, 3), &work{requests: 500}
	lead, works := tm.start(t.Context(), tm.worker(AnyShard, w), tm.worker(AnyShard, w),
		tm.worker(AnyShard, w))
	result, err := lead()
	if err != nil {
		t.Fatalf("%v\n%s", err, tm.says.all())
	}
	for _, work := range works {
		if err := work(); err != nil {
			t.Error(err)
		}
	}
	if len(result.Lost) != 0 || len(result.Parts) != 3 {
		t.Fatalf("%d parts, lost %v", len(result.Parts), result.Lost)
	}
	for i, m := range result.Parts {
		want, _ := measured(shardOf(i, 3), 500, false)
		want.Started = result.Parts[0].Started
		a, _ := want.Encode()
		b, _ := m.Encode()
		if string(a) != string(b) {
			t.Errorf("the measurement of shard %d is not what was measured", i)
		}
	}
	if len(w.kept) != 3 {
		t.Errorf("%d of 3 workers kept their measurement", len(w.kept))
	}
	// On one machine, all clocks are one: each was read with an error of at most half
	// the longest round trip.
	for _, start := range w.starts {
		if off := start.Sub(w.starts[0]).Abs(); off > result.RoundTrip+time.Microsecond {
			t.Errorf("starts differ by %v, and the longest round trip took %v", off, result.RoundTrip)
		}
	}
}
