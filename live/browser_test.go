package live_test

import (
	"strconv"
	"strings"
	"testing"

	"mfaload/report/render/chart/charttest"
)

// A browser looks at the page of a run, and shows the figures of its status.
func TestPageInABrowser(t *testing.T) {
	s := finished(t)
	st := s.Status()
	for _, l := range charttest.Pages(t, serve(t, s)) {
		drawn := []int{}
		for _, c := range l.Charts {
			drawn = append(drawn, c.Drawn)
		}
		if len(drawn) != 4 || min(drawn[0], drawn[1], drawn[2], drawn[3]) < 1 ||
			l.Media == "screen" && !strings.Contains(l.Read, "sent") {
			t.Errorf("at %d px: %+v, read %q", l.Width, l.Charts, l.Read)
		}
		shown := func(what, text string, want uint64) {
			n, err := strconv.ParseUint(strings.ReplaceAll(text, ",", ""), 10, 64)
			if err != nil || n != want {
				t.Errorf("at %d px: %s is %q, want %d", l.Width, what, text, want)
			}
		}
		for id, want := range map[string]uint64{"ended": st.Ended, "expected": st.AsExpected,
			"unexpected": st.Unexpected + st.Refused, "violating": st.Violating, "failed": st.Failed} {
			shown(id, l.Figures[id], want)
		}
		rows := l.Tables["responses and failures"]
		if len(rows) != len(st.Outcomes) || len(rows) < 3 {
			t.Fatalf("at %d px: %v, want %v", l.Width, rows, st.Outcomes)
		}
		for i, o := range st.Outcomes {
			if rows[i][0] != o.Label || rows[i][2] != o.Outcome {
				t.Errorf("at %d px: %v, want %v", l.Width, rows[i], o)
			}
			shown(o.Label, rows[i][1], o.Count)
		}
	}
}
