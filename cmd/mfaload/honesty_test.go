package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mfaload/measure"
)

// The generator is starved in two ways and a service in one. Who was at fault
// has to be told apart: a run that mfaload could not keep up with is never
// called a fail of the service, and a slow service never an excuse.
func TestWhoIsAtFault(t *testing.T) {
	for _, test := range []struct {
		name    string
		load    string
		latency string
		beside  int // busy loops that run next to it
		exit    int
		reason  string
		excuse  string // what no reason has
	}{
		{"a rate that it can't reach", "{workers: 64, drain: 0s, stages: [{rate: 500000/s, duration: 1s}]}",
			"constant(0ms)", 0,
			4, "mfaload itself was out of processor time", ""},
		{"busy loops next to it", "{workers: 64, drain: 0s, stages: [{rate: 100000/s, duration: 1s}]}",
			"constant(0ms)", 2 * runtime.NumCPU(),
			4, "mfaload itself", ""},
		{"a service that is too slow", "{stages: [{rate: 200/s, duration: 1s}]}\nthresholds: {service: " +
			"{p95: 150ms}}", "constant(200ms)", 0,
			1, "service p95 <= 150ms: observed", "mfaload itself"},
		{"too few workers for the load", "{workers: 8, drain: 0s, stages: [{rate: 200/s, duration: 1s}]}",
			"constant(200ms)", 0,
			4, "raise load.workers, or remove it", "mfaload itself was out of processor time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range test.beside {
				startBusyLoop(t)
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "s.yaml")
			text := fmt.Sprintf("name: s\ntarget: {simulator: {latency: %s}}\nusers: [{name: all, ids: "+
				"[%s]}]\nload: %s\n", test.latency, userID, test.load)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			run := exec.Command(program(t), "run", "-q", "--out", filepath.Join(dir, "out"), file)
			run.Env = append(os.Environ(), "GOMAXPROCS=1")
			out, err := run.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("%v\n%s", err, out)
			}
			all, held := readReasons(t, filepath.Join(dir, "out", "report.json"))
			busy := measured(t, filepath.Join(dir, "out")).Generator.ShortSeconds()
			if test.exit == 1 && exit.ExitCode() == 4 && len(busy) > 0 { // something else took the processor
				test.exit, test.excuse = 4, ""
				test.reason += fmt.Sprintf(" [0-9]+ ms; undecided: .*mfaload was out of processor time in "+
					"%d seconds", len(busy))
			}
			if exit.ExitCode() != test.exit {
				t.Fatalf("%v, want exit code %d\n%s", err, test.exit, out)
			}
			reason := regexp.MustCompile(test.reason)
			said := slices.ContainsFunc(all, reason.MatchString)
			if held { // by what runs next to the tests: that is said for itself, and excuses no threshold
				all = slices.DeleteFunc(all, func(reason string) bool {
					return strings.HasPrefix(reason, "mfaload itself was ")
				})
			}
			reasons := strings.Join(all, "\n")
			if !said || test.excuse != "" && strings.Contains(reasons, test.excuse) {
				t.Errorf("reasons:\n%s", reasons)
			}
		})
	}
}

// measured reads the measurement of a run.
func measured(t *testing.T, out string) *measure.Measurement {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out, "measurement.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := measure.Unpack(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// readReasons returns the reasons of a report, and whether something held mfaload up
// in the run.
func readReasons(t *testing.T, file string) (reasons []string, held bool) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Reasons   []string
		Generator struct {
			CPU     float64            `json:"cpu_s"`
			Peak    float64            `json:"peak_rss_mb"`
			Hiccups map[string]float64 `json:"hiccups_ms"`
			Busy    int                `json:"busy_workers_max"`
		}
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	g := r.Generator
	if g.CPU <= 0 || g.Busy <= 0 || g.Hiccups["max"] <= 0 || runtime.GOOS != "windows" && g.Peak <= 0 {
		t.Errorf("the generator did not measure itself: %+v", g)
	}
	return r.Reasons, g.Hiccups["p99"] > 2
}

// startBusyLoop starts a process that takes a processor until the test ends.
func startBusyLoop(t *testing.T) {
	t.Helper()
	loop := exec.Command(os.Args[0], "-test.run=^TestBusyLoop$")
	loop.Env = append(os.Environ(), "MFALOAD_BUSY_LOOP=yes", "GOMAXPROCS=1")
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = loop.Process.Kill(); _ = loop.Wait() })
}

// TestBusyLoop is the process that startBusyLoop starts.
func TestBusyLoop(t *testing.T) {
	if os.Getenv("MFALOAD_BUSY_LOOP") == "" {
		t.Skip("only as a process of its own")
	}
	var turns atomic.Uint64
	for {
		turns.Add(1)
	}
}
