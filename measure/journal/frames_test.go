package journal_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mfaload/internal/testkit"
	"mfaload/measure"
	"mfaload/measure/journal"
)

// sealed is a journal of frames whose checksums are right, whatever is in them.
func sealed(frames ...[]byte) []byte {
	all := []byte("mfaload/journal/v1\n")
	for _, f := range frames {
		all = binary.LittleEndian.AppendUint32(all, uint32(len(f)))
		all = binary.LittleEndian.AppendUint32(all,
			crc32.Checksum(f, crc32.MakeTable(crc32.Castagnoli)))
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
	return `{"elapsed_ns":5000000000,"described":{"schema":"mfaload/measurement/v1","groups":["a","b"],"started":"2026-01-01T00:00:00Z",` +
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
