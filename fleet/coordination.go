package fleet

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/measure"
	"mfaload/runner"
)

// coordination is a coordination as its coordinator sees it. One goroutine owns it; others send
// it what there is to do.
type coordination struct {
	c      *Coordinator
	nc     *nats.Conn
	names  subjects
	say    func(format string, args ...any)
	events chan func()
	quit   chan struct{} // closed when nobody takes events any more

	state     runState
	shards    []*shardWorker          // by shard; nil where nobody has it
	members   map[string]*shardWorker // the same, by the worker's ID
	admitted  sync.Map                // the IDs among them, for those who do not own the run
	strangers int                     // how often workers were named that do not take part
	failed    error                   // why nothing is sent
	loadEnds  time.Time               // when all workers' load is to be over; zero is not known
	signalled bool                    // the run's user wants its end
	moved     time.Time               // when the collecting of measurements came further, at last
	guard     *runner.Guard           // nil where nothing ends the run
	second    int64                   // the next one that it is told
	renewed   time.Time
}

// shardWorker is a worker that has a shard. Its ID is one of this process of the worker: who is
// started again has another one, and finds the shard taken.
type shardWorker struct {
	host      string
	shard     int
	stage     workerStage
	why       string
	heard     time.Time
	roundTrip time.Duration
	last      *Snapshot
	ticks     map[int64]measure.Tick // by second
	upTo      int64                  // the last of them
	own       measure.OwnPart        // what it said of mfaload's own part
	lost      bool                   // for good
	delivery  *delivery              // nil while nothing is on its way
	deliverBy time.Time              // zero while the load lasts
	damaged   int                    // measurements that arrived so
	final     *measure.Measurement
}

func newRun(c *Coordinator, nc *nats.Conn, say func(string, ...any)) *coordination {
	r := &coordination{c: c, nc: nc, names: subjects{c.Plan.Run}, say: say,
		events: make(chan func(), 1024), quit: make(chan struct{}),
		state:  runState{Epoch: newWorkerID()},
		shards: make([]*shardWorker, c.Plan.Shards), members: map[string]*shardWorker{}, second: 1}
	if r.guard = newGuard(&c.Plan); r.guard != nil {
		r.guard.Own = r.own
	}
	return r
}

func (r *coordination) post(event func()) {
	select {
	case r.events <- event:
	case <-r.quit:
	}
}

func (r *coordination) enter(p runPhase, why string) {
	r.state.Phase, r.state.Why = p, tidy(why)
	r.broadcast()
}

func (r *coordination) broadcast() {
	_ = r.nc.Publish(r.names.state(), encode(r.state))
}

// maxStrangers bounds how many workers are named that do not take part: who has the token may
// come as often as he likes.
const maxStrangers = 50

func (r *coordination) stranger(format string, args ...any) {
	if r.strangers++; r.strangers <= maxStrangers {
		r.say(format, args...)
	}
}

func (r *coordination) takeClaim(m *nats.Msg) {
	if c, err := decode[claim](m.Data); err == nil {
		id := idOf(m, r.names.claim("*"))
		r.post(func() { _ = m.Respond(encode(r.grant(id, c))) })
	}
}

// grant gives a shard to a worker, or says why not. One who has a shard gets the same again:
// the first response may have been lost. Nobody gets a shard that has a worker.
func (r *coordination) grant(id string, c claim) grant {
	refuse := func(why string) grant { return grant{AnyShard, tidy(why)} }
	m := r.members[id]
	switch {
	case m != nil:
		return grant{Shard: m.shard}
	case r.failed != nil:
		return refuse(r.failed.Error())
	case c.Hash != r.c.Plan.Hash:
		return refuse("it read another scenario")
	case c.Shard >= len(r.shards):
		return refuse(fmt.Sprintf("the run has %d shards, from 0 on", len(r.shards)))
	}
	shard := c.Shard
	for i := 0; shard == AnyShard && i < len(r.shards); i++ {
		if r.shards[i] == nil {
			shard = i
		}
	}
	switch {
	case shard == AnyShard:
		return refuse(fmt.Sprintf("all %d shards have a worker: this one is not needed", len(r.shards)))
	case r.shards[shard] != nil:
		return refuse(fmt.Sprintf("shard %d: another worker has it: give each worker an index of its own, "+
			"and end the other one first where it was started again", shard))
	}
	if r.state.Phase != gathering {
		return refuse("the run has started: it takes no more workers")
	}
	m = &shardWorker{host: c.Host, shard: shard, stage: claimed, heard: time.Now()}
	r.shards[shard], r.members[id] = m, m
	r.admitted.Store(id, true)
	r.say("shard %d: %s", shard, c.Host)
	return grant{Shard: shard}
}

func (r *coordination) hear(id string, b beat) {
	m := r.members[id]
	switch {
	case m == nil:
		if b.Stage == refused {
			r.stranger("a worker at %s does not take part: %s", b.Host, b.Why)
		}
	case m.lost:
		if m.stage != gone && b.Stage == gone {
			m.stage = gone
			m.why += "; it said later: " + b.Why
			r.say("shard %d (%s) says: %s", m.shard, m.host, b.Why)
		}
	default:
		m.heard, m.stage, m.why = time.Now(), b.Stage, b.Why
		m.roundTrip = max(m.roundTrip, b.RoundTrip)
		if b.Snapshot != nil {
			m.last = b.Snapshot
			m.tell(b.Snapshot.Ticks, r.second)
			m.tellOwn(b.Snapshot.Own)
		}
	}
}

// fail has nothing sent.
func (r *coordination) fail(format string, args ...any) {
	if r.failed == nil {
		r.failed = fmt.Errorf(format, args...)
	}
}

func (r *coordination) look() {
	now := time.Now()
	r.reconnect()
	for _, m := range r.shards {
		if m != nil && !m.lost && m.final == nil && m.stage != gone && now.Sub(m.heard) >= missing {
			r.lose(m, fmt.Sprintf("silent for %v", missing))
		}
	}
	r.hurry(now)
	if r.c.Watch != nil {
		r.c.Watch(r.status())
	}
}

// reconnect connects to an external server again when nobody is heard of.
func (r *coordination) reconnect() {
	quiet := func(m *shardWorker) bool { return time.Since(m.heard) >= reconnectAfter }
	if r.c.External != nil && r.all(quiet) && time.Since(r.renewed) >= reconnectAfter {
		_ = r.nc.ForceReconnect() // an error means that it is under way
		r.renewed = time.Now()
	}
}

// lose names a shard whose worker is not heard of any more, gave up, or takes too long. It is
// lost for good: the state tells its worker to stop, and nothing of it is taken any more. Were
// one taken back that had stood still, its figures would be of another load than the plan's.
func (r *coordination) lose(m *shardWorker, why string) {
	if r.state.Phase == gathering || r.state.Phase == arming {
		r.fail("shard %d (%s) was lost before the start: %s", m.shard, m.host, why)
		return
	}
	m.lost, m.why, m.delivery = true, why, nil
	r.state.Out = append(r.state.Out, m.shard)
	r.say("lost: shard %d (%s): %s", m.shard, m.host, why)
	r.broadcast()
}

func (r *coordination) late() {
	if r.state.Phase != gathering {
		return
	}
	joined := 0
	var absent, unready []string
	for i, m := range r.shards {
		switch {
		case m == nil:
			absent = append(absent, fmt.Sprint(i))
		case m.stage != ready:
			unready = append(unready, fmt.Sprint(i))
		}
		if m != nil {
			joined++
		}
	}
	text := fmt.Sprintf("%d of %d workers joined within %v", joined, len(r.shards), r.c.Within)
	if len(absent) > 0 {
		text += "; no worker has shard " + strings.Join(absent, ", ")
	}
	if len(unready) > 0 {
		text += "; not ready is shard " + strings.Join(unready, ", ")
	}
	r.fail("%s", text)
}

// interrupt ends the run at its user's wish. Workers that still send stop; measurements that
// are on their way have a last moment.
func (r *coordination) interrupt() {
	switch {
	case r.failed != nil:
	case r.state.Phase == gathering, r.state.Phase == arming, time.Until(r.state.Start) > margin/2:
		r.failed = errInterrupted
	default:
		r.stopLoad("the run was interrupted")
		r.signalled, r.moved = true, time.Now()
	}
}

func (r *coordination) all(is func(*shardWorker) bool) bool {
	return !slices.ContainsFunc(r.shards, func(m *shardWorker) bool { return m == nil || !is(m) })
}

func (r *coordination) advance() {
	for _, m := range r.shards {
		switch {
		case m == nil || m.lost:
		case m.stage == gone && m.final == nil:
			r.lose(m, m.why)
		case m.stage.loadOver():
			r.finish(m)
		}
	}
	switch {
	case r.state.Phase == gathering && r.all(func(m *shardWorker) bool { return m.stage == ready }):
		r.state.Start = time.Now().Add(startLead).Round(0).UTC()
		r.say("all %d workers are ready: the start is at %s", len(r.shards),
			r.state.Start.Format("15:04:05.000Z"))
		r.enter(arming, "")
		time.AfterFunc(startLead-margin, func() { r.post(r.armedLate) })
	case r.state.Phase == arming && r.all(func(m *shardWorker) bool { return m.stage == armed }):
		r.say("all workers ready, starting")
		r.setLoadEnd()
		r.enter(going, "")
	}
}

func (r *coordination) armedLate() {
	if r.state.Phase != arming {
		return
	}
	var late []string
	for _, m := range r.shards {
		if m.stage != armed {
			late = append(late, fmt.Sprintf("%d (%s)", m.shard, m.host))
		}
	}
	r.fail("not ready %v before the start: shard %s", margin, strings.Join(late, ", "))
}

func (r *coordination) over() bool {
	if r.state.Phase != going && r.state.Phase != stopping {
		return false
	}
	return r.all(func(m *shardWorker) bool { return m.final != nil || m.lost })
}

// linger waits a moment until the workers heard what the last word is.
func (r *coordination) linger() {
	give := time.After(time.Second)
	ticker := time.NewTicker(beatEvery / 5)
	defer ticker.Stop()
	for {
		select {
		case event := <-r.events:
			event()
		case <-ticker.C:
			r.broadcast()
		case <-give:
			return
		}
		if !r.awaited() {
			return
		}
	}
}

func (r *coordination) awaited() bool {
	return slices.ContainsFunc(r.shards, func(m *shardWorker) bool {
		return m != nil && !m.lost && m.stage != gone && m.stage != left
	})
}

func (m *shardWorker) lostShard(start time.Time) measure.LostShard {
	lost := measure.LostShard{Index: m.shard,
		Why: fmt.Sprintf("%s, last message %v after the start: %s", m.host,
			m.heard.Sub(start).Round(100*time.Millisecond), m.why)}
	if m.last != nil {
		lost.Last = m.last.SoFar
	}
	return lost
}

func (r *coordination) result() *RunResult {
	result := &RunResult{Started: r.state.Start}
	for _, m := range r.shards {
		result.Parts = append(result.Parts, m.final)
		result.RoundTrip = max(result.RoundTrip, m.roundTrip)
		if m.final == nil {
			result.Lost = append(result.Lost, m.lostShard(r.state.Start))
		}
	}
	return result
}
