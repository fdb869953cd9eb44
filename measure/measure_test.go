package measure_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// A TLS handshake that took no time was one; a connection without TLS had none.
func TestConnectionsCountHandshakes(t *testing.T) {
	r := measure.NewRecorder(1, nil, 0)
	r.RecordConnection(false, measure.OpenedConnection{Dial: time.Millisecond, Secure: true, Resumed: true,
		Protocol: measure.HTTP1})
	r.RecordConnection(false, measure.OpenedConnection{Dial: time.Millisecond, Protocol: measure.HTTP2,
		Successor: true})
	r.RecordWait(false, time.Second)
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Main.Connections; c.Opened != 2 || c.Handshake.Count() != 1 || c.Resumed != 1 {
		t.Errorf("%d opened, %d handshakes, %d resumed", c.Opened, c.Handshake.Count(), c.Resumed)
	}
	c := m.Main.Connections
	if c.Protocols[measure.HTTP1] != 1 || c.Protocols[measure.HTTP2] != 1 || c.Successors != 1 ||
		c.Waits.Count() != 1 || m.Warmup.Connections.Waits != nil {
		t.Errorf("%v, %d successors, %d waits", c.Protocols, c.Successors, c.Waits.Count())
	}
}

func TestHistogramPercentiles(t *testing.T) {
	for name, h := range map[string]*measure.Histogram{"dense": measure.NewHistogram(),
		"sparse": measure.NewSparse()} {
		for i := 1; i <= 1000; i++ {
			h.Record(time.Duration(i) * time.Millisecond)
		}
		for p, want := range map[float64]time.Duration{50: 500, 90: 900, 99: 990, 99.9: 999, 100: 1000,
			0.1: 1} {
			want *= time.Millisecond
			if got := h.Percentile(p); got < want || got > want+want/1000+time.Microsecond {
				t.Errorf("%s: p%g = %v, want %v to 3 digits", name, p, got, want)
			}
		}
		if h.Min() != time.Millisecond || h.Max() != time.Second || h.Mean() != 500500*time.Microsecond {
			t.Errorf("%s: min, max, mean = %v, %v, %v", name, h.Min(), h.Max(), h.Mean())
		}
	}
}

func TestHistogramKeepsWhatIsOutOfRange(t *testing.T) {
	h := measure.NewHistogram()
	h.Record(-time.Second)
	h.Record(time.Second)
	h.Record(2 * time.Hour)
	h.Record(3 * time.Hour)
	if h.Count() != 4 || h.Above() != 2 {
		t.Errorf("count, above = %d, %d; want 4, 2", h.Count(), h.Above())
	}
	if h.Min() != 0 || h.Max() != 3*time.Hour || h.Percentile(75) != 3*time.Hour {
		t.Errorf("min, max, p75 = %v, %v, %v", h.Min(), h.Max(), h.Percentile(75))
	}
	if p := h.Percentile(50); p < time.Second || p > time.Second+time.Millisecond {
		t.Errorf("p50 = %v, want 1s", p)
	}
	if want := (5*time.Hour + time.Second) / 4; h.Mean() != want {
		t.Errorf("mean = %v, want %v", h.Mean(), want)
	}
}

func TestEmptyHistogramIsAllZero(t *testing.T) {
	h := measure.NewHistogram()
	if h.Percentile(50) != 0 || h.Min() != 0 || h.Max() != 0 || h.Mean() != 0 {
		t.Error("an empty histogram has figures")
	}
}

func record(t *testing.T, all []*measure.Observation) *measure.Measurement {
	t.Helper()
	r := measure.NewRecorder(3, []string{"echo.user", "field.unknown"}, 0)
	for i, o := range all {
		r.Record(i, o)
	}
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	m.Groups = []string{"a", "b", "c"}
	for _, o := range all {
		if o.Warmup {
			m.Warmup.Scheduled[o.Group]++
		} else {
			m.Main.Scheduled[o.Group]++
		}
	}
	return m
}

func TestRecorderAddsUp(t *testing.T) {
	all := testkit.Observations(1, 5000)
	m := record(t, all)
	var want, got struct{ main, warmup, failed, violating, expected, limited, limitedSeconds, seconds int }
	for _, o := range all {
		if o.Warmup {
			want.warmup++
		} else {
			want.main++
		}
		if o.Failed {
			want.failed++
		}
		if o.AsExpected {
			want.expected++
		}
		if o.RateLimited {
			want.limited++
			want.limitedSeconds++
		}
		if len(o.Violations) > 0 {
			want.violating++
		}
		want.seconds++
	}
	got.main, got.warmup = int(m.Main.Sent()), int(m.Warmup.Sent())
	for _, c := range slices.Concat(m.Main.Cells, m.Warmup.Cells) {
		if c.Failed {
			got.failed += int(c.Response.Count())
		}
		got.expected += int(c.AsExpected)
		got.violating += int(c.Violating)
		got.limited += int(c.RateLimited)
	}
	for s := range m.Seconds.All() {
		got.seconds += int(s.Response.Count())
		got.limitedSeconds += int(s.RateLimited)
	}
	if got != want {
		t.Errorf("recorded %+v, want %+v", got, want)
	}
	if len(m.Violations) != 2 || int(m.Violations[0].Count) != want.violating || !m.Violations[0].Fails {
		t.Errorf("violations: %+v", m.Violations)
	}
}

func TestRecorderIsSafeForManyWorkers(t *testing.T) {
	all := testkit.Observations(2, 4000)
	r := measure.NewRecorder(3, []string{"echo.user", "field.unknown"}, 0)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < len(all); i += 8 {
				r.Record(w, all[i])
				r.Progress()
			}
		})
	}
	wg.Wait()
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(record(t, all).Main.Cells, m.Main.Cells, testkit.Histograms); diff != "" {
		t.Error(diff)
	}
	if p := r.Progress(); p.Sent != 4000 || p.Clean+p.Violating+p.Failed+p.Refused+p.Unexpected() != p.Sent ||
		p.Refused == 0 || p.RateLimited <= p.Refused || p.Unexpected() == 0 {
		t.Errorf("progress %+v", p)
	}
}

// Requests that take longer than a second belong to seconds that are over.
func TestLateRequestsOfClosedSeconds(t *testing.T) {
	r := measure.NewRecorder(2, nil, 0)
	sum := time.Duration(0)
	for i := range 5000 {
		intended := time.Duration(i) * 2 * time.Millisecond
		if i%7 == 0 {
			intended -= min(intended, 6*time.Second)
		}
		took := time.Duration(i*i%2_000_003) * time.Microsecond
		sum += took
		r.Record(0, &measure.Observation{Group: i % 2, Intended: intended, Sent: intended, Done: intended +
			took, Label: "201", AsExpected: true})
	}
	m, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	whole, parts := measure.NewSparse(), measure.NewSparse()
	for s := range m.Seconds.All() {
		if s.Lateness.Count() != s.Response.Count() {
			t.Errorf("second %d: %d and %d", s.Second, s.Lateness.Count(), s.Response.Count())
		}
		whole.Merge(s.Response)
		for _, g := range s.Groups {
			parts.Merge(g.Response)
		}
	}
	total := measure.NewHistogram()
	for _, c := range m.Main.Cells {
		total.Merge(c.Response)
	}
	if !total.Equal(whole) || !whole.Equal(parts) || whole.Mean() != sum/5000 {
		t.Errorf("%d requests in all, %d by second, %d by group and second; mean %v, not %v", total.Count(),
			whole.Count(), parts.Count(), whole.Mean(), sum/5000)
	}
}

// What is handed over at the end is what a copy would be.
func TestFinalIsTheMeasurement(t *testing.T) {
	r := measure.NewRecorder(3, []string{"echo.user", "field.unknown"}, 0)
	for i, o := range testkit.Observations(6, 3000) {
		r.Record(i, o)
	}
	want, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, testkit.Histograms); diff != "" {
		t.Error(diff)
	}
}

func TestMeasurementRoundTrips(t *testing.T) {
	m := record(t, testkit.Observations(3, 3000))
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := measure.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, read, testkit.Histograms); diff != "" {
		t.Error(diff)
	}
	again, err := read.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(data) {
		t.Error("encoding what was read gives other bytes")
	}
}

func TestRecorderBoundsWhatAnswersCanMakeItKeep(t *testing.T) {
	r := measure.NewRecorder(1, []string{"echo.user", "field.unknown"}, 0)
	for i := range 5000 {
		r.Record(0, &measure.Observation{
			Label: fmt.Sprint("label ", i),
			Violations: []measure.RuleViolation{{Rule: "field.unknown", Pointer: fmt.Sprint("/", i),
				Fails: true}},
		})
	}
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Main.Cells) > 25 || len(m.Violations) > 500 {
		t.Errorf("kept %d labels and %d groups of violations", len(m.Main.Cells), len(m.Violations))
	}
	sum := m.UngroupedViolations
	for _, g := range m.Violations {
		sum += g.Count
	}
	if sum != 5000 || m.Main.Sent() != 5000 {
		t.Errorf("counted %d violations and %d requests of 5000", sum, m.Main.Sent())
	}
}

// Requests that were due earlier and ended later without a response of theirs being kept take nothing
// from the others.
func TestRecorderKeepsAsManyResponsesAsItMay(t *testing.T) {
	const bound = 2
	r := measure.NewRecorder(1, []string{"echo.user"}, bound)
	for i := range 8 {
		at := time.Duration(8-i) * time.Second
		r.Record(i/4, &measure.Observation{Label: "201", Intended: at, Sent: at, Done: at,
			Violations: []measure.RuleViolation{{Rule: "echo.user", Pointer: "/user/id", Fails: true}},
			Example: func(whole bool) measure.Example {
				e := measure.Example{At: at}
				if whole {
					e.Answer = &measure.MaskedResponse{Body: at.String()}
				}
				return e
			}})
	}
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, i := range m.Violations[0].Instances {
		if i.Example.Answer != nil {
			kept++
		}
	}
	if kept != bound {
		t.Errorf("%d whole responses are kept, want %d", kept, bound)
	}
}

func TestDecodeRefusesWhatContradictsItself(t *testing.T) {
	m := record(t, testkit.Observations(4, 200))
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	bend := map[string]func(map[string]any){
		"schema":       func(m map[string]any) { m["schema"] = "mfaload/measurement/v9" },
		"a group less": func(m map[string]any) { m["groups"] = []any{"a", "b"} },
		"slow request of no group": func(m map[string]any) {
			slowest := m["main"].(map[string]any)["breakdown"].(map[string]any)["slowest"].([]any)
			slowest[0].(map[string]any)["group"] = 7
		},
		"no histogram":   func(m map[string]any) { delete(cell(m), "service") },
		"more than sent": func(m map[string]any) { cell(m)["violating"] = 1e6 },
		"count":          func(m map[string]any) { histogram(m)["count"] = 7e6 },
		"minimum":        func(m map[string]any) { histogram(m)["min_ns"] = -1 },
		"sum":            func(m map[string]any) { histogram(m)["sum_ns"] = "many" },
		"buckets":        func(m map[string]any) { histogram(m)["buckets"] = "AAAA" },
		"more than planned": func(m map[string]any) {
			m["main"].(map[string]any)["scheduled"] = []any{0, 0,
				0}
		},
	}
	for name, change := range bend {
		var tree map[string]any
		if err := json.Unmarshal(data, &tree); err != nil {
			t.Fatal(err)
		}
		change(tree)
		bent, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := measure.Decode(bent); err == nil {
			t.Errorf("%s: read without an error", name)
		}
	}
}

func cell(m map[string]any) map[string]any {
	return m["main"].(map[string]any)["cells"].([]any)[0].(map[string]any)
}

func histogram(m map[string]any) map[string]any { return cell(m)["response"].(map[string]any) }

// whole is a measurement of so many groups and requests.
func whole(t testing.TB, groups, requests int) *measure.Measurement {
	t.Helper()
	r := measure.NewRecorder(groups, []string{"echo.user", "field.unknown"}, 0)
	for i, o := range testkit.Observations(1, requests) {
		o.Group %= groups
		r.Record(i, o)
	}
	m, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	m.Groups = nil
	for i := range groups {
		m.Groups = append(m.Groups, fmt.Sprint("g", i))
		m.Main.Scheduled[i], m.Warmup.Scheduled[i] = 99, 99
	}
	return m
}

// What can be read is written and read again without a change.
func readAgain(t *testing.T, data []byte) {
	m, err := measure.Decode(data)
	if err != nil {
		return
	}
	again, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := measure.Decode(again)
	if err != nil {
		t.Fatalf("what was read and written is refused: %v", err)
	}
	if diff := cmp.Diff(m, read, testkit.Histograms); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeMany(t *testing.T) {
	for _, m := range []*measure.Measurement{whole(t, 3, 60), parted(t, 2, 6, 3)[1],
		merge(t, parted(t, 2, 6, 3)...)} {
		data := []byte(encoded(t, m))
		if _, err := measure.Decode(data); err != nil {
			t.Fatal(err)
		}
		readAgain(t, data)
	}
}

// FuzzDecode begins with small measurements: reading one takes as long as its
// testkit.Histograms do, and TestDecodeMany has many.
func FuzzDecode(f *testing.F) {
	for n := range 2 {
		f.Add([]byte(encoded(f, whole(f, max(n, 1), n))))
	}
	f.Fuzz(readAgain)
}

func BenchmarkRecord(b *testing.B) {
	all := testkit.Observations(1, 10000)
	r := measure.NewRecorder(3, []string{"echo.user", "field.unknown"}, 0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Record(0, all[i%len(all)])
	}
}
