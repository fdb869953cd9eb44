package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The gates in docs/compare.md are YAML, and run as they are written: against a
// baseline of a second, which can't tell.
func TestComparePageIsTrue(t *testing.T) {
	page, err := os.ReadFile("../../docs/compare.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, first, out := filepath.Join(dir, "short.yaml"), filepath.Join(dir, "first"), filepath.Join(dir, "out")
	text := "name: short\ntarget: {simulator: {}}\nusers: [{name: email, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]\nload: {stages: [{rate: 50/s, duration: 1s}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	runBinary(t, 0, "run", "-q", "--out", first, file)
	names := strings.NewReplacer("results", out, "load/baseline.json.gz", filepath.Join(first, "measurement.json.gz"), "load/gate.yaml", file)
	command := regexp.MustCompile(`mfaload run .*`)
	gates := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(block[1]), &tree); err != nil || len(tree) == 0 {
			t.Errorf("gate %d: %v", gates, err)
		}
		args := strings.Fields(names.Replace(command.FindString(block[1])))
		if said := runBinary(t, 4, append(args[1:], "-q", "--overwrite")...); !strings.Contains(said, "the runs are too short") {
			t.Error(said)
		}
		gates++
	}
	if gates != 2 {
		t.Errorf("%d gates", gates)
	}
}
