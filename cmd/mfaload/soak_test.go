//go:build linux

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfaload/report"
)

// soakRate is in requests a second.
const soakRate = 2000

// TestSoak runs for MFALOAD_SOAK at 2,000/s and looks at the program from outside
// every second: memory, descriptors, threads. Without it, it runs for some
// seconds: long enough to see a leak by request, not one by hour.
func TestSoak(t *testing.T) {
	duration := 12 * time.Second
	if text := os.Getenv("MFALOAD_SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	simulated, out := filepath.Join(dir, "simulator.yaml"), filepath.Join(dir, "out")
	if err := write(simulated, "envID: "+envID+"\naccessToken: the-token\nlatency: 5ms\nusers: [{ids: ["+userID+"]}]\n"); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	simulator := exec.Command(binary, "simulate", "-q", "--addr", address, simulated)
	var counted bytes.Buffer
	simulator.Stdout = &counted
	if err := simulator.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
	}
	f := &faulty{target: "authPath: http://" + address, load: fmt.Sprintf("{warmup: 1s, workers: 64, stages: [{rate: %d/s, duration: %v}]}", soakRate, duration)}
	run := exec.Command(binary, "run", "-q", "--out", out, f.scenario(t))
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	samples := watchProcess(run, time.Second)
	_ = simulator.Process.Signal(os.Interrupt)
	_ = simulator.Wait()
	data, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	want := uint64(soakRate * duration.Seconds())
	if q := r.Requests; q.Scheduled != want || q.Sent != want || q.AsExpected != want {
		t.Errorf("%d requests were to be sent: %+v, errors %v", want, q, r.Errors)
	}
	if all := strings.Join(strings.Fields(counted.String()), " "); all != fmt.Sprintf("201 %d", want+soakRate) {
		t.Errorf("the server counted %q, %d with the warm-up", all, want+soakRate)
	}
	if n := r.Connections.Opened; n > 0 {
		t.Errorf("%d connections were opened after the warm-up", n)
	}
	judgeSoak(t, samples[:min(len(samples), int(duration.Seconds()))]) // then the results are made
}

// sample is what a process had at a moment.
type sample struct{ memory, descriptors, threads float64 }

// watchProcess looks at a process until it ends.
func watchProcess(cmd *exec.Cmd, every time.Duration) (all []sample) {
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return all
		case <-ticker.C:
			if s, ok := lookAt(cmd.Process.Pid); ok {
				all = append(all, s)
			}
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
		case "VmRSS":
			s.memory = n / 1000
		case "Threads":
			s.threads = n
		}
	}
	files, err := os.ReadDir(proc + "fd")
	s.descriptors = float64(len(files))
	return s, err == nil && s.memory > 0
}

// judgeSoak leaves the beginning out, in which connections are opened and tables
// filled.
func judgeSoak(t *testing.T, all []sample) {
	t.Helper()
	settled := all[min(len(all)/3, 60):]
	if len(settled) < 4 {
		t.Fatalf("%d looks at the program", len(all))
	}
	perHour := 3600 * slope(settled, func(s sample) float64 { return s.memory })
	first, last := settled[0], settled[len(settled)-1]
	t.Logf("%d s: memory %.1f to %.1f MB (%+.1f MB/h), descriptors %.0f to %.0f, threads %.0f to %.0f",
		len(settled), first.memory, last.memory, perHour, first.descriptors, last.descriptors, first.threads, last.threads)
	if grown := last.descriptors - first.descriptors; grown > 2 {
		t.Errorf("%.0f descriptors more than before", grown)
	}
	if grown := last.threads - first.threads; grown > 8 {
		t.Errorf("%.0f threads more than before", grown)
	}
	// The seconds of a run are kept, a few KB each.
	if grown := last.memory - first.memory; grown > 4+float64(len(settled))*soakSecond {
		t.Errorf("memory grew by %.1f MB in %d s", grown, len(settled))
	}
}

// soakSecond is what a second of a run may take for good, in MB.
const soakSecond = 0.010

// slope is that of the line through the samples, one a second, by least squares.
func slope(all []sample, of func(sample) float64) float64 {
	n, mean := float64(len(all)), 0.0
	for _, s := range all {
		mean += of(s) / n
	}
	var xy, xx float64
	for i, s := range all {
		x := float64(i) - (n-1)/2
		xy += x * (of(s) - mean)
		xx += x * x
	}
	return xy / math.Max(xx, 1)
}
