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
		&testkit.MemoryFile{}
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
	labels := testkit.RunLabels(random)
	j := journal.NewAppender(file, &measure.Measurement{Version: "v", Labels: labels})
	if err := j.Begin(written, nil, state()); err != nil {
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
	m.Labels = labels
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
		if diff := cmp.Diff(labels, m.Labels); diff != "" {
			t.Errorf("rebuilt: %s", diff)
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

// The seconds of a run that is written down are those of one that is not,
// whatever came late.
func TestSecondsAreReadBack(t *testing.T) {
	for _, groups := range []int{1, 3} {
		all := testkit.Observations(9, 1000)
		plain, taped := measure.NewRecorder(groups, nil, 0), measure.NewRecorder(groups, nil, 0)
		file := &testkit.MemoryFile{}
		j := journal.NewAppender(file, &measure.Measurement{})
		state := func() *journal.State { return &journal.State{Described: &measure.Measurement{}} }
		if err := j.Begin(taped, nil, state()); err != nil {
			t.Fatal(err)
		}
		for i, o := range all {
			o.Group = i % groups
			plain.Record(i, o)
			taped.Record(i, o)
			if i%100 == 99 {
				if err := j.Append(state); err != nil {
					t.Fatal(err)
				}
			}
		}
		if m := testkit.Final(t, taped); len(testkit.Seconds(m.Seconds)) != 0 {
			t.Errorf("%d seconds were in memory", len(testkit.Seconds(m.Seconds)))
		}
		want, got := testkit.Final(t, plain), testkit.Final(t, taped)
		if j.AddSeconds(got); got.SecondsLost != "" || len(testkit.Seconds(want.Seconds)) < 5 {
			t.Fatalf("lost: %s; %d seconds", got.SecondsLost, len(testkit.Seconds(want.Seconds)))
		}
		if diff := cmp.Diff(want.Seconds, got.Seconds, testkit.Histograms); diff != "" {
			t.Error(diff)
		}
	}
}

// A journal that is not as it was written gives no seconds, rather than some.
func TestSecondsThatAreLost(t *testing.T) {
	file := &testkit.MemoryFile{}
	_, frames := testkit.Journaled(t, 4, 4, 2, file)
	whole := bytes.Clone(file.Bytes())
	for name, damage := range map[string]func(b []byte) []byte{
		"cut off":       func(b []byte) []byte { return b[:frames[2]] },
		"torn":          func(b []byte) []byte { return b[:frames[2]+5] },
		"another byte":  func(b []byte) []byte { b[frames[1]+20] ^= 1; return b },
		"removed":       func([]byte) []byte { return nil },
		"a part is out": func(b []byte) []byte { return append(b[:frames[1]:frames[1]], b[frames[2]:]...) },
	} {
		file := &testkit.MemoryFile{}
		end, _ := testkit.Journaled(t, 4, 4, 2, file)
		file.Reset()
		file.Write(damage(bytes.Clone(whole)))
		m := end()
		if len(testkit.Seconds(m.Seconds)) > 0 || !strings.HasPrefix(m.SecondsLost,
			"read them back from the journal: of 5 parts ") {
			t.Errorf("%s: %d seconds, lost: %q", name, len(testkit.Seconds(m.Seconds)), m.SecondsLost)
		}
		if n := m.Main.Sent() + m.Warmup.Sent(); n < 80 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

// How long the end of a run has to wait for its seconds, by request.
func BenchmarkAddSeconds(b *testing.B) {
	const perFrame, frames = 2000, 500
	for _, groups := range []int{1, 20} {
		b.Run(map[int]string{1: "1 group", 20: "20 groups"}[groups], func(b *testing.B) {
			file := &testkit.MemoryFile{}
			j, r := journal.NewAppender(file, &measure.Measurement{}), measure.NewRecorder(groups, nil, 0)
			state := func() *journal.State { return &journal.State{Described: &measure.Measurement{}} }
			if err := j.Begin(r, nil, state()); err != nil {
				b.Fatal(err)
			}
			all := testkit.Observations(1, perFrame)
			for second := range frames {
				for i, o := range all {
					o.Group = i % groups
					shift := o.Intended
					o.Intended = (o.Intended+1e9*1000)%1e9 + 1e9*time.Duration(second)
					shift = o.Intended - shift
					o.Sent, o.Done = o.Sent+shift, o.Done+shift
					r.Record(i, o)
				}
				if err := j.Append(state); err != nil {
					b.Fatal(err)
				}
			}
			m := &measure.Measurement{}
			b.ReportAllocs()
			for b.Loop() {
				*m = measure.Measurement{}
				j.AddSeconds(m)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perFrame/frames, "ns/request")
		})
	}
}
