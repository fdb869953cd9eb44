package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mfaload/bench/model"
)

// BenchmarkCapacity searches three simulated services whose capacity is known
// from theory, over real sockets; the table of docs/capacity.md has them on a
// virtual clock. Each takes some minutes, and needs a machine that does nothing
// else:
//
//	go test ./cmd/mfaload -run '^$' -bench 'BenchmarkCapacity$' -benchtime 1x -timeout 2h
func BenchmarkCapacity(b *testing.B) {
	for _, service := range []struct {
		name, simulator, load string
		truth                 float64 // requests a second
	}{
		{"429", "{latency: 5ms, rateLimit: 200/s}", "uniform", 200},
		{"MD10", "{servers: {count: 10, time: 20ms}}", "poisson", 466.0},              // p95 <= 60 ms
		{"MM10", "{servers: {count: 10, time: exponential(20ms)}}", "poisson", 460.4}, // p95 <= 100 ms
	} {
		limit := map[string]string{"429": "150ms", "MD10": "60ms", "MM10": "100ms"}[service.name]
		b.Run(service.name, func(b *testing.B) {
			for i := range b.N {
				dir := b.TempDir()
				file := filepath.Join(dir, "s.yaml")
				text := fmt.Sprintf("name: s\ntarget: {simulator: %s}\nusers: [{name: all, ids: "+
					"[%s]}]\nload: {arrivals: %s, seed: %d, stages: [{rate: 1/s, duration: 1s}]}\n"+
					"thresholds: {response: {p95: %s}}\ncapacity: {maxRate: 800/s, startRate: "+
					"50/s}\n", service.simulator, userID, service.load, 1000*i+1, limit)
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					b.Fatal(err)
				}
				out, err := exec.Command(program(b), "capacity", "-q", "--out", filepath.Join(dir, "out"),
					file).CombinedOutput()
				var exit *exec.ExitError
				if err != nil && !errors.As(err, &exit) {
					b.Fatal(err)
				}
				b.Logf("%s", out)
				reportSearch(b, filepath.Join(dir, "out", "capacity.json"), service.truth)
			}
		})
	}
}

// BenchmarkForeignCapacity searches three services that share no code with the
// simulator, over real sockets: one that serves everybody in order, one that is slow
// to recover from an overload, and one of threads whose queue refuses what it has no
// room for. capacity's TestForeign has them on a virtual clock, with many seeds.
//
//	go test ./cmd/mfaload -run '^$' -bench 'BenchmarkForeignCapacity$' -benchtime 1x -timeout 2h
func BenchmarkForeignCapacity(b *testing.B) {
	const place = 20 * time.Millisecond
	const short = "{maxRate: 640/s, startRate: 40/s, width: 10%, trial: 5s, budget: 9m}"
	for _, s := range []struct {
		name             string
		service          model.Service
		arrivals, search string
		errors           string
		truth            float64 // requests a second
	}{
		{"patient", model.NewPatient(4, place), "uniform", short, "0.1%", 200},
		{"patient-defaults", model.NewPatient(4, place), "uniform", "{maxRate: 640/s, budget: 9m}", "0.1%",
			200},
		{"strained", model.NewStrained(4, place, time.Second, time.Minute), "uniform", short, "0.1%", 200},
		{"pool", model.NewPool(8, 30*time.Millisecond, 64, 1), "poisson", short, "1%", 250.9},
	} {
		b.Run(s.name, func(b *testing.B) {
			for range b.N {
				address := serveForeign(b, s.service)
				file := foreignScenario(b, address, "arrivals: "+s.arrivals,
					"{response: {p95: 200ms}, errorRate: "+s.errors+"}", s.search)
				out := filepath.Join(b.TempDir(), "out")
				text, err := exec.Command(binary, "capacity", "-q", "--out", out, file).CombinedOutput()
				var exit *exec.ExitError
				if err != nil && !errors.As(err, &exit) {
					b.Fatal(err)
				}
				b.Logf("%s", text)
				reportSearch(b, filepath.Join(out, "capacity.json"), s.truth)
			}
		})
	}
}

// reportSearch reports an interval, and fails where the truth is outside.
func reportSearch(b *testing.B, file string, truth float64) {
	b.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var found struct {
		Rate     struct{ Low, High *float64 }
		Duration float64 `json:"duration_s"`
		Trials   []struct{}
	}
	if err := json.Unmarshal(data, &found); err != nil {
		b.Fatal(err)
	}
	if found.Rate.Low == nil || found.Rate.High == nil || *found.Rate.Low > truth ||
		*found.Rate.High < truth {
		b.Errorf("found %s, and the truth is %v/s", data[:min(len(data), 600)], truth)
		return
	}
	b.ReportMetric(*found.Rate.Low, "low/s")
	b.ReportMetric(*found.Rate.High, "high/s")
	b.ReportMetric(100*(*found.Rate.High-*found.Rate.Low)/truth, "width-%")
	b.ReportMetric(float64(len(found.Trials)), "trials")
	b.ReportMetric(found.Duration/60, "minutes")
}
