package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Pages that are made from the contract and from the keys of scenarios; make
// docs writes them anew.
func TestPagesAreFresh(t *testing.T) {
	for file, verb := range map[string]string{"rules.md": "contract", "scenario.md": "schema"} {
		page, err := os.ReadFile("../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(runBinary(t, 0, verb, "--format", "markdown"), string(page)); diff != "" {
			t.Errorf("docs/%s is stale, run make docs: %s", file, diff)
		}
	}
}

// The scenarios in the README and on the page are ones that mfaload takes.
func TestDocumentedScenariosAreValid(t *testing.T) {
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
		if out := runBinary(t, 0, "validate", file); !strings.Contains(out, "valid: first, 10 requests in 10s, at most 1/s") {
			t.Errorf("%s: %s", page, out)
		}
	}
}

func TestReadyMadeScenariosAreValid(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	runBinary(t, 0, append([]string{"validate"}, files...)...)
}
