package plan

import (
	"slices"

	"mfaload/scenario"
)

// silent are the statuses with which an initialization has sent nothing.
var silent = []string{"DEVICE_SELECTION_REQUIRED", "COMPLETED", "ASSERTION_REQUIRED", "FAILED"}

// pushes are the statuses with which it has sent a push, and nothing else.
var pushes = []string{"PUSH_CONFIRMATION_REQUIRED", "PUSH_CONFIRMATION_TIMED_OUT"}

// messageKinds says which messages real users of a group could receive, if
// they are answered as expected; "" is none. Limited says that the daily limit
// counts them. Whether a user's device is in test mode, and so receives
// nothing, nobody knows but the environment.
func messageKinds(s *scenario.Scenario, g *scenario.Group) (kinds string, limited bool) {
	expected := slices.DeleteFunc(slices.Clone(g.Expect.Statuses),
		func(status string) bool { return slices.Contains(silent, status) })
	only := func(of ...string) bool {
		return len(expected) > 0 && !slices.ContainsFunc(expected,
			func(status string) bool { return !slices.Contains(of, status) })
	}
	switch {
	case s.Target.Simulator != nil,
		!slices.Contains(g.Expect.HTTPStatuses, 201),
		len(g.Expect.Statuses) > 0 && len(expected) == 0:
		return "", false
	case only(pushes...):
		return "push", false
	}
	if kinds, known := oneTime(g.Request); known {
		return kinds, kinds == "e-mail" || kinds == "SMS"
	}
	if only("OTP_REQUIRED") {
		return "e-mail, SMS or voice", true
	}
	return "e-mail, SMS, voice or push", true
}

// oneTime says what a request's one-time device receives: nothing in test mode.
func oneTime(request map[string]any) (kinds string, known bool) {
	selected, _ := request["selectedDevice"].(map[string]any)
	device, ok := selected["oneTime"].(map[string]any)
	if !ok {
		return "", false
	}
	if test, _ := device["testMode"].(bool); test {
		return "", true
	}
	kind, _ := device["type"].(string)
	kinds, known = map[string]string{"EMAIL": "e-mail", "SMS": "SMS", "VOICE": "voice"}[kind]
	return kinds, known
}
