package compare_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mfaload/report/compare"
	"mfaload/report/render/chart/charttest"
)

// However many groups and runs are compared, texts and pages stay within bounds, and
// say what they leave out. What got worse comes first.
func TestSizesAreBounded(t *testing.T) {
	name := strings.Repeat("g", 100)
	c := &compare.Comparison{Verdict: compare.Worse}
	for i := range 10_000 {
		group := fmt.Sprint(name, i)
		row := compare.MetricRow{Group: group, Metric: "response.p95", Unit: "ms", Judgement: compare.Same}
		if i == 9999 {
			row.Judgement = compare.Worse
		}
		c.Rows = append(c.Rows, row)
		c.Reasons, c.Remarks = append(c.Reasons, group), append(c.Remarks, group)
		c.Drift = append(c.Drift, compare.Drift{What: group})
		c.Shifts = append(c.Shifts, compare.Shift{Group: group, Time: "response", BaseStalls: i,
			NewStalls: i + 1,
			Points: []compare.QuantileShift{{Quantile: 50, Base: 1, New: 2}, {Quantile: 99, Base: 1,
				New: 2}}})
		source := compare.RunInfo{Name: group, Started: time.Unix(0, 0)}
		c.Base.Runs, c.New.Runs = append(c.Base.Runs, source), append(c.New.Runs, source)
	}
	var text strings.Builder
	if err := (compare.Terminal{Color: true, All: true}).Write(&text, c); err != nil || text.Len() > 256<<10 {
		t.Errorf("text: %d bytes, %v", text.Len(), err)
	}
	page, err := c.HTML()
	if err != nil || len(page) > 4<<20 {
		t.Errorf("page: %d bytes, %v", len(page), err)
	}
	t.Logf("text: %d bytes, page: %d bytes", text.Len(), len(page))
	for format, shown := range map[string]string{"text": text.String(), "page": string(page)} {
		for _, want := range []string{name + "9999 response", "more figures in the JSON",
			"more lines in the JSON"} {
			if !strings.Contains(shown, want) {
				t.Errorf("the %s lacks %q", format, want)
			}
		}
	}
}

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
		charts := map[string]int{"worse.html": 4, "refused.html": 0,
			"history.html": len(history.Lines)}[filepath.Base(l.Page)]
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
