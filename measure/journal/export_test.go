package journal

import (
	"time"

	"mfaload/measure"
)

// ErrFull is the error of a log that was not taken away in time.
var ErrFull = errFull

// Log is a recorder's log.
type Log = observationLog

// NewLog has all kept that is recorded from now on.
func NewLog(r *measure.Recorder) *Log { return newLog(r) }

// Take appends what was recorded.
func (l *Log) Take(dst []byte) ([]byte, error) { return l.take(dst) }

// Replay records again what was taken.
func Replay(r *measure.Recorder, taken []byte, until time.Duration) error {
	return replay(r, taken, until, nil)
}
