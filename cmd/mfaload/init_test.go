package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the comments of a new scenario say for a real environment is a scenario
// too: keys stand right behind their #, sentences don't.
func TestInitForARealEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "first.yaml")
	runBinary(t, 0, "init", file)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^( +)#(\S)`).ReplaceAllString(string(data), "$1$2")
	text = regexp.MustCompile(`(?s)\n  simulator:.*?\n\n`).ReplaceAllString(text, "\n")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PINGONE_ENV_ID", envID)
	t.Setenv("PINGONE_ACCESS_TOKEN", "a-token")
	if out := runBinary(t, 0, "validate", file); !strings.Contains(out,
		"valid: first, 3800 requests in 2m20s, at most 50/s") {
		t.Error(out)
	}
}
