//go:build linux

package main_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/pingone"
	"mfaload/runner"
	"mfaload/scenario"
)

// BenchmarkThroughput sends as fast as it can to the bench server, every response
// checked and every histogram on: `make profile` shows where the time goes, and
// allocs/op that nothing is allocated for a request.
func BenchmarkThroughput(b *testing.B) {
	for _, test := range []struct {
		name     string
		protocol scenario.Protocol
		network  scenario.Network
	}{
		{"http1", scenario.HTTP1, scenario.Network{}},
		{"http1-traced", scenario.HTTP1, scenario.Network{
			TransactionIDs: "bench", Headers: []scenario.Header{{Name: "X-Tenant",
				Value: scenario.NewSecret("blue-green")}}}},
	} {
		b.Run(test.name, func(b *testing.B) {
			s := fastest(b, startBenchServer(b), uint64(b.N))
			s.Target.Protocol, s.Target.Network = test.protocol, test.network
			op, r := prepareRun(b, s)
			defer op.Close()
			b.ReportAllocs()
			b.ResetTimer()
			m, err := r.Run(context.Background(), runner.Start{})
			b.StopTimer()
			if err != nil {
				b.Fatal(err)
			}
			if clean := cleanAnswers(m); clean != m.Main.Scheduled[0] {
				b.Fatalf("%d of %d answers are as expected", clean, m.Main.Scheduled[0])
			}
			b.ReportMetric(float64(m.Main.Sent())/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

func cleanAnswers(m *measure.Measurement) (n uint64) {
	for _, c := range m.Main.Cells {
		n += c.Clean
	}
	return n
}

func startBenchServer(b *testing.B) (authPath string) {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "server")
	if out, err := exec.Command("go", "build", "-o", binary,
		"../../bench/server").CombinedOutput(); err != nil {
		b.Fatalf("build the server: %v\n%s", err, out)
	}
	const addr = "127.0.0.1:9810"
	server := exec.Command("taskset", "-c", "1", binary, "-addr", addr, "-control", "127.0.0.1:9811")
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	return "http://" + addr
}

// fastest is a scenario whose requests are all due at once, nearly.
func fastest(b *testing.B, authPath string, requests uint64) *scenario.Scenario {
	b.Helper()
	const top = 1_000_000
	s := &scenario.Scenario{
		Name: "fastest",
		Target: scenario.Target{AuthPath: authPath, EnvID: "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
			AccessToken: scenario.NewSecret("token-0123456789"), Timeout: 10 * time.Second},
		Groups: []scenario.Group{{
			Name: "all", IDs: []string{"788d4931-6936-43f2-82ff-178f5762298a"}, Weight: 1,
			Expect: scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"OTP_REQUIRED"}},
		}},
		Load: scenario.Load{Arrivals: scenario.Uniform, Workers: 64, Drain: time.Hour},
	}
	s.Load.Stages = []scenario.Stage{{From: top, To: top,
		Duration: time.Duration(requests) * time.Second / top}}
	return s
}

func prepareRun(b *testing.B, s *scenario.Scenario) (*pingone.Operation, *runner.Runner) {
	b.Helper()
	c, err := pingone.Compile("contract.yaml", pingone.Document(), nil)
	if err != nil {
		b.Fatal(err)
	}
	op, err := pingone.New(s, c, "")
	if err != nil {
		b.Fatal(err)
	}
	for deadline := 50; ; deadline-- {
		if err = op.Preflight(context.Background()); err == nil {
			break
		} else if deadline == 0 {
			b.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return op, runner.New(runner.Config{Scenario: s, Operation: op, Rules: ruleNames(c)})
}
