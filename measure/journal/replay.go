package journal

import (
	"encoding/json"
	"errors"
	"time"

	"mfaload/internal/varint"
	"mfaload/measure"
)

// maxTime bounds a time that is read.
const maxTime = 10 * 366 * 24 * time.Hour

// errDamaged means that bytes are none that an [observationLog] handed out.
var errDamaged = errors.New("what was recorded can't be read: it is damaged")

// replay records again what an [observationLog] handed out, up to a time of the run.
// Bytes that are none of it are an error; what came before the damage may have been
// recorded.
func replay(r *measure.Recorder, taken []byte, until time.Duration) error {
	all := logReader{varint.Reader{Rest: taken}}
	connections := logReader{varint.Reader{Rest: all.Text()}}
	for len(connections.Rest) > 0 && !connections.Bad {
		replayConnection(r, &connections)
	}
	if all.Bad || connections.Bad {
		return errDamaged
	}
	layout := r.Layout()
	p := player{groups: layout.Groups, rules: len(layout.Rules), until: until}
	p.record = func(o *measure.Observation) { r.Record(0, o) }
	return p.partitions(&all)
}

func replayConnection(r *measure.Recorder, in *logReader) {
	flags := in.Byte()
	dial, handshake := in.duration(), time.Duration(-1)
	if flags&flagSecure != 0 {
		handshake = in.duration()
	}
	if in.Bad || flags > 7 || flags&flagResumed != 0 && handshake < 0 {
		in.Bad = true
		return
	}
	r.RecordConnection(flags&1 != 0, dial, handshake, flags&flagResumed != 0)
}

// logReader takes values off bytes.
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
	until         time.Duration
	record        func(*measure.Observation)

	logReader // of a partition
	ends      []groupEnd
	keys      []ruleKey
	last      time.Duration
	seen      measure.Observation
}

// partitions plays what is left of what was taken, partition by partition.
func (p *player) partitions(all *logReader) error {
	for len(all.Rest) > 0 {
		p.logReader = logReader{varint.Reader{Rest: all.Text()}}
		p.ends, p.keys, p.last = p.ends[:0], p.keys[:0], 0
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

// play records the next observation.
func (p *player) play() {
	e := p.end()
	o := &p.seen
	*o = measure.Observation{Group: e.group, Label: e.label, Evaluated: e.evaluated,
		Violations: o.Violations[:0],
		Warmup:     e.endFlags&endWarmup != 0, Failed: e.endFlags&endFailed != 0,
		AsExpected: e.endFlags&endExpected != 0, RateLimited: e.endFlags&endLimited != 0,
		Refused: e.endFlags&endRefused != 0}
	o.Intended = p.after(p.last)
	o.Sent = p.after(o.Intended)
	o.Done = p.after(o.Sent)
	o.Own = p.after(0)
	if e.endFlags&endHarmed != 0 {
		o.Harmed = p.duration()
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
