package plantext

import (
	"strings"
	"testing"
	"time"

	"mfaload/runner/plan"
)

// A plan says that the token ends before it does.
func TestPlanOfATokenThatEnds(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		left time.Duration
		want string
	}{
		{20 * time.Second, "ends at 2026-11-30T12:00:20Z, 20s into a run of 1m"},
		{-time.Second, "ends at 2026-11-30T11:59:59Z, 0s into"},
		{time.Minute, ""},
		{time.Hour, ""},
	} {
		at := now.Add(tt.left)
		got := tokenEnding(&plan.RunPlan{Duration: 60, TokenEnds: &at}, now)
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%v left: %q, want %q", tt.left, got, tt.want)
		}
	}
	if got := tokenEnding(&plan.RunPlan{Duration: 60}, now); got != "" {
		t.Errorf("a token whose end is not known: %q", got)
	}
}
