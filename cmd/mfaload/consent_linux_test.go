package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// On a terminal a run against a host that is not this machine is confirmed, and
// everything but a yes is a no. Its name leads to an address of this machine
// where nothing listens.
func TestConsentOnATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "host.yaml")
	text := fmt.Sprintf(`name: host
target: {authPath: https://mfa.example.com, resolve: %s, envID: %s, accessToken: any, ownerAgreed: true}
users: [{name: all, ids: [788d4931-6936-43f2-82ff-178f5762298a, 2f4a9c1e-7d0b-4c56-9e83-51b0c6d7a2f4]}]
load: {stages: [{rate: 1/s, duration: 5s}]}
`, freeAddress(t), envID)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		typed string
		code  int
		says  string
	}{
		{"y\n", 3, "not started: reach https://mfa.example.com"},
		{" YES \n", 3, "not started: reach https://mfa.example.com"},
		{"n\n", 3, "not confirmed: nothing was sent"},
		{"\n", 3, "not confirmed: nothing was sent"},
		{"yo\n", 3, "not confirmed: nothing was sent"},
		{"\x04", 3, "not confirmed: nothing was sent"}, // the end of the input
		{"\x03", -1, "[y/N]"},                          // Ctrl-C
	} {
		shown, code := onTerminal(t, test.typed, "run", "--out", filepath.Join(dir, "out"), file)
		if code != test.code || !strings.Contains(shown, "PLAN  host: 5 requests in 5s") ||
			!strings.Contains(shown, "send 5 requests to https://mfa.example.com? [y/N]") ||
			!strings.Contains(shown, test.says) {
			t.Errorf("%q: exit code %d:\n%s", test.typed, code, shown)
		}
	}
	for typed, says := range map[string]string{"y\n": "not started: reach https://mfa.example.com",
		"n\n": "not confirmed: nothing was sent"} {
		shown, code := onTerminal(t, typed, "check", file)
		if code != 3 || !strings.Contains(shown, "send 2 requests to https://mfa.example.com? [y/N]") ||
			!strings.Contains(shown, says) {
			t.Errorf("check, %q: exit code %d:\n%s", typed, code, shown)
		}
	}
	for _, verb := range [][]string{{"run", "--shards", "2"}, {"coordinate", "--shards", "2", "--listen",
		"127.0.0.1:0", "--join-file", filepath.Join(dir, "join")}} {
		shown, code := onTerminal(t, "n\n", append(verb, "--out", filepath.Join(dir, "shards"), file)...)
		if code != 3 || !strings.Contains(shown, "send 5 requests to https://mfa.example.com? [y/N]") ||
			!strings.Contains(shown, "not confirmed: nothing was sent") {
			t.Errorf("%q: exit code %d:\n%s", verb, code, shown)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "out", "report.json")); err != nil ||
		!strings.Contains(string(data), `"not_started"`) {
		t.Errorf("its results do not say that it did not start: %v", err)
	}
}

// onTerminal runs the binary on a terminal of its own, types something when it
// asks, and returns what it shows and its exit code, -1 for a signal.
func onTerminal(t *testing.T, typed string, args ...string) (shown string, code int) {
	t.Helper()
	ours, theirs := terminal(t)
	c := exec.Command(program(t), args...)
	c.Stdin, c.Stdout, c.Stderr = theirs, theirs, theirs
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	var all bytes.Buffer
	for one := make([]byte, 1); !strings.HasSuffix(all.String(), "[y/N] "); all.Write(one) {
		if _, err := ours.Read(one); err != nil {
			t.Fatalf("%v after %q", err, all.String())
		}
	}
	if _, err := io.WriteString(ours, typed); err != nil {
		t.Fatal(err)
	}
	// EIO is the end of the program.
	if _, err := io.Copy(&all, ours); err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return all.String(), c.ProcessState.ExitCode()
}

// terminal opens both ends of a pseudoterminal.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	fd := int(ours.Fd())
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}
