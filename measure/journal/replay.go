package journal

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"mfaload/internal/varint"
	"mfaload/measure"
)

const maxTime = 10 * 366 * 24 * time.Hour

// errDamaged means that bytes are none that an [observationLog] handed out.
var errDamaged = errors.New("what was recorded can't be read: it is damaged")

// replay records again what an [observationLog] handed out, up to a time of the run.
// Other bytes are an error; what came before the damage may have been recorded.
func replay(r *measure.Recorder, taken []byte, until time.Duration, goodWithin []time.Duration) error {
	all := logReader{varint.Reader{Rest: taken}}
	connections := logReader{varint.Reader{Rest: all.Text()}}
	for len(connections.Rest) > 0 && !connections.Bad {
		replayConnection(r, &connections)
	}
	if all.Bad || connections.Bad {
		return errDamaged
	}
	layout := r.Layout()
	p := player{groups: layout.Groups, rules: len(layout.Rules), until: until, goodWithin: goodWithin}
	p.record = func(o *measure.Observation) { r.Record(0, o) }
	return p.partitions(&all)
}

func replayConnection(r *measure.Recorder, in *logReader) {
	flags, dial := in.Byte(), in.duration()
	warmup := flags&1 != 0
	if flags&^1 == flagWait && !in.Bad {
		r.RecordWait(warmup, dial)
		return
	}
	c := measure.OpenedConnection{Dial: dial, Secure: flags&flagSecure != 0, Resumed: flags&flagResumed != 0,
		Successor: flags&flagSuccessor != 0}
	switch {
	case flags&flagHTTP2 != 0:
		c.Protocol = measure.HTTP2
	case flags&flagHTTP1 != 0:
		c.Protocol = measure.HTTP1
	}
	if c.Secure {
		c.Handshake = in.duration()
	}
	if in.Bad || flags&flagWait != 0 || flags > 127 || c.Resumed && !c.Secure {
		in.Bad = true
		return
	}
	r.RecordConnection(warmup, c)
}

type logReader struct{ varint.Reader }

func (r *logReader) duration() time.Duration {
	n := r.Uvarint()
	if n > uint64(maxTime) {
		r.Bad = true
		return 0
	}
	return time.Duration(n)
}

// player reads the observations of a run with so many groups and rules, up to a
// time of it. Record is handed each, and does not keep it.
type player struct {
	groups, rules int
	goodWithin    []time.Duration // by group
	until         time.Duration
	record        func(*measure.Observation)

	logReader // of a partition
	ends      []groupEnd
	keys      []ruleKey
	last      time.Duration
	index     uint64
	seen      measure.Observation
}

func (p *player) partitions(all *logReader) error {
	for len(all.Rest) > 0 {
		p.logReader = logReader{varint.Reader{Rest: all.Text()}}
		p.ends, p.keys, p.last, p.index = p.ends[:0], p.keys[:0], 0, 0
		for len(p.Rest) > 0 && !p.Bad {
			p.play()
		}
		if all.Bad || p.Bad {
			return errDamaged
		}
	}
	return nil
}

type groupEnd struct {
	group int
	endKind
}

func (p *player) play() {
	e := p.end()
	o := &p.seen
	*o = measure.Observation{Group: e.group, Label: e.label, Evaluated: e.evaluated,
		Violations: o.Violations[:0],
		Warmup:     e.endFlags&endWarmup != 0, Failed: e.endFlags&endFailed != 0,
		AsExpected: e.endFlags&endExpected != 0, RateLimited: e.endFlags&endLimited != 0,
		Refused: e.endFlags&endRefused != 0, GoodWithin: measure.GoodWithin(p.goodWithin, e.group)}
	o.Intended = p.after(p.last)
	o.Sent = p.after(o.Intended)
	o.Done = p.after(o.Sent)
	o.Own = p.after(0)
	if e.endFlags&endHarmed != 0 {
		o.Harmed = p.duration()
	}
	if e.endFlags&endTransfer != 0 {
		p.transfer(o)
	}
	p.last = o.Intended
	var kept *measure.Example // the fullest
	for n := p.Uvarint(); n > 0 && !p.Bad; n-- {
		if example := p.violation(); example != nil && (kept == nil || example.Answer != nil) {
			kept = example
		}
	}
	if p.Bad || o.Failed && (o.AsExpected || o.RateLimited || len(o.Violations) > 0) {
		p.Bad = true
		return
	}
	if kept != nil {
		o.Example = func(whole bool) measure.Example {
			example := *kept
			if !whole {
				example.Answer = nil
			}
			return example
		}
	}
	p.record(o)
}

// transfer reads how an observation went over the network, with its index.
func (p *player) transfer(o *measure.Observation) {
	p.index += uint64(p.Varint())
	o.Index = p.index
	flags := p.Byte()
	o.Connection = p.Uvarint()
	o.Age = p.duration()
	if o.Age > maxTime/time.Millisecond {
		p.Bad = true
	}
	o.Age *= time.Millisecond
	o.FirstByte = p.duration()
	o.Bytes = p.Uvarint()
	if flags&flagConnecting != 0 {
		o.Dial, o.Handshake = p.duration(), p.duration()
	}
	if flags&flagWaited != 0 {
		o.Waited = p.duration()
	}
	if flags&flagNamed != 0 {
		o.User, o.CorrelationID, o.TraceID = string(p.Text()), string(p.Text()), string(p.Text())
	}
	if flags&flagNetwork != 0 {
		o.Network = p.duration()
	}
	if flags&flagService != 0 {
		o.Service = p.duration()
	}
	p.Bad = p.Bad || flags > flagsTransfer
}

// after is a time so much later or earlier than another.
func (p *player) after(base time.Duration) time.Duration {
	by := time.Duration(p.Varint())
	if by > p.until-base {
		p.Bad = true
		return 0
	}
	return max(base+by, 0)
}

func (p *player) end() groupEnd {
	number := p.Uvarint()
	switch known := uint64(len(p.ends)); {
	case number > 0 && number <= known:
		return p.ends[number-1]
	case number != known+1:
		p.Bad = true
		return groupEnd{}
	}
	var e groupEnd
	group := p.Uvarint()
	e.endFlags, e.label = endFlags(p.Byte()), string(p.Text())
	words := p.Uvarint()
	if p.Bad || group >= uint64(p.groups) || e.endFlags > endAll || words > uint64(p.rules/64+1) {
		p.Bad = true
		return e
	}
	e.group = int(group)
	for range words {
		e.evaluated = append(e.evaluated, p.Uvarint())
	}
	p.ends = append(p.ends, e)
	return e
}

// violation adds one to the observation. It returns the exchange that it was
// seen in where that was kept.
func (p *player) violation() *measure.Example {
	number := p.Uvarint()
	switch known := uint64(len(p.keys)); {
	case number == known+1:
		key := ruleKey{rule: string(p.Text()), pointer: string(p.Text())}
		key.fails = p.Byte() != 0
		p.keys = append(p.keys, key)
	case number == 0 || number > known:
		p.Bad = true
	}
	flags := p.Byte()
	if p.Bad || flags > flagCounted|flagKept {
		p.Bad = true
		return nil
	}
	key := p.keys[number-1]
	v := measure.RuleViolation{Rule: key.rule, Pointer: key.pointer, Fails: key.fails,
		Counted: flags&flagCounted != 0}
	var kept *measure.Example
	if flags&flagKept != 0 {
		var instance measure.Instance
		if json.Unmarshal(p.Text(), &instance) != nil {
			p.Bad = true
			return nil
		}
		v.Expected, v.Got, kept = instance.Expected, instance.Got, &instance.Example
	}
	p.seen.Violations = append(p.seen.Violations, v)
	return kept
}

// AddSeconds adds the seconds that were written down to what [measure.Recorder.Final]
// returned. When they can't be read back, the measurement has none and says why, for
// some would look like a run with gaps.
func (w *Appender) AddSeconds(m *measure.Measurement) {
	if w.log == nil {
		return
	}
	layout := w.log.recorder.Layout()
	timeline := measure.NewTimeline(layout.Groups)
	err := w.replay(&player{groups: layout.Groups, rules: len(layout.Rules), until: maxElapsed,
		record: timeline.Record, goodWithin: m.GoodWithin})
	if err == nil {
		err = m.AddSeconds(timeline.Seconds())
	}
	if err != nil {
		m.LoseSeconds(fmt.Sprintf("read them back from the journal: %v", err))
	}
}

func (w *Appender) replay(p *player) error {
	const head = int64(len(format))
	in := bufio.NewReaderSize(io.NewSectionReader(w.file, head, max(w.length-head, 0)), 1<<20)
	for n := 0; ; n++ {
		frame, unread, err := readFrame(in)
		switch {
		case errors.Is(err, errTorn) && unread == 0 && n == w.frames:
			return w.replayLeft(p)
		case errors.Is(err, errTorn):
			return fmt.Errorf("of %d parts %d are as they were written", w.frames, n)
		case err != nil:
			return err
		}
		all := varint.Reader{Rest: frame}
		all.Text() // the state
		if err := playTaken(p, all.Rest); err != nil {
			return err
		}
	}
}

// replayLeft plays what came into no frame that is safe.
func (w *Appender) replayLeft(p *player) error {
	for _, taken := range w.left {
		if err := playTaken(p, taken); err != nil {
			return err
		}
	}
	return nil
}

// playTaken plays what was taken at once, but for the connections.
func playTaken(p *player, taken []byte) error {
	all := logReader{varint.Reader{Rest: taken}}
	if len(taken) > 0 {
		all.Text() // the connections
	}
	if all.Bad {
		return errDamaged
	}
	return p.partitions(&all)
}

const maxElapsed = 100 * 24 * time.Hour

// Rebuild reads a journal and returns the measurement up to its last whole
// frame. A frame that is cut off or damaged ends it. Where there is no whole one
// it is an error.
func Rebuild(journal io.Reader) (*measure.Measurement, error) {
	in := bufio.NewReaderSize(journal, 1<<20)
	if err := readFormat(in); err != nil {
		return nil, err
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

// Observations hands over each observation of a journal, in the order in which they were
// recorded, with what the first frame says about the run. Nothing of them may be kept. A frame
// that is cut off or damaged ends it: then so many bytes are unread.
func Observations(journal io.Reader,
	yield func(about *measure.Measurement, o *measure.Observation) error) (unread int64, err error) {
	in := bufio.NewReaderSize(journal, 1<<20)
	if err := readFormat(in); err != nil {
		return 0, err
	}
	var first *State
	var failed error
	p := &player{until: maxElapsed}
	p.record = func(o *measure.Observation) {
		if failed == nil {
			failed = yield(first.Described, o)
		}
	}
	for {
		frame, unread, err := readFrame(in)
		switch {
		case errors.Is(err, errTorn) && first != nil:
			return unread, nil
		case err != nil:
			return unread, fmt.Errorf("read journal: %w", err)
		}
		all := varint.Reader{Rest: frame}
		if state := all.Text(); first == nil {
			first = &State{}
			if err := json.Unmarshal(state, first); err != nil || (&rebuilder{}).check(first) != nil {
				return 0, errors.New("read journal: its first frame describes no run: it is from another " +
					"version")
			}
			p.groups, p.rules = len(first.Described.Groups), len(first.Described.Coverage)
			p.goodWithin = first.Described.GoodWithin
		}
		if err := playTaken(p, all.Rest); err != nil || failed != nil {
			return 0, cmp.Or(failed, err)
		}
	}
}

func readFormat(in io.Reader) error {
	first := make([]byte, len(format))
	if n, err := io.ReadFull(in, first); err != nil || string(first) != format {
		return fmt.Errorf("read journal: its first line is %.40q, not %q: the file is damaged, "+
			"from another version, or no journal", first[:n], format)
	}
	return nil
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
	steps       *measure.Recorder // nil if no steps follow
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
		b.first, b.hiccups = &s, measure.NewSparse()
		answers := min(max(s.Answers, 0), measure.Instances)
		b.recorder = measure.NewRecorder(len(s.Described.Groups), ruleNames(s.Described), answers)
		if steps := s.Described.Steps; steps != nil {
			b.steps = measure.NewStepRecorder(len(steps.Groups), ruleNames(steps), answers)
		}
		b.recorder.SplitWarmup(s.Described.SplitParts())
	}
	if len(in.Rest) > 0 {
		if err := replay(b.recorder, in.Rest, s.Elapsed, b.first.Described.GoodWithin); err != nil {
			return err
		}
	}
	if b.steps != nil && len(s.Steps) > 0 {
		if err := replay(b.steps, s.Steps, s.Elapsed, nil); err != nil {
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

func (b *rebuilder) check(s *State) error {
	d := s.Described
	switch {
	case d == nil:
		return errors.New("a state of the run describes nothing: it is from another version")
	case s.Elapsed < 0 || s.Elapsed > maxElapsed:
		return fmt.Errorf("a run of %v can't be rebuilt", s.Elapsed)
	case len(d.Groups) > measure.MaxGroups || len(d.Coverage) > measure.MaxRules ||
		len(d.WarmupParts) > measure.MaxWarmupParts:
		return errors.New("it has more groups, rules, or parts of a warm-up, than a run can have")
	case !ofGroups(&d.Main, len(d.Groups)) || !ofGroups(&d.Warmup, len(d.Groups)) ||
		slices.ContainsFunc(d.WarmupParts, func(p *measure.Phase) bool {
			return p == nil || !ofGroups(p, len(d.Groups))
		}):
		return errors.New("it counts requests of other groups than it has")
	case b.first != nil && (d.Steps == nil) != (b.first.Described.Steps == nil),
		d.Steps != nil && !b.fits(d.Steps):
		return errors.New("its steps are not those that it began with")
	case s.DueFrom < 0 || s.DueFrom > len(b.profile.Due):
		return errors.New("arrivals that were due are missing")
	case s.PausesFrom < 0 || s.PausesFrom > len(b.pauses):
		return errors.New("pauses are missing")
	case b.first != nil && (len(d.Groups) != len(b.first.Described.Groups) ||
		len(d.WarmupParts) != len(b.first.Described.WarmupParts) ||
		!d.Started.Equal(b.first.Described.Started)):
		return errors.New("it is of two runs")
	}
	return nil
}

// fits says whether steps are those of the first frame.
func (b *rebuilder) fits(steps *measure.Measurement) bool {
	return len(steps.Groups) <= measure.MaxGroups && len(steps.Coverage) <= measure.MaxRules &&
		ofGroups(&steps.Main, len(steps.Groups)) && ofGroups(&steps.Warmup, len(steps.Groups)) &&
		(b.first == nil || slices.Equal(steps.Groups, b.first.Described.Steps.Groups))
}

func ruleNames(m *measure.Measurement) (names []string) {
	for _, c := range m.Coverage {
		names = append(names, c.Rule)
	}
	return names
}

func ofGroups(p *measure.Phase, groups int) bool {
	other := func(w measure.Withheld) bool { return w.Group < 0 || w.Group >= groups }
	return len(p.Scheduled) == groups && !slices.ContainsFunc(p.Withheld, other)
}

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
	if b.steps != nil {
		seen, err := b.steps.Final()
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		takeObserved(m.Steps, seen)
		if !b.last.Over {
			leaveInFlight(&m.Steps.Main)
		}
	}
	m.Generator.Hiccups, m.Generator.Seconds = b.hiccups, b.ownSeconds
	m.Profile.Stages = until(first.Profile.Stages, max(m.Main.Start+m.Main.Planned, m.Warmup.Planned))
	m.Rebuilt = &measure.Rebuilt{Unread: unread}
	if !b.last.Over {
		m.Interrupted = m.Stopped == nil
		leaveInFlight(&m.Main)
		leaveInFlight(&m.Warmup)
		for _, p := range m.WarmupParts {
			leaveInFlight(p)
		}
		if m.Stopped != nil {
			m.Stopped.Early = true
		}
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("read journal: %w: it is damaged or from another version", err)
	}
	m.SettleWarmup()
	return m, nil
}

// takeObserved takes over what observations tell: all that a recorder sums up.
func takeObserved(m, from *measure.Measurement) {
	to := append([]*measure.Phase{&m.Main, &m.Warmup}, m.WarmupParts...)
	for i, p := range append([]*measure.Phase{&from.Main, &from.Warmup}, from.WarmupParts...) {
		to[i].LastSent, to[i].Own, to[i].Cells, to[i].Connections = p.LastSent, p.Own, p.Cells, p.Connections
		to[i].Breakdown = p.Breakdown
	}
	m.Seconds, m.Flow = from.Seconds, from.Flow
	m.Violations, m.UngroupedViolations, m.Coverage = from.Violations, from.UngroupedViolations, from.Coverage
}

// leaveInFlight counts arrivals that were due with a user, and not recorded.
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

func until(stages []measure.StageSpan, end time.Duration) []measure.StageSpan {
	stages = slices.DeleteFunc(stages, func(s measure.StageSpan) bool { return s.Start >= end })
	for i := range stages {
		stages[i].End = min(stages[i].End, end)
	}
	return stages
}
