package measure

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
)

// AddSeconds adds the seconds that were written down to what [Recorder.Final]
// returned. When they can't be read back, the measurement has none and says why,
// for some would look like a run with gaps.
func (j *Journal) AddSeconds(m *Measurement) {
	if j.tape == nil {
		return
	}
	r := j.tape.recorder
	written := series{grouped: r.groups > 1}
	err := j.replay(&player{groups: r.groups, rules: len(r.rules), until: maxRebuilt, record: func(o *Observation) {
		written.record(o, slices.ContainsFunc(o.Violations, func(v Violation) bool { return v.Fails }))
	}})
	if err == nil {
		err = m.addSeconds(written.all())
	}
	if err != nil {
		m.loseSeconds(fmt.Sprintf("read them back from the journal: %v", err))
	}
}

func (m *Measurement) loseSeconds(why string) { m.Seconds, m.SecondsLost = Seconds{}, why }

// addSeconds takes over seconds, and is an error where they are not all.
func (m *Measurement) addSeconds(written Seconds) (err error) {
	if kept := m.Seconds; kept.Empty() {
		m.Seconds = written
	} else if m.Seconds, err = joinSeconds([]*Seconds{&written, &kept}); err != nil { // since the journal ended
		return err
	}
	return m.checkSum()
}

// checkSum finds seconds that are not those of the requests that were sent.
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

// replay plays all that was taken, frame by frame.
func (j *Journal) replay(p *player) error {
	const head = int64(len(journalFormat))
	in := bufio.NewReaderSize(io.NewSectionReader(j.file, head, max(j.length-head, 0)), 1<<20)
	for n := 0; ; n++ {
		frame, unread, err := readFrame(in)
		switch {
		case errors.Is(err, errTorn) && unread == 0 && n == j.frames:
			return j.replayLeft(p)
		case errors.Is(err, errTorn):
			return fmt.Errorf("of %d parts %d are as they were written", j.frames, n)
		case err != nil:
			return err
		}
		all := reader{rest: frame}
		all.text() // the state
		if err := playTaken(p, all.rest); err != nil {
			return err
		}
	}
}

// replayLeft plays what came into no frame that is safe.
func (j *Journal) replayLeft(p *player) error {
	for _, taken := range j.left {
		if err := playTaken(p, taken); err != nil {
			return err
		}
	}
	return nil
}

// playTaken plays what was taken at once, but for the connections.
func playTaken(p *player, taken []byte) error {
	all := reader{rest: taken}
	if len(taken) > 0 {
		all.text() // the connections
	}
	if all.bad {
		return errTape
	}
	return p.stripes(&all)
}
