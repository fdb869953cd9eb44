package journal_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfaload/measure"
	"mfaload/measure/journal"
)

// docs/formats.md has each member of the files that are mfaload's own, at its object,
// and no other.
func TestFormatsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string][]string{} // members by object
	object := ""
	for line := range strings.Lines(string(page)) {
		if name, is := strings.CutPrefix(line, "### "); is {
			object = strings.TrimSpace(name)
		}
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(cells[1], -1) {
				listed[object] = append(listed[object], m[1])
			}
		}
	}
	want := map[string][]string{}
	for _, root := range []any{measure.Measurement{}, journal.State{}, measure.Second{}} {
		members(reflect.TypeOf(root), want)
	}
	h := measure.NewHistogram()
	h.Record(time.Second)
	h.Record(2 * time.Hour)
	text, err := h.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var histogram map[string]any
	if err := json.Unmarshal(text, &histogram); err != nil {
		t.Fatal(err)
	}
	want["Histogram"] = slices.Collect(maps.Keys(histogram))
	sorted := cmpopts.SortSlices(strings.Compare)
	if diff := cmp.Diff(want, listed, sorted); diff != "" {
		t.Errorf("docs/formats.md (-code +page): %s", diff)
	}
}

// members lists the members of an object in JSON, and of those in it, by the names of
// their types.
func members(typ reflect.Type, to map[string][]string) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice:
		members(typ.Elem(), to)
		return
	case reflect.Struct:
	default:
		return
	}
	if _, known := to[typ.Name()]; known {
		return
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" && !f.Anonymous {
			continue
		}
		if name != "" {
			to[typ.Name()] = append(to[typ.Name()], name)
		}
		members(f.Type, to)
	}
}

// A journal can be read by what docs/formats.md says of its bytes.
func TestFormatOfTheJournal(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	r := measure.NewRecorder(2, []string{"a.rule", "another.rule"}, 0)
	file := &journalBytes{}
	j := journal.NewAppender(file, &measure.Measurement{Version: "v1"})
	first := &journal.State{Described: &measure.Measurement{Groups: []string{"a", "b"}}}
	if err := j.Begin(r, nil, first); err != nil {
		t.Fatal(err)
	}
	r.RecordConnection(false, measure.OpenedConnection{Dial: 2 * ms, Handshake: 3 * ms, Secure: true,
		Resumed: true})
	broken := []measure.RuleViolation{{Rule: "a.rule", Pointer: "/id", Fails: true, Expected: "x", Got: "y"}}
	for _, o := range []measure.Observation{
		{Group: 1, Intended: 5 * ms, Sent: 6 * ms, Done: 9 * ms, Own: ms, Harmed: ms,
			Label: "201", AsExpected: true, Evaluated: []uint64{3}, Index: 7,
			RequestTransfer: measure.RequestTransfer{
				Connection: 4, Age: 70 * ms, Waited: ms, Dial: 2 * ms, Handshake: 3 * ms, FirstByte: 6 * ms,
				Bytes: 300}},
		{Group: 0, Intended: 4 * ms, Sent: 4 * ms, Done: 8 * ms,
			Label: "429", RateLimited: true, Evaluated: []uint64{1}, Violations: broken},
		{Group: 1, Intended: 7 * ms, Sent: 7 * ms, Done: 9 * ms, Harmed: ms,
			Label: "201", AsExpected: true, Evaluated: []uint64{3}},
	} {
		r.Record(0, &o)
	}
	if err := j.Append(func() *journal.State { return &journal.State{Over: true} }); err != nil {
		t.Fatal(err)
	}
	b := pageReader{rest: bytes.TrimPrefix(file.all, []byte("mfaload/journal/v1\n"))}
	var described struct {
		Described struct {
			Version  string
			Groups   []string
			Coverage []struct{ Rule string }
		}
	}
	state := pageReader{rest: b.frame(t)}
	if err := json.Unmarshal(state.text(), &described); err != nil {
		t.Fatal(err)
	}
	if d := described.Described; d.Version != "v1" || len(d.Groups) != 2 ||
		d.Coverage[1].Rule != "another.rule" {
		t.Errorf("the first state is %+v", d)
	}
	frame := pageReader{rest: b.frame(t)}
	frame.text() // the state
	connections := pageReader{rest: frame.text()}
	flags, dial, handshake := connections.byte(), connections.uvarint(), connections.uvarint()
	if flags != 2|4 || dial != 2e6 || handshake != 3e6 {
		t.Errorf("connection: flags %d, dial %d, handshake %d", flags, dial, handshake)
	}
	got := (&pageReader{rest: frame.text()}).observations()
	want := []string{
		"1 group 1 flags 100 label 201 words [3]: 5 1 3 1 harmed 1 index 7 connection 4 age 70 first 6 " +
			"bytes 300 opened 2 3 waited 1",
		"2 group 0 flags 72 label 429 words [1]: -1 0 4 0 index -7 connection 0 age 0 first 0 bytes 0" +
			": violation 1 a.rule /id fails 1, kept x y",
		"1: 3 0 2 0 harmed 1 index 0 connection 0 age 0 first 0 bytes 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(b.rest) > 0 {
		t.Errorf("%d bytes are left", len(b.rest))
	}
}

// journalBytes is a journal's file in memory.
type journalBytes struct{ all []byte }

func (f *journalBytes) Write(b []byte) (int, error) {
	f.all = append(f.all, b...)
	return len(b), nil
}
func (f *journalBytes) ReadAt(b []byte, at int64) (int, error) { return copy(b, f.all[at:]), nil }
func (f *journalBytes) Sync() error                            { return nil }

// pageReader reads a journal as docs/formats.md says.
type pageReader struct{ rest []byte }

func (r *pageReader) take(n int) []byte {
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}
func (r *pageReader) byte() byte   { return r.take(1)[0] }
func (r *pageReader) text() []byte { return r.take(int(r.uvarint())) }
func (r *pageReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.take(size)
	return n
}
func (r *pageReader) milliseconds() int64 {
	n, size := binary.Varint(r.rest)
	r.take(size)
	return n / 1e6
}

func (r *pageReader) frame(t *testing.T) []byte {
	t.Helper()
	length, sum := binary.LittleEndian.Uint32(r.take(4)), binary.LittleEndian.Uint32(r.take(4))
	frame := r.take(int(length))
	if got := crc32.Checksum(frame, crc32.MakeTable(crc32.Castagnoli)); got != sum {
		t.Errorf("checksum %x, want %x", got, sum)
	}
	return frame
}

// observations are those of a stripe, one text each.
func (r *pageReader) observations() (all []string) {
	flags := map[uint64]byte{} // by end
	for known := uint64(0); len(r.rest) > 0; {
		end := r.uvarint()
		text := fmt.Sprint(end)
		if _, old := flags[end]; !old {
			group := r.uvarint()
			flags[end] = r.byte()
			text += fmt.Sprintf(" group %d flags %d label %s", group, flags[end], r.text())
			words := []uint64{}
			for range r.uvarint() {
				words = append(words, r.uvarint())
			}
			text += fmt.Sprintf(" words %d", words)
		}
		text += ":"
		for range 4 { // intended, sent, done, own
			text += fmt.Sprintf(" %d", r.milliseconds())
		}
		if flags[end]&32 != 0 {
			text += fmt.Sprintf(" harmed %d", r.uvarint()/1e6)
		}
		if flags[end]&64 != 0 {
			text += r.transfer()
		}
		for range r.uvarint() {
			number := r.uvarint()
			text += fmt.Sprintf(": violation %d", number)
			if number > known {
				known = number
				text += fmt.Sprintf(" %s %s fails %d", r.text(), r.text(), r.byte())
			}
			if r.byte()&2 != 0 {
				var instance measure.Instance
				_ = json.Unmarshal(r.text(), &instance)
				text += fmt.Sprintf(", kept %s %s", instance.Expected, instance.Got)
			}
		}
		all = append(all, text)
	}
	return all
}

func (r *pageReader) transfer() string {
	n, size := binary.Varint(r.rest)
	r.take(size)
	text, flags := fmt.Sprintf(" index %d", n), r.byte()
	text += fmt.Sprintf(" connection %d age %d first %d bytes %d", r.uvarint(), r.uvarint(), r.uvarint()/1e6,
		r.uvarint())
	if flags&1 != 0 {
		text += fmt.Sprintf(" opened %d %d", r.uvarint()/1e6, r.uvarint()/1e6)
	}
	if flags&2 != 0 {
		text += fmt.Sprintf(" waited %d", r.uvarint()/1e6)
	}
	return text
}
