package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"mfaload/internal/varint"
	"mfaload/measure"
)

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
		record: timeline.Record})
	if err == nil {
		err = m.AddSeconds(timeline.Seconds())
	}
	if err != nil {
		m.LoseSeconds(fmt.Sprintf("read them back from the journal: %v", err))
	}
}

// replay plays all that was taken, frame by frame.
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
