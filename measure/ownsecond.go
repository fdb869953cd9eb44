package measure

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// OwnSecond is what mfaload's own load was in a second of a run. Only those
// seconds are kept in which there was much of it: see [OwnSecond.Notable].
type OwnSecond struct {
	// Second counts from the start of the run.
	Second int64 `json:"second"`
	// Available is the processor time that there was: of the processors that the
	// process may run on, or of its quota where that is less.
	Available time.Duration `json:"available_ns"`
	// CPU is the processor time that the process used, CPUWait how long its threads
	// were ready to run and waited for a processor, summed up.
	CPU     time.Duration `json:"cpu_ns"`
	CPUWait time.Duration `json:"cpu_wait_ns,omitempty"`
	// Throttled is how long the quota kept it from running.
	Throttled time.Duration `json:"throttled_ns,omitempty"`
	// Frozen is how long it stood still, for whatever reason.
	Frozen time.Duration `json:"frozen_ns,omitempty"`
	// Hiccup is the 95th percentile of the second's hiccups: see
	// [Generator.Hiccups].
	Hiccup time.Duration `json:"hiccup_p95_ns,omitempty"`
}

// Notable says whether a second is worth keeping: half of the processor time was
// used or waited for, it was throttled or stood still, or hiccups were above a
// millisecond.
func (s *OwnSecond) Notable() bool {
	return 2*(s.CPU+s.CPUWait) >= s.Available || s.Throttled > 0 || s.Frozen > 0 ||
		s.Hiccup >= time.Millisecond
}

// used is the share of the available time that was used or waited for.
func (s *OwnSecond) used() float64 {
	if s.Available <= 0 {
		return 0
	}
	return float64(s.CPU+s.CPUWait) / float64(s.Available)
}

// mergeOwnSeconds keeps of each second the machine that was busiest in it; of
// freezes, throttling and hiccups the worst.
func mergeOwnSeconds(a, b []OwnSecond) []OwnSecond {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b OwnSecond) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(b.used(), a.used()),
			cmp.Compare(b.Available, a.Available),
			cmp.Compare(b.CPU, a.CPU))
	})
	merged := all[:0]
	for _, s := range all {
		n := len(merged)
		if n == 0 || merged[n-1].Second != s.Second {
			merged = append(merged, s)
			continue
		}
		to := &merged[n-1]
		to.Throttled, to.Frozen, to.Hiccup = max(to.Throttled, s.Throttled), max(to.Frozen, s.Frozen),
			max(to.Hiccup, s.Hiccup)
	}
	return slices.Clip(merged)
}

// checkOwnSeconds finds seconds that can't be.
func checkOwnSeconds(seconds []OwnSecond) error {
	last := int64(-1)
	for _, s := range seconds {
		if s.Second <= last || s.Second > maxSecond ||
			min(s.Available, s.CPU, s.CPUWait, s.Throttled, s.Frozen, s.Hiccup) < 0 {
			return errors.New("the generator's seconds are not in order, or negative")
		}
		last = s.Second
	}
	return nil
}
