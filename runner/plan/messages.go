package plan

import (
	"math"
	"slices"
	"strings"

	"mfaload/pingone/limits"
	"mfaload/scenario"
)

// groupMessages are the kinds of messages that real users of a group could receive, in the order of
// [limits.Messages], those whom rows of a file expect something else of included.
func groupMessages(g *scenario.Group) (kinds []string) {
	if g.TestMode {
		return nil
	}
	found := map[string]bool{}
	for kind := range g.Kinds() {
		variant := g.Variant(kind)
		for _, k := range messageKinds(&variant) {
			found[k] = true
		}
	}
	for _, step := range g.Then {
		for _, k := range selectedKinds(step) {
			found[k] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(limits.Messages), func(k string) bool { return !found[k] })
}

// silent are the statuses with which an initialization has sent nothing.
var silent = []string{"DEVICE_SELECTION_REQUIRED", "COMPLETED", "ASSERTION_REQUIRED", "FAILED"}

// messageKinds are those that real users could receive who get the responses that are expected. Whether a
// user's device is in test mode, and so receives nothing, nobody knows but the environment.
func messageKinds(g *scenario.Group) []string {
	expected := slices.DeleteFunc(slices.Clone(g.Expect.Statuses),
		func(status string) bool { return slices.Contains(silent, status) })
	only := func(is func(status string) bool) bool {
		return len(expected) > 0 && !slices.ContainsFunc(expected, func(s string) bool { return !is(s) })
	}
	switch {
	case !slices.Contains(g.Expect.HTTPStatuses, 201), len(g.Expect.Statuses) > 0 && len(expected) == 0:
		return nil
	case only(scenario.IsPush):
		return []string{"push"}
	}
	if kinds, known := oneTime(g.Request); known {
		return kinds
	}
	if only(func(status string) bool { return status == "OTP_REQUIRED" }) {
		return []string{"e-mail", "SMS", "voice"}
	}
	return limits.Messages
}

// oneTime says what a request's one-time device receives: nothing in test mode.
func oneTime(request map[string]any) (kinds []string, known bool) {
	selected, _ := request["selectedDevice"].(map[string]any)
	device, ok := selected["oneTime"].(map[string]any)
	if !ok {
		return nil, false
	}
	if test, _ := device["testMode"].(bool); test {
		return nil, true
	}
	kind, _ := device["type"].(string)
	kinds, known = map[string][]string{"EMAIL": {"e-mail"}, "SMS": {"SMS"}, "VOICE": {"voice"}}[kind]
	return kinds, known
}

// either writes kinds of messages as people do.
func either(kinds []string) string {
	last := len(kinds) - 1
	return strings.TrimPrefix(strings.Join(kinds[:last], ", ")+" or "+kinds[last], " or ")
}

// selectedKinds are the kinds of messages that a step can send: it selects another device.
func selectedKinds(step scenario.FlowStep) []string {
	if step.Action != scenario.SelectDevice {
		return nil
	}
	switch step.Device {
	case "EMAIL":
		return []string{"e-mail"}
	case "SMS":
		return []string{"SMS"}
	case "VOICE":
		return []string{"voice"}
	case "MOBILE":
		return []string{"push"}
	case "":
		return limits.Messages
	}
	return nil
}

// following is what follows one request of a group on average.
type following struct {
	steps float64 // of the flow
	sent  float64 // messages, that of the request included
	wrong float64 // passcodes
}

func newFollowing(g *scenario.Group) (f following) {
	for kind := range g.Kinds() {
		if variant := g.Variant(kind); len(messageKinds(&variant)) > 0 {
			f.sent = 1
		}
	}
	going, open := 1.0, 1.0 // shares: of the users who did not abandon it, and of them those not signed on
	for _, step := range g.Then {
		taken := going * step.Share
		if step.Action != scenario.ReadStep {
			taken *= open
		}
		switch step.Action {
		case scenario.Abandon:
			going *= 1 - step.Share
			continue
		case scenario.CheckOTP:
			f.wrong += taken * step.Wrong
			open *= 1 - step.Share*(1-step.Wrong)
		}
		f.steps += taken
		if len(selectedKinds(step)) > 0 {
			f.sent += taken
		}
	}
	return f
}

// messages are how many messages so many requests of a group send.
func (of *planSource) messages(group int, requests uint64) uint64 {
	return uint64(math.Ceil(of.times*of.sent[group]*float64(requests) - 1e-6))
}

// passcodes are how many one request leads to that may be wrong, and whether some are right: these begin
// another row.
func passcodes(g *scenario.Group) (each float64, may bool) {
	for _, step := range g.Then {
		if step.Action == scenario.CheckOTP && step.Wrong > 0 {
			each++
			may = may || step.Wrong < 1 || step.Share < 1
		}
		may = may || step.Action == scenario.Abandon
	}
	return each, may
}
