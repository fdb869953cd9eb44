package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"mfaload/report"
	"mfaload/scenario"
	"mfaload/simulator"
)

// canaryPasscode is what all passcodes of the test begin with, so that they are found wherever they are.
const canaryPasscode = "kanarienvogel"

// Passcodes are words in the test: what only looks like a number is hidden anyway.
var inWords = strings.NewReplacer("0", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g",
	"7", "h", "8", "i", "9", "j")

// canaryPasscodes serves a simulator whose passcodes are canaries, and gives away those that are sent: in
// members that nothing documents, and in the ID of the policy.
func canaryPasscodes(sim http.Handler) http.Handler {
	otp := regexp.MustCompile(`"otp":"(\w+)"`)
	var known sync.Map // passcodes by their canaries
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		plain, sent := string(body), otp.FindStringSubmatch(string(body))
		if sent != nil {
			passcode, _ := known.LoadOrStore(sent[1], "wrong")
			plain = fmt.Sprintf(`{"otp":%q}`, passcode)
		}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(plain)), int64(len(plain))
		of := httptest.NewRecorder()
		sim.ServeHTTP(of, r)
		text := of.Body.String()
		if given := otp.FindStringSubmatch(text); given != nil {
			canary := canaryPasscode + inWords.Replace(given[1])
			known.Store(canary, given[1])
			text = strings.Replace(text, given[0], `"otp":"`+canary+`"`, 1)
		}
		if sent != nil {
			text = strings.Replace(text, "{", fmt.Sprintf(`{"undocumented":%q,`, sent[1]), 1)
			text = strings.Replace(text, `"policy":{"id":"`, `"policy":{"id":"`+sent[1], 1)
		}
		for name, values := range of.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.Header().Set("X-Echo", strings.Join(sent, " "))
		w.WriteHeader(of.Code)
		_, _ = io.WriteString(w, text)
	})
}

// What a run counts of each step is what the server counts of its action, and no passcode is shown.
func TestStepsAgreeWithTheServer(t *testing.T) {
	t.Parallel()
	push := "0a9c7c1e-6a1b-4d57-9d0e-3f1f4f6d2f10"
	sim, err := simulator.New(scenario.Target{EnvID: envID, Simulator: &scenario.Simulator{Seed: 7,
		Users: []scenario.SimulatedUsers{
			{IDs: []string{userID}, Devices: []string{"EMAIL", "SMS"}, TestMode: true},
			{IDs: []string{push}, Devices: []string{"MOBILE"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(canaryPasscodes(sim))
	defer server.Close()
	dir := t.TempDir()
	text := fmt.Sprintf(`
name: flow
target: {authPath: %s, envID: %s, accessToken: x}
users:
  - name: otp
    ids: [%s]
    expect: {status: DEVICE_SELECTION_REQUIRED}
    then: [selectDevice, {read: {after: 20ms}}, {abandon: {share: 20%%}}, {checkOTP: {wrong: 1%%}}]
  - {name: push, ids: [%s], then: [read, {cancel: {share: 50%%}}]}
load: {drain: 20s, stages: [{rate: 100/s, duration: 2s}]}
thresholds: {flow: {errorRate: 100%%, violationRate: 100%%}}
`, server.URL, envID, userID, push)
	if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program(t), "run", "-v", "--out", "out", "--save-answers", "10", "--keep-samples",
		"--csv", "--samples", "samples.csv", "flow.yaml")
	run.Dir = dir
	shown, _ := run.CombinedOutput()
	data, err := os.ReadFile(filepath.Join(dir, "out", "report.json"))
	if err != nil {
		t.Fatalf("%v: %s", err, shown)
	}
	var r report.Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if got := sim.Stats().Received; got != 200 || r.Requests.Sent != 200 || r.Flow == nil {
		t.Fatalf("the server received %d, the report has %d: %s", got, r.Requests.Sent, shown)
	}
	actions := map[string]string{"selectDevice": "device.select", "read": "read", "checkOTP": "otp.check",
		"cancel": "cancel"}
	counted, sent := map[string]uint64{}, map[string]uint64{}
	for _, s := range r.Flow.Steps {
		counted[actions[s.Name[strings.LastIndexByte(s.Name, '.')+1:]]] += s.Requests.Sent
	}
	for action, statuses := range sim.Stats().Steps {
		for _, n := range statuses {
			sent[action] += n
		}
		if counted[action] != sent[action] || sent[action] < 30 {
			t.Errorf("%s: %d in the report, %d at the server", action, counted[action], sent[action])
		}
	}
	if len(sent) != 4 {
		t.Errorf("the server counted %v", sent)
	}
	if len(r.Flow.Violations) == 0 { // else the canaries were not where they could be shown
		t.Error("no response to a step broke a rule")
	}
	lines, err := os.ReadFile(filepath.Join(dir, "out", "violations.ndjson"))
	if all := bytes.Count(lines, []byte("\n")); err != nil || all == 0 ||
		bytes.Count(lines, []byte(`"step":"otp.checkOTP"`)) != all {
		t.Errorf("%v: these are not the violations by passcodes alone: %s", err, lines)
	}
	looked := 0
	look := func(name string, data []byte) {
		looked++
		if i := bytes.Index(data, []byte(canaryPasscode)); i >= 0 {
			t.Errorf("%s shows a passcode: %s", name, data[max(i-200, 0):min(i+60, len(data))])
		}
	}
	look("the terminal", shown)
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if z, zipped := gzip.NewReader(bytes.NewReader(data)); zipped == nil {
			data, err = io.ReadAll(z)
		}
		look(path, data)
		return err
	})
	if err != nil || looked < 8 {
		t.Errorf("%d texts: %v", looked, err)
	}
}
