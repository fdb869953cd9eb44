package text

import "strings"

// Nearest returns the choice with the fewest edits from a word, whatever the case
// of letters; of equally near ones the first. A choice with more than
// 1 + length/tolerance edits is not near, and nothing is near a word of more than
// 100 bytes: then it returns "". A tolerance of 0 takes any choice.
func Nearest(word string, choices []string, tolerance int) (best string) {
	const maxBytes = 100
	if len(word) > maxBytes {
		return ""
	}
	fewest := -1
	for _, c := range choices {
		edits := Distance(strings.ToLower(word), strings.ToLower(c))
		if tolerance > 0 && edits > 1+len(c)/tolerance {
			continue
		}
		if fewest < 0 || edits < fewest {
			best, fewest = c, edits
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
