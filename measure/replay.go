package measure

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"
)

// errTape means that bytes are none of a tape.
var errTape = errors.New("what was recorded can't be read: it is damaged")

// Replay records again what a [Tape] handed out up to a time of the run. Bytes
// that are none of a tape are an error; what came before the damage may have been
// recorded.
func (r *Recorder) Replay(taken []byte, until time.Duration) error {
	all := reader{rest: taken}
	connections := reader{rest: all.text()}
	for len(connections.rest) > 0 && !connections.bad {
		r.replayConnection(&connections)
	}
	if all.bad || connections.bad {
		return errTape
	}
	return (&player{groups: r.groups, rules: len(r.rules), until: until, record: func(o *Observation) { r.Record(0, o) }}).stripes(&all)
}

func (r *Recorder) replayConnection(in *reader) {
	flags := in.byte()
	dial, handshake := in.duration(), time.Duration(-1)
	if flags&tapeSecure != 0 {
		handshake = in.duration()
	}
	if in.bad || flags > 7 || flags&tapeResumed != 0 && handshake < 0 {
		in.bad = true
		return
	}
	r.RecordConnection(flags&1 != 0, dial, handshake, flags&tapeResumed != 0)
}

// player reads the observations of a run with so many groups and rules, up to a
// time of it. Record is handed each, and does not keep it.
type player struct {
	groups, rules int
	until         time.Duration
	record        func(*Observation)

	reader // of a stripe
	ends   []playedEnd
	keys   []violationKey
	last   time.Duration
	seen   Observation
}

// stripes plays what is left of what was taken, stripe by stripe.
func (p *player) stripes(all *reader) error {
	for len(all.rest) > 0 {
		p.reader, p.ends, p.keys, p.last = reader{rest: all.text()}, p.ends[:0], p.keys[:0], 0
		for len(p.rest) > 0 && !p.bad {
			p.play()
		}
		if all.bad || p.bad {
			return errTape
		}
	}
	return nil
}

type playedEnd struct {
	group int
	tapeEnd
}

// play records the next observation.
func (p *player) play() {
	e := p.end()
	o := &p.seen
	*o = Observation{Group: e.group, Label: e.label, Evaluated: e.evaluated, Violations: o.Violations[:0],
		Warmup: e.tapeFlags&tapeWarmup != 0, Failed: e.tapeFlags&tapeFailed != 0,
		AsExpected: e.tapeFlags&tapeExpected != 0, RateLimited: e.tapeFlags&tapeLimited != 0,
		Refused: e.tapeFlags&tapeRefused != 0}
	o.Intended = p.after(p.last)
	o.Sent = p.after(o.Intended)
	o.Done = p.after(o.Sent)
	o.Own = p.after(0)
	if e.tapeFlags&tapeHarmed != 0 {
		o.Harmed = p.duration()
	}
	p.last = o.Intended
	var kept *Example // the fullest
	for n := p.uvarint(); n > 0 && !p.bad; n-- {
		if example := p.violation(); example != nil && (kept == nil || example.Answer != nil) {
			kept = example
		}
	}
	if p.bad || o.Failed && (o.AsExpected || o.RateLimited || len(o.Violations) > 0) {
		p.bad = true
		return
	}
	if kept != nil {
		o.Example = func(whole bool) Example {
			example := *kept
			if !whole {
				example.Answer = nil
			}
			return example
		}
	}
	p.record(o)
}

// after is a time so much later or earlier than another.
func (p *player) after(base time.Duration) time.Duration {
	by := time.Duration(p.varint())
	if by > p.until-base {
		p.bad = true
		return 0
	}
	return max(base+by, 0)
}

func (p *player) end() playedEnd {
	number := p.uvarint()
	switch known := uint64(len(p.ends)); {
	case number > 0 && number <= known:
		return p.ends[number-1]
	case number != known+1:
		p.bad = true
		return playedEnd{}
	}
	var e playedEnd
	group := p.uvarint()
	e.tapeFlags, e.label = tapeFlags(p.byte()), string(p.text())
	words := p.uvarint()
	if p.bad || group >= uint64(p.groups) || e.tapeFlags > tapeAll || words > uint64(p.rules/64+1) {
		p.bad = true
		return e
	}
	e.group = int(group)
	for range words {
		e.evaluated = append(e.evaluated, p.uvarint())
	}
	p.ends = append(p.ends, e)
	return e
}

// violation adds one to the observation. It returns the exchange that it was
// seen in where that was kept.
func (p *player) violation() *Example {
	number := p.uvarint()
	switch known := uint64(len(p.keys)); {
	case number == known+1:
		key := violationKey{rule: string(p.text()), pointer: string(p.text())}
		key.fails = p.byte() != 0
		p.keys = append(p.keys, key)
	case number == 0 || number > known:
		p.bad = true
	}
	flags := p.byte()
	if p.bad || flags > tapeCounted|tapeKept {
		p.bad = true
		return nil
	}
	key := p.keys[number-1]
	v := Violation{Rule: key.rule, Pointer: key.pointer, Fails: key.fails, Counted: flags&tapeCounted != 0}
	var kept *Example
	if flags&tapeKept != 0 {
		var instance Instance
		if json.Unmarshal(p.text(), &instance) != nil {
			p.bad = true
			return nil
		}
		v.Expected, v.Got, kept = instance.Expected, instance.Got, &instance.Example
	}
	p.seen.Violations = append(p.seen.Violations, v)
	return kept
}

// reader takes values off bytes. Once something is not there it is bad, and all
// further values are zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	return n * uint64(r.skip(size))
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.rest)
	return n * int64(r.skip(size))
}

// skip goes on by so many bytes and returns 1, or 0 where that can't be.
func (r *reader) skip(size int) int {
	if r.bad || size <= 0 || size > len(r.rest) {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return 1
}

func (r *reader) duration() time.Duration {
	n := r.uvarint()
	if n > uint64(maxSecond*time.Second) {
		r.bad = true
		return 0
	}
	return time.Duration(n)
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) text() []byte {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	text := r.rest[:n:n]
	r.rest = r.rest[n:]
	return text
}
