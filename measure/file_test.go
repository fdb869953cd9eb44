package measure_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// profiled is a measurement with everything that a file can hold.
func profiled(t testing.TB, seed uint64, n int) *measure.Measurement {
	t.Helper()
	r := measure.NewRecorder(3, []string{"echo.user", "field.unknown"}, 0)
	all := testkit.Observations(seed, n)
	for i, o := range all {
		r.Record(i, o)
	}
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	m.Scenario, m.Groups = "friday", []string{"a", "b", "c"}
	m.Started = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, o := range all {
		m.Profile.Add(o.Intended, false)
		if o.Warmup {
			m.Warmup.Scheduled[o.Group]++
		} else {
			m.Main.Scheduled[o.Group]++
		}
	}
	m.Terms = json.RawMessage(`{"any":"thing"}`)
	m.Labels = measure.RunLabels{"commit": "4f2a1c", "of.seed": fmt.Sprint(seed), "empty": "",
		"text": "\"ünï\" <b>, x=y \\ 日本"}
	m.Profile.Stages = []measure.StageSpan{{Name: "warm-up", Warmup: true, End: time.Second},
		{Name: "100/s", Start: time.Second, End: 10 * time.Second}}
	return m
}

func TestMeasurementFileRoundTrips(t *testing.T) {
	m := profiled(t, 3, 3000)
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	read, err := measure.Unpack(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, read, testkit.Histograms); diff != "" {
		t.Error(diff)
	}
	again, err := read.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, data) {
		t.Error("packing what was read gives other bytes")
	}
}

func TestUnpackRefusesDamagedFiles(t *testing.T) {
	data, err := profiled(t, 3, 300).Pack()
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(data)
	flipped[len(flipped)/2] ^= 0x10
	for name, file := range map[string][]byte{
		"empty": nil, "cut off": data[:len(data)-9], "a bit flipped": flipped,
		"not packed":  []byte(`{"schema":"mfaload/measurement/v1"}`),
		"two of them": append(bytes.Clone(data), data...),
	} {
		if _, err := measure.Unpack(file); err == nil || !strings.Contains(err.Error(), "measurement: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeRefusesAProfileOfAnotherRun(t *testing.T) {
	for name, bend := range map[string]func(*measure.Measurement){
		"an arrival more":     func(m *measure.Measurement) { m.Profile.Add(0, false) },
		"stages overlap":      func(m *measure.Measurement) { m.Profile.Stages[1].Start = 0 },
		"a path as a group":   func(m *measure.Measurement) { m.Groups[1] = "../x" },
		"a group twice":       func(m *measure.Measurement) { m.Groups[1] = "a" },
		"seconds upside down": func(m *measure.Measurement) { testkit.Seconds(m.Seconds)[1].Second = 0 },
		"an endless run": func(m *measure.Measurement) {
			testkit.Seconds(m.Seconds)[len(testkit.Seconds(m.Seconds))-1].Second = 1 << 50
		},
		"a sum that wraps": func(m *measure.Measurement) {
			m.Profile.Due = append(m.Profile.Due, ^uint64(0), 1)
		},
		"a stage of no time": func(m *measure.Measurement) { m.Profile.Stages[0].End = -1 },
	} {
		m := profiled(t, 4, 300)
		bend(m)
		data, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := measure.Unpack(data); err == nil {
			t.Errorf("%s: read without an error", name)
		}
	}
}

// What can be read is written and read again without a change.
func FuzzUnpack(f *testing.F) {
	for seed := range uint64(3) {
		data, err := profiled(f, seed, int(seed)*20).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, 1<<20))
	_ = w.Close()
	f.Add(bomb.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := measure.Unpack(data)
		if err != nil {
			return
		}
		again, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		read, err := measure.Unpack(again)
		if err != nil {
			t.Fatalf("what was read and written is refused: %v", err)
		}
		if diff := cmp.Diff(m, read, testkit.Histograms); diff != "" {
			t.Error(diff)
		}
	})
}
