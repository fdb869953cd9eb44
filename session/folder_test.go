//go:build unix

package session_test

import (
	"path/filepath"
	"strings"
	"testing"

	"mfaload/session"
)

// While a run writes to a folder nobody else does, with --overwrite or without.
func TestFolderIsOfOneRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	first, err := session.NewFolder("s", path, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, overwrite := range []bool{false, true} {
		_, err := session.NewFolder("s", path, overwrite)
		if err == nil || !strings.Contains(err.Error(), "another run writes its results there") {
			t.Errorf("overwrite %v: %v", overwrite, err)
		}
	}
	first.Unlock()
	second, err := session.NewFolder("s", path, false)
	if err != nil {
		t.Fatal(err)
	}
	second.Unlock()
}
