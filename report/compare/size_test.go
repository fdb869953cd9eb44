package compare_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mfaload/report/compare"
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
			Points:    []compare.QuantileShift{{Quantile: 50, Base: 1, New: 2}, {Quantile: 99, Base: 1, New: 2}}})
		source := compare.RunInfo{Name: group, Started: time.Unix(0, 0)}
		c.Base.Runs, c.New.Runs = append(c.Base.Runs, source), append(c.New.Runs, source)
	}
	var text strings.Builder
	if err := (compare.Terminal{Color: true}).Write(&text, c); err != nil || text.Len() > 256<<10 {
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
