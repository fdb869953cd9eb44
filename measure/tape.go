package measure

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// maxTape bounds what a tape holds until it is taken away, in bytes by stripe:
// some seconds at the highest rates.
const maxTape = 2 << 20

// ErrTapeFull says that what was recorded was not taken away in time.
var ErrTapeFull = errors.New("more was measured than could be written down in time")

// tape keeps what a stripe records, observation by observation, some 14 bytes
// each, until it is taken away. What is taken explains itself: nothing in it
// refers to what was taken before.
type tape struct {
	bytes, spare []byte
	full         bool
	ends         [][]tapeEnd // by group
	known        uint64      // ends that have a number in bytes
	keys         map[violationKey]uint64
	last         time.Duration // intended time of the last observation
	found        []byte        // violations of the present observation
	count        uint64        // how many
}

// tapeEnd is how observations of a group end. It has a number once it was
// written.
type tapeEnd struct {
	tapeFlags
	label     string
	evaluated []uint64
	number    uint64 // from 1 on; 0 for none
}

// tapeFlags are bits.
type tapeFlags byte

const (
	tapeWarmup tapeFlags = 1 << iota
	tapeFailed
	tapeExpected
	tapeLimited
	tapeRefused
	tapeHarmed
	tapeAll = 1<<iota - 1
)

// maxTapeEnds is how many ends of a group are remembered.
const maxTapeEnds = 64

func newTape(groups int) *tape {
	return &tape{ends: make([][]tapeEnd, groups), keys: map[violationKey]uint64{}}
}

func flagsOf(o *Observation) (f tapeFlags) {
	if o.Warmup {
		f |= tapeWarmup
	}
	if o.Failed {
		f |= tapeFailed
	}
	if o.AsExpected {
		f |= tapeExpected
	}
	if o.RateLimited {
		f |= tapeLimited
	}
	if o.Refused {
		f |= tapeRefused
	}
	if o.Harmed > 0 {
		f |= tapeHarmed
	}
	return f
}

// record writes an observation, after its violations, and says whether there was
// room.
func (t *tape) record(o *Observation) bool {
	if t == nil {
		return false
	}
	if t.full = t.full || len(t.bytes) > maxTape; !t.full {
		b := t.writeEnd(t.bytes, o)
		b = binary.AppendVarint(b, int64(o.Intended-t.last))
		b = binary.AppendVarint(b, int64(o.Sent-o.Intended))
		b = binary.AppendVarint(b, int64(o.Done-o.Sent))
		b = binary.AppendVarint(b, int64(o.Own))
		if o.Harmed > 0 {
			b = binary.AppendUvarint(b, uint64(o.Harmed))
		}
		b = binary.AppendUvarint(b, t.count)
		t.bytes, t.last = append(b, t.found...), o.Intended
	}
	t.found, t.count = t.found[:0], 0
	return !t.full
}

// writeEnd writes the number of the observation's end, and what it is where that
// is its first.
func (t *tape) writeEnd(b []byte, o *Observation) []byte {
	flags, ends := flagsOf(o), &t.ends[o.Group]
	i := slices.IndexFunc(*ends, func(e tapeEnd) bool {
		return e.tapeFlags == flags && e.label == o.Label && slices.Equal(e.evaluated, o.Evaluated)
	})
	if i < 0 {
		if i = len(*ends); i == maxTapeEnds {
			*ends, i = (*ends)[:0], 0
		}
		*ends = append(*ends, tapeEnd{flags, strings.Clone(o.Label), slices.Clone(o.Evaluated), 0})
	}
	e := &(*ends)[i]
	if e.number > 0 {
		return binary.AppendUvarint(b, e.number)
	}
	t.known++
	e.number = t.known
	b = binary.AppendUvarint(b, e.number)
	b = binary.AppendUvarint(b, uint64(o.Group))
	b = append(b, byte(flags))
	b = appendText(b, e.label)
	b = binary.AppendUvarint(b, uint64(len(e.evaluated)))
	for _, word := range e.evaluated {
		b = binary.AppendUvarint(b, word)
	}
	return b
}

// Bits of a violation on a tape.
const (
	tapeCounted = 1 << iota
	tapeKept
)

// violation writes one of the present observation. Kept is its instance, nil
// where none was kept.
func (t *tape) violation(key violationKey, counted bool, kept *Instance) {
	if t == nil {
		return
	}
	t.count++
	number, known := t.keys[key]
	if !known {
		number = uint64(len(t.keys)) + 1
		t.keys[key] = number
	}
	b := binary.AppendUvarint(t.found, number)
	if !known {
		b = appendText(appendText(b, key.rule), key.pointer)
		b = append(b, bit(key.fails))
	}
	flags := byte(0)
	if counted {
		flags |= tapeCounted
	}
	var text []byte
	if kept != nil {
		if encoded, err := json.Marshal(kept); err == nil {
			text, flags = encoded, flags|tapeKept
		}
	}
	if b = append(b, flags); flags&tapeKept != 0 {
		b = appendText(b, text)
	}
	t.found = b
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendText[T string | []byte](b []byte, text T) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// take returns what is on the tape, valid until it is called again, and leaves an
// empty one. Once it was full there is a gap behind what it returns.
func (t *tape) take() []byte {
	t.bytes, t.spare = t.spare[:0], t.bytes
	t.known, t.last = 0, 0
	clear(t.keys)
	for _, ends := range t.ends {
		for i := range ends {
			ends[i].number = 0
		}
	}
	return t.spare
}

// Tape begins to keep all that is recorded from now on, to be taken away bit by
// bit. It is called once, before the run. What is on the tape is in no second of
// the recorder: see [Journal.AddSeconds].
func (r *Recorder) Tape() *Tape {
	for i := range r.stripes {
		s := &r.stripes[i]
		s.mu.Lock()
		s.tape = newTape(r.groups)
		s.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taped = &opened{}
	return &Tape{r}
}

// Tape hands out what is recorded while a run lasts. Those who record never wait
// for it. It is not safe for concurrent use.
type Tape struct{ recorder *Recorder }

// opened are the connections that were opened since they were last taken away.
type opened struct{ bytes, spare []byte }

const (
	tapeSecure  = 1 << 1
	tapeResumed = 1 << 2
)

func (o *opened) record(warmup bool, dial, handshake time.Duration, resumed bool) {
	if o == nil || len(o.bytes) > maxTape {
		return
	}
	flags := bit(warmup)
	if handshake >= 0 {
		flags |= tapeSecure
	}
	if resumed {
		flags |= tapeResumed
	}
	o.bytes = binary.AppendUvarint(append(o.bytes, flags), uint64(max(dial, 0)))
	if handshake >= 0 {
		o.bytes = binary.AppendUvarint(o.bytes, uint64(handshake))
	}
}

// Take appends what was recorded since it was last called, for
// [Recorder.Replay]. Its error is [ErrTapeFull]: then there is a gap behind what
// it returns.
func (t *Tape) Take(dst []byte) ([]byte, error) {
	r := t.recorder
	r.mu.Lock()
	o := r.taped
	o.bytes, o.spare = o.spare[:0], o.bytes
	r.mu.Unlock()
	dst = appendText(dst, o.spare)
	var err error
	for i := range r.stripes {
		s := &r.stripes[i]
		s.mu.Lock()
		taken, full := s.tape.take(), s.tape.full
		s.mu.Unlock()
		dst = appendText(dst, taken)
		if full {
			err = ErrTapeFull
		}
	}
	return dst, err
}

// Stop keeps no more. It returns what was recorded since the last Take, but for
// connections.
func (t *Tape) Stop() (taken []byte) {
	taken = appendText(nil, "")
	for i := range t.recorder.stripes {
		s := &t.recorder.stripes[i]
		s.mu.Lock()
		taken = appendText(taken, s.tape.take())
		s.tape = nil
		s.mu.Unlock()
	}
	t.recorder.mu.Lock()
	defer t.recorder.mu.Unlock()
	t.recorder.taped = nil
	return taken
}
