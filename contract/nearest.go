package contract

import (
	"fmt"
	"strings"
)

// nearest returns the choice with the fewest edits from word, and their number.
// Of equally near ones it is the first.
func nearest(predicate string, choices []string) (best string, edits int) {
	edits = len(predicate) + 1000
	for _, c := range choices {
		if n := distance(predicate, c); n < edits {
			best, edits = c, n
		}
	}
	return best, edits
}

// distance is the number of bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// suggestion says which of the choices was probably meant.
func suggestion(predicate string, choices []string) string {
	if len(choices) == 0 {
		return "there is none to choose from"
	}
	if len(predicate) <= 100 {
		if best, edits := nearest(predicate, choices); edits <= 1+len(best)/3 {
			return fmt.Sprintf("did you mean %q?", clip(best))
		}
	}
	list := strings.Join(choices[:min(len(choices), 40)], ", ")
	if len(list) > 400 {
		list = strings.ToValidUTF8(list[:400], "") + "…"
	}
	return "use one of " + list
}

// clip bounds a text that an error message repeats.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
