package main_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// later sets a variable to a time from now on: later VARIABLE DURATION
func later(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: later variable duration")
	}
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	ts.Setenv(args[0], time.Now().Add(d).UTC().Format(time.RFC3339Nano))
}

// A run that waits for its start can be given up: nothing was sent.
func TestInterruptedWhileItWaits(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "s.yaml")
	text := "name: waits\ntarget: {simulator: {}}\nusers: [{name: a, ids: [" + userID +
		"]}]\nload: {stages: [{rate: 10/s, duration: 1s}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	c := exec.Command(program(t), "run", "--out", out, "--start-at",
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339), file)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), " left") {
			if err := c.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("ended with %v", err)
	}
	for _, want := range []string{"mfaload: waiting for the start at ",
		"mfaload: interrupted before the first request: nothing was sent"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in:\n%s", want, said)
		}
	}
	if data, err := os.ReadFile(filepath.Join(out, "report.json")); err != nil ||
		!strings.Contains(string(data), `"not_started"`) {
		t.Errorf("its results do not say that it did not start: %v", err)
	}
}
