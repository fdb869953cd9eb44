package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/text"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in      string
		columns int
		want    string
	}{
		{"short\n", 20, "short\n"},
		{"one two three four", 9, "one two\n  three\n  four"},
		{"  indented  by two, and more", 16, "  indented  by\n    two, and\n    more"},
		{"a " + strings.Repeat("x", 30) + " b", 10, "a\n  " + strings.Repeat("x", 30) + "\n  b"},
		{"\x1b[31mred words\x1b[0m here", 15, "\x1b[31mred words\x1b[0m here"},
		{"  ok  one  201 TWO WORDS", 20, "  ok  one  201 TWO\n    WORDS"},
		{"  ok  a longer one  201 TWO", 24, "  ok  a longer one\n    201 TWO"},
		{"über alle Maße", 14, "über alle Maße"},
		{"nothing is broken without a width", 0, "nothing is broken without a width"},
		{"first\n\nlast one of them\n", 10, "first\n\nlast one\n  of them\n"},
	} {
		if diff := cmp.Diff(c.want, text.Wrap(c.in, c.columns)); diff != "" {
			t.Errorf("%q in %d columns: %s", c.in, c.columns, diff)
		}
	}
}

// Wrapping changes where lines end, and nothing else.
func FuzzWrap(f *testing.F) {
	f.Add("  one two three\nfour", 7)
	f.Add("\x1b[1mbold\x1b[0m and more", 5)
	f.Add("ümläut   gaps", 3)
	f.Fuzz(func(t *testing.T, s string, columns int) {
		got := text.Wrap(s, columns)
		if diff := cmp.Diff(strings.Fields(s), strings.Fields(got)); diff != "" {
			t.Error(diff)
		}
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			if words := strings.Fields(line); columns > 0 && len(words) > 1 &&
				utf8.RuneCountInString(line) > columns && !strings.Contains(line, "\x1b") &&
				!strings.ContainsAny(line, "\t\r\v\f\u0085\u00a0") {
				t.Errorf("%q has more than %d columns", line, columns)
			}
		}
	})
}

// No column and no text of a table is lost, whatever the width.
func TestTable(t *testing.T) {
	rows := [][]string{{"", "first", "second", "third"}, {"  one", "1", "2", "3"},
		{"  a rather long name", "4", "5", "6"}, {"  … 2 more"}}
	for columns, want := range map[int]string{
		0: "                      first  second  third\n  one                     1       2      3\n" +
			"  a rather long name      4       5      6\n  … 2 more",
		28: "       first  second  third\n  one      1       2      3\n  a rather long name\n" +
			"           4       5      6\n  … 2 more",
		16: "       first\n  one      1\n  a rather long name\n           4\n  … 2 more\n" +
			"       second\n  one       2\n  a rather long name\n            5\n" +
			"       third\n  one      3\n  a rather long name\n           6",
	} {
		if diff := cmp.Diff(strings.Split(want, "\n"), text.Table(rows, columns, 0)); diff != "" {
			t.Errorf("%d columns: %s", columns, diff)
		}
	}
	if rows[1][0] != "  one" {
		t.Error("the rows were changed")
	}
}
