package testkit

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/measure/journal"
)

// MemoryFile is a journal's file. It is full at some size.
type MemoryFile struct {
	bytes.Buffer
	Size  int // 0 for one that is never full
	Syncs int
}

// ErrFull is what writing to a full file returns.
var ErrFull = errors.New("no space left")

// Write implements [journal.File].
func (p *MemoryFile) Write(b []byte) (int, error) {
	if p.Size > 0 && p.Len()+len(b) > p.Size {
		n, _ := p.Buffer.Write(b[:p.Size-p.Len()])
		return n, ErrFull
	}
	return p.Buffer.Write(b)
}

// ReadAt implements [journal.File].
func (p *MemoryFile) ReadAt(b []byte, at int64) (int, error) {
	return bytes.NewReader(p.Bytes()).ReadAt(b, at)
}

// Sync implements [journal.File].
func (p *MemoryFile) Sync() error { p.Syncs++; return nil }

// Journaled records a run of some seconds, with all that a run can have, and writes
// it down second by second. End returns what a run has at its end.
func Journaled(t testing.TB, seed uint64, seconds, workers int,
	file journal.File) (end func() *measure.Measurement, frames []int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	rules := []string{"a", "b", "c"}
	r := measure.NewRecorder(3, rules, 2)
	j := journal.NewAppender(file, &measure.Measurement{Version: "v1", Terms: []byte(`{"x":1}`),
		Parts: map[string]string{"p": "q"}})
	end = func() *measure.Measurement {
		m, err := r.Final()
		if err != nil {
			t.Fatal(err)
		}
		j.AddSeconds(m)
		return m
	}
	scheduled, due, withheld := []uint64{0, 0, 0}, []uint64{}, []uint64{}
	state := func(second int) *journal.State {
		d := &measure.Measurement{Schema: measure.Schema, Scenario: "story", Hash: "h",
			Started: time.Unix(1e9, 0).UTC(), Groups: []string{"x", "y", "z"}}
		d.Main.Scheduled, d.Warmup.Scheduled = append([]uint64{}, scheduled...), []uint64{0, 0, 0}
		d.Main.Planned = time.Duration(second) * time.Second
		from := max(second-1, 0)
		d.Profile.Due = append([]uint64{}, due[min(from, len(due)):]...)
		d.Profile.Withheld = append([]uint64{}, withheld[min(from, len(withheld)):]...)
		d.Main.Withheld = []measure.Withheld{{Group: 2, Reason: measure.Paused,
			Count: uint64(len(withheld)+2) / 3}}
		d.Generator = measure.Generator{Cores: 2, Elapsed: d.Main.Planned}
		return &journal.State{Described: d, DueFrom: min(from, len(due)),
			Elapsed: time.Duration(second+1) * time.Second, Hiccups: []time.Duration{time.Duration(second)}}
	}
	first := state(0)
	first.Described.Profile.Stages = []measure.StageSpan{{Name: "steady", End: time.Hour}}
	failed := j.Begin(r, first) != nil
	for second := range seconds {
		due = append(due, 0)
		if second%3 == 0 { // in the others nothing was withheld
			withheld = append(append(withheld, make([]uint64, second-len(withheld))...), 1)
			scheduled[2]++
			due[second]++
		}
		for range 20 + random.IntN(20) {
			o := Observation(random, second)
			scheduled[o.Group]++
			due[second]++
			r.Record(random.IntN(workers), o)
		}
		r.RecordConnection(false, time.Millisecond, time.Duration(random.IntN(3)-1), false)
		if failed { // and the run goes on
			if again := j.Append(nil); !errors.Is(again, ErrFull) {
				t.Errorf("then %v", again)
			}
			continue
		}
		failed = j.Append(func() *journal.State { return state(second + 1) }) != nil
		if p, ok := file.(*MemoryFile); ok {
			frames = append(frames, p.Len())
		}
	}
	return end, frames
}
