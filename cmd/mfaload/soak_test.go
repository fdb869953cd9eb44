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

// TestSoak runs for MFALOAD_SOAK at 2,000/s and watches the program from outside:
// memory, goroutines, threads, descriptors, connections. Without MFALOAD_SOAK it runs
// for 10 seconds at 6,000/s: long enough to see what leaks by request, not by hour.
func TestSoak(t *testing.T) {
	duration, rate := 10*time.Second, 6000
	if text := os.Getenv("MFALOAD_SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
		rate = 2000
	}
	address, counted := startSimulator(t)
	out := filepath.Join(t.TempDir(), "out")
	run, page := startSoak(t, out, address, rate, duration)
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
	want := uint64(float64(rate) * duration.Seconds())
	t.Logf("requests: %d planned, %d sent, %d as expected; verdict %s", want, r.Requests.Sent,
		r.Requests.AsExpected, r.Verdict)
	t.Logf("lateness: p50 %v ms, p99 %v ms, p99.9 %v ms, at most %v ms; by mfaload itself p99 %v ms",
		r.Lateness.P50, r.Lateness.P99, r.Lateness.P999, r.Lateness.Max, r.Generator.OwnLateness.P99)
	if q := r.Requests; q.Scheduled != want || q.Sent != want || q.AsExpected != want {
		t.Errorf("%d requests were to be sent: %+v, errors %v", want, q, r.Errors)
	}
	if all != fmt.Sprintf("201 %d", want+uint64(rate)) {
		t.Errorf("the server counted %q, %d with the warm-up", all, want+uint64(rate))
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
	if err := write(config, "envID: "+envID+"\naccessToken: the-token\nlatency: 5ms\nusers: [{ids: "+
		"["+userID+"]}]\n"); err != nil {
		t.Fatal(err)
	}
	address = freeAddress(t)
	simulator := exec.Command(program(t), "simulate", "-q", "--addr", address, config)
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
func startSoak(t *testing.T, out, address string, rate int, duration time.Duration) (run *exec.Cmd,
	metrics string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "soak.yaml")
	if err := write(file, fmt.Sprintf("name: soak\ntarget: {authPath: http://%s, envID: %s, accessToken: "+
		"the-token}\nusers: [{name: all, ids: [%s]}]\n"+
		"load: {warmup: 1s, workers: 64, stages: [{rate: %d/s, duration: "+
		"%v}]}\n", address, envID, userID, rate, duration)); err != nil {
		t.Fatal(err)
	}
	run = exec.Command(program(t), "run", "-q", "--listen", "127.0.0.1:0", "--out", out, file)
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
	page, _, _ = strings.Cut(page, "?") // the token is for stopping the run
	return run, page + "metrics"
}

// sample is what a process had at a moment. Memory is in MB: the pages that are its
// alone, all that are resident, the program's text included, and what was in use
// after the last garbage collection.
type sample struct {
	at                                  time.Duration
	memory, resident, inUse             float64
	goroutines, threads, descs, sockets float64
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
		if ok = s.ask(metrics); !ok && len(all) > 0 {
			s.goroutines, s.inUse = all[len(all)-1].goroutines, all[len(all)-1].inUse // it makes its results
		}
		if all = append(all, s); s.at >= minutes+time.Minute {
			minutes = s.at.Truncate(time.Minute)
			t.Logf("%v: %.2f MB, %.2f MB in use, %v goroutines", minutes, s.memory, s.inUse, s.goroutines)
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

var metricsLine = regexp.MustCompile(`(?m)^(go_goroutines|go_memstats_next_gc_bytes|` +
	`go_gc_gogc_percent) (\S+)$`)

// ask asks the program as Prometheus would. The heap at which a collection starts is
// what was in use after the one before, and so many percent.
func (s *sample) ask(metrics string) (ok bool) {
	client := http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get(metrics)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	figures := map[string]float64{}
	for _, found := range metricsLine.FindAllSubmatch(text, -1) {
		figures[string(found[1])], _ = strconv.ParseFloat(string(found[2]), 64)
	}
	s.goroutines = figures["go_goroutines"]
	s.inUse = figures["go_memstats_next_gc_bytes"] / (1 + figures["go_gc_gogc_percent"]/100) / 1e6
	return err == nil && len(figures) == 3
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
	t.Logf("from %v to %v; resident with the program's text: %.1f to %.1f MB, at most %.1f MB when the "+
		"results were made", first.at.Round(time.Second), last.at.Round(time.Second),
		first.resident, last.resident, peak)
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
	for _, f := range []struct {
		name   string
		figure func(sample) float64
		step   float64
	}{
		{"in use after a collection", func(s sample) float64 { return s.inUse }, heap},
		{"memory", func(s sample) float64 { return s.memory }, resident},
	} {
		verdict, leaks := trendOf(settled, f.figure).judge(first.at, last.at, f.step)
		t.Logf("%s: %.1f to %.1f MB, %s", f.name, f.figure(first), f.figure(last), verdict)
		if leaks {
			t.Errorf("%s grows", f.name)
		}
	}
}
