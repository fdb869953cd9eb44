package capacity_test

import (
	"os"
	"path/filepath"
	"testing"

	"mfaload/capacity"
	"mfaload/report/render/chart/charttest"
)

// A browser looks at a search that found everything there is to find, and at
// one that found nothing.
func TestPagesInABrowser(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for name, r := range map[string]*capacity.Result{"whole": whole(t), "nothing": (&capacity.SearchResult{}).Result()} {
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
		charts := map[string]int{"whole.html": 6, "nothing.html": 0}[filepath.Base(l.Page)]
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
