package main_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"mfaload/scenario"
)

// What the comments of ready-made scenarios say that have no host to run
// against, or that the simulator breaks.
const (
	onlyValidated = "Only to be validated"
	failing       = "Fails on purpose"
)

// readyMade are the files in scenarios/, by their names without the ending.
func readyMade(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(scenarios(t), "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(file), ".yaml")] = string(text)
	}
	return texts
}

// Each file opens with what it is for and how to use it.
func TestReadyMadeScenariosSayWhatTheyAreFor(t *testing.T) {
	for name, text := range readyMade(t) {
		head, _, _ := strings.Cut(text, "\nname: ")
		if comment := strings.TrimSpace(head); len(comment) < 150 ||
			strings.Contains(strings.ReplaceAll(comment, "\n\n", "\n"), "\n\n") ||
			regexp.MustCompile(`(?m)^[^#\n]`).MatchString(comment) {
			t.Errorf("%s.yaml does not open with a comment of what it is for", name)
		}
		if !strings.Contains(head, " scenarios/"+name+".yaml") {
			t.Errorf("the comment of %s.yaml has no command", name)
		}
		if !strings.Contains(text, "\nname: "+name+"\n") {
			t.Errorf("%s.yaml has another name", name)
		}
	}
}

// Every key is in a file that one can copy it from.
func TestReadyMadeScenariosHaveEveryKey(t *testing.T) {
	used := map[string]bool{}
	for name, text := range readyMade(t) {
		var root yaml.Node
		if err := yaml.Unmarshal([]byte(text), &root); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		keysIn(root.Content[0], "", used)
	}
	for _, k := range scenario.Keys() {
		if !used[k.Path] {
			t.Errorf("no file in scenarios/ has the key %s", k.Path)
		}
	}
}

// keysIn collects the paths of the keys of a file.
func keysIn(n *yaml.Node, path string, used map[string]bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			key := "." + n.Content[i].Value
			if path == "thresholds.groups" {
				key = ".*"
			}
			key = strings.TrimPrefix(path+key, ".")
			used[key] = true
			keysIn(n.Content[i+1], key, used)
		}
	case yaml.SequenceNode:
		for _, e := range n.Content {
			keysIn(e, path+"[]", used)
		}
	}
}

// Every ready-made scenario runs, made a second long, and gets the responses that
// it expects from the simulator. How fast they come is not judged.
func TestReadyMadeScenariosRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	others, _ := filepath.Glob(filepath.Join(scenarios(t), "*.csv"))
	for _, file := range others {
		copyFile(t, file, dir)
	}
	for name, text := range readyMade(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(text, onlyValidated) {
				runBinary(t, 0, "run", "--plan", filepath.Join(scenarios(t), name+".yaml"))
				return
			}
			file := filepath.Join(dir, name+".yaml")
			if err := os.WriteFile(file, shortened(t, dir, filepath.Join(scenarios(t), name+".yaml"), text),
				0o600); err != nil {
				t.Fatal(err)
			}
			if err := runShort(t, file, strings.Contains(text, failing)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// runShort runs a scenario and holds its report against what it expects.
func runShort(t *testing.T, file string, broken bool) error {
	results := strings.TrimSuffix(file, ".yaml") + ".results"
	out, err := exec.Command(program(t), "run", "-q", "--out", results, file).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != 1 && exit.ExitCode() != 4 {
		return fmt.Errorf("exit code %d: %s", exit.ExitCode(), out)
	} else if err != nil && exit == nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(results, "report.json"))
	if err != nil {
		return err
	}
	var r struct {
		Requests   struct{ Sent, Answered, Failed, Violating, As_expected uint64 }
		Thresholds []struct {
			Expression string
			Passed     bool
		}
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	if broken {
		if exit == nil || exit.ExitCode() != 1 || r.Requests.Violating == 0 {
			return fmt.Errorf("nothing is wrong with it: %s", out)
		}
		return nil
	}
	if q := r.Requests; q.Sent == 0 || q.Failed > 0 || q.Violating > 0 || q.As_expected != q.Answered {
		return fmt.Errorf("not as expected: %+v\n%s", q, out)
	}
	for _, th := range r.Thresholds {
		if !th.Passed && (strings.HasPrefix(th.Expression, "errorRate") ||
			strings.HasPrefix(th.Expression, "violationRate")) {
			return fmt.Errorf("%s is not kept\n%s", th.Expression, out)
		}
	}
	return nil
}

// shortened is a scenario made about a second long: its rates stay, its times
// shrink.
func shortened(t *testing.T, dir, file, text string) []byte {
	t.Helper()
	s, err := scenario.Read(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	length := s.Duration()
	if length == 0 {
		length = 10 * time.Second // of a closed load that ends by its requests
	}
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	shrink := shrinking{dir: dir, by: min(float64(time.Second)/float64(length), 1)}
	top := root.Content[0]
	for i := 0; i < len(top.Content); i += 2 {
		if top.Content[i].Value == "load" {
			shrink.walk(t, "load", top.Content[i+1])
		}
	}
	short, err := yaml.Marshal(&root)
	if err != nil {
		t.Fatal(err)
	}
	// A second can't be sure of anything, nor tell when it is warm.
	return regexp.MustCompile(`\n +(confidence: |until: |warmup: \{).*`).ReplaceAll(short, nil)
}

type shrinking struct {
	dir string
	by  float64
}

func (s shrinking) walk(t *testing.T, key string, n *yaml.Node) {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		s.walk(t, n.Content[i].Value, n.Content[i+1])
	}
	for i := 0; n.Kind == yaml.SequenceNode && i < len(n.Content); i++ {
		s.walk(t, key, n.Content[i])
	}
	if n.Kind != yaml.ScalarNode {
		return
	}
	switch key {
	case "warmup":
		n.Value = "200ms"
	case "window":
		n.Value = "1s"
	case "duration", "pause", "at", "for", "crest", "period":
		d, err := scenario.ParseDuration(n.Value)
		if err != nil {
			t.Fatal(err)
		}
		if d = time.Duration(float64(d) * s.by).Round(time.Microsecond); key == "period" {
			d = max(d, time.Second)
		}
		n.Value = d.String()
	case "requests": // of the load or of a stage
		count, err := strconv.Atoi(n.Value)
		if err != nil {
			t.Fatal(err)
		}
		n.Value = strconv.Itoa(int(math.Ceil(float64(count) * s.by)))
	case "speed":
		speed, err := strconv.ParseFloat(strings.TrimSuffix(n.Value, "x"), 64)
		if err != nil {
			t.Fatal(err)
		}
		n.Value = fmt.Sprint(speed / s.by)
	case "file", "profile":
		s.profile(t, filepath.Join(s.dir, n.Value))
	}
}

// profile shrinks the times of a recorded rate.
func (s shrinking) profile(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if rows[0][0] == "time" {
		return // requests, whose speed is shrunk
	}
	first, _ := strconv.ParseFloat(rows[1][0], 64)
	for _, row := range rows[1:] {
		second, err := strconv.ParseFloat(row[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		row[0] = strconv.FormatFloat((second-first)*s.by, 'f', 6, 64)
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, file, dir string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The scenarios that people copy first are for a host of their own: what they
// send is within what a user of it may get.
func TestFirstScenariosMayStart(t *testing.T) {
	t.Setenv("PINGONE_ENV_ID", envID)
	t.Setenv("PINGONE_ACCESS_TOKEN", "a-token")
	for _, page := range []string{"README.md", "docs/scenario.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, found := strings.Cut(string(text), "```yaml\n")
		block, _, closed := strings.Cut(rest, "```")
		if !found || !closed {
			t.Fatalf("%s has no scenario", page)
		}
		file := filepath.Join(t.TempDir(), "first.yaml")
		// In a list the block is indented; YAML takes it as it is.
		if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		plan := runBinary(t, 0, "run", "--plan", file)
		if !strings.Contains(plan, "to https://auth.pingone.eu") || strings.Contains(plan, "refused") {
			t.Errorf("%s: %s", page, plan)
		}
	}
}

// The index of the ready-made scenarios has them all.
func TestScenariosAreListed(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	index := readPage(t, "scenarios/README.md")
	for _, f := range files {
		if name := filepath.Base(f); !strings.Contains(index, "("+name+")") {
			t.Errorf("scenarios/README.md does not list %s", name)
		}
	}
}
