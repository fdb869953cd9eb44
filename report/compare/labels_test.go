package compare_test

import (
	"strings"
	"testing"

	"mfaload/measure"
	"mfaload/report/compare"
)

// What runs were given to be found by is shown, and nothing is judged by it.
func TestLabelsOfSides(t *testing.T) {
	a, b := runs(calm, "a", 1), runs(calm, "b", 2)
	plain := mustCompare(t, a, b, compare.Options{})
	a[0].Measurement.Labels = measure.RunLabels{"branch": "main", "commit": "91c04e"}
	b[0].Measurement.Labels = measure.RunLabels{"commit": "<b>"}
	c := mustCompare(t, a, b, compare.Options{})
	if c.Verdict != plain.Verdict || len(c.Obstacles) > 0 || len(c.Rows) != len(plain.Rows) {
		t.Errorf("%s with labels, and %s without: %v", c.Verdict, plain.Verdict, c.Obstacles)
	}
	shown := func(c *compare.Comparison) string {
		var b strings.Builder
		if err := (compare.Terminal{}).Write(&b, c); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, want := range []string{"\nruns\n  base: 20",
		" UTC, mfaload test, branch=main, commit=91c04e\n  new:  20",
		" UTC, mfaload test, commit=<b>\n"} {
		if text := shown(c); !strings.Contains(text, want) {
			t.Errorf("%s lacks %q", text, want)
		}
	}
	if page, err := c.HTML(); err != nil || !strings.Contains(string(page), "commit=&lt;b&gt;") {
		t.Errorf("the page lacks the label: %v", err)
	}
	if strings.Contains(shown(plain), "commit") {
		t.Error("labels of runs that have none")
	}
	// Of several runs a side has what all of them share.
	more := runs(calm, "more", 3)
	more[0].Measurement.Labels = measure.RunLabels{"branch": "main", "commit": "another"}
	c = mustCompare(t, append(a, more...), b, compare.Options{})
	if text := shown(c); !strings.Contains(text, " UTC, mfaload test, branch=main\n") {
		t.Errorf("%s lacks what both have", text)
	}
}
