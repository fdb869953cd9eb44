package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs/rules.md is made from the contract; make docs writes it anew.
func TestRulesPageIsFresh(t *testing.T) {
	page, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(runBinary(t, 0, "contract", "--format", "markdown"), string(page)); diff != "" {
		t.Errorf("docs/rules.md is stale, run make docs: %s", diff)
	}
}

// The scenario in the README is one that mfaload takes.
func TestReadmeScenarioIsValid(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```yaml\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the README has no scenario")
	}
	file := filepath.Join(t.TempDir(), "first.yaml")
	// In a list the block is indented; YAML takes it as it is.
	if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PINGONE_ENV_ID", envID)
	t.Setenv("PINGONE_ACCESS_TOKEN", "a-token")
	if out := runBinary(t, 0, "validate", file); !strings.Contains(out, "valid: first, 10 requests in 10s, at most 1/s") {
		t.Error(out)
	}
}

func TestReadyMadeScenariosAreValid(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	runBinary(t, 0, append([]string{"validate"}, files...)...)
}
