package main_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Where a terminal has no columns, or next to none, there is progress all the
// same: in lines.
func TestProgressOnATerminalWithoutColumns(t *testing.T) {
	t.Parallel()
	for _, columns := range []uint16{0, 5} {
		dir := t.TempDir()
		file := filepath.Join(dir, "s.yaml")
		text := `name: shown
target: {simulator: {}}
users: [{name: all, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]
load: {stages: [{rate: 20/s, duration: 2s}]}
`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		ours, theirs := terminal(t)
		if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ,
			&unix.Winsize{Col: columns}); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(program(t), "run", "--out", filepath.Join(dir, "out"), file)
		c.Stdout, c.Stderr = &bytes.Buffer{}, theirs
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		var shown strings.Builder
		if _, err := io.Copy(&shown, ours); err != nil &&
			!errors.Is(err, syscall.EIO) { // which the program's end is
			t.Fatal(err)
		}
		_ = c.Wait() // a busy machine makes it inconclusive
		if !strings.Contains(shown.String(), " in flight; last 10 s: ") || strings.Contains(shown.String(),
			"\x1b[") {
			t.Errorf("%d columns: %q", columns, shown.String())
		}
	}
}
