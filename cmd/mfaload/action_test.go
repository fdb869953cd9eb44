package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// action is action.yml, as far as it is ours to get right; 'make lint-action'
// holds all of it against GitHub's schema.
type action struct {
	Inputs map[string]struct {
		Description, Default string
		Required             bool
	}
	Outputs map[string]struct{ Value string }
	Runs    struct {
		Using string
		Steps []struct {
			ID, Name, Shell, Run string
			Env                  map[string]string
		}
	}
}

// The steps of the GitHub Action do what they say, run by a shell as GitHub's
// runner does it: the report is in the job's summary, and the job ends as the
// run did.
func TestAction(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	for _, step := range a.Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			t.Errorf("step %q: an expression in a script runs what an input says: hand it over in env",
				step.Name)
		}
	}
	for _, used := range regexp.MustCompile(`inputs\.([a-z-]+)`).FindAllStringSubmatch(string(data), -1) {
		if _, known := a.Inputs[used[1]]; !known {
			t.Errorf("input %q is used, but not declared", used[1])
		}
	}
	const passes = "name: short\ntarget: {simulator: {}}\nusers: [{name: email, ids: " +
		"[788d4931-6936-43f2-82ff-178f5762298a]}]\nload: {stages: [{rate: 50/s, duration: 1s}]}\n"
	for _, c := range []struct {
		name, scenario, verdict string
		inputs                  map[string]string
		code                    int
	}{
		{"pass", passes, "pass", map[string]string{"args": "--csv\n--quiet"}, 0},
		{"fail", passes + "thresholds: {errorRate: 0%, response: {p50: 1us}}\n", "fail", nil, 1},
		{"warn", strings.Replace(passes, "50/s", "1/s", 1) + "thresholds: {response: {p99: 1s}}\n",
			"inconclusive", map[string]string{"inconclusive": "warn"}, 0},
		{"inconclusive", strings.Replace(passes, "50/s", "1/s", 1) + "thresholds: {response: {p99: 1s}}\n",
			"inconclusive", nil, 4},
		{"usage", "name: short\n", "", nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			summary, output := filepath.Join(dir, "summary"), filepath.Join(dir, "output")
			if err := os.WriteFile(filepath.Join(dir, "gate.yaml"), []byte(c.scenario), 0o600); err != nil {
				t.Fatal(err)
			}
			inputs := map[string]string{"scenario": "gate.yaml"}
			for name, in := range a.Inputs {
				if name != "scenario" {
					inputs[name] = in.Default
				}
			}
			for name, value := range c.inputs {
				inputs[name] = value
			}
			step := a.Runs.Steps[len(a.Runs.Steps)-1]
			cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "RUNNER_TEMP="+filepath.Dir(program(t)), "GITHUB_OUTPUT="+output,
				"GITHUB_STEP_SUMMARY="+summary)
			for name, value := range step.Env {
				for in, v := range inputs {
					value = strings.ReplaceAll(value, "${{ inputs."+in+" }}", v)
				}
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			said, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Fatalf("exit code %d, want %d: %s", code, c.code, said)
			}
			outputs, err := os.ReadFile(output)
			if err != nil || !strings.Contains(string(outputs), "verdict="+c.verdict+"\n") {
				t.Errorf("outputs: %v\n%s", err, outputs)
			}
			annotated := strings.Contains(string(said), "::error file=gate.yaml,line=1,col=1::")
			if annotated != (c.code == 2) {
				t.Errorf("what is wrong with the scenario is annotated: %v:\n%s", annotated, said)
			}
			report, _ := os.ReadFile(summary)
			if want := c.verdict != ""; strings.Contains(string(report), "short") != want {
				t.Errorf("the summary has a report: want %v:\n%s", want, report)
			}
		})
	}
}
