package main_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A terminal that is closed while it shows bars ends the run, and the run is
// reported.
func TestTerminalIsClosed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"run"}, {"run", "--shards", "2"}} {
		dir := goneScenario(t, 3600, "20ms", "")
		ours, theirs := terminal(t)
		if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ,
			&unix.Winsize{Row: 30, Col: 100}); err != nil {
			t.Fatal(err)
		}
		c := inFolder(t, dir, append(args, "--out", "out", "s.yaml")...)
		c.Env = append(os.Environ(), "TERM=xterm")
		c.Stdin, c.Stdout, c.Stderr = theirs, theirs, theirs
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		awaitShown(t, ours, c)
		ours.Close()
		if code := ended(t, c); code != 130 || verdictOf(t, filepath.Join(dir, "out")) != "interrupted" {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}

// awaitShown reads a terminal until it shows a response.
func awaitShown(t *testing.T, ours io.Reader, c *exec.Cmd) {
	t.Helper()
	all := make([]byte, 0, 1<<20)
	for block := make([]byte, 4096); !someExpected.Match(all); {
		n, err := ours.Read(block)
		if err != nil {
			_ = c.Process.Kill()
			t.Fatalf("%v after:\n%s", err, all)
		}
		all = append(all, block[:n]...)
	}
}
