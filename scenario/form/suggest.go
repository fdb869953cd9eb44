package form

import (
	"fmt"
	"strings"
)

// Suggestion says which of the choices a mistyped word stands for, and returns
// that choice; where none is near, it lists them.
func Suggestion(word string, choices []string) (remedy, meant string) {
	if best := Nearest(word, choices); best != "" {
		return fmt.Sprintf("did you mean %q?", Clip(best)), best
	}
	const most = 40
	list := make([]string, 0, most)
	for _, c := range choices[:min(len(choices), most)] {
		list = append(list, Clip(c))
	}
	more := ""
	if len(choices) > most {
		more = ", …"
	}
	return "use one of " + strings.Join(list, ", ") + more, ""
}

// Nearest returns the choice with the fewest edits from a word, or "" where
// none is near.
func Nearest(word string, choices []string) (best string) {
	const longest = 100
	if len(word) > longest {
		return ""
	}
	least := 0
	for _, c := range choices {
		edits := Distance(strings.ToLower(word), strings.ToLower(c))
		if edits <= 1+len(c)/4 && (best == "" || edits < least) {
			best, least = c, edits
		}
	}
	return best
}

// Distance is the number of bytes to insert, to delete, to replace or to swap
// with the next.
func Distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(replaced, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
