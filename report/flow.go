package report

import (
	"fmt"
	"slices"
	"strings"

	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/scenario"
)

// FlowFigures are those of the steps that followed requests of the judged part (then), all of them first.
// Their response time counts from when they were due: the think time after the end of what came before.
type FlowFigures struct {
	Figures
	// Each step, by its group and its action: email-otp.read. Withheld has why steps were not sent.
	Steps []Group `json:"steps"`
	// What responses to steps break, by themselves and compared with the response before.
	Violations []Violation `json:"violations"`
	// Every rule that responses to steps are checked against.
	Coverage []Coverage `json:"coverage"`
}

// flow are the figures of a measurement's steps; nil if none follow.
func flow(m *measure.Measurement) *FlowFigures {
	if m.Steps == nil {
		return nil
	}
	s, skipped := taken(m.Steps)
	all := newSums(&s.Main, len(s.Groups), nil)
	f := &FlowFigures{Figures: all.all.figures(&s.Main), Steps: []Group{}, Violations: violations(s),
		Coverage: coverage(s)}
	for i, name := range s.Groups {
		f.Steps = append(f.Steps, Group{Name: name, Skipped: skipped[i],
			Figures: all.groups[i].figures(&s.Main)})
	}
	return f
}

// taken is a measurement of steps without those that nobody was to send, because the user went away or the
// transaction's status no longer allows the step; and why, by step.
func taken(m *measure.Measurement) (*measure.Measurement, map[int]map[string]uint64) {
	skipped := map[int]map[string]uint64{}
	c := *m
	c.Main.Scheduled, c.Main.Withheld = slices.Clone(m.Main.Scheduled), nil
	for _, w := range m.Main.Withheld {
		if w.Reason != measure.Abandoned && w.Reason != measure.NotPossible {
			c.Main.Withheld = append(c.Main.Withheld, w)
			continue
		}
		c.Main.Scheduled[w.Group] -= min(w.Count, c.Main.Scheduled[w.Group])
		if skipped[w.Group] == nil {
			skipped[w.Group] = map[string]uint64{}
		}
		skipped[w.Group][w.Reason] += w.Count
	}
	return &c, skipped
}

// judgeFlow judges thresholds of steps, as those of requests are judged. Figures of steps by second are not
// kept: the observed values decide.
func (j *assessment) judgeFlow(thresholds []scenario.Threshold) {
	for _, t := range thresholds {
		steps := j.measurement.Steps
		if steps == nil {
			steps = measure.NewSteps(nil, j.measurement.Main.Start, j.measurement.Main.Planned)
		}
		steps, _ = taken(steps)
		if t.Group != "" {
			steps = steps.OnlyGroups(func(step int) bool { return groupOf(steps.Groups[step]) == t.Group })
		}
		of := assessment{report: j.report, measurement: steps,
			sums: newSums(&steps.Main, len(steps.Groups), nil)}
		whole := t
		whole.Group = ""
		judged := of.threshold(whole)
		judged.Expression, judged.Group = t.String(), t.Group
		j.report.Thresholds = append(j.report.Thresholds, judged)
	}
}

// groupOf is the group of a step, by its name.
func groupOf(step string) string { return step[:max(strings.LastIndexByte(step, '.'), 0)] }

// stepRemedies say what to do about steps that were not sent.
var stepRemedies = []struct{ reason, remedy string }{
	{measure.NoPasscode, "use devices in test mode, or a one-time device with " +
		"request.selectedDevice.oneTime.testMode: true"},
	{measure.NoDevice, "check the device in then, and the users' devices"},
	{measure.NoTransaction, "check the self link of the responses"},
	{measure.TooManyWaiting, "shorten the think times, or spread the load over several machines"},
	{measure.AfterEnd, "raise load.drain to the sum of the think times to have them all sent"},
}

// flowRemarks say why steps were not sent.
func (j *assessment) flowRemarks() (remarks []string) {
	if j.measurement.Steps == nil {
		return nil
	}
	withheld := map[string]uint64{}
	for _, w := range j.measurement.Steps.Main.Withheld {
		withheld[w.Reason] += w.Count
	}
	for _, r := range stepRemedies {
		if n := withheld[r.reason]; n > 0 {
			remarks = append(remarks, fmt.Sprintf("%s steps of the flow were not sent: %s; %s",
				number.Count(n), r.reason, r.remedy))
		}
	}
	if n := j.measurement.Steps.UngroupedViolations; n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d violations by responses to steps are counted but not "+
			"listed: they fell into too many different places", n))
	}
	return slices.Clip(remarks)
}
