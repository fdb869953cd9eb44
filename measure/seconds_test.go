package measure_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// everything is all that is made of the seconds of a measurement.
func everything(t *testing.T, m *measure.Measurement) (packed []byte, log string) {
	t.Helper()
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	text, err := logOf(m)
	if err != nil {
		t.Fatal(err)
	}
	return packed, string(text)
}

// Seconds that memory does not hold are the same as those that it does, byte by byte:
// recorded with late requests, with and without a journal, merged, and read.
func TestSpilledSecondsAreTheSame(t *testing.T) {
	for seed := range uint64(2) {
		made := func(held int) (whole, journaled *measure.Measurement, merged *measure.Measurement) {
			measure.Hold(t, held)
			whole = profiled(t, seed, 2000)
			end, _ := testkit.Journaled(t, seed, 5, 3, &testkit.MemoryFile{})
			journaled = end()
			merged = merge(t, parted(t, seed, 600, 3)...)
			return whole, journaled, merged
		}
		wantWhole, wantJournaled, wantMerged := made(1 << 30)
		whole, journaled, merged := made(1)
		for i, pair := range [][2]*measure.Measurement{{wantWhole, whole}, {wantJournaled, journaled},
			{wantMerged, merged}} {
			want, got := pair[0], pair[1]
			if want.Seconds.Spilled() || !got.Seconds.Spilled() {
				t.Fatalf("%d: in a file: %v, %v", i, want.Seconds.Spilled(), got.Seconds.Spilled())
			}
			wantPacked, wantLog := everything(t, want)
			packed, log := everything(t, got)
			if !bytes.Equal(packed, wantPacked) || log != wantLog {
				t.Errorf("%d: the files are others", i)
			}
			for _, s := range testkit.Seconds(want.Seconds) {
				if diff := cmp.Diff(s, got.Seconds.At(s.Second), testkit.Histograms); diff != "" {
					t.Errorf("%d: second %d: %s", i, s.Second, diff)
				}
			}
			if got.Seconds.At(want.Seconds.Last()+1) != nil || got.Seconds.Last() != want.Seconds.Last() ||
				got.Seconds.Err() != nil {
				t.Errorf("%d: it ends at %d, want %d; %v", i, got.Seconds.Last(), want.Seconds.Last(),
					got.Seconds.Err())
			}
			if i == 1 {
				continue // it has no arrivals that were due
			}
			read, err := measure.Unpack(packed)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := read.Pack(); err != nil || !bytes.Equal(again, packed) {
				t.Errorf("%d: what is read gives another file: %v", i, err)
			}
		}
	}
}

// Where there can't be a temporary file memory holds them all.
func TestSecondsWithoutAPlaceForAFile(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	measure.Hold(t, 1)
	m := profiled(t, 3, 1000)
	if m.Seconds.Spilled() || len(testkit.Seconds(m.Seconds)) < 5 {
		t.Errorf("in a file: %v, %d seconds", m.Seconds.Spilled(), len(testkit.Seconds(m.Seconds)))
	}
}

// soaked makes the seconds of a run of one group: of each so many requests.
func soaked(seconds, rate int) measure.Seconds {
	random := rand.New(rand.NewPCG(1, 1))
	var of []*measure.Second
	for range 20 {
		s := &measure.Second{Response: measure.NewSparse(), Service: measure.NewSparse(),
			Lateness: measure.NewSparse(),
			Clean:    uint64(rate), Expected: uint64(rate),
			Ends: []measure.End{{Label: "201 OTP_REQUIRED", Count: uint64(rate)}}}
		for range rate {
			took := time.Duration(80e6 * (0.5 + random.ExpFloat64()))
			s.Response.Record(took + 50e3)
			s.Service.Record(took)
			s.Lateness.Record(time.Duration(50e3 * random.ExpFloat64()))
		}
		of = append(of, s)
	}
	var all measure.Seconds
	for n := range seconds {
		s := *of[n%len(of)]
		s.Second = int64(n)
		s.Ends = append([]measure.End(nil), s.Ends...)
		all.Append(&s)
	}
	return all
}

// soakOf is the measurement of a run of some seconds.
func soakOf(seconds, rate int) *measure.Measurement {
	m := profiledRun(seconds, rate)
	m.Seconds = soaked(seconds, rate)
	return m
}

func profiledRun(seconds, rate int) *measure.Measurement {
	n := uint64(seconds * rate)
	m := &measure.Measurement{Schema: measure.Schema, Groups: []string{"a"},
		Generator: measure.Generator{Hiccups: measure.NewSparse()}}
	phase := func() measure.Phase {
		c := measure.Connections{Dial: measure.NewSparse(), Handshake: measure.NewSparse()}
		return measure.Phase{Scheduled: []uint64{0}, Own: measure.NewHistogram(), Connections: c}
	}
	m.Main, m.Warmup = phase(), phase()
	m.Main.Scheduled[0] = n
	cell := &measure.Cell{Label: "201 OTP_REQUIRED", AsExpected: n, Clean: n,
		Response: measure.NewHistogram(), Service: measure.NewHistogram(), Lateness: measure.NewHistogram()}
	for range n {
		for _, h := range []*measure.Histogram{cell.Response, cell.Service, cell.Lateness, m.Main.Own} {
			h.Record(time.Millisecond)
		}
	}
	m.Main.Cells = []*measure.Cell{cell}
	for range seconds {
		for _, counts := range []*[]uint64{&m.Profile.Due, &m.Flow.Sent, &m.Flow.Ended} {
			*counts = append(*counts, uint64(rate))
		}
	}
	return m
}

// heapWatch is a writer that keeps the largest heap in use while something is written
// to it.
type heapWatch struct {
	bytes.Buffer
	writes, every int
	peak          uint64 // without what was written
}

func (w *heapWatch) Write(b []byte) (int, error) {
	if w.writes++; w.writes%w.every == 0 {
		w.peak = max(w.peak, inUse()-uint64(w.Cap()))
	}
	return w.Buffer.Write(b)
}

// inUse is the heap without what pools hold: those let go of it at the second collection.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What is in memory while results are made and read does not grow with the hours, but
// for the counts by second.
func TestMemoryDoesNotGrowWithTheHours(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it takes seconds")
	}
	measure.Hold(t, 64<<10)
	took := func(seconds int) uint64 {
		before := inUse()
		m := soakOf(seconds, 300)
		watch := &heapWatch{every: 20}
		if err := m.Write(watch); err != nil {
			t.Fatal(err)
		}
		data := watch.Bytes()
		m = nil
		read, err := measure.Unpack(data)
		if err != nil {
			t.Fatal(err)
		}
		peak := max(watch.peak, inUse()-uint64(watch.Cap()))
		runtime.KeepAlive(read)
		runtime.KeepAlive(watch)
		return peak - min(before, peak)
	}
	took(100) // what is made once
	short, long := took(1000), took(3000)
	t.Logf("%d KB for 1,000 s, %d KB for 3,000 s", short>>10, long>>10)
	// A second that memory holds takes 600 bytes and more, and here there would be two.
	if grown := int64(long) - int64(short); grown > 2000*400 {
		t.Errorf("%d bytes for each second", grown/2000)
	}
}

// A file that is made to fill memory is refused, or read within the bounds, and a month
// of seconds that are all alike, which packs to nearly nothing, is read.
func TestReadingIsBounded(t *testing.T) {
	m := soakOf(2, 10)
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	second := string(text[bytes.Index(text, []byte(`{"second":1,`)):bytes.Index(text,
		[]byte(`],"violations"`))])
	for name, test := range map[string]struct {
		before, repeated, after string
		want                    string
	}{
		"spaces":          {`{"schema":"`, " ", `"}`, "a value has more than 16 MB"},
		"between":         {`{`, " ", `"schema":""}`, "a value has more than 16 MB"},
		"arrivals":        {`{"profile":{"due":[0`, ",0", `]}}`, "a list has more than"},
		"groups":          {`{"groups":["a"`, `,"a"`, `]}`, "a list has more than"},
		"nothings":        {`{"merged":{"parts":[null`, ",null", `]}}`, "a list has more than"},
		"cells":           {`{"main":{"cells":[{}`, ",{}", `]}}`, "a list has more than"},
		"the same second": {`{"seconds":[` + second, "," + second, `]}`, "its seconds are not in order"},
		"empty seconds": {`{"seconds":[{"second":1}`, `,{"second":1}`, `]}`,
			"a second's counts do not add up"},
		"unknown members": {`{"x":["`, strings.Repeat("a", 1<<20-3) + `","`, `"]}`,
			"it has more than 256 MB apart from its seconds"},
		"unknown elements": {`{"x":[`, `[`, `]}`, "exceeded max depth"},
	} {
		t.Run(name, func(t *testing.T) {
			// 4.6 GB, in parts that are packed once.
			piece := strings.Repeat(test.repeated, 1+(4<<20)/len(test.repeated))
			file := packed(t, test.before)
			for part := packed(t, piece); file.Len() < 1100*part.Len(); {
				file.Write(part.Bytes())
			}
			file.Write(packed(t, test.after).Bytes())
			before := taken()
			if _, err := measure.Unpack(file.Bytes()); err == nil ||
				!strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if grown := taken() - before; grown > 400<<20 {
				t.Errorf("a file of %d KB took %d MB of memory", file.Len()>>10, grown>>20)
			}
		})
	}
}

// packed is a text, compressed.
func packed(t *testing.T, text string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// taken is what the heap took from the system so far.
func taken() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapSys)
}

// Seconds that are all alike pack to nearly nothing, and are read whatever the ratio is.
func TestSecondsThatAreAllAlikeAreRead(t *testing.T) {
	m := profiledRun(5000, 1)
	s := &measure.Second{Clean: 1, Expected: 1, Ends: []measure.End{{Label: "201 OTP_REQUIRED", Count: 1}},
		Response: measure.NewSparse(), Service: measure.NewSparse(), Lateness: measure.NewSparse()}
	for _, h := range []*measure.Histogram{s.Response, s.Service, s.Lateness} {
		h.Record(time.Millisecond)
	}
	for n := range int64(5000) {
		alike := *s
		alike.Second = n
		m.Seconds.Append(&alike)
	}
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	one, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	read, err := measure.Unpack(data)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(testkit.Seconds(read.Seconds)); n != 5000 || 5000*len(one) < 60*len(data) {
		t.Errorf("%d seconds; %d bytes unpack to %d", n, len(data), 5000*len(one))
	}
}
