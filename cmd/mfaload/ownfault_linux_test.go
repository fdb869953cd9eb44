package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mfaload/measure"
)

// A process that is stopped for half a second makes the requests slow that are in
// flight or due meanwhile. That is no fault of the service's.
func TestFreezeOfMfaload(t *testing.T) {
	t.Parallel()
	var received atomic.Uint64
	enough := make(chan struct{})
	server := fastServer(t, func() {
		if received.Add(1) == 300 {
			close(enough)
		}
	})
	out, file := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "freeze.yaml")
	text := fmt.Sprintf(`name: freeze
target: {authPath: %s, envID: %s, accessToken: any}
users: [{name: all, ids: [%s]}]
load: {stages: [{rate: 200/s, duration: 4s}]}
thresholds: {response: {p95: 200ms, max: 400ms}}
contract: {levels: {run.clock: off}}
`, server, envID, userID)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program(t), "run", "-q", "--out", out, file)
	var said bytes.Buffer
	run.Stdout, run.Stderr = &said, &said
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	<-enough
	if err := run.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // the freeze itself
	if err := run.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	err := run.Wait()
	if code := run.ProcessState.ExitCode(); code != 4 {
		t.Fatalf("%v\n%s", err, said.String())
	}
	m := measured(t, out)
	harmed, frozen := uint64(0), time.Duration(0)
	for _, c := range m.Main.Cells {
		if c.Harmed != nil {
			harmed += c.Harmed.Response.Count()
		}
	}
	for _, s := range m.Generator.Seconds {
		frozen += s.Frozen
	}
	if harmed < 80 || frozen < 450*time.Millisecond {
		t.Errorf("%d requests were harmed, mfaload stood still for %v", harmed, frozen)
	}
}

// fiftyPorts makes a network of its own with fifty local ports, and returns what a
// command there begins with.
func fiftyPorts(t *testing.T, name string) (inside []string) {
	t.Helper()
	space := fmt.Sprintf("mfp%d%s", os.Getpid()%100000, name)
	inside = []string{"ip", "netns", "exec", space}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", space).Run() })
	for _, args := range [][]string{
		{"ip", "netns", "add", space}, append(inside, "ip", "link", "set", "lo", "up"),
		append(inside, "sh", "-c", "echo 40000 40049 > /proc/sys/net/ipv4/ip_local_port_range"),
	} {
		if said, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			if os.Getenv("CI") == "true" && !errors.Is(err, exec.ErrNotFound) && os.Geteuid() == 0 {
				t.Errorf("%v: %v: %s", args, err, said)
			}
			t.Skipf("%v: %v: %s", args, err, said)
		}
	}
	return inside
}

// Fifty local ports are too few for two hundred connections: what finds none is not
// sent, and is no error of the service's.
func TestMachineIsOutOfPorts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, test := range []struct{ name, workers, want string }{
		{"asked", "workers: 300, ", "requests were not sent, out of local ports: "},
		{"free", "", "widen the range of local ports"},
	} {
		text := fmt.Sprintf(`name: ports
target: {simulator: {latency: 2s}}
users: [{name: all, ids: [%s]}]
load: {%sstages: [{rate: 100/s, duration: 5s}], stopOn: [{errorRate: 10%%, window: 2s}, {response: {p95: 3s}, window: 2s}, {connectionFailures: 20}]}
thresholds: {response: {p95: 3s}, errorRate: 1%%}
`, userID, test.workers)
		if err := os.WriteFile(filepath.Join(dir, test.name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		inside := fiftyPorts(t, test.name)
		run := exec.Command(inside[0], append(inside[1:], program(t), "run", "-q", "--out", test.name,
			test.name+".yaml")...)
		run.Dir = dir
		said, _ := run.CombinedOutput()
		if code := run.ProcessState.ExitCode(); code != 4 || !strings.Contains(string(said), test.want) {
			t.Fatalf("%s: exit code %d\n%s", test.name, code, said)
		}
		m := measured(t, filepath.Join(dir, test.name))
		if m.Stopped != nil {
			t.Errorf("%s: stopped: %+v", test.name, m.Stopped)
		}
		for _, c := range m.Main.Cells {
			if c.Failed && measure.IsOwnLimit(c.Label) {
				t.Errorf("%s: %d × %s", test.name, c.Response.Count(), c.Label)
			}
		}
		switch g := m.Generator; test.name {
		case "asked":
			if len(m.Main.Withheld) != 1 || m.Main.Withheld[0].Reason != measure.NoPorts ||
				m.Main.Withheld[0].Count < 100 {
				t.Errorf("withheld: %+v", m.Main.Withheld)
			}
		case "free":
			if g.Workers != 46 || g.WorkersBy != measure.ByPorts || len(m.Main.Withheld) > 0 {
				t.Errorf("%d workers (%s), withheld: %+v", g.Workers, g.WorkersBy, m.Main.Withheld)
			}
		}
	}
}
