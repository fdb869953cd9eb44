package measure

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// Paused is the reason why an arrival was not sent while a run obeyed a
// Retry-After.
const Paused = "paused after a 429"

// Pause is a time in which nothing was sent because an answer was 429.
type Pause struct {
	// Start and End count from the start of the run.
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
}

// Stop says why a run was ended before its schedule was.
type Stop struct {
	// At is when, since the start of the run.
	At time.Duration `json:"at_ns"`
	// Condition is the scenario's, for example "load.on429: stop".
	Condition string `json:"condition"`
	// Observed is what met it.
	Observed string `json:"observed"`
	// Early says that requests of the schedule were due after that.
	Early bool `json:"early,omitempty"`
	// OfTimes says that it judges times, which are not the service's where
	// mfaload itself was late.
	OfTimes bool `json:"of_times,omitempty"`
	// Decided says that the run ended because it was decided: it is judged as any other.
	Decided bool `json:"decided,omitempty"`
}

// mergeEnd takes over the pauses, and why the run ended early: of several
// reasons the first.
func (m *Measurement) mergeEnd(o *Measurement) {
	m.Pauses = append(m.Pauses, o.Pauses...)
	slices.SortFunc(m.Pauses, comparePauses)
	if o.Stopped != nil && (m.Stopped == nil || compareStops(o.Stopped, m.Stopped) < 0) {
		stop := *o.Stopped
		m.Stopped = &stop
	}
}

func comparePauses(a, b Pause) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
}

func compareStops(a, b *Stop) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Condition, b.Condition),
		cmp.Compare(a.Observed, b.Observed))
}

func (m *Measurement) checkEnd() error {
	for _, p := range m.Pauses {
		if p.Start < 0 || p.End < p.Start {
			return errors.New("a pause ends before it begins")
		}
	}
	if !slices.IsSortedFunc(m.Pauses, comparePauses) {
		return errors.New("its pauses are not in order")
	}
	if m.Stopped != nil && m.Stopped.At < 0 {
		return errors.New("it ended before it began")
	}
	return nil
}

// JoinPauses returns the pauses of several machines as those in which one of them at
// least paused: apart from one another, in order.
func JoinPauses(pauses []Pause) (all []Pause) {
	for _, p := range pauses {
		if n := len(all); n > 0 && p.Start <= all[n-1].End {
			all[n-1].End = max(all[n-1].End, p.End)
		} else {
			all = append(all, p)
		}
	}
	return all
}
