package compare

import (
	"fmt"
	"slices"
)

// What bounds the texts and pages of comparisons. JSON has everything.
const (
	maxRows     = 200 // of the text
	maxPageRows = 1000
	maxCharts   = 60
	maxTexts    = 50
)

const elsewhere = "in the JSON of the comparison (--json, compare.json)"

// firstRows are the rows that there is room for, and how many are left out: those of
// the whole run and those in which something was found come first.
func firstRows(rows []MetricRow, n int) ([]MetricRow, int) {
	if len(rows) <= n {
		return rows, 0
	}
	rank := func(r MetricRow) int {
		if r.Group == "" {
			return -1
		}
		return slices.Index([]Judgement{Worse, Better, Unclear, NotJudged, Same}, r.Judgement)
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b MetricRow) int { return rank(a) - rank(b) })
	return rows[:n], len(rows) - n
}

// firstTexts are the texts that there is room for.
func firstTexts(texts []string) []string {
	if len(texts) <= maxTexts {
		return texts
	}
	return append(texts[:maxTexts:maxTexts], moreText(len(texts)-maxTexts, "lines"))
}

func moreText(n int, what string) string { return fmt.Sprintf("… %d more %s %s", n, what, elsewhere) }
