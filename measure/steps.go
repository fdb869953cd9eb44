package measure

import (
	"errors"
	"slices"
	"time"
)

// Reasons why a step that follows a request was not sent, in addition to those of requests.
const (
	// Abandoned: the scenario has a share of the users go away.
	Abandoned = "abandoned"
	// NotPossible: the status of the transaction does not allow the step.
	NotPossible = "not possible at this status"
	// NoPasscode: only devices in test mode have it in the response.
	NoPasscode = "no passcode in the response (needs testMode)"
	// NoDevice: the response has no device of the type.
	NoDevice = "no such device in the response"
	// NoTransaction: the self link of the response leads nowhere.
	NoTransaction = "no transaction URL in the response"
	// AfterEnd: the step would have been due after the end of the run.
	AfterEnd = "due after the end of the run"
	// TooManyWaiting: mfaload keeps no more transactions whose next step is not due.
	TooManyWaiting = "too many transactions waiting"
)

// noStepSeconds is why a measurement of steps has no seconds.
const noStepSeconds = "none are kept of steps"

// NewStepRecorder returns a recorder for so many steps, which are its groups. It keeps no figures by second,
// and not where the time of its requests went.
func NewStepRecorder(steps int, rules []string, responses int) *Recorder {
	r := NewRecorder(steps, rules, responses)
	r.ofSteps = true
	for i := range r.partitions {
		for p := range r.partitions[i].phases {
			r.partitions[i].phases[p].breakdown, r.partitions[i].phases[p].small = nil, true
		}
	}
	return r
}

// NewSteps returns a measurement of steps, by their names, of which nothing is known yet.
func NewSteps(names []string, start, planned time.Duration) *Measurement {
	m := &Measurement{Schema: Schema, Groups: names, Main: newPhase(len(names)), Warmup: newPhase(len(names)),
		SecondsLost: noStepSeconds, Generator: Generator{Hiccups: NewSparse()}}
	m.Main.Start, m.Main.Planned = start, planned
	return m
}

// checkSteps finds steps that are no part of this run.
func (m *Measurement) checkSteps() error {
	s := m.Steps
	switch {
	case s == nil:
		return nil
	case s.Steps != nil, s.Shard != nil, s.Merged != nil, len(s.WarmupParts) > 0, !s.Seconds.Empty(),
		s.NotStarted != "":
		return errors.New("its steps have more than steps can have")
	case s.Warmup.Sent() > 0 || total(s.Warmup.Scheduled) > 0:
		return errors.New("its steps have a warm-up")
	}
	return s.Check()
}

// sameSteps says whether both have the same steps, checked by the same rules.
func (m *Measurement) sameSteps(o *Measurement) bool {
	if m.Steps == nil || o.Steps == nil {
		return m.Steps == o.Steps
	}
	return slices.Equal(m.Steps.Groups, o.Steps.Groups) && m.Steps.Main.Start == o.Steps.Main.Start &&
		slices.EqualFunc(m.Steps.Coverage, o.Steps.Coverage, func(a, b RuleCount) bool {
			return a.Rule == b.Rule
		})
}

// mergeSteps adds the steps of another shard.
func (m *Measurement) mergeSteps(o *Measurement) {
	if m.Steps == nil || o.Steps == nil {
		return
	}
	m.Steps.Main.Planned = max(m.Steps.Main.Planned, o.Steps.Main.Planned)
	m.Steps.merge(o.Steps)
}

func (m *Measurement) emptySteps() *Measurement {
	if m == nil {
		return nil
	}
	e := m.empty()
	e.Merged, e.SecondsLost = nil, m.SecondsLost
	return e
}

// OnlyGroups is the measurement of some of its groups, which keep their places: of the others nothing is in
// it. It shares memory with the whole.
func (m *Measurement) OnlyGroups(of func(group int) bool) *Measurement {
	c := *m
	c.Main.Scheduled, c.Main.InFlight = slices.Clone(m.Main.Scheduled), slices.Clone(m.Main.InFlight)
	for _, counts := range [][]uint64{c.Main.Scheduled, c.Main.InFlight} {
		for g := range counts {
			if !of(g) {
				counts[g] = 0
			}
		}
	}
	c.Main.Withheld = slices.DeleteFunc(slices.Clone(m.Main.Withheld),
		func(w Withheld) bool { return !of(w.Group) })
	c.Main.Cells = slices.DeleteFunc(slices.Clone(m.Main.Cells), func(c *Cell) bool { return !of(c.Group) })
	c.Violations = nil
	for _, v := range m.Violations {
		only := *v
		only.Count, only.ByGroup = 0, slices.Clone(v.ByGroup)
		for g := range only.ByGroup {
			if !of(g) {
				only.ByGroup[g] = 0
			}
		}
		if only.Count = total(only.ByGroup); only.Count > 0 {
			c.Violations = append(c.Violations, &only)
		}
	}
	return &c
}
