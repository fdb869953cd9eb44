//go:build linux

package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfaload/report"
)

// soakRate is in requests a second.
const soakRate = 2000

// TestSoak runs for MFALOAD_SOAK at 2,000/s and looks at the program from outside
// every second: memory, goroutines, threads, descriptors, connections. Without it,
// it runs for some seconds: long enough to see what leaks by request, not by hour.
func TestSoak(t *testing.T) {
	duration := 12 * time.Second
	if text := os.Getenv("MFALOAD_SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	address, counted := startSimulator(t)
	out := filepath.Join(t.TempDir(), "out")
	run, page := startSoak(t, out, address, duration)
	samples := watchProcess(t, run, page, min(time.Second, duration/60))
	all := strings.Join(strings.Fields(counted()), " ")
	data, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	want := uint64(soakRate * duration.Seconds())
	t.Logf("requests: %d planned, %d sent, %d as expected; verdict %s", want, r.Requests.Sent, r.Requests.AsExpected, r.Verdict)
	t.Logf("lateness: p50 %v ms, p99 %v ms, p99.9 %v ms, at most %v ms; by mfaload itself p99 %v ms", r.Lateness.P50, r.Lateness.P99, r.Lateness.P999, r.Lateness.Max, r.Generator.OwnLateness.P99)
	if q := r.Requests; q.Scheduled != want || q.Sent != want || q.AsExpected != want {
		t.Errorf("%d requests were to be sent: %+v, errors %v", want, q, r.Errors)
	}
	if all != fmt.Sprintf("201 %d", want+soakRate) {
		t.Errorf("the server counted %q, %d with the warm-up", all, want+soakRate)
	}
	if n := r.Connections.Opened; n > 0 {
		t.Errorf("%d connections were opened after the warm-up", n)
	}
	judgeSoak(t, samples, duration)
}

// startSimulator starts one, which ends with counted: that returns what it
// counted.
func startSimulator(t *testing.T) (address string, counted func() string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "simulator.yaml")
	if err := write(config, "envID: "+envID+"\naccessToken: the-token\nlatency: 5ms\nusers: [{ids: ["+userID+"]}]\n"); err != nil {
		t.Fatal(err)
	}
	address = freeAddress(t)
	simulator := exec.Command(binary, "simulate", "-q", "--addr", address, config)
	var printed bytes.Buffer
	simulator.Stdout = &printed
	if err := simulator.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = simulator.Process.Kill() })
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
	}
	return address, func() string {
		_ = simulator.Process.Signal(os.Interrupt)
		_ = simulator.Wait()
		return printed.String()
	}
}

// startSoak starts the run, and returns where it shows its metrics.
func startSoak(t *testing.T, out, address string, duration time.Duration) (run *exec.Cmd, metrics string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "soak.yaml")
	if err := write(file, fmt.Sprintf("name: soak\ntarget: {authPath: http://%s, envID: %s, accessToken: the-token}\nusers: [{name: all, ids: [%s]}]\n"+
		"load: {warmup: 1s, workers: 64, stages: [{rate: %d/s, duration: %v}]}\n", address, envID, userID, soakRate, duration)); err != nil {
		t.Fatal(err)
	}
	run = exec.Command(binary, "run", "-q", "--listen", "127.0.0.1:0", "--out", out, file)
	said, err := run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Process.Kill() })
	lines := bufio.NewReader(said)
	line, err := lines.ReadString('\n')
	_, page, found := strings.Cut(strings.TrimSpace(line), "live view: ")
	if !found {
		t.Fatalf("no address of the live view: %q, %v", line, err)
	}
	go func() { _, _ = io.Copy(os.Stderr, lines) }()
	return run, page + "metrics"
}

// sample is what a process had at a moment. Memory is in MB: what is the
// process's alone, and all that is resident, the program's own text included.
type sample struct {
	at                                                    time.Duration
	memory, resident, goroutines, threads, descs, sockets float64
}

// watchProcess looks at a process until it ends, and says each minute how it is.
func watchProcess(t *testing.T, cmd *exec.Cmd, metrics string, every time.Duration) (all []sample) {
	t.Helper()
	start, minutes := time.Now(), time.Duration(0)
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return all
		case <-ticker.C:
		}
		s, ok := lookAt(cmd.Process.Pid)
		if s.at = time.Since(start); !ok {
			continue
		}
		if s.goroutines, ok = goroutines(metrics); !ok && len(all) > 0 {
			s.goroutines = all[len(all)-1].goroutines // it makes its results
		}
		if all = append(all, s); s.at >= minutes+time.Minute {
			minutes = s.at.Truncate(time.Minute)
			t.Logf("%v: %.1f MB (%.1f MB resident), %v goroutines", minutes, s.memory, s.resident, s.goroutines)
		}
	}
}

func lookAt(pid int) (s sample, ok bool) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		return s, false
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "RssAnon":
			s.memory = n * 1024 / 1e6
		case "VmRSS":
			s.resident = n * 1024 / 1e6
		case "Threads":
			s.threads = n
		}
	}
	files, err := os.ReadDir(proc + "fd")
	s.descs = float64(len(files))
	for _, f := range files {
		if to, err := os.Readlink(proc + "fd/" + f.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			s.sockets++
		}
	}
	return s, err == nil && s.memory > 0
}

var goroutinesLine = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

// goroutines asks the program as Prometheus would.
func goroutines(metrics string) (n float64, ok bool) {
	client := http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get(metrics)
	if err != nil {
		return 0, false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	found := goroutinesLine.FindSubmatch(text)
	if err != nil || found == nil {
		return 0, false
	}
	n, err = strconv.ParseFloat(string(found[1]), 64)
	return n, err == nil
}

// judgeSoak leaves out the first minute, in which connections are opened and tables
// filled, or a third of a short run; and the end, when the results are made.
func judgeSoak(t *testing.T, all []sample, duration time.Duration) {
	t.Helper()
	var settled []sample
	peak := 0.0
	for _, s := range all {
		if s.at >= min(duration/3, time.Minute) && s.at < duration {
			settled = append(settled, s)
		}
		peak = max(peak, s.resident)
	}
	if len(settled) < 2*means {
		t.Fatalf("%d looks at the program", len(settled))
	}
	first, last := settled[0], settled[len(settled)-1]
	t.Logf("from %v to %v: memory %.1f to %.1f MB, resident %.1f to %.1f MB (%.1f MB while the results were made)", first.at.Round(time.Second), last.at.Round(time.Second),
		first.memory, last.memory, first.resident, last.resident, peak)
	for _, f := range []struct {
		name        string
		first, last float64
		most        float64 // more than before that are no leak
	}{
		{"goroutines", first.goroutines, last.goroutines, 4}, {"threads", first.threads, last.threads, 8},
		{"descriptors", first.descs, last.descs, 2}, {"connections", first.sockets, last.sockets, 2},
	} {
		t.Logf("%s: %v to %v", f.name, f.first, f.last)
		if f.first == 0 || f.last-f.first > f.most {
			t.Errorf("%v %s more than before", f.last-f.first, f.name)
		}
	}
	verdict, leaks := trendOf(settled).judge(first.at, last.at)
	t.Logf("memory: %s", verdict)
	if leaks {
		t.Error("memory leaks")
	}
}
