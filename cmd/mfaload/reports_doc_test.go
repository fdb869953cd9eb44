package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The page on reports names every file that a run leaves behind, and its
// examples for CI are YAML with a command that mfaload takes.
func TestReportsPageIsTrue(t *testing.T) {
	data, err := os.ReadFile("../../docs/reports.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	out := filepath.Join(t.TempDir(), "out")
	file := filepath.Join(t.TempDir(), "short.yaml")
	text := "name: short\ntarget: {simulator: {}}\nusers: [{name: email, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]\nload: {stages: [{rate: 50/s, duration: 1s}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`mfaload run .*`)
	blocks := strings.Split(page, "```")
	examples := 0
	for i := 1; i < len(blocks); i += 2 {
		body, isYAML := strings.CutPrefix(blocks[i], "yaml\n")
		if !isYAML {
			continue
		}
		examples++
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(body), &tree); err != nil || len(tree) == 0 {
			t.Errorf("example %d: %v", examples, err)
		}
		line := command.FindString(body)
		args := strings.Fields(strings.NewReplacer("results", out, "load/gate.yaml", file).Replace(line))
		if len(args) < 2 {
			t.Fatalf("example %d has no command", examples)
		}
		runBinary(t, 0, append([]string{args[1], "-q", "--hgrm", "--overwrite"}, args[2:]...)...)
	}
	if examples != 2 {
		t.Errorf("%d examples", examples)
	}
	files, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := f.Name()
		if strings.HasSuffix(name, ".hgrm") {
			name = "*.hgrm"
		}
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/reports.md does not say what %s is", f.Name())
		}
	}
}
