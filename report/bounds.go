package report

import (
	"slices"
	"strings"

	"mfaload/internal/text"
)

// What bounds report.json, so that mfaload can read it back: it has at most 128 MiB,
// whatever was run. A scenario has at most 10,000 groups, and a measurement at most
// 500 kinds of violations.
const (
	maxThresholds   = 10_000
	maxReasons      = 1000
	maxExplained    = 1000    // thresholds that have causes
	maxCauses       = 20      // of each of them
	MaxText         = 2000    // bytes of a reason, a pointer and the like
	maxScenarioText = 1 << 20 // bytes
	maxCurlBody     = 8 << 10 // bytes of a request that a command line repeats
	maxCurlURL      = 4 << 10
)

// LeftOut counts what report.json has no room for. The verdict takes all of it into
// account, and measurement.json.gz has it.
type LeftOut struct {
	Thresholds   uint64 `json:"thresholds,omitempty"`
	Reasons      uint64 `json:"reasons,omitempty"`
	Causes       uint64 `json:"causes,omitempty"`
	ScenarioText uint64 `json:"scenario_text_bytes,omitempty"`
}

// bound leaves out of a judged report what it has no room for: what passed goes first.
func (r *Report) bound() *Report {
	var out LeftOut
	r.Thresholds = MissedFirst(r.Thresholds, maxThresholds)
	r.Thresholds, out.Thresholds = text.First(r.Thresholds, maxThresholds)
	r.Reasons, out.Reasons = text.First(r.Reasons, maxReasons)
	out.Causes = boundCauses(r.Thresholds)
	if n := len(r.ScenarioText); n > maxScenarioText {
		kept := strings.LastIndexByte(r.ScenarioText[:maxScenarioText], '\n') + 1
		r.ScenarioText, out.ScenarioText = r.ScenarioText[:kept], uint64(n-kept)
	}
	for i := range r.Reasons {
		r.Reasons[i] = text.Clip(r.Reasons[i], MaxText)
	}
	if out != (LeftOut{}) {
		r.LeftOut = &out
	}
	return r
}

// escaped makes all texts of the report safe to show: whoever renders it need not think
// of what is from outside.
func (r *Report) escaped() *Report {
	text.EscapeAll(r)
	return r
}

// boundCauses says how many causes of thresholds are left out.
func boundCauses(all []Threshold) (left uint64) {
	for i := range all {
		n, more := maxCauses, uint64(0)
		if i >= maxExplained {
			n = 0
		}
		all[i].Causes, more = text.First(all[i].Causes, n)
		left += more
	}
	return left
}

// MissedFirst are the thresholds with those first that are not met, where not all of
// them are shown.
func MissedFirst(all []Threshold, shown int) []Threshold {
	if len(all) <= shown {
		return all
	}
	order := []State{Missed, Undecided, NoData, Met}
	all = slices.Clone(all)
	slices.SortStableFunc(all,
		func(a, b Threshold) int { return slices.Index(order, a.State) - slices.Index(order, b.State) })
	return all
}
