package journal_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
	"mfaload/measure/journal"
)

// The seconds of a run that is written down are those of one that is not,
// whatever came late.
func TestSecondsAreReadBack(t *testing.T) {
	for _, groups := range []int{1, 3} {
		all := testkit.Observations(9, 1000)
		plain, taped := measure.NewRecorder(groups, nil, 0), measure.NewRecorder(groups, nil, 0)
		file := &testkit.File{}
		j := journal.NewWriter(file, &measure.Measurement{})
		state := func() *journal.State { return &journal.State{Described: &measure.Measurement{}} }
		if err := j.Begin(taped, state()); err != nil {
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
	file := &testkit.File{}
	_, frames := testkit.Journaled(t, 4, 4, 2, file)
	whole := bytes.Clone(file.Bytes())
	for name, damage := range map[string]func(b []byte) []byte{
		"cut off":       func(b []byte) []byte { return b[:frames[2]] },
		"torn":          func(b []byte) []byte { return b[:frames[2]+5] },
		"another byte":  func(b []byte) []byte { b[frames[1]+20] ^= 1; return b },
		"removed":       func([]byte) []byte { return nil },
		"a part is out": func(b []byte) []byte { return append(b[:frames[1]:frames[1]], b[frames[2]:]...) },
	} {
		file := &testkit.File{}
		end, _ := testkit.Journaled(t, 4, 4, 2, file)
		file.Reset()
		file.Write(damage(bytes.Clone(whole)))
		m := end()
		if len(testkit.Seconds(m.Seconds)) > 0 || !strings.HasPrefix(m.SecondsLost, "read them back from the journal: of 5 parts ") {
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
			file := &testkit.File{}
			j, r := journal.NewWriter(file, &measure.Measurement{}), measure.NewRecorder(groups, nil, 0)
			state := func() *journal.State { return &journal.State{Described: &measure.Measurement{}} }
			if err := j.Begin(r, state()); err != nil {
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
