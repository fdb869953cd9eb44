package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/measure"
)

// A 403 that comes only above some rate may be a rate limit; one that comes at
// any rate, or once, is not said to be.
func TestForbiddenAboveARate(t *testing.T) {
	steady := repeat(10, [2]int{100, 0})
	for _, tt := range []struct {
		name     string
		seconds  [][2]int // accepted, forbidden
		expected bool
		want     string
	}{
		{"above 100/s", ramp(20), false, "only in seconds with 110 or more requests; 450 requests of " +
			"slower seconds got none"},
		{"above 100/s, as expected", ramp(20), true, ""},
		{"at any rate", append(repeat(10, [2]int{40, 10}), repeat(10, [2]int{80, 20})...), false, ""},
		{"at one rate, from some time on", append(steady, repeat(10, [2]int{50, 50})...), false, ""},
		{"a few", append(repeat(10, [2]int{20, 0}), repeat(10, [2]int{99, 1})...), false, ""},
		{"one fast second", append(slices.Clone(steady), [2]int{100, 100}), false, ""},
		{"none", steady, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &run{t: t, recorder: measure.NewRecorder(2, nil, 0)}
			sent := uint64(0)
			for second, n := range tt.seconds {
				for i := range n[0] + n[1] {
					at := time.Duration(second)*time.Second + time.Duration(i)*time.Millisecond
					o := &measure.Observation{Intended: at, Sent: at, Done: at + ms,
						Label: "201 OTP_REQUIRED", AsExpected: true}
					if i >= n[0] {
						o.Label, o.AsExpected = "403 not from the service", tt.expected
					}
					r.recorder.Record(0, o)
					sent++
				}
			}
			r.finish = func(m *measure.Measurement) {
				m.Main.Scheduled, m.Main.Planned = []uint64{sent, 0},
					time.Duration(len(tt.seconds))*time.Second
			}
			reasons := strings.Join(r.judge().Reasons, "\n")
			if tt.want == "" && strings.Contains(reasons, "403 in place of 429") ||
				!strings.Contains(reasons, tt.want) {
				t.Errorf("reasons:\n%s\nwant: %q", reasons, tt.want)
			}
		})
	}
}
