package live_test

import (
	"testing"

	"mfaload/report/render/chart/charttest"
)

// A browser looks at the page of a run.
func TestPageInABrowser(t *testing.T) {
	for _, l := range charttest.Pages(t, serve(t, finished(t))) {
		if len(l.Charts) != 2 || l.Charts[0].Drawn != 2 || l.Charts[1].Drawn != 2 {
			t.Errorf("at %d px: %+v", l.Width, l.Charts)
		}
	}
}
