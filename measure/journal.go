package measure

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// A journal is a file to which a run appends all that it measures as it comes, so
// that nothing is lost with its process. It is a line that names the format and
// then frames: the length of what follows, its checksum, and a state of the run
// with what was recorded since the one before. The first frame has what does not
// change.
const journalFormat = "mfaload/journal/v1\n"

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
	Described  *Measurement `json:"described"`
	DueFrom    int          `json:"due_from,omitempty"`
	PausesFrom int          `json:"pauses_from,omitempty"`
	// Answers is how many whole answers are kept; the first frame has it.
	Answers int `json:"answers,omitempty"`
	// Hiccups are those since the frame before.
	Hiccups []time.Duration `json:"hiccups_ns,omitempty"`
	// OwnSeconds are the generator's seconds since the frame before.
	OwnSeconds []OwnSecond `json:"own_seconds,omitempty"`
}

// File is what a journal is written to and, at the end of the run, read from.
// Sync returns when all that was written would outlive a power cut.
type File interface {
	io.Writer
	io.ReaderAt
	Sync() error
}

// Journal writes down a run, whose seconds are nowhere else until the run is
// over. It is not safe for concurrent use.
type Journal struct {
	file         File
	about        *Measurement
	tape         *Tape
	taken, frame []byte
	err          error

	frames int      // that are safe
	length int64    // of them
	left   [][]byte // what was taken and is in none of them
}

// NewJournal returns a journal of a run. About has what the measurement will have
// and the runner does not know: version, terms and parts.
func NewJournal(file File, about *Measurement) *Journal { return &Journal{file: file, about: about} }

// Begin has all written down that is recorded from now on, and writes the first
// frame.
func (j *Journal) Begin(r *Recorder, s *State) error {
	j.tape = r.Tape()
	d := s.Described
	s.Answers = r.answers
	d.Version, d.Terms, d.Parts = j.about.Version, j.about.Terms, j.about.Parts
	for _, rule := range r.rules {
		d.Coverage = append(d.Coverage, RuleCount{Rule: rule})
	}
	j.frame = append(j.frame[:0], journalFormat...)
	return j.write(s)
}

// Append writes a frame. Describe takes the state, after what was recorded was
// taken away: so there is no request in the journal that the state does not know.
// After an error the journal is at its end, and the same error comes again.
func (j *Journal) Append(describe func() *State) error {
	if j.err != nil {
		return j.err
	}
	var err error
	if j.taken, err = j.tape.Take(j.taken[:0]); err != nil {
		return j.fail(err)
	}
	j.frame = j.frame[:0]
	return j.write(describe())
}

// write writes a frame of the state and what was taken, behind what is in
// j.frame.
func (j *Journal) write(s *State) error {
	state, err := json.Marshal(s)
	if err != nil {
		return j.fail(fmt.Errorf("write the journal: %w", err))
	}
	length := binary.AppendUvarint(nil, uint64(len(state)))
	j.frame = appendFrame(j.frame, length, state, j.taken)
	if _, err := j.file.Write(j.frame); err != nil {
		return j.fail(fmt.Errorf("write the journal: %w", err))
	}
	if err := j.file.Sync(); err != nil {
		return j.fail(fmt.Errorf("write the journal: %w", err))
	}
	j.frames++
	j.length += int64(len(j.frame))
	return nil
}

// fail ends the journal. From here on the recorder keeps the seconds.
func (j *Journal) fail(err error) error {
	j.err = err
	j.left = [][]byte{j.taken, j.tape.Stop()}
	j.taken, j.frame = nil, nil
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

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
