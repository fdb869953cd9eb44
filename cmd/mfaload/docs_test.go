package main_test

import (
	"os"
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
