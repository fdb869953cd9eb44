package measure_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// logged is a line of a log as another implementation reads it.
type logged struct {
	Tag           string
	Start         float64 `json:"start_ms"`
	End           float64 `json:"end_ms"`
	Count         uint64
	P50, P90, P99 int64
	Max           int64
}

// An HdrHistogram log is there for other tools, so another implementation reads
// it here: that of the npm registry.
func TestHLogIsReadByAnotherImplementation(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it starts a program of others")
	}
	m := profiled(t, 5, 4000)
	log, err := logOf(m)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "latency.hlog")
	if err := os.WriteFile(file, log, 0o600); err != nil {
		t.Fatal(err)
	}
	read := exec.Command("../tools/read-hlog.sh", file)
	var said bytes.Buffer
	read.Stderr = &said
	out, err := read.Output()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.As(err, &exit) && exit.ExitCode() == 3:
		t.Skipf("SKIPPED, latency.hlog was not read back by another implementation: %s %v", said.String(),
			err)
	case err != nil:
		t.Fatalf("%v: %s", err, said.String())
	}
	var lines []logged
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var l logged
		if err := decoder.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	compareLog(t, m, lines)
}

// The library's own reader agrees, so that something is checked without npm.
func TestHLogIsReadByItsLibrary(t *testing.T) {
	m := profiled(t, 5, 4000)
	log, err := logOf(m)
	if err != nil {
		t.Fatal(err)
	}
	var lines []logged
	reader := hdrhistogram.NewHistogramLogReader(bytes.NewReader(log))
	for {
		h, err := reader.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			break
		}
		n := float64(h.TotalCount())
		at := func(p float64) int64 { // the library rounds to the nearest rank
			return h.ValueAtPercentile(math.Ceil(p/100*n-1e-9) / n * 100)
		}
		lines = append(lines, logged{h.Tag(), float64(h.StartTimeMs()), float64(h.EndTimeMs()),
			uint64(h.TotalCount()), at(50), at(90), at(99), h.Max()})
	}
	compareLog(t, m, lines)
}

// compareLog holds each line against the histogram that it was made from: of what
// was served, and of each group apart what was refused, and what failed.
func compareLog(t *testing.T, m *measure.Measurement, lines []logged) {
	t.Helper()
	next := func(tag string, start time.Duration, h *measure.Histogram) {
		t.Helper()
		if len(lines) == 0 {
			t.Fatalf("no line of %s from %v", tag, start)
		}
		lines[0].compare(t, m, tag, start, h)
		lines = lines[1:]
	}
	parts := func(of measure.TransferTimes, prefix string, start time.Duration) {
		t.Helper()
		for name, h := range of.All() {
			if h.Count() > 0 {
				next(prefix+name, start, h)
			}
		}
	}
	for _, s := range testkit.Seconds(m.Seconds) {
		start := time.Duration(s.Second) * time.Second
		next("response", start, sum(t, s.Waits(-1, false).Served))
		next("service", start, sum(t, s.Waits(-1, true).Served))
		parts(s.TransferTimes(), "", start)
	}
	for g, name := range m.Groups {
		next(name+"/response", m.Main.Start, sum(t, m.Main.Waits(g, false).Served))
		next(name+"/service", m.Main.Start, sum(t, m.Main.Waits(g, true).Served))
		for _, tag := range []string{"refused", "failed"} {
			var all [2][]*measure.Histogram
			for _, c := range m.Main.Cells {
				if c.Group == g && (c.Refused && tag == "refused" || c.Failed && !c.Refused &&
					tag == "failed") {
					all[0], all[1] = append(all[0], c.Response), append(all[1], c.Service)
				}
			}
			if len(all[0]) > 0 {
				next(name+"/"+tag+"/response", m.Main.Start, sum(t, all[0]))
				next(name+"/"+tag+"/service", m.Main.Start, sum(t, all[1]))
			}
		}
		parts(m.Main.TransferTimes(g), name+"/", m.Main.Start)
	}
	if len(lines) > 0 {
		t.Errorf("more lines than histograms: %+v", lines)
	}
}

func sum(t *testing.T, all []*measure.Histogram) *measure.Histogram {
	t.Helper()
	h := measure.NewHistogram()
	for _, part := range all {
		h.Merge(part)
	}
	return h
}

func (l logged) compare(t *testing.T, m *measure.Measurement, tag string, start time.Duration,
	h *measure.Histogram) {
	t.Helper()
	if want := float64(m.Started.Add(start).UnixMilli()); l.Tag != tag || l.Count != h.Count() ||
		l.Start != want || l.End <= l.Start {
		t.Fatalf("line %+v, want %d values of %s from %.0f", l, h.Count(), tag, want)
	}
	for p, got := range map[float64]int64{50: l.P50, 90: l.P90, 99: l.P99, 100: l.Max} {
		if want := h.Percentile(p); math.Abs(float64(got-int64(want))) > max(float64(want)/900, 2000) {
			t.Errorf("%s from %v: p%g is %d, want %d", tag, start, p, got, want)
		}
	}
}

func TestDistribution(t *testing.T) {
	for name, h := range map[string]*measure.Histogram{"dense": measure.NewHistogram(),
		"sparse": measure.NewSparse()} {
		for i := 1; i <= 1000; i++ {
			h.Record(time.Duration(i) * time.Millisecond)
		}
		h.Record(2 * time.Hour)
		var b strings.Builder
		if err := h.WriteDistribution(&b); err != nil {
			t.Fatal(err)
		}
		var value, percentile float64
		var count, found int
		for line := range strings.Lines(b.String()) {
			if n, _ := fmt.Sscanf(line, "%f %f %d", &value, &percentile, &count); n == 3 &&
				(percentile == 0.5 || percentile == 0.75) {
				found++
				if math.Abs(value-1000*percentile) > 2 || math.Abs(float64(count)-1000*percentile) > 1 {
					t.Errorf("%s: %s", name, line)
				}
			}
		}
		if found != 2 || !strings.Contains(b.String(), "#[1 values above 1h0m0s are in no line]") ||
			!strings.Contains(b.String(), "Total count    =         1000") {
			t.Errorf("%s: %s", name, b.String())
		}
	}
}

func logOf(m *measure.Measurement) ([]byte, error) {
	var b bytes.Buffer
	err := m.HLog(&b)
	return b.Bytes(), err
}
