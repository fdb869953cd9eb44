package live

import (
	"slices"

	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
)

// StepStatus is how a step stands that follows requests, since the start of the run.
type StepStatus struct {
	// Step is its group's name, a dot and its action, such as email-otp.read.
	Step string `json:"step"`
	EndedCounts
	// Response is the time from when the step was due, of the steps that were served.
	Response Percentiles `json:"response_ms"`
}

// liveSteps are the steps that ended so far. Its methods do nothing on nil.
type liveSteps struct {
	names []string // "" for those that send nothing
	live  *measure.Live
	ended *measure.EndedRequests // by step in place of group
}

func newLiveSteps(r *runner.Runner) *liveSteps {
	names, live := r.LiveSteps()
	if live == nil {
		return nil
	}
	names = slices.Clone(names)
	for i, s := range r.Scenario().Steps() {
		if r.Scenario().Groups[s.Group].Then[s.Step].Action == scenario.Abandon {
			names[i] = ""
		}
	}
	return &liveSteps{names, live, measure.NewEndedRequests(len(names))}
}

func (l *liveSteps) take() {
	if l != nil {
		l.live.Take(l.ended, measure.NewSparse(), measure.NewSparse(), &measure.TransferTimes{})
	}
}

func (l *liveSteps) status() (all []StepStatus) {
	if l == nil {
		return nil
	}
	for i, name := range l.names {
		all = append(all, StepStatus{Step: name, Response: percentiles(l.response(i))})
	}
	for _, c := range l.ended.Main.Cells {
		all[c.Group].add(endedOf(c))
	}
	return slices.DeleteFunc(all, func(s StepStatus) bool { return s.Step == "" })
}

// response are the response times of a step.
func (l *liveSteps) response(step int) *measure.Histogram {
	sum := measure.NewSparse()
	for _, h := range l.ended.Main.Waits(step, false).Served {
		sum.Merge(h)
	}
	return sum
}

// histograms are the response times of the steps of a status, in its order.
func (l *liveSteps) histograms() (all []namedHistogram) {
	if l == nil {
		return nil
	}
	for i, name := range l.names {
		if name != "" {
			all = append(all, namedHistogram{name, newExponential(l.response(i))})
		}
	}
	return all
}
