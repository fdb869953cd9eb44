package journal_test

import (
	"bytes"
	"fmt"
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

// Whatever is recorded in whatever order, the file that is made of it is read
// back as it was, and so are the files of its journal wherever that ends.
func TestReadsBackWhatItRecords(t *testing.T) {
	for seed := range uint64(16) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { readsBack(t, seed) })
	}
}

func readsBack(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 77))
	groups, all := 1+random.IntN(3), testkit.Labels()
	all = all[:1+random.IntN(len(all))]
	rules := []string{"a", "b", "c"}
	written, plain, file := measure.NewRecorder(groups, rules, 1), measure.NewRecorder(groups, rules, 1),
		&testkit.File{}
	begun := &measure.Measurement{Schema: measure.Schema, Scenario: "s", Started: time.Unix(1e9, 0).UTC(),
		Groups: []string{"x", "y", "z"}[:groups]}
	begun.Main.Scheduled, begun.Warmup.Scheduled = make([]uint64, groups), make([]uint64, groups)
	describe := func(m *measure.Measurement) {
		m.Schema, m.Scenario, m.Started, m.Groups = begun.Schema, begun.Scenario, begun.Started, begun.Groups
		m.Main.Scheduled, m.Warmup.Scheduled = slices.Clone(begun.Main.Scheduled),
			slices.Clone(begun.Warmup.Scheduled)
	}
	now := time.Duration(random.Int64N(int64(4 * time.Hour)))
	state := func() *journal.State {
		s := &journal.State{Described: &measure.Measurement{}, Elapsed: now}
		describe(s.Described)
		return s
	}
	j := journal.NewWriter(file, &measure.Measurement{Version: "v"})
	if err := j.Begin(written, state()); err != nil {
		t.Fatal(err)
	}
	ends := []int{file.Len()}
	for range 3 + random.IntN(4) {
		for range random.IntN(12) {
			now += time.Duration(random.Int64N(int64(2 * time.Second)))
			o := testkit.LateObservation(random, all, groups, now)
			if o.Warmup {
				begun.Warmup.Scheduled[o.Group]++
			} else {
				begun.Main.Scheduled[o.Group]++
			}
			worker := random.IntN(4)
			plain.Record(worker, o)
			written.Record(worker, o)
		}
		now += time.Duration(random.Int64N(int64(time.Second)))
		if err := j.Append(state); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, file.Len())
	}

	kept := testkit.Final(t, plain)
	describe(kept)
	sameAfterReading(t, "kept in memory", kept)
	m := testkit.Final(t, written)
	j.AddSeconds(m)
	describe(m)
	// More labels than are kept apart are counted together in the order they come.
	if m.SecondsLost != "" || len(all) <= 24 && !cmp.Equal(kept.Seconds, m.Seconds, testkit.Histograms) {
		t.Errorf("the seconds of the journal are others: %s%s", m.SecondsLost,
			cmp.Diff(kept.Seconds, m.Seconds, testkit.Histograms))
	}
	sameAfterReading(t, "with a journal", m)
	ends = append(ends, ends[len(ends)-1]-1, ends[len(ends)/2]+3)
	for _, end := range ends[max(0, len(ends)-3):] {
		m, err := journal.Rebuild(bytes.NewReader(file.Bytes()[:end]))
		if err != nil {
			t.Fatalf("a journal of %d bytes of %d: %v", end, file.Len(), err)
		}
		sameAfterReading(t, "rebuilt", m)
	}
}

// sameAfterReading packs a measurement and reads it back.
func sameAfterReading(t *testing.T, name string, m *measure.Measurement) {
	t.Helper()
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	read, err := measure.Unpack(data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	again, err := read.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(data, again) {
		return
	}
	one, other := strings.Split(testkit.Lines(t, m), "\n"), strings.Split(testkit.Lines(t, read), "\n")
	for i := range max(len(one), len(other)) {
		if i >= min(len(one), len(other)) || one[i] != other[i] {
			t.Fatalf("%s: from line %d of %d on what was written is %.300q, and what is read %.300q", name, i,
				len(one), one[min(i, len(one)):], other[min(i, len(other)):])
		}
	}
}
