package scenario

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"mfaload/scenario/form"
)

// FlowStep is what follows a request that was as expected, in the transaction that it began.
type FlowStep struct {
	Action Action
	// After is the think time: from the end of what came before until the step is due.
	After Latency `json:",omitzero"`
	// Share is the part of the transactions at this step that take it, above 0 and up to 1; the others
	// go on with the next one.
	Share float64
	// Wrong is the share of the passcodes that are wrong on purpose. Only with CheckOTP.
	Wrong float64 `json:",omitzero"`
	// Device is the type of the device to select; empty for the first one. Only with SelectDevice.
	Device string `json:",omitempty"`
}

// Action is what a step does with a transaction, by its name in scenarios and results.
type Action string

const (
	// ReadStep reads the transaction.
	ReadStep Action = "read"
	// SelectDevice selects one of the user's devices.
	SelectDevice Action = "selectDevice"
	// CheckOTP sends the passcode that a device in test mode has in the response.
	CheckOTP Action = "checkOTP"
	// Cancel cancels a push.
	Cancel Action = "cancel"
	// Abandon sends nothing: the user goes away.
	Abandon Action = "abandon"
)

// possibleAt are the statuses at which an action is possible, and leadsTo those that the documentation
// names after it. Where there are none, it is possible always, and changes nothing.
var (
	possibleAt = map[Action][]string{
		SelectDevice: {"OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED"},
		CheckOTP:     {"OTP_REQUIRED"},
		Cancel:       {"PUSH_CONFIRMATION_REQUIRED"},
	}
	leadsTo = map[Action][]string{
		SelectDevice: {"OTP_REQUIRED", "PUSH_CONFIRMATION_REQUIRED", "ASSERTION_REQUIRED"},
		CheckOTP:     {"COMPLETED"},
		Cancel:       {"DEVICE_SELECTION_REQUIRED"},
	}
)

// Possible says whether a transaction at a status allows the action.
func (a Action) Possible(status string) bool {
	at := possibleAt[a]
	return at == nil || slices.Contains(at, status)
}

// maxThen bounds the steps of a group.
const maxThen = 10

var stepsForm = form.ListOf("a list of steps", "such as [read, {checkOTP: {after: 5s, wrong: 2%}}]",
	form.Either(
		form.Convert(form.OneOf("a step", ReadStep, SelectDevice, CheckOTP, Cancel, Abandon),
			func(a Action) FlowStep { return FlowStep{Action: a, Share: 1} }),
		form.Mapping(checkStep, []form.Field{
			stepKey(ReadStep, "Reads the transaction: GET on its URL."),
			stepKey(SelectDevice, "Selects a device.", form.Key("device",
				form.OneOf("a device type", deviceTypes...),
				"The type of the device. Default: the first device of the response.")),
			stepKey(CheckOTP,
				"Sends the passcode of a device in test mode, which the response has in test.otp.",
				form.Key("wrong", shareAboveZero, "The share of the passcodes that are wrong on purpose: "+
					"400 INVALID_OTP is expected for them. They count against the user's limit.")),
			stepKey(Cancel, "Cancels a push, as a user does who wants another device."),
			stepKey(Abandon, "Ends the flow of a share of the users, who send nothing more."),
		}).OneWay([]any{string(ReadStep)}, []any{string(SelectDevice)}, []any{string(CheckOTP)},
			[]any{string(Cancel)}, []any{string(Abandon)})))

func stepKey(a Action, doc string, more ...form.Field) form.Field {
	keys := append([]form.Field{
		form.Key("share", shareAboveZero,
			"The share of the users at this step who take it; others go on with the next step.").
			Default("100%"),
	}, more...)
	if a != Abandon {
		keys = append(keys, form.Key("after", latencyText, "The think time before the step: a duration or a "+
			"distribution, as of target.simulator.latency.").Default("0s"))
	}
	return form.Set(string(a), withCalls(form.Mapping[FlowStep](nil, keys)), func(s *FlowStep, v FlowStep) {
		v.Action = a
		*s = v
	}, doc)
}

func checkStep(d *form.Decoder, n *form.Node, s *FlowStep) {
	entries := n.All()
	switch {
	case len(entries) == 0:
		d.Fail(n, d.Label(n)+" names no step", "write one such as read, or {checkOTP: {after: 5s}}")
	case len(entries) > 1:
		d.FailKey(entries[1], fmt.Sprintf("%s combines %s with %s", d.Label(n), entries[1].Key,
			entries[0].Key), "write two items of the list: each is a step of its own")
	}
}

// checkSteps refuses steps that nothing can lead to.
func checkSteps(d *form.Decoder, n *form.Node, g *Group) {
	then, expect := n.Get("then"), n.Get("expect")
	if len(g.Then) == 0 || expect != nil && expect.Bad {
		return
	}
	if len(g.Then) > maxThen {
		d.FailKey(then, fmt.Sprintf("%s has more than %d steps", d.Label(then), maxThen), "write fewer")
		return
	}
	if !slices.Contains(g.Expect.HTTPStatuses, created) {
		d.FailKey(then, d.Label(then)+": nothing follows requests that have to be refused",
			"remove it, or expect httpStatus: 201")
		return
	}
	at := g.Expect.Statuses
	if len(at) == 0 {
		at = statuses
	}
	for i, s := range g.Then {
		e := then.Entries[i]
		possible := slices.ContainsFunc(at, s.Action.Possible)
		switch {
		case s.Action == "" || e.Bad:
			return
		case s.Action == Abandon && i == len(g.Then)-1:
			d.Fail(e, d.Label(e)+": abandon is the last step, so there is nothing to leave out",
				"write it before the step that these users do not take")
		case s.Action == Abandon && s.Share == 1:
			d.Fail(e, d.Label(e)+": all users abandon the flow, so no later step is taken",
				"write a share such as abandon: {share: 10%}, or remove the steps after it")
		case !possible:
			d.Fail(e, fmt.Sprintf("%s: %s is possible at %s, and here a transaction is at %s", d.Label(e),
				s.Action, strings.Join(possibleAt[s.Action], " or "), strings.Join(at, " or ")),
				"remove it, or expect another status")
			return
		}
		at = s.after(at)
	}
}

// after are the statuses that a transaction may be at after the step, if it is at one of some before.
func (s FlowStep) after(at []string) (next []string) {
	for _, status := range at {
		switch to := leadsTo[s.Action]; {
		case to == nil || !s.Action.Possible(status):
			next = append(next, status)
		default:
			if next = append(next, to...); s.Share < 1 || s.Wrong > 0 {
				next = append(next, status)
			}
		}
	}
	slices.Sort(next)
	return slices.Compact(next)
}

// GroupStep is a step of a group.
type GroupStep struct {
	// Group and Step are its indices in Scenario.Groups, and in Then there.
	Group, Step int
	// Name is what results call it: the group's name, a dot and the action, such as email-otp.read; a
	// second read is email-otp.read-2.
	Name string
}

// Steps are the steps of all groups, in the order of the groups.
func (s *Scenario) Steps() (all []GroupStep) {
	for g := range s.Groups {
		times := map[Action]int{}
		for i, step := range s.Groups[g].Then {
			times[step.Action]++
			name := s.Groups[g].Name + "." + string(step.Action)
			if n := times[step.Action]; n > 1 {
				name += fmt.Sprintf("-%d", n)
			}
			all = append(all, GroupStep{g, i, name})
		}
	}
	return all
}

// ThinkMax is the longest sum of think times of a group's steps, by their means.
func (s *Scenario) ThinkMax() (longest time.Duration) {
	for g := range s.Groups {
		sum := time.Duration(0)
		for _, step := range s.Groups[g].Then {
			sum += step.After.Mean()
		}
		longest = max(longest, sum)
	}
	return longest
}

// checkFlow refuses limits of a flow that there is none of, and adds the default ones.
func checkFlow(d *form.Decoder, n *form.Node, s *draft) {
	steps := s.Steps()
	if len(steps) > MaxGroups {
		d.FailKey(n.Get("users"), fmt.Sprintf("users has %d steps in then, more than %d", len(steps),
			MaxGroups), "leave some out, or join groups that are to be judged alike")
	}
	limits := n.Get("thresholds")
	refuse := func(of *form.Node, there bool) {
		if e := of.Get("flow"); e != nil && !there {
			d.FailKey(e, d.Label(e)+" judges the steps of then, and there are none",
				"add then: [read] to a group of users, or remove it")
		}
	}
	refuse(limits, len(steps) > 0)
	for _, e := range limits.Get("groups").All() {
		refuse(e, slices.ContainsFunc(s.Groups,
			func(g Group) bool { return g.Name == e.Key && len(g.Then) > 0 }))
	}
	s.Flow = slices.DeleteFunc(slices.Clone(s.Thresholds), func(t Threshold) bool { return !t.Flow })
	s.Thresholds = slices.DeleteFunc(s.Thresholds, func(t Threshold) bool { return t.Flow })
	for _, m := range []Metric{ViolationRate, ErrorRate} {
		judged := func(t Threshold) bool { return t.Metric == m && t.Group == "" }
		if len(steps) > 0 && !slices.ContainsFunc(s.Flow, judged) {
			s.Flow = slices.Insert(s.Flow, 0, Threshold{Flow: true, Metric: m, Written: "0%"})
		}
	}
	if len(s.Flow) == 0 {
		s.Flow = nil
	}
}

// flowKeys are the limits of a flow's steps.
var flowKeys = []form.Field{
	timeKey("response", Response, timeLimits,
		"Limits of the response time (last byte − when the step was due), such as {p95: 300ms}."),
	timeKey("service", Service, timeLimits,
		"Limits of the service time (last byte − actual send), such as {p99: 500ms}."),
	shareKey("errorRate", ErrorRate,
		"The maximum share of steps that failed or got an unexpected response. Default: 0%."),
	shareKey("violationRate", ViolationRate,
		"The maximum share of responses that break the contract. Default: 0%."),
	shareKey("rateLimitedRate", RateLimitedRate, "The maximum share of responses that are 429."),
}

// Draws are the chances of a transaction's step. They depend on the seed, the number of the request and
// the step alone.
func (l *Load) Draws(request uint64, step int) *rand.Rand {
	return rand.New(rand.NewPCG(l.Seed^request*0x9E3779B97F4A7C15, uint64(step)+1))
}
