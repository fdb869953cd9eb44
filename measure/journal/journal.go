// Package journal writes a run down while it lasts, so that nothing is lost with its
// process, and makes a measurement of what was written down.
//
// A journal is a file to which a run appends all that it measures as it comes: a line
// that names the format and then frames. A frame is the length of what follows, its
// checksum, and a [State] of the run with what was recorded since the one before. The
// first frame has what does not change. docs/formats.md describes it byte by byte.
package journal

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
	"strings"
	"sync"
	"time"

	"mfaload/internal/varint"
	"mfaload/measure"
)

const format = "mfaload/journal/v1\n"

// State is how far a run has come, in a frame of a journal.
type State struct {
	// Elapsed is the time since the start of the run.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Over says that the run has ended by itself.
	Over bool `json:"over,omitempty"`
	// Described is a measurement without anything that is observed. What the
	// first frame has and later ones leave out is as it was: the stages, and what
	// is the same from start to end. Of the arrivals that were due only the
	// seconds from DueFrom on are in it, and of the pauses those from PausesFrom on.
	Described  *measure.Measurement `json:"described"`
	DueFrom    int                  `json:"due_from,omitempty"`
	PausesFrom int                  `json:"pauses_from,omitempty"`
	// Responses is how many whole responses are kept; the first frame has it.
	Answers int `json:"answers,omitempty"`
	// Hiccups are those since the frame before.
	Hiccups []time.Duration `json:"hiccups_ns,omitempty"`
	// Steps are what was recorded of steps since the frame before, as of requests behind the state.
	Steps []byte `json:"steps,omitempty"`
	// OwnSeconds are the generator's seconds since the frame before.
	OwnSeconds []measure.OwnSecond `json:"own_seconds,omitempty"`
}

// File is what a journal is written to and, at the end of the run, read from.
// Sync returns when all that was written would outlive a power cut.
type File interface {
	io.Writer
	io.ReaderAt
	Sync() error
}

// Appender writes down a run, whose seconds are nowhere else until the run is over. It is
// not safe for concurrent use.
type Appender struct {
	file         File
	about        *measure.Measurement
	log          *observationLog
	steps        *observationLog // nil if no steps follow
	taken, frame []byte
	err          error

	frames int      // that are safe
	length int64    // of them
	left   [][]byte // what was taken and is in none of them
}

// NewAppender returns the appender of a run's journal. About has what the measurement will
// have and the runner does not know: version, labels, terms and parts.
func NewAppender(file File, about *measure.Measurement) *Appender {
	return &Appender{file: file, about: about}
}

// Begin writes the first frame, and keeps all that is recorded from now on. Steps is what records the steps
// that follow requests; nil if none do.
func (w *Appender) Begin(r, steps *measure.Recorder, s *State) error {
	w.log = newLog(r)
	d, layout := s.Described, r.Layout()
	s.Answers = layout.Answers
	d.Version, d.Terms, d.Parts = w.about.Version, w.about.Terms, w.about.Parts
	d.Labels = w.about.Labels
	for _, rule := range layout.Rules {
		d.Coverage = append(d.Coverage, measure.RuleCount{Rule: rule})
	}
	if steps != nil {
		w.steps = newLog(steps)
		for _, rule := range steps.Layout().Rules {
			d.Steps.Coverage = append(d.Steps.Coverage, measure.RuleCount{Rule: rule})
		}
	}
	w.frame = append(w.frame[:0], format...)
	return w.write(s)
}

// Append writes a frame. Describe takes the state, after what was recorded was
// taken away: so there is no request in the journal that the state does not know.
// After an error the journal is at its end, and the same error comes again.
func (w *Appender) Append(describe func() *State) error {
	if w.err != nil {
		return w.err
	}
	var err error
	if w.taken, err = w.log.take(w.taken[:0]); err != nil {
		return w.fail(err)
	}
	var steps []byte
	if w.steps != nil {
		if steps, err = w.steps.take(nil); err != nil {
			return w.fail(err)
		}
	}
	w.frame = w.frame[:0]
	s := describe()
	s.Steps = steps
	return w.write(s)
}

// write writes a frame of the state and what was taken, after w.frame.
func (w *Appender) write(s *State) error {
	state, err := json.Marshal(s)
	if err != nil {
		return w.fail(fmt.Errorf("write the journal: %w", err))
	}
	length := binary.AppendUvarint(nil, uint64(len(state)))
	w.frame = appendFrame(w.frame, length, state, w.taken)
	if _, err := w.file.Write(w.frame); err != nil {
		return w.fail(fmt.Errorf("write the journal: %w", err))
	}
	if err := w.file.Sync(); err != nil {
		return w.fail(fmt.Errorf("write the journal: %w", err))
	}
	w.frames++
	w.length += int64(len(w.frame))
	return nil
}

// fail ends the journal. From here on the recorder keeps the seconds.
func (w *Appender) fail(err error) error {
	w.err = err
	w.left = [][]byte{w.taken, w.log.stop()}
	if w.steps != nil {
		w.steps.stop()
	}
	w.taken, w.frame = nil, nil
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const maxFrame = 64 << 20

func appendFrame(dst []byte, parts ...[]byte) []byte {
	length, sum := 0, uint32(0)
	for _, p := range parts {
		length += len(p)
		sum = crc32.Update(sum, castagnoli, p)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(length))
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

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
		if frame = whole.Bytes(); err == nil && crc32.Checksum(frame,
			castagnoli) == binary.LittleEndian.Uint32(head[4:]) {
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

// maxLog bounds what a partition's log holds until it is taken away, in bytes: some
// seconds at the highest rates.
const maxLog = 2 << 20

var errFull = errors.New("more was measured than could be written down in time")

// observationLog keeps what a recorder records until it is taken away, by partition of
// the recorder. Those who record never wait for it. What is taken explains itself:
// nothing in it refers to what was taken before.
type observationLog struct {
	recorder   *measure.Recorder
	partitions []*partitionLog // nil once it is stopped

	mu          sync.Mutex
	connections connectionLog
}

// newLog has all kept that a recorder records from now on. It is called once, before
// the run. What is in the log is in no second of the recorder.
func newLog(r *measure.Recorder) *observationLog {
	layout := r.Layout()
	l := &observationLog{recorder: r, partitions: make([]*partitionLog, layout.Partitions)}
	for i := range l.partitions {
		l.partitions[i] = newPartitionLog(layout.Groups)
	}
	r.SetLog(l)
	return l
}

// Record implements [measure.Log].
func (l *observationLog) Record(partition int, o *measure.Observation, kept []*measure.Instance) bool {
	p := l.partitions[partition]
	return p != nil && p.record(o, kept)
}

// RecordConnection implements [measure.Log].
func (l *observationLog) RecordConnection(warmup bool, c measure.OpenedConnection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connections.record(warmup, c)
}

// RecordWait implements [measure.Log].
func (l *observationLog) RecordWait(warmup bool, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connections.wait(warmup, d)
}

// take appends what was recorded since it was last called, for [replay]. Its error is
// errFull: then there is a gap behind what it returns.
func (l *observationLog) take(dst []byte) (taken []byte, err error) {
	l.mu.Lock()
	connections := l.connections.take()
	l.mu.Unlock()
	dst = varint.AppendText(dst, connections)
	for i := range l.partitions {
		var taken []byte
		var full bool
		l.recorder.Locked(i, func() {
			taken, full = l.partitions[i].take(), l.partitions[i].full
		})
		dst = varint.AppendText(dst, taken)
		if full {
			err = errFull
		}
	}
	return dst, err
}

// stop keeps no more. It returns what came since the last take, but connections.
func (l *observationLog) stop() (taken []byte) {
	taken = varint.AppendText(nil, "")
	for i := range l.partitions {
		l.recorder.Locked(i, func() {
			taken = varint.AppendText(taken, l.partitions[i].take())
			l.partitions[i] = nil
		})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connections = connectionLog{stopped: true}
	return taken
}

type connectionLog struct {
	bytes, spare []byte
	stopped      bool
}

// Bits of a connection; the lowest says that it belongs to the warm-up. With flagWait alone it
// is a wait for one.
const (
	flagSecure    = 1 << 1
	flagResumed   = 1 << 2
	flagHTTP2     = 1 << 3
	flagSuccessor = 1 << 4
	flagWait      = 1 << 5
	flagHTTP1     = 1 << 6
)

func (c *connectionLog) record(warmup bool, o measure.OpenedConnection) {
	if c.stopped || len(c.bytes) > maxLog {
		return
	}
	flags := varint.Bit(warmup) | varint.Bit(o.Secure)*flagSecure | varint.Bit(o.Resumed)*flagResumed |
		varint.Bit(o.Protocol == measure.HTTP2)*flagHTTP2 |
		varint.Bit(o.Protocol == measure.HTTP1)*flagHTTP1 | varint.Bit(o.Successor)*flagSuccessor
	c.bytes = binary.AppendUvarint(append(c.bytes, flags), uint64(max(o.Dial, 0)))
	if o.Secure {
		c.bytes = binary.AppendUvarint(c.bytes, uint64(max(o.Handshake, 0)))
	}
}

func (c *connectionLog) wait(warmup bool, d time.Duration) {
	if c.stopped || len(c.bytes) > maxLog {
		return
	}
	c.bytes = binary.AppendUvarint(append(c.bytes, varint.Bit(warmup)|flagWait), uint64(max(d, 0)))
}

// take returns what is in the log, valid until it is called again.
func (c *connectionLog) take() []byte {
	c.bytes, c.spare = c.spare[:0], c.bytes
	return c.spare
}

// partitionLog has the observations of a partition, about 25 bytes each.
type partitionLog struct {
	bytes, spare []byte
	full         bool
	ends         [][]endKind // by group
	known        uint64      // ends that have a number in bytes
	keys         map[ruleKey]uint64
	last         time.Duration // intended time of the last observation
	index        uint64        // of the last observation
}

// endKind is how observations of a group end. It has a number once it was written.
type endKind struct {
	endFlags
	label     string
	evaluated []uint64
	number    uint64 // from 1 on; 0 for none
}

type endFlags byte

const (
	endWarmup endFlags = 1 << iota
	endFailed
	endExpected
	endLimited
	endRefused
	endHarmed
	endTransfer
	endAll = 1<<iota - 1
)

type ruleKey struct {
	rule, pointer string
	fails         bool
}

const maxEnds = 64

func newPartitionLog(groups int) *partitionLog {
	return &partitionLog{ends: make([][]endKind, groups), keys: map[ruleKey]uint64{}}
}

func flagsOf(o *measure.Observation) (f endFlags) {
	if o.Warmup {
		f |= endWarmup
	}
	if o.Failed {
		f |= endFailed
	}
	if o.AsExpected {
		f |= endExpected
	}
	if o.RateLimited {
		f |= endLimited
	}
	if o.Refused {
		f |= endRefused
	}
	if o.Harmed > 0 {
		f |= endHarmed
	}
	return f | endTransfer
}

// record writes an observation with its violations, and says whether there was room.
func (p *partitionLog) record(o *measure.Observation, kept []*measure.Instance) bool {
	if p.full = p.full || len(p.bytes) > maxLog; p.full {
		return false
	}
	b := p.appendEnd(p.bytes, o)
	b = binary.AppendVarint(b, int64(o.Intended-p.last))
	b = binary.AppendVarint(b, int64(o.Sent-o.Intended))
	b = binary.AppendVarint(b, int64(o.Done-o.Sent))
	b = binary.AppendVarint(b, int64(o.Own))
	if o.Harmed > 0 {
		b = binary.AppendUvarint(b, uint64(o.Harmed))
	}
	b = p.appendTransfer(b, o)
	b = binary.AppendUvarint(b, uint64(len(o.Violations)))
	for i := range o.Violations {
		b = p.appendViolation(b, &o.Violations[i], kept[i])
	}
	p.bytes, p.last = b, o.Intended
	return true
}

// Bits of a transfer.
const (
	flagConnecting = 1 << iota
	flagWaited
	flagNamed
	flagNetwork
	flagService
	flagsTransfer = 1<<iota - 1
)

// appendTransfer appends how an observation went over the network, with its index.
func (p *partitionLog) appendTransfer(b []byte, o *measure.Observation) []byte {
	connecting, waited, network := o.Dial > 0 || o.Handshake > 0, o.Waited > 0, o.Network > 0
	service, named := o.Service > 0, o.User != "" || o.CorrelationID != "" || o.TraceID != ""
	b = binary.AppendVarint(b, int64(o.Index-p.index))
	p.index = o.Index
	b = append(b, varint.Bit(connecting)*flagConnecting|varint.Bit(waited)*flagWaited|
		varint.Bit(named)*flagNamed|varint.Bit(network)*flagNetwork|varint.Bit(service)*flagService)
	b = binary.AppendUvarint(b, o.Connection)
	b = binary.AppendUvarint(b, uint64(o.Age/time.Millisecond))
	b = binary.AppendUvarint(b, uint64(o.FirstByte))
	b = binary.AppendUvarint(b, o.Bytes)
	if connecting {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(o.Dial)), uint64(o.Handshake))
	}
	if waited {
		b = binary.AppendUvarint(b, uint64(o.Waited))
	}
	if named {
		for _, name := range []string{o.User, o.CorrelationID, o.TraceID} {
			b = varint.AppendText(b, validText(name))
		}
	}
	if network {
		b = binary.AppendUvarint(b, uint64(o.Network))
	}
	if service {
		b = binary.AppendUvarint(b, uint64(o.Service))
	}
	return b
}

// appendEnd appends the number of the observation's end, and the end if it is its first.
func (p *partitionLog) appendEnd(b []byte, o *measure.Observation) []byte {
	flags, ends := flagsOf(o), &p.ends[o.Group]
	i := slices.IndexFunc(*ends, func(e endKind) bool {
		return e.endFlags == flags && e.label == o.Label && slices.Equal(e.evaluated, o.Evaluated)
	})
	if i < 0 {
		if i = len(*ends); i == maxEnds {
			*ends, i = (*ends)[:0], 0
		}
		*ends = append(*ends, endKind{flags, strings.Clone(o.Label), slices.Clone(o.Evaluated), 0})
	}
	e := &(*ends)[i]
	if e.number > 0 {
		return binary.AppendUvarint(b, e.number)
	}
	p.known++
	e.number = p.known
	b = binary.AppendUvarint(b, e.number)
	b = binary.AppendUvarint(b, uint64(o.Group))
	b = append(b, byte(flags))
	b = varint.AppendText(b, e.label)
	b = binary.AppendUvarint(b, uint64(len(e.evaluated)))
	for _, word := range e.evaluated {
		b = binary.AppendUvarint(b, word)
	}
	return b
}

// Bits of a violation.
const (
	flagCounted = 1 << iota
	flagKept
)

// appendViolation appends one. Kept is its instance, nil where none was kept.
func (p *partitionLog) appendViolation(b []byte, v *measure.RuleViolation, kept *measure.Instance) []byte {
	key := ruleKey{validText(v.Rule), validText(v.Pointer), v.Fails}
	number, known := p.keys[key]
	if !known {
		number = uint64(len(p.keys)) + 1
		p.keys[key] = number
	}
	b = binary.AppendUvarint(b, number)
	if !known {
		b = varint.AppendText(varint.AppendText(b, key.rule), key.pointer)
		b = append(b, varint.Bit(key.fails))
	}
	flags := byte(0)
	if v.Counted {
		flags |= flagCounted
	}
	var text []byte
	if kept != nil {
		if encoded, err := json.Marshal(kept); err == nil {
			text, flags = encoded, flags|flagKept
		}
	}
	if b = append(b, flags); flags&flagKept != 0 {
		b = varint.AppendText(b, text)
	}
	return b
}

// validText replaces what is not UTF-8 as the recorder does.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// take returns what is in the log, valid until it is called again, and leaves an empty
// one. Once it was full there is a gap behind what it returns.
func (p *partitionLog) take() []byte {
	p.bytes, p.spare = p.spare[:0], p.bytes
	p.known, p.last, p.index = 0, 0, 0
	clear(p.keys)
	for _, ends := range p.ends {
		for i := range ends {
			ends[i].number = 0
		}
	}
	return p.spare
}
