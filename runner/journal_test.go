package runner_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/measure/journal"
	"mfaload/runner"
	"mfaload/scenario"
)

// book is a journal's file that knows how long its frames are.
type book struct {
	bytes.Buffer
	frames []int
}

func (b *book) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(b.Bytes()).ReadAt(p, at)
}

func (b *book) Write(p []byte) (int, error) {
	b.frames = append(b.frames, len(p))
	return b.Buffer.Write(p)
}

func (b *book) Sync() error { return nil }

// A journal grows with what is measured, not with the square of how often the
// run paused, and what is rebuilt of it is what the run says.
func TestJournalOfPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &book{}
		op := newLimiter(time.Millisecond, func(time.Duration) bool { return true }, retryAfter("1"))
		r := runner.New(runner.Config{Operation: op, Wait: machine.TimerWait,
			Scenario: on429(scenario.Pause429, load(constant(4, 4*time.Minute)))})
		m, err := r.Run(t.Context(), runner.Start{Journal: journal.NewAppender(file, &measure.Measurement{})})
		if err != nil {
			t.Fatal(err)
		}
		if early, late := file.frames[10], file.frames[len(file.frames)-10]; len(file.frames) < 240 ||
			late > early+200 {
			t.Errorf("a frame had %d bytes, and %d at the end", early, late)
		}
		rebuilt, err := journal.Rebuild(&file.Buffer)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.Pauses, rebuilt.Pauses); diff != "" || len(m.Pauses) < 100 {
			t.Errorf("%d pauses: %s", len(m.Pauses), diff)
		}
		if diff := cmp.Diff(m.Profile, rebuilt.Profile); diff != "" {
			t.Error(diff)
		}
		if len(slices.Collect(m.Seconds.All())) == 0 ||
			len(slices.Collect(m.Seconds.All())) != len(slices.Collect(rebuilt.Seconds.All())) {
			t.Errorf("%d seconds, rebuilt %d", len(slices.Collect(m.Seconds.All())),
				len(slices.Collect(rebuilt.Seconds.All())))
		}
		if diff := cmp.Diff(m.Main.Withheld, rebuilt.Main.Withheld); diff != "" {
			t.Error(diff)
		}
	})
}
