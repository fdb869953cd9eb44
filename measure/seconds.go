package measure

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mfaload/internal/disk"
)

// HeldSeconds is how many bytes of seconds memory holds, about. What is more goes to a
// temporary file, so that hours of a run take no more than minutes.
const HeldSeconds = 8 << 20

// maxHeld is HeldSeconds, but in tests.
var maxHeld = HeldSeconds

// Seconds are the seconds of a run, in order. Memory holds a bounded part of them, and
// a temporary file the others; all of them where there can be no such file. The zero
// value has none. It is not safe for concurrent use while something is added; a copy
// shares all with the original.
type Seconds struct {
	// held may have later requests of seconds that are in the file too.
	held  []*Second
	weigh int // how many are held when they are weighed next
	file  *spill
	alone bool // there can't be a file
}

// SecondsOf are some seconds in order, which memory holds already.
func SecondsOf(all []*Second) Seconds { return Seconds{held: all} }

// All yields the seconds in order. What it yields is not changed. When they can't be
// read it ends, and Err says so.
func (l *Seconds) All() iter.Seq[*Second] { return l.from(0) }

// Between yields those from a second on, and before another.
func (l *Seconds) Between(from, to int64) iter.Seq[*Second] {
	return func(yield func(*Second) bool) {
		for s := range l.from(from) {
			if s.Second >= to || !yield(s) {
				return
			}
		}
	}
}

func (l *Seconds) from(first int64) iter.Seq[*Second] {
	return func(yield func(*Second) bool) {
		held := l.held
		for len(held) > 0 && held[0].Second < first {
			held = held[1:]
		}
		if l.file != nil {
			c := spillReader{spill: l.file}
			for i := l.file.find(first); i < len(l.file.parts); {
				n := int64(l.file.parts[i].second)
				for ; len(held) > 0 && held[0].Second < n; held = held[1:] {
					if !yield(held[0]) {
						return
					}
				}
				var s *Second
				if s, i = c.second(i, readAhead); s == nil {
					return
				}
				if len(held) > 0 && held[0].Second == n {
					s.add(held[0])
					s.Shrink()
					held = held[1:]
				}
				if !yield(s) {
					return
				}
			}
		}
		for _, s := range held {
			if !yield(s) {
				return
			}
		}
	}
}

// At returns a second; nil where no request was sent in it.
func (l *Seconds) At(second int64) (s *Second) {
	if l.file != nil {
		if i := l.file.find(second); i < len(l.file.parts) && int64(l.file.parts[i].second) == second {
			c := spillReader{spill: l.file}
			if s, _ = c.second(i, 0); s == nil {
				return nil
			}
		}
	}
	i, found := slices.BinarySearchFunc(l.held, second, (*Second).compare)
	switch {
	case !found:
		return s
	case s == nil:
		return l.held[i]
	}
	s.add(l.held[i])
	s.Shrink()
	return s
}

// Empty says that there are none, Last which is the last; -1 for none.
func (l *Seconds) Empty() bool { return l.Last() < 0 }

func (l *Seconds) Last() (second int64) {
	second = -1
	if n := len(l.held); n > 0 {
		second = l.held[n-1].Second
	}
	if l.file != nil && len(l.file.parts) > 0 {
		second = max(second, int64(l.file.parts[len(l.file.parts)-1].second))
	}
	return second
}

// Err says why not all seconds could be read.
func (l *Seconds) Err() error {
	if l.file == nil {
		return nil
	}
	l.file.mu.Lock()
	defer l.file.mu.Unlock()
	return l.file.err
}

// Append puts a second behind all others.
func (l *Seconds) Append(s *Second) {
	s.Shrink()
	l.held = append(l.held, s)
	l.bound()
}

// of returns the record of a second to add to, for its caller to shrink.
func (l *Seconds) of(second int64) *Second { return closedSecond(&l.held, second) }

// bound moves seconds to the file where memory holds too much. They are small then.
func (l *Seconds) bound() {
	if len(l.held) < l.weigh || l.alone {
		return
	}
	weight := 0
	for _, s := range l.held {
		weight += s.weight()
	}
	if weight > maxHeld {
		weight -= l.spill(weight)
	}
	// As many more as there is room for half of, were they like the others.
	each := weight/max(len(l.held), 1) + 1
	l.weigh = len(l.held) + min(max((maxHeld-weight)/each/2, 1), 256)
}

// spill moves the first half of the seconds to the file, and returns its weight.
func (l *Seconds) spill(weight int) (moved int) {
	n := 0
	for ; n < len(l.held) && 2*moved < weight; n++ {
		moved += l.held[n].weight()
	}
	if l.file == nil {
		file, err := disk.NewTemporary()
		if err != nil {
			l.alone = true
			return 0
		}
		l.file = &spill{file: file}
	}
	if err := l.file.write(l.held[:n]); err != nil {
		l.alone = true
		return 0
	}
	rest := copy(l.held, l.held[n:])
	clear(l.held[rest:])
	l.held = l.held[:rest]
	return moved
}

// copied returns the same seconds; of the two only one may be added to.
func (l *Seconds) copied() Seconds {
	c := *l
	c.held = slices.Clone(l.held)
	if l.file != nil {
		c.file = &spill{file: l.file.file, size: l.file.size, parts: slices.Clone(l.file.parts)}
	}
	return c
}

// joinSeconds returns the sum of several lists, second by second. Nothing of them is kept.
func joinSeconds(lists []*Seconds) (sum Seconds, err error) {
	var heads []head
	for _, l := range lists {
		next, stop := iter.Pull(l.All())
		defer stop()
		if s, more := next(); more {
			heads = append(heads, head{s, next})
		}
	}
	for len(heads) > 0 {
		first := heads[0].second.Second
		for _, h := range heads {
			first = min(first, h.second.Second)
		}
		to := newSecond(first)
		for i := range heads {
			if h := &heads[i]; h.second.Second == first {
				to.add(h.second)
				h.second, _ = h.next()
			}
		}
		heads = slices.DeleteFunc(heads, func(h head) bool { return h.second == nil })
		sum.Append(to)
	}
	for _, l := range lists {
		if err := l.Err(); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// LoseSeconds forgets all seconds, and says why there are none.
func (m *Measurement) LoseSeconds(why string) { m.Seconds, m.SecondsLost = Seconds{}, why }

// AddSeconds takes over seconds that were not kept with the rest, and is an error where
// they and those that were are not all.
func (m *Measurement) AddSeconds(written Seconds) (err error) {
	// What was kept is from after the end of the journal.
	if kept := m.Seconds; kept.Empty() {
		m.Seconds = written
	} else if m.Seconds, err = joinSeconds([]*Seconds{&written, &kept}); err != nil {
		return err
	}
	return m.checkSum()
}

func (m *Measurement) checkSum() error {
	if m.SecondsLost != "" && m.Seconds.Empty() {
		return nil
	}
	n := uint64(0)
	for s := range m.Seconds.All() {
		n += s.Response.Count()
	}
	if err := m.Seconds.Err(); err != nil {
		return err
	}
	if sent := m.Main.Sent() + m.Warmup.Sent(); n != sent {
		return fmt.Errorf("its seconds have %d requests, and %d were sent", n, sent)
	}
	return nil
}

// MarshalJSON writes all of them at once; [Measurement.Write] does not.
func (l Seconds) MarshalJSON() ([]byte, error) {
	if l.Empty() {
		return []byte("null"), nil
	}
	var text bytes.Buffer
	err := l.encode(&text)
	return text.Bytes(), err
}

// decode reads them one by one, and says when there is one more.
func (l *Seconds) decode(in *jsontext.Decoder, more func()) error {
	*l = Seconds{}
	labels := map[string]string{}
	return eachElement(in, func(s *Second) error {
		if s == nil || s.Second <= l.Last() || s.Second > maxSecond {
			return errors.New("its seconds are not in order, or beyond ten years")
		}
		if s.unmade() {
			return errors.New("a second's counts do not add up")
		}
		s.shareLabels(labels)
		l.Append(s)
		more()
		return nil
	})
}

// head is the next second of a list, and how to go on.
type head struct {
	second *Second
	next   func() (*Second, bool)
}

// Timeline sums up observations second by second of intended time. The seconds that
// most requests belong to are kept in histograms that are fast to record into, the
// others in small ones. It is not safe for concurrent use.
type Timeline struct {
	grouped  bool      // the scenario has several groups, which are kept apart
	brief    bool      // without the times of the requests' parts on the network
	seconds  Seconds   // closed
	expanded []*Second // of them, those that were recorded into since one was closed
	open     [openSeconds]Second
	scratch  *Histogram // sparse
}

// openSeconds is how many seconds are open at a time: the present one, and the
// one before it for requests that began in it.
const openSeconds = 2

// NewTimeline returns an empty timeline of a run with so many groups of users.
func NewTimeline(groups int) *Timeline { return &Timeline{grouped: groups > 1} }

// Record adds an observation.
func (s *Timeline) Record(o *Observation) {
	s.record(o, slices.ContainsFunc(o.Violations, func(v RuleViolation) bool { return v.Fails }))
}

func (s *Timeline) record(o *Observation, violating bool) {
	sec := s.second(int64(o.Intended / time.Second))
	sec.Split.record(o, violating, sec.Response, sec.Service)
	sec.Response.Record(o.Done - o.Intended)
	sec.Service.Record(o.Done - o.Sent)
	sec.Lateness.Record(o.Sent - o.Intended)
	switch {
	case o.Failed:
		sec.Failed++
	case violating:
		sec.Violating++
	case o.AsExpected:
		sec.Clean++
	}
	if o.AsExpected {
		sec.Expected++
	}
	if o.RateLimited {
		sec.RateLimited++
	}
	sec.count(o.Label, o.Failed, 1)
	to := &sec.Transfer
	if s.grouped {
		g := sec.group(o.Group)
		g.record(o, violating)
		to = &g.Transfer
	}
	if o.transferred() && !s.brief {
		most := NewSparse
		if sec.Response.dense != nil && !s.grouped { // an open second
			most = NewHistogram
		}
		to.record(o, most)
	}
}

// second returns the record of a second, opened if it is late enough.
func (s *Timeline) second(n int64) *Second {
	sec := &s.open[n%openSeconds]
	switch {
	case sec.Response == nil:
		*sec = Second{Second: n, Response: NewHistogram(), Service: NewHistogram(), Lateness: NewHistogram()}
	case sec.Second < n:
		s.close(sec)
		sec.Second = n
	case sec.Second > n:
		return s.late(n)
	}
	return sec
}

// late returns the record of a second that was closed. It stays as it is
// recorded into until the next second is closed.
func (s *Timeline) late(n int64) *Second {
	sec := s.seconds.of(n)
	if !slices.Contains(s.expanded, sec) {
		s.expanded = append(s.expanded, sec)
	}
	return sec
}

func (s *Timeline) close(sec *Second) {
	if closed := s.seconds.of(sec.Second); closed.Response.Count() == 0 {
		s.fill(closed, sec)
	} else {
		closed.add(sec)
		s.expanded = append(s.expanded, closed)
	}
	for _, late := range s.expanded {
		late.Shrink()
	}
	clear(s.expanded)
	s.expanded = s.expanded[:0]
	s.seconds.bound()
	sec.empty()
}

func (s *Second) empty() {
	for _, h := range []*Histogram{s.Response, s.Service, s.Lateness} {
		h.Reset()
	}
	s.Transfer.Reset()
	s.Failed, s.Clean, s.Violating, s.Expected, s.RateLimited, s.Split = 0, 0, 0, 0, 0, Split{}
	s.forgetEnds()
	for _, g := range s.Groups {
		g.reset()
	}
}

// fill makes a new closed second what an open one is, with little garbage.
func (s *Timeline) fill(closed, sec *Second) {
	if s.scratch == nil {
		s.scratch = NewSparse()
	}
	closed.Failed, closed.Clean, closed.Violating, closed.Expected, closed.RateLimited = sec.Failed,
		sec.Clean, sec.Violating, sec.Expected, sec.RateLimited
	closed.Ends, closed.Split = copyEnds(sec.Ends), sec.Split
	closed.Split.Shrink()
	closed.Response, closed.Service, closed.Lateness = sec.Response.compactCopy(s.scratch),
		sec.Service.compactCopy(s.scratch), sec.Lateness.compactCopy(s.scratch)
	closed.Transfer = sec.Transfer.compactCopy(s.scratch)
	for _, g := range sec.Groups {
		if g.Response.Count() > 0 {
			g.Split.Shrink()
			closed.Groups = append(closed.Groups, &GroupSecond{g.Group, g.Expected, g.Violating,
				g.Response.compactCopy(s.scratch), g.Service.compactCopy(s.scratch),
				g.Transfer.compactCopy(s.scratch), g.Split})
		}
	}
}

// Seconds returns the seconds so far, in order.
func (s *Timeline) Seconds() Seconds { // the open ones are copied
	list := s.seconds.copied()
	for i := range s.open {
		if sec := &s.open[i]; sec.Response != nil && sec.Response.Count() > 0 {
			to := list.of(sec.Second)
			if to.Response.Count() > 0 { // shared with the closed ones
				copied := newSecond(sec.Second)
				copied.add(to)
				list.held[slices.Index(list.held, to)], to = copied, copied
			}
			to.add(sec)
		}
	}
	return list
}

func (s *Timeline) recorded() []*Second {
	seconds := s.Seconds()
	return slices.DeleteFunc(slices.Collect(seconds.All()),
		func(sec *Second) bool { return sec.Response.Count() == 0 })
}

func (s *Timeline) reset() {
	s.seconds, s.expanded = Seconds{}, nil
	for i := range s.open {
		if sec := &s.open[i]; sec.Response != nil {
			sec.empty()
		}
	}
}

// closedSecond returns the record of a second in a list, put in where it is
// new. Most requests belong to one of the last, so the search starts there.
func closedSecond(list *[]*Second, n int64) *Second {
	i := len(*list)
	for i > 0 && (*list)[i-1].Second > n {
		i--
	}
	if i > 0 && (*list)[i-1].Second == n {
		return (*list)[i-1]
	}
	sec := newSecond(n)
	*list = slices.Insert(*list, i, sec)
	return sec
}
