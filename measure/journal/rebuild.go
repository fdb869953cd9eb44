package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"mfaload/internal/varint"
	"mfaload/measure"
)

// maxElapsed is the longest run that is rebuilt.
const maxElapsed = 100 * 24 * time.Hour

// Rebuild reads a journal and returns the measurement up to its last whole
// frame. A frame that is cut off or damaged ends it. Where there is no whole one
// it is an error.
func Rebuild(journal io.Reader) (*measure.Measurement, error) {
	in := bufio.NewReaderSize(journal, 1<<20)
	first := make([]byte, len(format))
	if n, err := io.ReadFull(in, first); err != nil || string(first) != format {
		return nil, fmt.Errorf("read journal: its first line is %.40q, not %q: the file is damaged, "+
			"from another version, or no journal", first[:n], format)
	}
	var b rebuilder
	for {
		frame, unread, err := readFrame(in)
		switch {
		case errors.Is(err, errTorn):
			return b.measurement(unread)
		case err != nil:
			return nil, fmt.Errorf("read journal: %w", err)
		}
		if err := b.add(frame); err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
	}
}

// CheckComplete is an error where not all of a journal can be read, or where it
// ends before the run did.
func CheckComplete(journal io.Reader) error {
	in := bufio.NewReaderSize(journal, 1<<20)
	if _, err := io.CopyN(io.Discard, in, int64(len(format))); err != nil {
		return err
	}
	var last State
	for {
		frame, unread, err := readFrame(in)
		switch {
		case errors.Is(err, errTorn) && unread == 0 && last.Over:
			return nil
		case err != nil:
			return fmt.Errorf("read journal: %d bytes: %w", unread, err)
		}
		all := varint.Reader{Rest: frame}
		last = State{}
		if err := json.Unmarshal(all.Text(), &last); err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
	}
}

// rebuilder is what was read of a journal so far.
type rebuilder struct {
	first, last *State
	recorder    *measure.Recorder
	hiccups     *measure.Histogram
	profile     measure.LoadProfile
	pauses      []measure.Pause
	ownSeconds  []measure.OwnSecond
}

// add takes in a frame. Its checksum was right, so an error says that the journal
// is not ours, or of another version.
func (b *rebuilder) add(frame []byte) error {
	in := varint.Reader{Rest: frame}
	var s State
	if err := json.Unmarshal(in.Text(), &s); err != nil {
		return fmt.Errorf("a state of the run: %w: it is from another version", err)
	}
	if err := b.check(&s); err != nil {
		return err
	}
	if b.first == nil {
		var rules []string
		for _, c := range s.Described.Coverage {
			rules = append(rules, c.Rule)
		}
		b.first, b.hiccups = &s, measure.NewSparse()
		answers := min(max(s.Answers, 0), measure.Instances)
		b.recorder = measure.NewRecorder(len(s.Described.Groups), rules, answers)
	}
	if len(in.Rest) > 0 {
		if err := replay(b.recorder, in.Rest, s.Elapsed); err != nil {
			return err
		}
	}
	for _, late := range s.Hiccups {
		b.hiccups.Record(late)
	}
	b.ownSeconds = append(b.ownSeconds, s.OwnSeconds...)
	b.profile.Extend(s.DueFrom, &s.Described.Profile)
	b.pauses = append(b.pauses[:s.PausesFrom], s.Described.Pauses...)
	b.last = &s
	return nil
}

// check finds a state that is none of this run, or can't be.
func (b *rebuilder) check(s *State) error {
	d := s.Described
	switch {
	case d == nil:
		return errors.New("a state of the run describes nothing: it is from another version")
	case s.Elapsed < 0 || s.Elapsed > maxElapsed:
		return fmt.Errorf("a run of %v can't be rebuilt", s.Elapsed)
	case len(d.Groups) > measure.MaxGroups || len(d.Coverage) > measure.MaxRules:
		return errors.New("it has more groups, or rules, than a run can have")
	case !ofGroups(&d.Main, len(d.Groups)) || !ofGroups(&d.Warmup, len(d.Groups)):
		return errors.New("it counts requests of other groups than it has")
	case s.DueFrom < 0 || s.DueFrom > len(b.profile.Due):
		return errors.New("arrivals that were due are missing")
	case s.PausesFrom < 0 || s.PausesFrom > len(b.pauses):
		return errors.New("pauses are missing")
	case b.first != nil && (len(d.Groups) != len(b.first.Described.Groups) ||
		!d.Started.Equal(b.first.Described.Started)):
		return errors.New("it is of two runs")
	}
	return nil
}

// ofGroups says whether what is counted is of so many groups.
func ofGroups(p *measure.Phase, groups int) bool {
	other := func(w measure.Withheld) bool { return w.Group < 0 || w.Group >= groups }
	return len(p.Scheduled) == groups && !slices.ContainsFunc(p.Withheld, other)
}

// measurement returns what was rebuilt.
func (b *rebuilder) measurement(unread int64) (*measure.Measurement, error) {
	if b.last == nil {
		return nil, errors.New("read journal: it ends before its first frame: nothing was measured")
	}
	seen, err := b.recorder.Final()
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	m, first := b.last.Described, b.first.Described
	m.Version, m.Terms, m.Parts, m.Profile = first.Version, first.Terms, first.Parts, b.profile
	m.Labels, m.Pauses = first.Labels, b.pauses
	takeObserved(m, seen)
	m.Generator.Hiccups, m.Generator.Seconds = b.hiccups, b.ownSeconds
	m.Profile.Stages = until(first.Profile.Stages, max(m.Main.Start+m.Main.Planned, m.Warmup.Planned))
	m.Rebuilt = &measure.Rebuilt{Unread: unread}
	if !b.last.Over {
		m.Interrupted = m.Stopped == nil
		leaveInFlight(&m.Main)
		leaveInFlight(&m.Warmup)
		if m.Stopped != nil {
			m.Stopped.Early = true
		}
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("read journal: %w: it is damaged or from another version", err)
	}
	return m, nil
}

// takeObserved takes over what observations tell: all that a recorder sums up.
func takeObserved(m, from *measure.Measurement) {
	for _, p := range []struct{ to, from *measure.Phase }{{&m.Main, &from.Main}, {&m.Warmup, &from.Warmup}} {
		p.to.LastSent, p.to.Own, p.to.Cells = p.from.LastSent, p.from.Own, p.from.Cells
		p.to.Connections = p.from.Connections
	}
	m.Seconds, m.Flow = from.Seconds, from.Flow
	m.Violations, m.UngroupedViolations, m.Coverage = from.Violations, from.UngroupedViolations, from.Coverage
}

// leaveInFlight counts the arrivals that were due, had a user, and are not
// recorded.
func leaveInFlight(p *measure.Phase) {
	left := slices.Clone(p.Scheduled)
	for _, w := range p.Withheld {
		left[w.Group] -= min(w.Count, left[w.Group])
	}
	for _, c := range p.Cells {
		left[c.Group] -= min(c.Response.Count(), left[c.Group])
	}
	if slices.ContainsFunc(left, func(n uint64) bool { return n > 0 }) {
		p.InFlight = left
	}
}

// until cuts the stages off at a time.
func until(stages []measure.StageSpan, end time.Duration) []measure.StageSpan {
	stages = slices.DeleteFunc(stages, func(s measure.StageSpan) bool { return s.Start >= end })
	for i := range stages {
		stages[i].End = min(stages[i].End, end)
	}
	return stages
}
