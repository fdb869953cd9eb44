package samples_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfaload/internal/testkit"
	"mfaload/measure"
	"mfaload/measure/journal"
	"mfaload/session/samples"
)

var started = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

// hostile are texts that a service may send, and that a spreadsheet or a parser may take for
// something else.
var hostile = []string{"", "7a0d1f22-9b3c", "=1+1", "+49", "-1", "@SUM(A1)", "a,b", `say "hi"`, "line\nend",
	"\tx", "\r=1", "ü€\u2028", "x\x00y", "'x", "\\"}

func randomObservation(rng *rand.Rand, index int) *measure.Observation {
	text := func() string { return hostile[rng.IntN(len(hostile))] }
	o := &measure.Observation{Index: uint64(index), Group: rng.IntN(2), Warmup: index < 20,
		Intended: time.Duration(index) * 7_654_321, Label: "201 OTP_REQUIRED", AsExpected: true,
		User: text(), CorrelationID: text(), TraceID: text()}
	o.Sent = o.Intended + time.Duration(rng.IntN(1e6))
	o.Done = o.Sent + time.Duration(1+rng.IntN(3e9))
	o.FirstByte = (o.Done - o.Sent) / 2
	o.Connection, o.Age, o.Bytes = uint64(1+rng.IntN(9)), time.Duration(rng.IntN(1e5))*time.Millisecond,
		uint64(rng.IntN(5000))
	switch rng.IntN(5) {
	case 0:
		o.Failed, o.AsExpected, o.Label, o.FirstByte = true, false, "timeout "+text(), 0
	case 1:
		o.AsExpected, o.Label = false, "503 "+text()
	case 2:
		o.Violations = []measure.RuleViolation{{Rule: "echo.user", Fails: true},
			{Rule: "field.unknown"}, {Rule: "links.self", Fails: true}, {Rule: "echo.user", Pointer: "/x",
				Fails: true}}
	}
	return o
}

// want is the row of an observation, by other means than the code under test.
func want(o *measure.Observation) samples.RequestRow {
	r := samples.RequestRow{Index: o.Index,
		Group: []string{"x", "y"}[o.Group], User: o.User, Warmup: o.Warmup,
		Intended: int64(o.Intended), Sent: int64(o.Sent), End: int64(o.Done),
		IntendedAt: at(o.Intended), SentAt: at(o.Sent), EndAt: at(o.Done),
		Connection: o.Connection, ConnectionAge: o.Age.Milliseconds(), Bytes: o.Bytes,
		CorrelationID: o.CorrelationID, TraceID: o.TraceID}
	if o.FirstByte > 0 {
		r.FirstByte, r.FirstByteAt = int64(o.Sent+o.FirstByte), at(o.Sent+o.FirstByte)
	}
	switch {
	case o.Failed:
		r.Outcome, r.Error = "failed", o.Label
	case len(o.Violations) > 0:
		r.Status, r.Outcome, r.Rules = 201, "violating", "echo.user links.self"
	case o.AsExpected:
		r.Status, r.Outcome = 201, "as expected"
	default:
		r.Status, r.Outcome = 503, "unexpected"
	}
	return r
}

func at(since time.Duration) string {
	return started.Add(since).Format("2006-01-02T15:04:05.000000000Z07:00")
}

// written returns the journal of so many requests.
func written(t testing.TB, n int) (*testkit.MemoryFile, map[uint64]samples.RequestRow) {
	return writtenShard(t, n, measure.Shard{Count: 1})
}

// writtenShard returns the journal of a shard's part of so many requests.
func writtenShard(t testing.TB, n int, shard measure.Shard) (*testkit.MemoryFile,
	map[uint64]samples.RequestRow) {
	rng, rows := rand.New(rand.NewPCG(22, 1)), map[uint64]samples.RequestRow{}
	var all []*measure.Observation
	for i := range n {
		if o := randomObservation(rng, i); i%shard.Count == shard.Index {
			rows[o.Index], all = want(o), append(all, o)
		}
	}
	return journalOf(t, all, shard), rows
}

// journalOf returns the journal of a shard that sent these requests.
func journalOf(t testing.TB, all []*measure.Observation, shard measure.Shard) *testkit.MemoryFile {
	file := &testkit.MemoryFile{}
	r := measure.NewRecorder(2, []string{"echo.user", "field.unknown", "links.self"}, 0)
	due := map[bool][]uint64{false: {0, 0}, true: {0, 0}} // by warm-up, and then by group
	j := journal.NewAppender(file, &measure.Measurement{})
	state := func() *journal.State {
		d := &measure.Measurement{Schema: measure.Schema, Started: started, Groups: []string{"x", "y"}}
		if shard.Count > 1 {
			d.Shard = &shard
		}
		d.Main.Scheduled, d.Warmup.Scheduled = slices.Clone(due[false]), slices.Clone(due[true])
		return &journal.State{Described: d, Elapsed: 24 * time.Hour}
	}
	if err := j.Begin(r, nil, state()); err != nil {
		t.Fatal(err)
	}
	for i, o := range all {
		r.Record(i, o)
		due[o.Warmup][o.Group]++
		if i == len(all)-1 || all[i+1].Index/1000 != o.Index/1000 {
			if err := j.Append(state); err != nil {
				t.Fatal(err)
			}
		}
	}
	return file
}

// What is written is read back: each request once, with each member.
func TestSamplesAreReadBack(t *testing.T) {
	file, all := written(t, 3000)
	for name, read := range map[string]func(*testing.T, io.Reader) []samples.RequestRow{"x.csv": readCSV,
		"x.ndjson": readNDJSON} {
		format, err := samples.FormatOf(name)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := format.Write(&b, bytes.NewReader(file.Bytes())); err != nil {
			t.Fatal(err)
		}
		rows := read(t, &b)
		if len(rows) != len(all) {
			t.Errorf("%s: %d rows of %d", name, len(rows), len(all))
		}
		for _, row := range rows {
			if w := all[row.Index]; row != w {
				t.Fatalf("%s: %+v\nwant %+v", name, row, w)
			}
		}
	}
}

// The rows of shards are each request once, by intended time as far as each journal is, and as many of
// each outcome as the measurements that are rebuilt of the same journals count.
func TestShardsAreMerged(t *testing.T) {
	const shards = 3
	all := map[uint64]samples.RequestRow{}
	var journals []io.Reader
	var files []*testkit.MemoryFile
	counted := map[string]uint64{}
	for i := range shards {
		file, rows := writtenShard(t, 5000, measure.Shard{Run: "r", Index: i, Count: shards})
		maps.Copy(all, rows)
		files, journals = append(files, file), append(journals, bytes.NewReader(file.Bytes()))
		m, err := journal.Rebuild(bytes.NewReader(file.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []*measure.Phase{&m.Main, &m.Warmup} {
			c := p.Counts(-1)
			counted["failed"] += c.Failed
			counted["violating"] += c.Violating
			counted["all"] += c.Sent()
		}
	}
	format, err := samples.FormatOf("x.csv")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := format.Write(&b, journals...); err != nil {
		t.Fatal(err)
	}
	rows, got := readCSV(t, &b), map[string]uint64{}
	latest, back := int64(0), int64(0)
	for _, row := range rows {
		if w, known := all[row.Index]; !known || row != w {
			t.Fatalf("%+v\nwant once %+v", row, w)
		}
		delete(all, row.Index)
		got["all"]++
		got[row.Outcome]++
		latest = max(latest, row.Intended)
		back = max(back, latest-row.Intended)
	}
	if len(all) > 0 || got["all"] != counted["all"] || got["failed"] != counted["failed"] ||
		got["violating"] != counted["violating"] {
		t.Errorf("%d are missing; rows: %v, measurements: %v", len(all), got, counted)
	}
	if frame := int64(1000 * 7_654_321); back > frame {
		t.Errorf("a row comes %v after a later one", time.Duration(back))
	}

	var incomplete *samples.Incomplete
	if err := format.Write(&b, bytes.NewReader(files[2].Bytes())); !errors.As(err, &incomplete) ||
		incomplete.Shards != 2 {
		t.Errorf("one shard of three: %v", err)
	}
	twin := bytes.NewReader(files[0].Bytes())
	if err := format.Write(&b, bytes.NewReader(files[0].Bytes()), twin); err == nil {
		t.Error("a duplicate shard has duplicate rows")
	}
}

func readNDJSON(t *testing.T, in io.Reader) (rows []samples.RequestRow) {
	for d := json.NewDecoder(in); ; {
		var row samples.RequestRow
		if err := d.Decode(&row); errors.Is(err, io.EOF) {
			return rows
		} else if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
}

func readCSV(t *testing.T, in io.Reader) (rows []samples.RequestRow) {
	lines, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	number := func(text string) int64 {
		n, err := strconv.ParseInt("0"+text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	column := func(line []string, name string) string {
		return line[slices.Index(lines[0], name)]
	}
	for _, line := range lines[1:] {
		text := func(name string) string {
			s := column(line, name)
			if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
				t.Fatalf("%s begins a formula: %q", name, s)
			}
			if strings.HasPrefix(s, "'") && len(s) > 1 && strings.ContainsRune("=+-@\t\r\n", rune(s[1])) {
				return s[1:]
			}
			return s
		}
		n := func(name string) int64 { return number(column(line, name)) }
		rows = append(rows, samples.RequestRow{Index: uint64(n("index")), Group: text("group"),
			User:   text("user"),
			Warmup: column(line, "warmup") == "true", Intended: n("intended_ns"), Sent: n("sent_ns"),
			FirstByte: n("first_byte_ns"), End: n("end_ns"), IntendedAt: text("intended_at"),
			SentAt: text("sent_at"), FirstByteAt: text("first_byte_at"), EndAt: text("end_at"),
			Status: int(n("status")), Outcome: text("outcome"), Error: text("error"), Rules: text("rules"),
			Connection: uint64(n("connection")), ConnectionAge: n("connection_age_ms"),
			Bytes: uint64(n("bytes")), CorrelationID: text("correlation_id"), TraceID: text("trace_id")})
	}
	return rows
}

// A journal that is cut off gives its whole frames, and says what is missing; what is none gives an error.
func TestDamagedJournal(t *testing.T) {
	file, _ := written(t, 3000)
	format, _ := samples.FormatOf("x.ndjson")
	var b bytes.Buffer
	var incomplete *samples.Incomplete
	err := format.Write(&b, bytes.NewReader(file.Bytes()[:file.Len()-7]))
	if rows := readNDJSON(t, &b); !errors.As(err, &incomplete) || len(rows) != 2000 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if err := format.Write(&b, strings.NewReader("nothing")); err == nil {
		t.Error("no journal, and no error")
	}
	if _, err := samples.FormatOf("x.xlsx"); err == nil {
		t.Error("a format that there is not")
	}
}

// BenchmarkWrite writes rows; 7.2 million are to take less than 20 s, which is 2.8 µs each.
func BenchmarkWrite(b *testing.B) {
	file, all := written(b, 20_000)
	for _, name := range []string{"x.csv", "x.csv.gz", "x.ndjson"} {
		b.Run(name, func(b *testing.B) {
			format, _ := samples.FormatOf(name)
			for range b.N {
				if err := format.Write(io.Discard, bytes.NewReader(file.Bytes())); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/row")
		})
	}
}
