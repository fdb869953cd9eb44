package journal_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
	"mfaload/measure/journal"
)

// What is rebuilt is what was recorded, all of it.
func TestJournalIsWhatWasRecorded(t *testing.T) {
	for seed := range uint64(5) {
		file := &testkit.MemoryFile{}
		end, frames := testkit.Journaled(t, seed, 5, 1, file)
		want := end()
		got, err := journal.Rebuild(&file.Buffer)
		if err != nil {
			t.Fatal(err)
		}
		// What describes the run comes from its states, which the test above made.
		want.Scenario, want.Hash, want.Started, want.Groups = got.Scenario, got.Hash, got.Started, got.Groups
		want.Version, want.Terms, want.Parts = "v1", []byte(`{"x":1}`), map[string]string{"p": "q"}
		want.Interrupted, want.Rebuilt = true, &measure.Rebuilt{}
		want.Main.Scheduled, want.Main.Withheld, want.Main.Planned, want.Profile,
			want.Generator = got.Main.Scheduled, got.Main.Withheld, 5*time.Second, got.Profile, got.Generator
		if diff := cmp.Diff(testkit.Lines(t, want), testkit.Lines(t, got)); diff != "" {
			t.Error(diff)
		}
		if held := []uint64{1, 0, 0, 1}; !slices.Equal(got.Profile.Withheld, held) {
			t.Errorf("withheld by second: %v", got.Profile.Withheld)
		}
		if got.Profile.Stages[0].End != 5*time.Second || got.Generator.Hiccups.Count() != 6 ||
			file.Syncs != len(frames)+1 {
			t.Errorf("%+v, %d hiccups, %d syncs", got.Profile.Stages, got.Generator.Hiccups.Count(),
				file.Syncs)
		}
	}
}

// Wherever a journal is cut off, what is rebuilt is what its whole frames say.
func TestJournalThatIsCutOff(t *testing.T) {
	file := &testkit.MemoryFile{}
	_, frames := testkit.Journaled(t, 1, 4, 4, file)
	whole := file.Bytes()
	cuts := []int{0, 1, len("mfaload/journal/v1\n"), len("mfaload/journal/v1\n") + 9}
	for _, end := range frames {
		cuts = append(cuts, end-1, end, min(end+1, len(whole)), min(end+8, len(whole)), end-100)
	}
	for _, cut := range cuts {
		m, err := journal.Rebuild(bytes.NewReader(whole[:cut]))
		read := 0
		for _, end := range frames {
			if end <= cut {
				read++
			}
		}
		switch {
		case err != nil:
			if read > 0 || !strings.Contains(err.Error(), "read journal: ") {
				t.Fatalf("cut at %d of %d: %v", cut, len(whole), err)
			}
		case m.Main.Planned != time.Duration(read)*time.Second:
			t.Fatalf("cut at %d: rebuilt up to %v, %d frames are whole", cut, m.Main.Planned, read)
		case read > 0 && m.Rebuilt.Unread != int64(cut-frames[read-1]):
			t.Fatalf("cut at %d: %d bytes are left, want %d", cut, m.Rebuilt.Unread, cut-frames[read-1])
		}
	}
}

// Zeros behind the last frame, as a power cut may leave them, are no frames.
func TestJournalThatEndsInZeros(t *testing.T) {
	file := &testkit.MemoryFile{}
	_, frames := testkit.Journaled(t, 1, 4, 4, file)
	for _, end := range []int{frames[1], frames[3]} {
		m, err := journal.Rebuild(bytes.NewReader(append(file.Bytes()[:end:end], make([]byte, 4096)...)))
		if err != nil || m.Rebuilt.Unread != 4096 {
			t.Errorf("zeros from %d on: %v", end, err)
		}
	}
}

// A byte that is not what was written ends the journal there.
func TestJournalThatIsDamaged(t *testing.T) {
	file := &testkit.MemoryFile{}
	_, frames := testkit.Journaled(t, 2, 4, 4, file)
	for at := len("mfaload/journal/v1\n"); at < file.Len(); at += file.Len() / 40 {
		damaged := bytes.Clone(file.Bytes())
		damaged[at] ^= 0x20
		before := 0
		for before < len(frames) && frames[before] <= at {
			before++
		}
		m, err := journal.Rebuild(bytes.NewReader(damaged))
		if err != nil {
			if before > 0 {
				t.Fatalf("damaged at %d: %v", at, err)
			}
			continue
		}
		if m.Main.Planned != time.Duration(before)*time.Second {
			t.Fatalf("damaged at %d: rebuilt up to %v, want %d s", at, m.Main.Planned, before)
		}
	}
}

// A disk that is full ends the journal, and what is on it can be read.
func TestJournalOnAFullDisk(t *testing.T) {
	file := &testkit.MemoryFile{}
	whole, frames := testkit.Journaled(t, 3, 4, 4, file)
	want := whole().Seconds
	for _, size := range []int{1, frames[0] - 1, frames[0] + 1, frames[1], frames[2] - 1} {
		full := &testkit.MemoryFile{Size: size}
		end, _ := testkit.Journaled(t, 3, 4, 4, full)
		if m := end(); m.SecondsLost != "" || !cmp.Equal(want, m.Seconds, testkit.Histograms) {
			t.Errorf("%d bytes: the seconds of the run that went on: %s%s", size, m.SecondsLost,
				cmp.Diff(want, m.Seconds, testkit.Histograms))
		}
		if size < frames[0] {
			continue
		}
		m, err := journal.Rebuild(&full.Buffer)
		if err != nil || m.Main.Planned < time.Second || m.Main.Planned > 2*time.Second {
			t.Errorf("%d bytes: %v, rebuilt up to %v", size, err, m.Main.Planned)
		}
	}
}

// More than can be written down in time ends the journal, and nothing waits.
func TestJournalThatIsTooSlow(t *testing.T) {
	r := measure.NewRecorder(1, nil, 0)
	tape := journal.NewLog(r)
	o := &measure.Observation{Label: "x", Evaluated: []uint64{}}
	for range 1 << 20 {
		o.Intended += time.Microsecond
		o.Sent, o.Done = o.Intended+1e6, o.Intended+1e9
		r.Record(0, o)
	}
	taken, err := tape.Take(nil)
	if !errors.Is(err, journal.ErrFull) {
		t.Errorf("%v", err)
	}
	// What is on the tape is in no second, and the rest is.
	again := measure.NewRecorder(1, nil, 0)
	if err := journal.Replay(again, taken, time.Hour); err != nil {
		t.Fatal(err)
	}
	m, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	n := again.Progress().Sent
	for s := range m.Seconds.All() {
		n += s.Response.Count()
	}
	if n != 1<<20 {
		t.Errorf("%d are on the tape or in a second", n)
	}
	if n := r.Progress().Sent; n != 1<<20 {
		t.Errorf("%d were recorded", n)
	}
}

// Whatever a journal holds, what is rebuilt of it adds up.
func FuzzRebuild(f *testing.F) {
	for seed := range uint64(3) {
		file := &testkit.MemoryFile{}
		testkit.Journaled(f, seed, 2, 1, file)
		f.Add(file.Bytes())
		f.Add(file.Bytes()[:file.Len()/2])
	}
	f.Add([]byte("mfaload/journal/v1\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := journal.Rebuild(bytes.NewReader(data))
		if err == nil && (m.Rebuilt == nil || m.Main.Own.Count() != m.Main.Sent()) {
			t.Errorf("%+v", m) // Rebuild checked the other sums itself
		}
	})
}

// A checksum keeps a fuzzer out: this is what is behind it.
func FuzzReplay(f *testing.F) {
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := measure.NewRecorder(3, []string{"a", "b", "c"}, 1)
		tape := journal.NewLog(r)
		for range 30 {
			r.Record(0, testkit.Observation(random, 1))
		}
		r.RecordConnection(true, measure.OpenedConnection{Dial: 1, Handshake: 2, Secure: true, Resumed: true,
			Protocol: measure.HTTP2, Successor: true})
		r.RecordWait(false, 3)
		taken, err := tape.Take(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(taken)
	}
	f.Fuzz(func(t *testing.T, taken []byte) {
		r := measure.NewRecorder(3, []string{"a", "b", "c"}, 1)
		again := measure.NewRecorder(3, []string{"a", "b", "c"}, 1)
		tape := journal.NewLog(r)
		if journal.Replay(r, taken, time.Minute) != nil {
			return
		}
		taped := r
		if r = measure.NewRecorder(3, []string{"a", "b", "c"}, 1); journal.Replay(r, taken,
			time.Minute) != nil {
			t.Fatal("what was replayed can't be")
		}
		// What was replayed is written down as it was.
		copied, err := tape.Take(nil)
		if taped.Progress() != r.Progress() {
			t.Errorf("%+v, again %+v", taped.Progress(), r.Progress())
		}
		if err != nil {
			t.Skip("too much for one frame")
		}
		if err := journal.Replay(again, copied, time.Minute); err != nil {
			t.Fatal(err)
		}
		one, err := r.Final()
		if err != nil {
			t.Fatal(err)
		}
		two, err := again.Final()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(gist(one), gist(two)); diff != "" {
			t.Error(diff)
		}
	})
}

// gist is what a measurement says, without the buckets of its testkit.Histograms, which
// take long to write.
func gist(m *measure.Measurement) (lines []string) {
	for _, c := range slices.Concat(m.Main.Cells, m.Warmup.Cells) {
		lines = append(lines, fmt.Sprintf("%d %s %v %d %d %d %d", c.Group, c.Label, c.Failed, c.AsExpected,
			c.Violating, c.Clean, c.RateLimited))
		for _, h := range []*measure.Histogram{c.Response, c.Service, c.Lateness} {
			lines = append(lines, fmt.Sprint(h.Count(), h.Min(), h.Mean(), h.Max()))
		}
	}
	for s := range m.Seconds.All() {
		lines = append(lines, fmt.Sprint(s.Second, s.Response.Count(), s.Response.Mean(), s.Ends))
	}
	for _, v := range m.Violations {
		text, _ := json.Marshal(v)
		lines = append(lines, string(text))
	}
	return append(lines, fmt.Sprint(m.Coverage, m.Flow, m.UngroupedViolations, m.Main.Connections.Opened,
		m.Main.Connections.Protocols, m.Main.Connections.Successors,
		m.Main.Connections.Waits != nil, m.Warmup.Connections.Resumed))
}

// sealed is a journal of frames whose checksums are right, whatever is in them.
func sealed(frames ...[]byte) []byte {
	all := []byte("mfaload/journal/v1\n")
	for _, f := range frames {
		all = binary.LittleEndian.AppendUint32(all, uint32(len(f)))
		all = binary.LittleEndian.AppendUint32(all, crc32.Checksum(f, crc32.MakeTable(crc32.Castagnoli)))
		all = append(all, f...)
	}
	return all
}

func frame(state string, taken []byte) []byte {
	return append(append(binary.AppendUvarint(nil, uint64(len(state))), state...), taken...)
}

// recorded is what a tape of a group hands out.
func recorded(t testing.TB, seed uint64) []byte {
	t.Helper()
	r := measure.NewRecorder(2, []string{"a"}, 1)
	tape, random := journal.NewLog(r), rand.New(rand.NewPCG(seed, 5))
	for range 10 {
		r.Record(0, testkit.LateObservation(random, testkit.Labels(), 2, time.Second))
	}
	taken, err := tape.Take(nil)
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

// described is a state whose phases count these requests.
func described(main, warmup string) string {
	return `{"elapsed_ns":5000000000,"described":{"schema":"mfaload/measurement/v1","groups":["a","b"],` +
		`"started":"2026-01-01T00:00:00Z",` +
		`"main":{"scheduled":` + main + `},"warmup":{"scheduled":` + warmup + `}}}`
}

// A journal with right checksums that no run wrote is an error, not a panic.
func TestCraftedJournals(t *testing.T) {
	good := described("[90,90]", "[90,90]")
	if _, err := journal.Rebuild(bytes.NewReader(sealed(frame(good, recorded(t, 1))))); err != nil {
		t.Fatalf("the one that all others are made from: %v", err)
	}
	for name, state := range map[string]string{
		"fewer groups are scheduled": described("[90]", "[90,90]"),
		"none is":                    described("null", "[90,90]"),
		"none is in the warm-up":     described("[90,90]", "[]"),
		"withheld of no group": strings.Replace(good, `"scheduled":[90,90]`,
			`"scheduled":[90,90],"withheld":[{"group":7,"reason":"x","count":1}]`, 1),
		"withheld below all groups": strings.Replace(good, `"scheduled":[90,90]`,
			`"scheduled":[90,90],"withheld":[{"group":-1,"reason":"x","count":1}]`, 1),
		"a million groups": strings.Replace(good, `["a","b"]`, `["a"`+strings.Repeat(`,"b"`, 1_000_000)+`]`,
			1),
	} {
		if _, err := journal.Rebuild(bytes.NewReader(sealed(frame(state, recorded(t, 1))))); err == nil {
			t.Errorf("%s: rebuilt", name)
		}
	}
}

// A checksum keeps a fuzzer out: these are the frames behind it.
func FuzzFrames(f *testing.F) {
	good := described("[90,90]", "[90,90]")
	for seed := range uint64(3) {
		f.Add(good, recorded(f, seed), good, recorded(f, seed+10))
	}
	f.Add(described("[1]", "[]"), []byte{}, strings.Replace(good, "5000", "7000", 1), recorded(f, 4))
	f.Add(strings.Replace(good, `"main"`, `"pauses":[{}],"stopped":{},"users":[{}],"main"`, 1), []byte{},
		good, []byte{0})
	f.Fuzz(func(t *testing.T, first string, taken []byte, second string, more []byte) {
		all := sealed(frame(first, taken), frame(second, more))
		m, err := journal.Rebuild(bytes.NewReader(all))
		_ = journal.CheckComplete(bytes.NewReader(all))
		if err != nil {
			return
		}
		data, err := m.Pack()
		if err != nil {
			t.Skip() // texts that JSON can't hold
		}
		if _, err := measure.Unpack(data); err != nil && json.Valid(data) {
			t.Errorf("what was rebuilt can't be read back: %v", err)
		}
	})
}

// collector is a log that keeps what is recorded.
type collector struct{ all []measure.Observation }

func (c *collector) Record(_ int, o *measure.Observation, _ []*measure.Instance) bool {
	c.all = append(c.all, *o)
	return true
}
func (*collector) RecordConnection(bool, measure.OpenedConnection) {}
func (*collector) RecordWait(bool, time.Duration)                  {}

// Each request is read back as it went over the network.
func TestTransfersAreReadBack(t *testing.T) {
	r, again, read := measure.NewRecorder(3, []string{"a"}, 0), measure.NewRecorder(3, []string{"a"}, 0),
		&collector{}
	log, random := journal.NewLog(r), rand.New(rand.NewPCG(5, 5))
	again.SetLog(read)
	var want, got []string
	for i := range 500 {
		o := testkit.Observation(random, i)
		r.Record(0, o)
		want = append(want, fmt.Sprintf("%d %+v", o.Index, o.RequestTransfer))
	}
	taken, err := log.Take(nil)
	if err == nil {
		err = journal.Replay(again, taken, time.Hour)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range read.all {
		got = append(got, fmt.Sprintf("%d %+v", o.Index, o.RequestTransfer))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
