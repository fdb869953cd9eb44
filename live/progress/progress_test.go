package progress

import (
	"testing"

	"mfaload/live"
)

// What the progress says of the last 10 s is nothing before there is a sample, and no
// time where all was refused.
func TestRecently(t *testing.T) {
	for want, s := range map[string]live.Status{
		"last 10 s: not measured yet": {EndedCounts: live.EndedCounts{AsExpected: 70}},
		"last 10 s: 40/s of 40/s planned, nothing served": {Elapsed: 1, Achieved: 40, Planned: 40,
			EndedCounts: live.EndedCounts{Refused: 40}},
		"last 10 s: 40/s of 40/s planned, response p50 1.41 p99 4.6 ms": {Elapsed: 1, Achieved: 40,
			Planned: 40, Response: live.Percentiles{Count: 40, P50: 1.41, P99: 4.6}},
	} {
		if got := recently(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
