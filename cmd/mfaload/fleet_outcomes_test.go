//go:build fleettest && unix

package main_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mfaload/measure"
)

// unpacked reads the measurement of a results folder.
func unpacked(t *testing.T, folder string) *measure.Measurement {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "measurement.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := measure.Unpack(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// TestFleetWorkerPaused stops a worker for longer than the limit and lets it go on. It has one
// outcome: the worker is out, sends nothing of what it missed, and says why; the run is
// inconclusive and says why.
func TestFleetWorkerPaused(t *testing.T) {
	dir := fleetScenario(t, 40, 14)
	l := lead(t, dir, 2)
	w0, w1 := follow(t, dir, 0), follow(t, dir, 1)
	l.await("  2 s: ")
	w1.signal(syscall.SIGSTOP)
	l.await("lost: shard 1 (")
	time.Sleep(2500 * time.Millisecond) // how long it is stopped, beyond the limit
	woken := time.Now()
	w1.signal(syscall.SIGCONT)
	w1.ends(4, "this worker stood still for ", "what was measured is in w1/measurement.json.gz")
	w0.ends(0, "delivered shard 0")
	l.ends(4, "1 of 2 shards is lost", "shard 1: ", "silent for 2.5s",
		"; it said later: this worker stood still for ")
	if l.has("is back") {
		t.Error("the shard is back")
	}
	m := unpacked(t, filepath.Join(dir, "w1"))
	if last := m.Started.Add(m.Main.LastSent); !m.Interrupted || last.After(woken) {
		t.Errorf("interrupted %v; it was woken at %v and sent at %v", m.Interrupted, woken, last)
	}
	if r := reportOf(t, dir); r.Verdict != "inconclusive" || r.Shards[1].Lost == "" ||
		r.Requests.Scheduled != 280 {
		t.Errorf("the report says %+v", r)
	}
}

// TestFleetWorkerPausedShortly stops a worker for less than the limit: nothing is lost.
func TestFleetWorkerPausedShortly(t *testing.T) {
	dir := fleetScenario(t, 40, 6)
	l := lead(t, dir, 2)
	w0, w1 := follow(t, dir, 0), follow(t, dir, 1)
	l.await("  2 s: ")
	w1.signal(syscall.SIGSTOP)
	time.Sleep(time.Second) // how long it is stopped, below the limit
	w1.signal(syscall.SIGCONT)
	w0.ends(0, "delivered shard 0")
	w1.ends(0, "delivered shard 1")
	_ = l.Wait() // the verdict is of the standstill as well
	if r := reportOf(t, dir); r.Requests.Scheduled != 240 || r.Shards[1].Lost != "" {
		t.Errorf("the report says %+v", r)
	}
}

// TestFleetCoordinatorPaused stops the coordinator for longer than the limit: all workers are out, and
// there is a report that says so.
func TestFleetCoordinatorPaused(t *testing.T) {
	dir := fleetScenario(t, 40, 20)
	l := lead(t, dir, 2)
	w0, w1 := follow(t, dir, 0), follow(t, dir, 1)
	l.await("  2 s: ")
	l.signal(syscall.SIGSTOP)
	for _, w := range []*process{w0, w1} {
		w.ends(4, "the coordinator was silent for 3s")
	}
	l.signal(syscall.SIGCONT)
	l.ends(4, "2 of 2 shards are lost")
	if r := reportOf(t, dir); r.Verdict != "inconclusive" || len(r.Shards) != 2 || r.Shards[0].Lost == "" ||
		r.Shards[1].Lost == "" {
		t.Errorf("the report says %+v", r)
	}
}

// TestFleetAllKilled kills all workers: there is a report all the same, which says so, and can be
// rendered again.
func TestFleetAllKilled(t *testing.T) {
	dir := fleetScenario(t, 40, 30)
	l := lead(t, dir, 2)
	w0, w1 := follow(t, dir, 0), follow(t, dir, 1)
	l.await("  2 s: ")
	w0.signal(syscall.SIGKILL)
	w1.signal(syscall.SIGKILL)
	_, _ = w0.Wait(), w1.Wait()
	l.ends(4, "2 of 2 shards are lost", "INCONCLUSIVE")
	if r := reportOf(t, dir); r.Verdict != "inconclusive" || r.Requests.Sent != 0 {
		t.Errorf("the report says %+v", r)
	}
	if again := runBinary(t, 0, "report", filepath.Join(dir, "out")); !strings.Contains(again,
		"2 of 2 shards are lost") {
		t.Errorf("rendered again it says:\n%s", again)
	}
}

// TestFleetUnreadOutput has what the coordinator and the workers say go to pipes that nobody reads, which
// take no more after a while: the run goes on as if somebody did.
func TestFleetUnreadOutput(t *testing.T) {
	dir := fleetScenario(t, 40, 5)
	reader, unread, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	fill(t, unread)
	all := fleetCommands(t, dir)
	for _, c := range all {
		c.Stderr = unread
		c.Stdout = io.Discard
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range all[1:] {
		awaitFolder(t, filepath.Join(dir, c.Args[len(c.Args)-1], "report.json"))
	}
	awaitFolder(t, filepath.Join(dir, "out", "report.json"))
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	unread.Close()
	for _, c := range all {
		_ = c.Wait()
	}
	if r := reportOf(t, dir); r.Requests.Scheduled != 200 {
		t.Errorf("the report says %+v", r)
	}
}

// TestFleetOutputGone has nobody at the other end of what coordinator and workers say, which ends neither.
func TestFleetOutputGone(t *testing.T) {
	dir := fleetScenario(t, 40, 3)
	broken := func() *os.File {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		reader.Close()
		return writer
	}
	all := fleetCommands(t, dir)
	for _, c := range all {
		c.Stderr, c.Stdout = broken(), broken()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		// Others would wait for one that is gone.
		defer time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() }).Stop()
	}
	for _, c := range all {
		err := c.Wait()
		if code := c.ProcessState.ExitCode(); c == all[0] && code != 0 && code != 4 || c != all[0] &&
			code != 0 {
			t.Errorf("mfaload %s: %v", c.Args[1], err)
		}
	}
	if r := reportOf(t, dir); r.Requests.Scheduled != 120 || len(r.Shards) != 2 ||
		r.Shards[0].Lost+r.Shards[1].Lost != "" {
		t.Errorf("the report says %+v", r)
	}
	local := exec.Command(program(t), "run", "--shards", "2", "--out", "local", "s.yaml")
	local.Dir, local.Stderr, local.Stdout = dir, broken(), broken()
	if err := local.Run(); local.ProcessState.ExitCode() != 0 && local.ProcessState.ExitCode() != 4 {
		t.Errorf("mfaload run --shards: %v", err)
	}
	merge := exec.Command(program(t), "merge", "--out", "merged", "w0", "w1")
	merge.Dir, merge.Stderr, merge.Stdout = dir, broken(), broken()
	if err := merge.Run(); merge.ProcessState.ExitCode() != 0 && merge.ProcessState.ExitCode() != 4 {
		t.Errorf("mfaload merge: %v", err)
	}
	for _, folder := range []string{"local", "merged"} {
		if m := unpacked(t, filepath.Join(dir, folder)); m.Main.Scheduled[0] != 120 {
			t.Errorf("%s has %d requests", folder, m.Main.Scheduled[0])
		}
	}
}

// fleetCommands are a coordinator and two workers.
func fleetCommands(t testing.TB, dir string) (all []*exec.Cmd) {
	all = append(all, exec.Command(program(t), "coordinate", "--shards", "2", "--listen", "127.0.0.1:0",
		"--join-file", "join", "--out", "out", "s.yaml"))
	for i := range 2 {
		all = append(all, exec.Command(program(t), "worker", "--join-file", "join", "--shard", fmt.Sprint(i),
			"--out", fmt.Sprint("w", i)))
	}
	for _, c := range all {
		c.Dir = dir
	}
	return all
}

// awaitFolder waits until a file is there.
func awaitFolder(t *testing.T, path string) {
	t.Helper()
	for give := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(give) {
			t.Fatalf("there never was %s", path)
		}
	}
}

// TestFleetLeftovers kills a coordinator and its workers before the start: the next coordinator removes what
// they left in the temporary folder.
func TestFleetLeftovers(t *testing.T) {
	dir, tmp := fleetScenario(t, 40, 2), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	left := func() string {
		all, err := filepath.Glob(filepath.Join(tmp, "mfaload-*"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(all, " ")
	}
	l := lead(t, dir, 2)
	w := follow(t, dir, 0)
	l.await("shard 0: ")
	l.signal(syscall.SIGKILL)
	_ = l.Wait()
	w.ends(3, "nothing was sent")
	if left() == "" {
		t.Fatal("a coordinator that was killed leaves nothing: this test looks in the wrong place")
	}
	var out bytes.Buffer
	next := exec.Command(program(t), "run", "--shards", "2", "--out", "next", "s.yaml")
	next.Dir, next.Stderr = dir, &out
	if err := next.Run(); next.ProcessState.ExitCode() != 0 && next.ProcessState.ExitCode() != 4 {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if all := left(); all != "" {
		t.Errorf("after the next one there is %s", all)
	}
}
