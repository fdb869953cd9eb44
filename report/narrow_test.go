package report_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"mfaload/report/render"
)

// TestTablesFitTheTerminal: no line of a table is broken, and no column is lost.
func TestTablesFitTheTerminal(t *testing.T) {
	r := judged(t, mergedOf(t, 3, refusedTwoThirds, nil))
	var wide, narrow bytes.Buffer
	if err := (render.Terminal{Full: true}).Write(&wide, r); err != nil {
		t.Fatal(err)
	}
	if err := (render.Terminal{Width: 80, Full: true}).Write(&narrow, r); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(narrow.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, cell := range []string{"unsent", "p99.9", "own lateness p99", "CPU", "served"} {
		if strings.Contains(wide.String(), cell) != strings.Contains(narrow.String(), cell) {
			t.Errorf("%q is in one of them only", cell)
		}
	}
}
