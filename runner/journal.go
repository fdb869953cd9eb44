package runner

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"mfaload/measure"
	"mfaload/measure/journal"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

// writeEvery is the time between two frames of the journal: the most that is
// lost with the process.
const writeEvery = time.Second

// journalWriter writes a run down while it lasts.
type journalWriter struct {
	runner *Runner
	began  usage
	start  time.Time
	load   loadModel
	stop   chan struct{}
	done   chan struct{}
	due    int // seconds of what was due that are written for good
	paused int // pauses that are

	mu    sync.Mutex
	late  []time.Duration // hiccups since the last frame
	pause time.Duration
	own   []measure.OwnSecond // since the last frame
}

// startJournal begins the journal and goes on with it until end is called. It
// returns nil where there is none.
func (r *Runner) startJournal(start time.Time, began usage, load loadModel) *journalWriter {
	if r.begins.Journal == nil {
		return nil
	}
	w := &journalWriter{runner: r, began: began, start: start, load: load,
		stop: make(chan struct{}), done: make(chan struct{})}
	first := w.state(load.soFar(0, 0))
	first.Described.Profile.Stages = r.schedule.Stages()
	if err := r.begins.Journal.Begin(r.recorder, r.steps.recorded(), first); err != nil {
		w.fail(err)
		close(w.done)
		return w
	}
	go w.keep()
	return w
}

func (w *journalWriter) keep() {
	defer close(w.done)
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := w.runner.begins.Journal.Append(w.now); err != nil {
				w.fail(err)
				return
			}
		case <-w.stop:
			if err := w.runner.begins.Journal.Append(w.last); err != nil {
				w.fail(err)
			}
			return
		}
	}
}

func (w *journalWriter) now() *journal.State {
	return w.state(w.load.soFar(time.Since(w.start), w.due))
}

func (w *journalWriter) last() *journal.State {
	e := w.load.soFar(time.Since(w.start), w.due)
	profile, from := e.profile, e.from
	e = w.load.extent()
	e.profile, e.from = profile, from
	s := w.state(e)
	s.Over = true
	return s
}

// state describes the run. The last second of what was due may not be over, nor
// the last pause.
func (w *journalWriter) state(e extent) *journal.State {
	s := &journal.State{Described: &measure.Measurement{Schema: measure.Schema},
		DueFrom: e.from, PausesFrom: w.paused}
	w.runner.describe(s.Described, w.start, e)
	s.Described.Profile.Stages = nil
	s.Described.Pauses = s.Described.Pauses[min(w.paused, len(s.Described.Pauses)):]
	w.paused = max(w.paused+len(s.Described.Pauses)-1, 0)
	s.Described.Generator = w.runner.generator(w.began, w.start, e)
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Hiccups, s.Described.Generator.MaxGCPause = w.late, w.pause
	s.OwnSeconds = w.own
	w.late, w.own = nil, nil
	w.due = max(e.from+len(e.profile.Due)-1, 0)
	s.Elapsed = time.Since(w.start)
	return s
}

func (w *journalWriter) hiccup(late, pause time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late, w.pause = append(w.late, late), pause
}

func (w *journalWriter) ownSecond(s measure.OwnSecond) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.own = append(w.own, s)
}

func (w *journalWriter) end() {
	if w == nil {
		return
	}
	close(w.stop)
	<-w.done
}

func (w *journalWriter) fail(err error) {
	if w.runner.begins.JournalFailed != nil {
		w.runner.begins.JournalFailed(err)
	}
}

// userCounts counts whose turn it was, the arrivals that were due, and those that were not sent.
type userCounts struct {
	users  []measure.GroupUsers // by group
	phases []phaseCounts        // main, warm-up, and the parts of that
	parts  measure.WarmupParts
}

// phaseCounts counts the arrivals of a phase.
type phaseCounts struct {
	scheduled []uint64 // by group
	withheld  map[withheldKey]uint64
}

// withheldKey is a group and the reason why an arrival of it was not sent.
type withheldKey struct {
	group  int
	reason string
}

func newUserCounts(s *scenario.Scenario, sizes []int) *userCounts {
	a := &userCounts{parts: warmupParts(&s.Load)}
	for range 2 + a.parts.Count {
		a.phases = append(a.phases, phaseCounts{make([]uint64, len(s.Groups)), map[withheldKey]uint64{}})
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		a.users = append(a.users, measure.GroupUsers{
			Users: uint64(sizes[i]), Usernameless: g.Usernameless,
			Order:     string(cmp.Or(g.Order, users.Sequential)),
			Exhausted: string(g.Exhausted), PerUser: g.PerUser, MaxPerUser: g.MaxPerUser,
		})
	}
	return a
}

// warmupParts are those of a load's warm-up whose end is to be found.
func warmupParts(l *scenario.Load) measure.WarmupParts {
	if !l.AutoWarmup {
		return measure.WarmupParts{}
	}
	return measure.SplitWarmup(l.Warmup)
}

// in are the counts that an arrival is in.
func (a *userCounts) in(arrival schedule.Arrival) []phaseCounts {
	switch {
	case !arrival.Warmup:
		return a.phases[:1]
	case a.parts.Count == 0:
		return a.phases[1:2]
	}
	return []phaseCounts{a.phases[1], a.phases[2+a.parts.Part(arrival.At)]}
}

func (a *userCounts) count(arrival schedule.Arrival) {
	for _, p := range a.in(arrival) {
		p.scheduled[arrival.User.Group]++
	}
	u := &a.users[arrival.User.Group]
	if arrival.Withheld == "" || arrival.Withheld == measure.Paused {
		u.Turns = arrival.Turn + 1
	}
	if arrival.Withheld == "" {
		return
	}
	a.withhold(arrival, arrival.Withheld)
	if arrival.Withheld == measure.RanOut && u.RanOut == nil {
		at := arrival.At
		u.RanOut = &at
	}
}

func (a *userCounts) withhold(arrival schedule.Arrival, reason string) {
	for _, p := range a.in(arrival) {
		p.withheld[withheldKey{arrival.User.Group, reason}]++
	}
}

func (a *userCounts) clone() *userCounts {
	c := &userCounts{users: slices.Clone(a.users), parts: a.parts}
	for _, p := range a.phases {
		c.phases = append(c.phases, phaseCounts{slices.Clone(p.scheduled), maps.Clone(p.withheld)})
	}
	return c
}

func (a *userCounts) describe(m *measure.Measurement) {
	m.Users = slices.Clone(a.users)
	for i, phase := range append([]*measure.Phase{&m.Main, &m.Warmup}, m.WarmupParts...) {
		phase.Scheduled = a.phases[i].scheduled
		for w, n := range a.phases[i].withheld {
			phase.Withheld = append(phase.Withheld,
				measure.Withheld{Group: w.group, Reason: w.reason, Count: n})
		}
		slices.SortFunc(phase.Withheld, measure.CompareWithheld)
	}
}
