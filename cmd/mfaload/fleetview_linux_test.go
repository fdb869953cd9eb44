package main_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFleetBars runs two shards on a terminal: the bars move, fit, and do not
// keep the coordinator from its work.
func TestFleetBars(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "s.yaml")
	text := `name: shown
target: {simulator: {latency: 300ms}}
users: [{name: all, ids: [788d4931-6936-43f2-82ff-178f5762298a, 788d4931-6936-43f2-82ff-178f5762298b]}]
load: {stages: [{rate: 20/s, duration: 3s}]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ours, theirs := terminal(t)
	if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ,
		&unix.Winsize{Row: 30, Col: 80}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // so that a run that stands still ends
	defer cancel()
	c := exec.CommandContext(ctx, program(t), "run", "--shards", "2", "--out", filepath.Join(dir, "out"),
		file)
	c.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	summary := &bytes.Buffer{}
	c.Stdout, c.Stderr = summary, theirs
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	var shown strings.Builder
	// EIO is the end of the program.
	if _, err := io.Copy(&shown, ours); err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	_ = c.Wait() // a busy machine makes it inconclusive
	if !strings.Contains(summary.String(), "  shown: 60 requests in 3 s, 2 shards\n") ||
		strings.Contains(shown.String(), "lost:") {
		t.Errorf("not all was sent, or %v:\n%s\n%s", ctx.Err(), summary, shown.String())
	}
	for _, want := range []string{`shown +\[=*>-+\] [1-9][0-9]* / 60, [0-9]+s`, `shard 0 +\[=+>-+\] \S+: `,
		`shard 1 +\[=+>-+\] \S+: `, `/s, [1-9][0-9]* as expected, 0 unexpected, 0 violating, 0 failed`} {
		if !regexp.MustCompile(want).MatchString(shown.String()) {
			t.Errorf("nothing like %q in:\n%s", want, shown.String())
		}
	}
	escapes := regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)
	for line := range strings.Lines(escapes.ReplaceAllString(shown.String(), "")) {
		if line = strings.TrimRight(line, "\r\n"); strings.Contains(line, "[") && len([]rune(line)) > 80 {
			t.Errorf("wider than the terminal: %q", line)
		}
	}
}
