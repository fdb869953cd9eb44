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
	"time"

	"mfaload/measure"
)

// format is the first line of a journal.
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
	// Answers is how many whole answers are kept; the first frame has it.
	Answers int `json:"answers,omitempty"`
	// Hiccups are those since the frame before.
	Hiccups []time.Duration `json:"hiccups_ns,omitempty"`
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

// Begin has all written down that is recorded from now on, and writes the first
// frame.
func (w *Appender) Begin(r *measure.Recorder, s *State) error {
	w.log = newLog(r)
	d, layout := s.Described, r.Layout()
	s.Answers = layout.Answers
	d.Version, d.Terms, d.Parts = w.about.Version, w.about.Terms, w.about.Parts
	d.Labels = w.about.Labels
	for _, rule := range layout.Rules {
		d.Coverage = append(d.Coverage, measure.RuleCount{Rule: rule})
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
	w.frame = w.frame[:0]
	return w.write(describe())
}

// write writes a frame of the state and what was taken, behind what is in
// w.frame.
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
	w.taken, w.frame = nil, nil
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maxFrame bounds a frame that is read, in bytes.
const maxFrame = 64 << 20

// appendFrame appends a frame of the parts.
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
