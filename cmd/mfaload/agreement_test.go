package main_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/pingone"
	"mfaload/scenario"
	"mfaload/simulator"
)

// The simulator and the contract are written from the same documentation and
// share no code, so each tests the other.

const (
	envID  = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
	userID = "788d4931-6936-43f2-82ff-178f5762298a"
)

func embedded(t testing.TB) *contract.Contract {
	t.Helper()
	c, err := pingone.Compile("contract.yaml", pingone.Document(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends so many requests for one user to a simulator, and returns the
// labels of the responses and the rules that they break, findings among them.
func ask(t *testing.T, c scenario.Simulator, g scenario.Group, requests int) (labels, rules []string) {
	t.Helper()
	c.Seed = 1
	token := scenario.NewSecret("the-access-token")
	sim, err := simulator.New(scenario.Target{EnvID: envID, AccessToken: token, Simulator: &c})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	timeout := 10 * time.Second
	if slices.ContainsFunc(c.Faults, func(f scenario.Fault) bool { return f.Name == "answer.slow" }) {
		timeout = 200 * time.Millisecond
	}
	g.Name, g.IDs, g.Weight = "all", []string{userID}, 1
	if g.Expect.HTTPStatuses == nil {
		g.Expect.HTTPStatuses = []int{201}
	}
	s := &scenario.Scenario{Name: "test", Groups: []scenario.Group{g}, Target: scenario.Target{
		AuthPath: server.URL, EnvID: envID, AccessToken: token, Timeout: timeout}}
	if sim.WritesFrames() {
		s.Target.Protocol = scenario.HTTP2
	}
	op, err := pingone.New(s, embedded(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(op.Close)
	exchanges := []*contract.Exchange{{}, {}}
	for i := range requests {
		ex := exchanges[i%2]
		ex.Reset()
		ctx, cancel := context.WithTimeout(t.Context(), s.Target.Timeout)
		err := op.Send(ctx, scenario.User{ID: userID}, ex)
		cancel()
		var f *contract.Failure
		if errors.As(err, &f) {
			labels = append(labels, f.Kind)
			continue
		}
		for _, v := range op.Check(scenario.User{ID: userID}, ex, nil) {
			rules = append(rules, v.Rule)
		}
		labels = append(labels, ex.Label)
	}
	slices.Sort(labels)
	slices.Sort(rules)
	return slices.Compact(labels), slices.Compact(rules)
}

func user(devices ...string) []scenario.SimulatedUsers {
	return []scenario.SimulatedUsers{{IDs: []string{userID}, Devices: devices}}
}

var request = map[string]map[string]any{
	"policy": {"policy": map[string]any{"id": "9761c24a-208d-0499-1bf6-39905184a4e1"}},
	"oneTime": {"selectedDevice": map[string]any{"oneTime": map[string]any{"type": "EMAIL",
		"email": "abel@example.com"}}},
	"phone": {"selectedDevice": map[string]any{"oneTime": map[string]any{"type": "SMS",
		"phone": "+14135550150"}}},
	"device": {"selectedDevice": map[string]any{"id": "88cdb0e7-b5c4-d900-eb6e-41179d68c263"}},
	"test": {"selectedDevice": map[string]any{"oneTime": map[string]any{"type": "VOICE",
		"phone": "+14135550150", "testMode": true}}},
	"app": {"application": map[string]any{"id": "9761c24a-208d-0499-1bf6-39905184a4e1"},
		"mobilePayload": "eyJ"},
	"rp":      {"rp": map[string]any{"id": "example.com"}},
	"no app":  {"mobilePayload": "eyJ"},
	"unknown": {"selectedDevice": map[string]any{"id": "00000000-0000-0000-0000-000000000000"}},
}

func TestSimulatorConforms(t *testing.T) {
	t.Parallel()
	type test struct {
		name  string
		users []scenario.SimulatedUsers
		group scenario.Group
		want  string
	}
	expect := func(status int) scenario.Group {
		return scenario.Group{Expect: scenario.Expect{HTTPStatuses: []int{status}}}
	}
	tests := []test{
		{"e-mail", user("EMAIL"), scenario.Group{}, "201 OTP_REQUIRED"},
		{"one-time e-mail", user("SMS"), scenario.Group{Request: request["oneTime"]}, "201 OTP_REQUIRED"},
		{"one-time phone", user("EMAIL"), scenario.Group{Request: request["phone"]}, "201 OTP_REQUIRED"},
		{"policy", user("EMAIL"), scenario.Group{Request: request["policy"]}, "201 OTP_REQUIRED"},
		{"device that is asked for", user("FIDO2", "SMS"), scenario.Group{Request: request["device"]},
			"201 OTP_REQUIRED"},
		{"one-time device in test mode", user("EMAIL"), scenario.Group{Request: request["test"]},
			"201 OTP_REQUIRED"},
		{"application", user("EMAIL"), scenario.Group{Request: request["app"]}, "201 OTP_REQUIRED"},
		{"relying party", user("FIDO2"), scenario.Group{Request: request["rp"]}, "201 ASSERTION_REQUIRED"},
		{"no user", nil, scenario.Group{Request: request["rp"], Usernameless: true},
			"201 ASSERTION_REQUIRED"},
		{"payload without an application", user("EMAIL"), scenario.Group{Request: request["no app"],
			Expect: scenario.Expect{HTTPStatuses: []int{400}}}, "400 INVALID_DATA"},
		{"several devices", user("EMAIL", "SMS", "FIDO2"), scenario.Group{}, "201 DEVICE_SELECTION_REQUIRED"},
		{"no devices", user(), scenario.Group{}, "201 FAILED"},
		{"device of nobody", user("EMAIL"), scenario.Group{Request: request["unknown"],
			Expect: scenario.Expect{HTTPStatuses: []int{400}}}, "400 INVALID_DATA"},
		{"unknown user", nil, expect(404), "404 NOT_FOUND"},
		{"gateway", []scenario.SimulatedUsers{{IDs: []string{userID}, HTTPStatus: 502}}, expect(502),
			"502 not from the service"},
	}
	for _, status := range []string{"OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED", "COMPLETED",
		"PUSH_CONFIRMATION_REQUIRED",
		"PUSH_CONFIRMATION_TIMED_OUT", "ASSERTION_REQUIRED", "FAILED"} {
		tests = append(tests, test{"status " + status, []scenario.SimulatedUsers{{IDs: []string{userID},
			Status: status, Devices: []string{"EMAIL", "FIDO2"}}}, scenario.Group{}, "201 " + status})
	}
	for _, kind := range strings.Fields("EMAIL SMS VOICE WHATSAPP TOTP MOBILE FIDO2 SECURITY_KEY PLATFORM " +
		"OATH_TOKEN PINGID_MOBILE PINGID_DESKTOP PINGID_DESKTOP_GEN2 YUBIKEY") {
		for _, form := range []string{"older", "newer"} {
			want := "201 OTP_REQUIRED"
			switch {
			case strings.HasSuffix(kind, "MOBILE"):
				want = "201 PUSH_CONFIRMATION_REQUIRED"
			case kind == "FIDO2" || kind == "SECURITY_KEY" || kind == "PLATFORM":
				want = "201 ASSERTION_REQUIRED"
			}
			tests = append(tests, test{kind + " " + form, []scenario.SimulatedUsers{{IDs: []string{userID},
				Devices: []string{kind}, Form: form}}, scenario.Group{}, want})
		}
	}
	for status, code := range map[int]string{400: "INVALID_DATA", 401: "ACCESS_FAILED", 403: "ACCESS_FAILED",
		404: "NOT_FOUND", 415: "INVALID_REQUEST", 429: "REQUEST_LIMITED", 500: "UNEXPECTED_ERROR",
		503: "UNAVAILABLE"} {
		tests = append(tests, test{fmt.Sprint("error ", status),
			[]scenario.SimulatedUsers{{IDs: []string{userID}, HTTPStatus: status,
				Error: code}}, expect(status), fmt.Sprint(status, " ", code)})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			labels, rules := ask(t, scenario.Simulator{Users: test.users}, test.group, 3)
			if diff := cmp.Diff([]string{test.want}, labels); diff != "" {
				t.Error(diff)
			}
			if len(rules) > 0 {
				t.Errorf("breaks %v", rules)
			}
		})
	}
}

// faultContexts are what some faults need to apply; the others bend any success.
var faultContexts = map[string]struct {
	users []scenario.SimulatedUsers
	group scenario.Group
}{
	"header.retryAfter": {[]scenario.SimulatedUsers{{IDs: []string{userID}, HTTPStatus: 429,
		Error: "REQUEST_LIMITED"}}, scenario.Group{Expect: scenario.Expect{HTTPStatuses: []int{429}}}},
	"status.form":                 {user("MOBILE"), scenario.Group{}},
	"status.known":                {user("MOBILE"), scenario.Group{}},
	"echo.policy":                 {user("EMAIL"), scenario.Group{Request: request["policy"]}},
	"echo.device":                 {user("EMAIL", "SMS"), scenario.Group{Request: request["device"]}},
	"echo.oneTime":                {user("SMS"), scenario.Group{Request: request["oneTime"]}},
	"echo.application":            {user("EMAIL"), scenario.Group{Request: request["app"]}},
	"selected.oneTime":            {user("SMS"), scenario.Group{Request: request["oneTime"]}},
	"assertion.rp":                {user("FIDO2"), scenario.Group{Request: request["rp"]}},
	"test.otp":                    {user("EMAIL"), scenario.Group{Request: request["test"]}},
	"selected.null":               {user("EMAIL", "SMS"), scenario.Group{}},
	"selected.masked":             {user("SMS"), scenario.Group{Request: request["oneTime"]}},
	"assertion.options":           {user("FIDO2"), scenario.Group{}},
	"failed.error":                {user(), scenario.Group{}},
	"error.body":                  {nil, scenario.Group{Expect: scenario.Expect{HTTPStatuses: []int{404}}}},
	"error.known":                 {nil, scenario.Group{Expect: scenario.Expect{HTTPStatuses: []int{404}}}},
	"expect.refused":              {nil, scenario.Group{Expect: scenario.Expect{HTTPStatuses: []int{404}}}},
	"device.masked of a one-time": {user("SMS"), scenario.Group{Request: request["oneTime"]}},
}

// Each fault of the simulator breaks exactly the rule of its name, and each
// rule that a server can break has a fault.
func TestEveryFaultBreaksItsRule(t *testing.T) {
	t.Parallel()
	failures := map[string]string{"conn.reset": "connection reset", "conn.cut": "answer cut off",
		"answer.slow": "timeout"}
	covered := map[string]bool{}
	for _, f := range simulator.Faults() {
		if strings.HasPrefix(f.Name, "flow.") {
			continue // breaks a response to a read: see session/check.TestEveryFlowFaultBreaksItsRule
		}
		t.Run(f.Name, func(t *testing.T) {
			context, special := faultContexts[f.Name]
			if !special {
				context.users = user("EMAIL")
			}
			labels, rules := ask(t, scenario.Simulator{Users: context.users,
				Faults: []scenario.Fault{{Name: f.Name, Share: 1}}}, context.group, 3)
			if kind := failures[f.Name]; kind != "" {
				if diff := cmp.Diff([]string{kind}, labels); diff != "" {
					t.Error(diff)
				}
				return
			}
			want := f.Name
			if f.Name == "http.redirect" {
				want = "http.status"
			}
			if f.Name == "run.crossed" {
				return // needs two users, see TestCrossedAnswers
			}
			covered[want] = true
			wants := []string{want}
			if want == "http.bodyless" {
				wants = append(wants, "http.status") // a 204 is documented nowhere
			}
			if diff := cmp.Diff(wants, rules); diff != "" {
				t.Errorf("%s (labels %v)", diff, labels)
			}
		})
	}
	for _, r := range embedded(t).Rules() {
		switch r.Name {
		case "run.crossed":
			continue // see TestCrossedAnswers
		}
		if !covered[r.Name] {
			t.Errorf("no fault of the simulator breaks %s", r.Name)
		}
	}
}
