package capacity_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mfaload/capacity"
	"mfaload/report"
	"mfaload/report/render/chart/charttest"
)

// Times of an overload are lower bounds, and are written as reports write them.
func TestTrialsShowLowerBounds(t *testing.T) {
	times := report.Times{Min: 12, Mean: 9_876.5, P50: 10_002.3, P90: 10_003, P95: 10_004, P99: 10_005,
		P999: 10_005,
		Max:  10_005, AtLeast: []string{"mean", "p95", "p99", "max"}}
	row := capacity.TrialRow{Number: 1, Rate: 400, Duration: 5, Verdict: capacity.Break, By: "backlog",
		Little: &capacity.Little{Counted: 2512.4}, Figures: capacity.TrialFigures{Response: times}}
	var b strings.Builder
	if err := (capacity.TerminalText{}).Write(&b,
		&capacity.Result{Trials: []capacity.TrialRow{row}}); err != nil {
		t.Fatal(err)
	}
	if want := "  ≥9876  ≥10004  ≥10005       2512  backlog\n"; !strings.Contains(b.String(), want) {
		t.Errorf("%q is not in\n%s", want, b.String())
	}
	trial := &capacity.Trial{Verdict: capacity.Pass}
	trial.Rate, trial.Figures.Response = 400, times
	if line, want := trial.Line(15), "p50 10002 ms, p95 ≥10004 ms, p99 ≥10005 ms"; !strings.Contains(line,
		want) {
		t.Errorf("%q is not in %q", want, line)
	}
}

// A browser looks at a search that found everything there is to find, and at
// one that found nothing.
func TestPagesInABrowser(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for name, r := range map[string]*capacity.Result{"whole": whole(t),
		"nothing": (&capacity.SearchResult{}).Result()} {
		page, err := r.HTML()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(dir, name+".html"))
		if err := os.WriteFile(files[len(files)-1], page, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range charttest.Pages(t, files...) {
		charts := map[string]int{"whole.html": 5, "nothing.html": 0}[filepath.Base(l.Page)]
		if len(l.Charts) != charts {
			t.Errorf("%s at %d px: %d charts, want %d", filepath.Base(l.Page), l.Width, len(l.Charts), charts)
		}
		for _, c := range l.Charts {
			if c.Drawn == 0 {
				t.Errorf("%s at %d px: nothing is drawn in %q", filepath.Base(l.Page), l.Width, c.Title)
			}
		}
	}
}
