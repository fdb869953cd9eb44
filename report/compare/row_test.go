package compare_test

import (
	"strings"
	"testing"
	"time"

	"mfaload/report/compare"
)

// How long runs should be is said in a unit that people plan by.
func TestHowLongRunsShouldBe(t *testing.T) {
	for needed, want := range map[time.Duration]string{
		40 * time.Second:               "runs of some 40 seconds would tell",
		time.Minute:                    "runs of some 60 seconds would tell",
		2*time.Minute + time.Second:    "runs of some 3 minutes would tell",
		119 * time.Minute:              "runs of some 119 minutes would tell",
		2*time.Hour + time.Minute:      "runs of some 3 hours would tell",
		48*time.Hour + time.Minute:     "runs of some 3 days would tell",
		139*time.Hour + 54*time.Minute: "runs of some 6 days would tell",
		31 * 24 * time.Hour:            "runs of some 31 days would tell",
		31*24*time.Hour + time.Minute:  "only runs longer than a month would tell: ",
		100 * 365 * 24 * time.Hour:     "only runs longer than a month would tell: ",
	} {
		text := compare.MetricRow{Metric: "response.p95", Unit: "ms", Judgement: compare.Unclear, Needed: needed.Seconds()}.String()
		if !strings.Contains(text, "; "+want) {
			t.Errorf("%v: %s", needed, text)
		}
	}
	if text := (compare.MetricRow{Metric: "response.p95", Judgement: compare.Unclear, Needed: 1e15}).String(); !strings.Contains(text, "longer than a month") {
		t.Error(text) // more than a time.Duration can be
	}
	if text := (compare.MetricRow{Metric: "response.p95", Judgement: compare.Unclear}).String(); strings.Contains(text, "would tell") {
		t.Error(text)
	}
}

// Where nothing was served there is no time to compare with, and no time of 0 ms.
func TestNoTimeIsNotZero(t *testing.T) {
	r := compare.MetricRow{Metric: "response.p95", Unit: "ms", New: 45.1, Change: 1e9, Low: 1e9, High: 1e9, Judgement: compare.Unclear, Margin: 5}
	if got, want := r.String(), "response p95 can't tell: – → 45.1 ms, –, 95 % from – to –; the margin is 5 %"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	r.Base, r.New, r.NewAtLeast, r.Change = 12, 0, true, -100
	if got := r.String(); !strings.Contains(got, ": 12 → ≥ 0 ms, -100.0 %") {
		t.Errorf("%q", got)
	}
}
