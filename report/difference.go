package report

import "strings"

// Difference returns a line of carets below the part of got that differs from
// expected, where the two are texts that are mostly alike; "" else.
func Difference(expected, got string) string {
	lead := ""
	if rest, isString := strings.CutPrefix(got, "string "); isString && strings.HasPrefix(expected, `"`) {
		got, lead = rest, strings.Repeat(" ", len("string "))
	}
	a, b := []rune(expected), []rune(got)
	before, after := 0, 0
	for before < min(len(a), len(b)) && a[before] == b[before] {
		before++
	}
	for after < min(len(a), len(b))-before && a[len(a)-1-after] == b[len(b)-1-after] {
		after++
	}
	if alike := before + after; alike < 8 || 2*alike < len(b) {
		return ""
	}
	return lead + strings.Repeat(" ", before) + strings.Repeat("^", max(len(b)-before-after, 1))
}
