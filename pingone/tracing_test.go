package pingone

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/scenario"
)

// Each request begins a trace of its own.
func TestTraceParents(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$`)
	for trace, flags := range map[scenario.TraceMode]string{scenario.TraceUnsampled: "-00",
		scenario.TraceAll: "-01"} {
		traces, seen := newTraces(trace), map[string]bool{}
		for n := range uint64(10_000) {
			parent := string(traces.appendParent(nil, n))
			if !form.MatchString(parent) || !strings.HasSuffix(parent, flags) || seen[parent[3:35]] {
				t.Fatalf("request %d: %s", n, parent)
			}
			seen[parent[3:35]] = true
		}
	}
	if got := newTraces(scenario.TraceOff).appendParent(nil, 1); got != nil {
		t.Errorf("off: %s", got)
	}
}

func TestServiceTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Server-Timing", "cache;desc=\"hit\", db;dur=53, total;dur=120.5", 120500 * time.Microsecond},
		{"server-timing", "app;desc=a;dur=\"7\",db;dur=2", 7 * time.Millisecond},
		{"Server-Timing", "miss", 0},
		{"Server-Timing", "total;dur=0", 1},
		{"X-Envoy-Upstream-Service-Time", "12", 12 * time.Millisecond},
		{"X-Runtime", "0.25s", 250 * time.Millisecond},
		{"X-Runtime", "-1", 0},
		{"X-Runtime", "1e300", 0},
		{"X-Runtime", "NaN", 0},
	} {
		fields := contract.Fields{{Name: "Date", Value: "5"}, {Name: c.name, Value: c.value}}
		got := serviceTime(fields, c.name)
		if got != c.want {
			t.Errorf("%s: %s is %v, want %v", c.name, c.value, got, c.want)
		}
	}
}

func FuzzServiceTime(f *testing.F) {
	for _, seed := range []string{"total;dur=1.5", "a;dur=2, total;dur=\"3\"", "12ms", "1e9", ";;,=dur"} {
		f.Add("Server-Timing", seed)
		f.Add("X-Time", seed)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if d := serviceTime(contract.Fields{{Name: name, Value: value}}, name); d < 0 || d > maxServiceTime {
			t.Errorf("%v", d)
		}
	})
}
