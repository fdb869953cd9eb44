package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkStall runs the stall experiment on real sockets and prints the
// reported percentiles as ratios to the true ones, which arithmetic gives.
func BenchmarkStall(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		cmd := exec.Command(program(b), "run", "-q", "--out", dir, "--overwrite",
			"../../scenarios/stall.yaml")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "report.json"))
		if err != nil {
			b.Fatal(err)
		}
		var r struct {
			Requests struct{ Scheduled, Sent, Answered, Failed, Unsent uint64 }
			Response map[string]float64 `json:"response_ms"`
		}
		if err := json.Unmarshal(data, &r); err != nil {
			b.Fatal(err)
		}
		if q := r.Requests; q.Scheduled != 10_000 || q.Sent+q.Unsent != q.Scheduled ||
			q.Answered+q.Failed != q.Sent {
			b.Errorf("not all 10,000 are accounted for: %+v", q)
		}
		for name, truth := range map[string]float64{"p90": 1000 * 2. / 3, "p99": 1000 * 29. / 30} {
			b.ReportMetric(r.Response[name]/truth, name+"/true")
			if ratio := r.Response[name] / truth; ratio < 0.98 || ratio > 1.10 {
				b.Errorf("%s is %.3f of the truth, want 0.98 to 1.10", name, ratio)
			}
		}
	}
}
