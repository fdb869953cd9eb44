package measure

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"
)

// Bounds on a journal that is read.
const (
	maxFrame   = 64 << 20
	maxRebuilt = 100 * 24 * time.Hour
	maxGroups  = 10_000
	maxRules   = 10_000
)

// Rebuilt says that a measurement was made of a journal, because the run did not
// come to write it.
type Rebuilt struct {
	// Unread are the bytes behind the last whole frame.
	Unread int64 `json:"unread_bytes,omitempty"`
}

// Rebuild reads a journal and returns the measurement up to its last whole
// frame. A frame that is cut off or damaged ends it. Where there is no whole one
// it is an error.
func Rebuild(journal io.Reader) (*Measurement, error) {
	in := bufio.NewReaderSize(journal, 1<<20)
	format := make([]byte, len(journalFormat))
	if n, err := io.ReadFull(in, format); err != nil || string(format) != journalFormat {
		return nil, fmt.Errorf("read journal: its first line is %.40q, not %q: the file is damaged, from another version, or no journal", format[:n], journalFormat)
	}
	var b rebuilding
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

// WholeJournal is an error where not all of a journal can be read, or where it
// ends before the run did.
func WholeJournal(journal io.Reader) error {
	in := bufio.NewReaderSize(journal, 1<<20)
	if _, err := io.CopyN(io.Discard, in, int64(len(journalFormat))); err != nil {
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
		all := reader{rest: frame}
		last = State{}
		if err := json.Unmarshal(all.text(), &last); err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
	}
}

// errTorn is the end of what can be read.
var errTorn = errors.New("there is no whole frame more")

// readFrame returns the next frame. Behind the last whole one it returns how many
// bytes are left.
func readFrame(in *bufio.Reader) (frame []byte, unread int64, err error) {
	var head [8]byte
	n, err := io.ReadFull(in, head[:])
	unread = int64(n)
	length := binary.LittleEndian.Uint32(head[:])
	if err == nil && length > 0 && length <= maxFrame { // zeros are what a power cut leaves
		var whole bytes.Buffer // grows with what is there, whatever the length says
		var copied int64
		copied, err = io.CopyN(&whole, in, int64(length))
		unread += copied
		if frame = whole.Bytes(); err == nil && crc32.Checksum(frame, castagnoli) == binary.LittleEndian.Uint32(head[4:]) {
			return frame, 0, nil
		}
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, err // the disk's
	}
	rest, err := io.Copy(io.Discard, in)
	if err != nil {
		return nil, 0, err
	}
	return nil, unread + rest, errTorn
}

// rebuilding is what was read of a journal so far.
type rebuilding struct {
	first, last *State
	recorder    *Recorder
	hiccups     *Histogram
	profile     Profile
	pauses      []Pause
	ownSeconds  []OwnSecond
}

// add takes in a frame. Its checksum was right, so an error says that the journal
// is not ours, or of another version.
func (b *rebuilding) add(frame []byte) error {
	in := reader{rest: frame}
	var s State
	if err := json.Unmarshal(in.text(), &s); err != nil {
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
		b.first, b.hiccups = &s, NewSparse()
		b.recorder = NewRecorder(len(s.Described.Groups), rules, min(max(s.Answers, 0), Instances))
	}
	if len(in.rest) > 0 {
		if err := b.recorder.Replay(in.rest, s.Elapsed); err != nil {
			return err
		}
	}
	for _, late := range s.Hiccups {
		b.hiccups.Record(late)
	}
	b.ownSeconds = append(b.ownSeconds, s.OwnSeconds...)
	b.profile.extend(s.DueFrom, &s.Described.Profile)
	b.pauses = append(b.pauses[:s.PausesFrom], s.Described.Pauses...)
	b.last = &s
	return nil
}

// check finds a state that is none of this run, or can't be.
func (b *rebuilding) check(s *State) error {
	d := s.Described
	switch {
	case d == nil:
		return errors.New("a state of the run describes nothing: it is from another version")
	case s.Elapsed < 0 || s.Elapsed > maxRebuilt:
		return fmt.Errorf("a run of %v can't be rebuilt", s.Elapsed)
	case len(d.Groups) > maxGroups || len(d.Coverage) > maxRules:
		return errors.New("it has more groups, or rules, than a run can have")
	case !d.Main.ofGroups(len(d.Groups)) || !d.Warmup.ofGroups(len(d.Groups)):
		return errors.New("it counts requests of other groups than it has")
	case s.DueFrom < 0 || s.DueFrom > len(b.profile.Due):
		return errors.New("arrivals that were due are missing")
	case s.PausesFrom < 0 || s.PausesFrom > len(b.pauses):
		return errors.New("pauses are missing")
	case b.first != nil && (len(d.Groups) != len(b.first.Described.Groups) || !d.Started.Equal(b.first.Described.Started)):
		return errors.New("it is of two runs")
	}
	return nil
}

// ofGroups says whether what is counted is of so many groups.
func (p *Phase) ofGroups(groups int) bool {
	return len(p.Scheduled) == groups && !slices.ContainsFunc(p.Withheld, func(w Withheld) bool { return w.Group < 0 || w.Group >= groups })
}

// measurement returns what was rebuilt.
func (b *rebuilding) measurement(unread int64) (*Measurement, error) {
	if b.last == nil {
		return nil, errors.New("read journal: it ends before its first frame: nothing was measured")
	}
	seen, err := b.recorder.Final()
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	m, first := b.last.Described, b.first.Described
	m.Version, m.Terms, m.Parts, m.Profile = first.Version, first.Terms, first.Parts, b.profile
	m.Pauses = b.pauses
	m.observed(seen)
	m.Generator.Hiccups, m.Generator.Seconds = b.hiccups, b.ownSeconds
	m.Profile.Stages = until(first.Profile.Stages, max(m.Main.Start+m.Main.Planned, m.Warmup.Planned))
	m.Rebuilt = &Rebuilt{Unread: unread}
	if !b.last.Over {
		m.Interrupted = m.Stopped == nil
		m.Main.leaveInFlight()
		m.Warmup.leaveInFlight()
		if m.Stopped != nil {
			m.Stopped.Early = true
		}
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("read journal: %w: it is damaged or from another version", err)
	}
	return m, nil
}

// observed takes over what observations tell: all that a recorder sums up.
func (m *Measurement) observed(from *Measurement) {
	for _, p := range []struct{ to, from *Phase }{{&m.Main, &from.Main}, {&m.Warmup, &from.Warmup}} {
		p.to.LastSent, p.to.Own, p.to.Cells, p.to.Connections = p.from.LastSent, p.from.Own, p.from.Cells, p.from.Connections
	}
	m.Seconds, m.Flow = from.Seconds, from.Flow
	m.Violations, m.UngroupedViolations, m.Coverage = from.Violations, from.UngroupedViolations, from.Coverage
}

// mergeRebuilt adds what is known of what another part of the run lost.
func (m *Measurement) mergeRebuilt(o *Measurement) {
	if o.Rebuilt == nil {
		return
	}
	if m.Rebuilt == nil {
		m.Rebuilt = &Rebuilt{}
	}
	m.Rebuilt.Unread += o.Rebuilt.Unread
}

// leaveInFlight counts the arrivals that were due, had a user, and are not
// recorded.
func (p *Phase) leaveInFlight() {
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
func until(stages []Stage, end time.Duration) []Stage {
	stages = slices.DeleteFunc(stages, func(s Stage) bool { return s.Start >= end })
	for i := range stages {
		stages[i].End = min(stages[i].End, end)
	}
	return stages
}
