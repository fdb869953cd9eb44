//go:build unix

package disk

import (
	"os"
	"path/filepath"
	"testing"
)

// What a process that was killed left behind is removed by the next one, and what others still
// use, or what only looks like it, is not.
func TestScratchOfTheDeadIsRemoved(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	alive, err := NewScratch("mfaload-run-")
	if err != nil {
		t.Fatal(err)
	}
	dead, err := NewScratch("mfaload-run-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead.Dir, "users-0"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	dead.lock.Close() // as the kernel does when the process ends
	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, lockName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(tmp, "mfaload-run-link")
	unlocked := filepath.Join(tmp, "mfaload-run-unlocked")
	other := filepath.Join(tmp, "mfaload-other-1")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{unlocked, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	next, err := NewScratch("mfaload-run-")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{alive.Dir: true, dead.Dir: false, next.Dir: true, link: true,
		unlocked: true, other: true, elsewhere: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, and ought to be: %v", filepath.Base(path), err == nil, want)
		}
	}
	next.Close()
	alive.Close()
	if _, err := os.Stat(next.Dir); err == nil {
		t.Error("it stayed after it was closed")
	}
}
