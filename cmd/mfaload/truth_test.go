package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/internal/testkit"
	"mfaload/pingone"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/scenario"
	"mfaload/simulator"
)

// runScenario runs a scenario on real sockets and judges it.
func runScenario(t *testing.T, s *scenario.Scenario) *report.Report {
	t.Helper()
	op, err := pingone.New(s, embedded(t), "")
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	r := runner.New(runner.Config{Scenario: s, Operation: op, Rules: ruleNames(op.Contract())})
	m, err := r.Run(t.Context(), runner.Start{})
	if err != nil {
		t.Fatal(err)
	}
	m.Terms = report.TermsOf(s).Encode()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), s.Target.AccessToken.Reveal()) {
		t.Error("the token is in the measurement")
	}
	rep, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	q := rep.Requests
	if q.Scheduled != q.Sent+q.Unsent || q.Sent != q.Answered+q.Failed || q.AsExpected > q.Answered {
		t.Errorf("the numbers do not add up: %+v", q)
	}
	statuses, failures := sum(rep.Statuses), sum(rep.Errors)
	if statuses != q.Answered || failures != q.Failed {
		t.Errorf("statuses add up to %d, failures to %d: %+v", statuses, failures, q)
	}
	return rep
}

func ruleNames(c *contract.Contract) (names []string) {
	for _, r := range c.Rules() {
		names = append(names, r.Name)
	}
	return names
}

func sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func scenarioOn(authPath string, rate scenario.Rate, d time.Duration,
	groups ...scenario.Group) *scenario.Scenario {
	return &scenario.Scenario{
		Name: "test", Groups: groups,
		Target: scenario.Target{AuthPath: authPath, EnvID: envID,
			AccessToken: scenario.NewSecret("canary-access-token"), Timeout: 2 * time.Second},
		Load: scenario.Load{Arrivals: scenario.Uniform, Workers: 16, Drain: 5 * time.Second,
			Stages: []scenario.Stage{{From: rate, To: rate, Duration: d}}},
	}
}

// A server that shares nothing with ours answers the documented example, with
// the request's own transaction ID and host. Nothing is found in it.
func TestReferenceExampleFromAnotherServer(t *testing.T) {
	t.Parallel()
	example := testkit.ReadResponse("otp-email").Body
	served := atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := served.Add(1)
		now := time.Now().UTC()
		w.Header().Set("Content-Type", "application/hal+json;charset=UTF-8")
		w.Header().Set("Correlation-Id", fmt.Sprint(n))
		w.WriteHeader(201)
		_, _ = strings.NewReplacer("https://auth.pingone.com", "http://"+r.Host,
			"03e1897e-33b0-40b9-b54e-68236769b1fa", fmt.Sprintf("03e1897e-33b0-40b9-b54e-%012x", n),
			"2021-11-16T19:35:54.554Z", now.Format("2006-01-02T15:04:05.000Z"),
			"2021-11-16T19:35:54.727Z", now.Format("2006-01-02T15:04:05.000Z")).WriteString(w,
			string(example))
	}))
	defer server.Close()
	rep := runScenario(t, scenarioOn(server.URL, 500, 2*time.Second,
		scenario.Group{Name: "all", IDs: []string{userID}, Weight: 1,
			Expect: scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"OTP_REQUIRED"}}}))
	if len(rep.Violations) > 0 || rep.Requests.AsExpected != 1000 || served.Load() != 1000 {
		t.Errorf("%d served, %+v, violations %+v", served.Load(), rep.Requests, rep.Violations)
	}
}

// Whatever goes wrong, every request is counted once, here and at the server.
func TestCountsAgreeWithTheServer(t *testing.T) {
	t.Parallel()
	faults := []scenario.Fault{}
	for _, f := range simulator.Faults() {
		if f.Name != "answer.slow" {
			faults = append(faults, scenario.Fault{Name: f.Name, Share: 0.02})
		}
	}
	broken := "11111111-2222-4333-8444-555555555555"
	sim, err := simulator.New(scenario.Target{EnvID: envID, Simulator: &scenario.Simulator{
		Seed: 7, Faults: faults,
		Users: append(user("EMAIL"), scenario.SimulatedUsers{IDs: []string{broken}, HTTPStatus: 500,
			Error: "UNEXPECTED_ERROR"}),
		Latency: scenario.Latency{Kind: "lognormal", A: 2 * time.Millisecond, B: 20 * time.Millisecond},
		// How many of 1,500 it lets through does not depend on how fast they are sent.
		Limit: &scenario.Limit{Rate: 1, Burst: 1200, RetryAfter: time.Second},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	rep := runScenario(t, scenarioOn(server.URL, 500, 3*time.Second,
		scenario.Group{Name: "known", IDs: []string{userID}, Weight: 2,
			Expect: scenario.Expect{HTTPStatuses: []int{201}}},
		scenario.Group{Name: "unknown", IDs: []string{"00000000-0000-0000-0000-000000000000"}, Weight: 1,
			Expect: scenario.Expect{HTTPStatuses: []int{404}}},
		scenario.Group{Name: "broken", IDs: []string{broken}, Weight: 1,
			Expect: scenario.Expect{HTTPStatuses: []int{500}}}))
	if got := sim.Stats().Received; got != rep.Requests.Sent || rep.Requests.Sent != 1500 {
		t.Errorf("the server received %d of %d requests sent", got, rep.Requests.Sent)
	}
	var groups uint64
	for _, g := range rep.Groups {
		groups += g.Requests.Sent
	}
	if groups != rep.Requests.Sent {
		t.Errorf("the groups sent %d of %d", groups, rep.Requests.Sent)
	}
	for _, status := range []string{"201 OTP_REQUIRED", "404 NOT_FOUND", "429 REQUEST_LIMITED",
		"500 UNEXPECTED_ERROR"} {
		if rep.Statuses[status] == 0 {
			t.Errorf("no response was %s: %v", status, rep.Statuses)
		}
	}
	if rep.Errors["connection reset"] == 0 || rep.Errors["answer cut off"] == 0 {
		t.Errorf("errors %v", rep.Errors)
	}
	received := map[int]uint64{}
	for label, n := range rep.Statuses {
		var status int
		_, _ = fmt.Sscan(label, &status)
		received[status] += n
	}
	for status, n := range received { // some that it sent were cut off
		if sent := sim.Stats().Statuses[status]; n > sent {
			t.Errorf("%d responses are %d, and the server sent %d", n, status, sent)
		}
	}
	if received[429] != rep.Requests.RateLimited {
		t.Errorf("%d responses are 429, %d are counted as rate limited", received[429],
			rep.Requests.RateLimited)
	}
	if len(rep.Violations) < 30 {
		t.Errorf("only %d kinds of violations were seen", len(rep.Violations))
	}
	if testing.Verbose() {
		t.Logf("%d kinds, errors %v", len(rep.Violations), rep.Errors)
	}
}

// A response that carries the user of another request in flight is critical.
func TestCrossedAnswers(t *testing.T) {
	t.Parallel()
	other := "2f4a9c1e-7d0b-4c56-9e83-51b0c6d7a2f4"
	sim, err := simulator.New(scenario.Target{EnvID: envID, Simulator: &scenario.Simulator{Seed: 1,
		Faults: []scenario.Fault{{Name: "run.crossed", Share: 1}},
		Users: append(user("EMAIL"), scenario.SimulatedUsers{IDs: []string{other},
			Devices: []string{"SMS"}})}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	rep := runScenario(t, scenarioOn(server.URL, 200, time.Second,
		scenario.Group{Name: "a", IDs: []string{userID}, Weight: 1,
			Expect: scenario.Expect{HTTPStatuses: []int{201}}},
		scenario.Group{Name: "b", IDs: []string{other}, Weight: 1,
			Expect: scenario.Expect{HTTPStatuses: []int{201}}}))
	for _, v := range rep.Violations {
		if v.Rule == "run.crossed" && v.Level == "fail" && strings.Contains(v.Got,
			"another request in flight") {
			return
		}
	}
	data, _ := json.Marshal(rep.Violations)
	t.Errorf("not found: %s", data)
}

// Nothing that a run writes or prints holds a secret or an unmasked address.
func TestNothingSecretIsWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "s.yaml")
	text := `name: secret
target:
  accessToken: canary-access-token
  simulator:
    users: [{ids: [` + userID + `], devices: [EMAIL, SMS]}]
    faults:
      - {name: device.masked, share: 50%}
      - {name: selected.masked, share: 50%}
      - {name: secret.token, share: 50%}
      - {name: body.json, share: 20%}
      - {name: echo.user, share: 20%}
users:
  - name: one-time
    ids: [` + userID + `]
    request: {selectedDevice: {oneTime: {type: EMAIL, email: canary.local@example.com}}}
load: {stages: [{rate: 200/s, duration: 1s}]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	printed := runBinary(t, 1, "run", "--out", out, file)
	all := map[string]string{"stdout and stderr": printed}
	files, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(out, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name()] = string(data)
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others: %v", f.Name(), info.Mode())
		}
	}
	for where, text := range all {
		for _, secret := range []string{"canary", "john@", "4135550150"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s", secret, where)
			}
		}
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the results folder: %v, %v", info, err)
	}
}
