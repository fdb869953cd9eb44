package main_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"mfaload/internal/stat"
	"mfaload/report"
)

// TestVerdictOnSockets holds the table of docs/verdicts.md against real requests: MFALOAD_SOCKETS runs of a
// minute at 100/s, every second one of a service whose true p95 is 5 % below its limit, the others 5 % above.
// The simulator's times are those of the table's first service. None may be wrong, and as many decided as the
// table says (95 %), but for what chance explains.
func TestVerdictOnSockets(t *testing.T) {
	runs, err := strconv.Atoi(os.Getenv("MFALOAD_SOCKETS"))
	if err != nil {
		t.Skip("it takes minutes: make verdict-sockets")
	}
	const length, distance = time.Minute, 0.05
	const median, spread = 40.0, 0.4 // ms, of the logarithm
	beyond := func(share float64) float64 { return median * math.Exp(spread*stat.NormalQuantile(share)) }
	p95, p99 := beyond(0.05), beyond(0.01)
	counts := make(chan string, runs)
	t.Run("runs", func(t *testing.T) {
		for i := range runs {
			limit, want := p95/(1-distance), string(report.Pass)
			if i%2 == 1 {
				limit, want = p95/(1+distance), string(report.Fail)
			}
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				file, out := filepath.Join(dir, "run.yaml"), filepath.Join(dir, "out")
				err := write(file, fmt.Sprintf(`name: sockets
target: {simulator: {latency: 'lognormal(%.4fms, %.4fms)', seed: %d}}
users: [{name: all, ids: [%s]}]
load: {warmup: 1s, stages: [{rate: 100/s, duration: %v}]}
thresholds: {response: {p95: %.4fms}, confidence: 95%%}
`, median, p99, 100+i, userID, length, limit))
				if err != nil {
					t.Fatal(err)
				}
				run := exec.Command(program(t), "run", "-q", "--out", out, file)
				said, _ := run.CombinedOutput() // the report says how it ended
				data, err := os.ReadFile(filepath.Join(out, "report.json"))
				if err != nil {
					t.Fatal(err, string(said))
				}
				var r report.Report
				if err := json.Unmarshal(data, &r); err != nil {
					t.Fatal(err)
				}
				t.Logf("want %s: %s, p95 %v ms of %.2f", want, r.Verdict, r.Response.P95, limit)
				switch string(r.Verdict) {
				case want:
					counts <- "right"
				case string(report.Inconclusive):
					counts <- "undecided"
				default:
					counts <- "wrong"
				}
			})
		}
	})
	close(counts)
	count := map[string]int{}
	for c := range counts {
		count[c]++
	}
	fmt.Printf("| on sockets | %v | %d | right %d, undecided %d, wrong %d |\n", length, runs, count["right"],
		count["undecided"], count["wrong"])
	if least := runs - (runs+9)/10 - 2; count["wrong"] > 0 || count["right"] < least {
		t.Errorf("%v: none may be wrong, at least %d right", count, least)
	}
}
