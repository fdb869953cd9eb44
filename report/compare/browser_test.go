package compare_test

import (
	"os"
	"path/filepath"
	"testing"

	"mfaload/report/compare"
	"mfaload/report/render/chart/charttest"
)

// A browser looks at a comparison that found something, at one that was
// refused, and at a history.
func TestPagesInABrowser(t *testing.T) {
	slow := with(calm, func(m *model) { m.errors, m.stalls, m.stall = 0.02, 3, 4 })
	worse := mustCompare(t, runs(calm, "results/main", 1), runs(slow, "results/branch", 2), compare.Options{})
	other := runs(calm, "results/other", 3)
	other[0].Measurement.Parts["load"] = "another"
	refused, err := compare.Compare(runs(calm, "results/main", 1), other, compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all []compare.Run
	for seed := range uint64(12) {
		m := calm
		if seed > 6 {
			m = slow
		}
		all = append(all, runs(m, "results/night", seed+1)...)
	}
	history, err := compare.Follow(all, compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var files []string
	for _, page := range []struct {
		name string
		make func() ([]byte, error)
	}{{"worse", worse.HTML}, {"refused", refused.HTML}, {"history", history.HTML}} {
		data, err := page.make()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(dir, page.name+".html"))
		if err := os.WriteFile(files[len(files)-1], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range charttest.Pages(t, files...) {
		charts := map[string]int{"worse.html": 4, "refused.html": 0, "history.html": len(history.Lines)}[filepath.Base(l.Page)]
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
