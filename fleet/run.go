package fleet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/measure"
	"mfaload/runner"
)

// run is a run as its coordinator sees it. One goroutine owns it; others send
// it what there is to do.
type run struct {
	c      *Coordinator
	nc     *nats.Conn
	store  *store
	names  names
	events chan func()
	quit   chan struct{} // closed when nobody takes events any more

	state   state
	shards  []*member // by shard; nil where nobody has it
	others  map[string]*member
	failed  error         // why nothing is sent
	guard   *runner.Guard // nil where nothing ends the run
	second  int64         // the next one that it is told
	renewed time.Time
}

// member is a worker that has a shard, or says so.
type member struct {
	id, host  string
	shard     int
	stage     stage
	why       string
	heard     time.Time
	roundTrip time.Duration
	last      *Snapshot
	ticks     map[int64]measure.Tick // by second
	upTo      int64                  // the last of them
	lost      bool
	reading   bool      // the final
	delivered time.Time // when it could not be read first
	final     *measure.Measurement
}

func newRun(c *Coordinator, nc *nats.Conn, st *store) *run {
	return &run{c: c, nc: nc, store: st, names: st.names, events: make(chan func(), 1024), quit: make(chan struct{}),
		shards: make([]*member, c.Plan.Shards), others: map[string]*member{}, guard: newGuard(&c.Plan), second: 1}
}

// post hands the loop something to do.
func (r *run) post(event func()) {
	select {
	case r.events <- event:
	case <-r.quit:
	}
}

// enter says that something else is wanted now.
func (r *run) enter(p phase, why string) {
	r.state.Phase, r.state.Why = p, tidy(why)
	r.broadcast()
}

func (r *run) broadcast() {
	_ = r.nc.Publish(r.names.state(), encode(r.state))
}

// hear takes in what a worker says of itself.
func (r *run) hear(id string, b beat) {
	m := r.others[id]
	if m == nil {
		m = &member{id: id, host: b.Host, shard: b.Shard}
		r.others[id] = m
		if b.Stage == refused {
			r.c.Say("a worker at %s does not take part: %s", b.Host, b.Why)
		} else if b.Shard >= 0 && b.Shard < len(r.shards) {
			r.admit(m)
		}
	}
	m.heard, m.stage, m.why = time.Now(), b.Stage, b.Why
	m.roundTrip = max(m.roundTrip, b.RoundTrip)
	if b.Snapshot != nil {
		m.last = b.Snapshot
		m.tell(b.Snapshot.Ticks, r.second)
	}
	if m.lost && m.stage != gone && r.shards[m.shard] == m {
		m.lost = false
		r.c.Say("shard %d (%s) is back", m.shard, m.host)
	}
}

// admit looks whether a worker has the shard that it says it has.
func (r *run) admit(m *member) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		o, err := r.store.owner(ctx, m.shard)
		r.post(func() {
			switch {
			case err != nil:
				delete(r.others, m.id) // its next beat asks again
			case o.Of != ownerOf(m.id, "", "").Of || r.shards[m.shard] != nil && r.shards[m.shard] != m:
				r.c.Say("a worker at %s says that it has shard %d, which another one claimed: it is ignored", m.host, m.shard)
			case o.Hash != r.c.Plan.Hash:
				r.fail("shard %d (%s) has another scenario: its hash is %.12s", m.shard, m.host, o.Hash)
			default:
				r.shards[m.shard] = m
				r.c.Say("shard %d: %s", m.shard, m.host)
			}
		})
	}()
}

// fail has nothing sent.
func (r *run) fail(format string, args ...any) {
	if r.failed == nil {
		r.failed = fmt.Errorf(format, args...)
	}
}

// look finds workers that are not heard of.
func (r *run) look() {
	r.reconnect()
	for _, m := range r.shards {
		if m != nil && !m.lost && m.final == nil && m.stage != gone && time.Since(m.heard) >= missing {
			r.lose(m, fmt.Sprintf("not heard of for %v", missing))
		}
	}
	if r.c.Watch != nil {
		r.c.Watch(r.status())
	}
}

// reconnect makes the connection to an external server anew when nobody at all
// is heard of.
func (r *run) reconnect() {
	quiet := func(m *member) bool { return time.Since(m.heard) >= reconnectAfter }
	if r.c.External != nil && r.all(quiet) && time.Since(r.renewed) >= reconnectAfter {
		_ = r.nc.ForceReconnect() // an error means that it is under way
		r.renewed = time.Now()
	}
}

// lose names a shard that is not heard of any more, or gave up.
func (r *run) lose(m *member, why string) {
	if r.state.Phase == gathering || r.state.Phase == arming {
		r.fail("shard %d (%s) was lost before the start: %s", m.shard, m.host, why)
		return
	}
	m.lost, m.why = true, why
	r.c.Say("lost: shard %d (%s): %s", m.shard, m.host, why)
	if !m.reading {
		r.read(m) // the last thing that it did may have been to deliver
	}
}

// late is called when the time for joining is over.
func (r *run) late() {
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
		text += "; nobody has shard " + strings.Join(absent, ", ")
	}
	if len(unready) > 0 {
		text += "; not ready is shard " + strings.Join(unready, ", ")
	}
	r.fail("%s", text)
}

// interrupt ends the run at its user's wish.
func (r *run) interrupt() {
	switch {
	case r.failed != nil || r.state.Phase == stopping:
	case r.state.Phase != going || time.Until(r.state.Start) > margin/2:
		r.failed = fmt.Errorf("interrupted before the start: nothing was sent: %w", context.Canceled)
	default:
		r.enter(stopping, "the run was interrupted")
	}
}

// all says whether something is so of every shard.
func (r *run) all(is func(*member) bool) bool {
	for _, m := range r.shards {
		if m == nil || !is(m) {
			return false
		}
	}
	return true
}

// advance does what the workers' news call for.
func (r *run) advance() {
	for _, m := range r.shards {
		switch {
		case m == nil:
		case m.stage == gone && !m.lost:
			r.lose(m, m.why)
		case m.stage == delivered && m.final == nil && !m.reading:
			r.read(m)
		}
	}
	switch {
	case r.state.Phase == gathering && r.all(func(m *member) bool { return m.stage == ready }):
		r.state.Start = time.Now().Add(lead).Round(0).UTC()
		r.c.Say("all %d workers are ready: the start is at %s", len(r.shards), r.state.Start.Format("15:04:05.000Z"))
		r.enter(arming, "")
		time.AfterFunc(lead-margin, func() { r.post(r.armedLate) })
	case r.state.Phase == arming && r.all(func(m *member) bool { return m.stage == armed }):
		r.c.Say("all are armed: going")
		r.enter(going, "")
	}
}

// armedLate is called when all should be armed.
func (r *run) armedLate() {
	if r.state.Phase != arming {
		return
	}
	var late []string
	for _, m := range r.shards {
		if m.stage != armed {
			late = append(late, fmt.Sprintf("%d (%s)", m.shard, m.host))
		}
	}
	r.fail("not armed %v before the start: shard %s", margin, strings.Join(late, ", "))
}

// read gets the final of a shard.
func (r *run) read(m *member) {
	m.reading = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		final, err := r.store.final(ctx, m.shard, m.id)
		if err != nil && m.stage == delivered {
			// Not again at once: it may be that a cluster just elects a leader.
			time.Sleep(beatEvery)
		}
		r.post(func() { r.got(m, final, err) })
	}()
}

// readWithin is how long a final that was delivered is asked for.
const readWithin = time.Minute

// got takes in a shard's final, or why there is none.
func (r *run) got(m *member, final *measure.Measurement, err error) {
	m.final, m.reading = final, false
	switch {
	case err == nil:
		if m.lost {
			m.lost = false
			r.c.Say("shard %d (%s) had delivered what it measured", m.shard, m.host)
		}
		if final.Stopped != nil && final.Stopped.Early {
			r.stop(final.Stopped) // what ended it is to end the run
		}
	case m.stage != delivered || m.lost: // there is none, or will be
	case m.delivered.IsZero():
		m.delivered = time.Now()
	case time.Since(m.delivered) > readWithin:
		r.lose(m, fmt.Sprintf("its measurement can't be read: %v", err))
	}
}

// over says whether every shard is here or lost.
func (r *run) over() bool {
	if r.state.Phase != going && r.state.Phase != stopping {
		return false
	}
	return r.all(func(m *member) bool { return m.final != nil || m.lost && !m.reading })
}

// linger waits a moment until the workers heard what the last word is.
func (r *run) linger() {
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

// awaited says whether a worker that is there did not leave yet.
func (r *run) awaited() bool {
	for _, m := range r.shards {
		if m != nil && !m.lost && m.stage != gone && m.stage != left {
			return true
		}
	}
	return false
}

func (r *run) result() *Result {
	result := &Result{}
	for _, m := range r.shards {
		result.Parts = append(result.Parts, m.final)
		result.RoundTrip = max(result.RoundTrip, m.roundTrip)
		if m.final == nil {
			result.Lost = append(result.Lost, Lost{Shard: m.shard, Host: m.host, Why: m.why, At: m.heard.Sub(r.state.Start), Last: m.last})
		}
	}
	return result
}
