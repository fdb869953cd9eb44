package schedule

import (
	"errors"
	"slices"
	"sort"
	"time"

	"mfaload/scenario"
	"mfaload/scenario/users"
)

// Of a replay, R(t) is the number of its arrivals second by second: what asks for rates reads it as any
// other load. When each arrival is due its own row says, to the nanosecond, and for whom.

// dueAt returns when arrival k of a section is due that replays a recording.
func (p *section) dueAt(c *users.ArrivalCursor, k uint64) (time.Duration, error) {
	rows := uint64(p.once)
	a, err := c.At(int(k % rows))
	return p.start + p.cycle*time.Duration(k/rows) + a.At, err
}

// replayedTimes yields when the arrivals of a section are due that replays a recording. A time that can't
// be read is that of the arrival before: [assigner.next] finds that there is no user either.
func (p *section) replayedTimes(yield func(time.Duration) bool) {
	c, last := p.replay.Arrivals.Cursor(), p.start
	for k := range p.count {
		if at, err := p.dueAt(c, k); err == nil {
			last = at
		}
		if !yield(last) {
			return
		}
	}
}

// below returns how many arrivals of a section are due before a time that replays a recording.
func (p *section) below(t time.Duration) uint64 {
	c := p.replay.Arrivals.Cursor()
	return uint64(sort.Search(int(p.count), func(k int) bool {
		at, err := p.dueAt(c, uint64(k))
		return err == nil && at >= t
	}))
}

// replayRows goes through the rows of a replay, in each section from the first one on.
type replayRows struct {
	cursor *users.ArrivalCursor
	rows   int
	next   int
	row    users.RecordedArrival
	err    error
}

func newReplayRows(l *scenario.Load) *replayRows {
	r := l.Replay()
	if r == nil || r.Arrivals == nil {
		return nil
	}
	return &replayRows{cursor: r.Arrivals.Cursor(), rows: r.Arrivals.Len()}
}

// begin goes back to the first row, for a section that has so many of them in a pass.
func (r *replayRows) begin(rows int) {
	if r != nil {
		r.next, r.rows = 0, rows
	}
}

func (r *replayRows) step() (group int) {
	r.row, r.err = r.cursor.At(r.next % r.rows)
	r.next = (r.next + 1) % r.rows
	return int(r.row.Group)
}

// fromRecording hands out the user whom the row of an arrival names.
func (t *assigner) fromRecording(group int) assignment {
	t.given[group]++
	return assignment{group: group, row: int(t.replay.row.Row), number: t.given[group] - 1}
}

// GroupDemand is what a replay sends for a group, all shards together.
type GroupDemand struct {
	// Requests are all of them, and Within the most in the window.
	Requests, Within uint64
	// PerUser is the most for a single user that rows name, and PerUserWithin the most in the window.
	PerUser, PerUserWithin uint64
}

// Demand counts what a replay sends for each group, and within a window of time; nil of other loads. Of a
// replay longer than the window what is within it may be less, by what a part of a pass sends. Where the
// temporary file of arrivals can't be read, it is as if all of them were one user's.
func (s *Schedule) Demand(window time.Duration) []GroupDemand {
	if s.closed != nil || s.scenario.Load.Replay() == nil {
		return nil
	}
	demand := make([]GroupDemand, len(s.scenario.Groups))
	all, within := newDemandCount(s.scenario.Groups), newDemandCount(s.scenario.Groups)
	for i := range s.sections {
		p := &s.sections[i]
		if err := errors.Join(all.addAll(p, p.count), within.addWithin(p, window)); err != nil {
			n := s.due()
			return slices.Repeat([]GroupDemand{{n, n, n, n}}, len(demand))
		}
	}
	for i := range demand {
		n, user := all.groups[i].most, all.perUser(i)
		demand[i] = GroupDemand{n, min(within.groups[i].most, n), user, min(within.perUser(i), user)}
	}
	return demand
}

// demandCount counts arrivals by group, and by the users whom rows name.
type demandCount struct {
	groups []highest
	users  [][]highest // by group and row; nil of groups that choose themselves
}

// highest is a count, and the most that it was.
type highest struct{ now, most uint64 }

func (h *highest) add(n uint64) {
	h.now += n
	h.most = max(h.most, h.now)
}

func newDemandCount(groups []scenario.Group) *demandCount {
	t := &demandCount{groups: make([]highest, len(groups)), users: make([][]highest, len(groups))}
	for i := range groups {
		if groups[i].Order == users.Recorded {
			t.users[i] = make([]highest, groups[i].Size())
		}
	}
	return t
}

func (t *demandCount) perUser(group int) (most uint64) {
	for _, h := range t.users[group] {
		most = max(most, h.most)
	}
	return most
}

func (t *demandCount) add(a *users.RecordedArrival, n uint64) {
	t.groups[a.Group].add(n)
	if of := t.users[a.Group]; of != nil {
		of[a.Row].add(n)
	}
}

// addAll counts the first arrivals of a section.
func (t *demandCount) addAll(p *section, count uint64) error {
	rows, c := uint64(p.once), p.replay.Arrivals.Cursor()
	for k := range min(rows, count) {
		a, err := c.At(int(k))
		if err != nil {
			return err
		}
		times := count / rows
		if k < count%rows {
			times++
		}
		t.add(&a, times)
	}
	return nil
}

// addWithin counts the most of a section within a window: as many whole passes as fit, and the busiest
// part of the length that is left.
func (t *demandCount) addWithin(p *section, window time.Duration) error {
	whole := min(uint64(window/p.cycle), uint64(p.cycles))
	if err := t.addAll(p, whole*uint64(p.once)); err != nil {
		return err
	}
	length := window - p.cycle*time.Duration(whole)
	if whole == uint64(p.cycles) || length <= 0 {
		return nil
	}
	first, last := p.replay.Arrivals.Cursor(), p.replay.Arrivals.Cursor()
	oldest := uint64(0)
	rows := uint64(p.once)
	for k := range min(2, uint64(p.cycles)) * rows {
		a, err := last.At(int(k % rows))
		if err != nil {
			return err
		}
		at := p.cycle*time.Duration(k/rows) + a.At
		for {
			b, err := first.At(int(oldest % rows))
			if err != nil {
				return err
			}
			if at-p.cycle*time.Duration(oldest/rows)-b.At < length {
				break
			}
			t.remove(&b)
			oldest++
		}
		t.add(&a, 1)
	}
	return nil
}

func (t *demandCount) remove(a *users.RecordedArrival) {
	t.groups[a.Group].now--
	if of := t.users[a.Group]; of != nil {
		of[a.Row].now--
	}
}
