package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// What bounds report.json, so that mfaload can read it back: it has at most 128 MiB,
// whatever was run. A scenario has at most 10,000 groups, and a measurement at most
// 500 kinds of violations.
const (
	maxThresholds   = 10_000
	maxReasons      = 1000
	maxExplained    = 1000    // thresholds that have causes
	maxCauses       = 20      // of each of them
	maxText         = 2000    // bytes of a reason, a pointer and the like
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
	r.Thresholds = missedFirst(r.Thresholds, maxThresholds)
	r.Thresholds, out.Thresholds = first(r.Thresholds, maxThresholds)
	r.Reasons, out.Reasons = first(r.Reasons, maxReasons)
	out.Causes = boundCauses(r.Thresholds)
	if n := len(r.ScenarioText); n > maxScenarioText {
		kept := strings.LastIndexByte(r.ScenarioText[:maxScenarioText], '\n') + 1
		r.ScenarioText, out.ScenarioText = r.ScenarioText[:kept], uint64(n-kept)
	}
	for i := range r.Reasons {
		r.Reasons[i] = clip(r.Reasons[i], maxText)
	}
	if out != (LeftOut{}) {
		r.LeftOut = &out
	}
	return r
}

// boundCauses says how many causes of thresholds are left out.
func boundCauses(all []Threshold) (left uint64) {
	for i := range all {
		n, more := maxCauses, uint64(0)
		if i >= maxExplained {
			n = 0
		}
		all[i].Causes, more = first(all[i].Causes, n)
		left += more
	}
	return left
}

// first are the first of a list, and how many more there are.
func first[T any](list []T, n int) ([]T, uint64) {
	if len(list) <= n {
		return list, 0
	}
	return list[:n:n], uint64(len(list) - n)
}

// clip shortens a text to so many bytes, and says so.
func clip(text string, maxBytes int) string {
	if len(text) <= maxBytes {
		return text
	}
	for maxBytes > 0 && !utf8.RuneStart(text[maxBytes]) {
		maxBytes--
	}
	return fmt.Sprintf("%s… (%d more bytes)", text[:maxBytes], len(text)-maxBytes)
}
