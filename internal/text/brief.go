package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is how many characters of a name from outside are shown.
const MaxName = 200

// Brief makes a text from outside one line of bounded length that a page can show:
// nothing in it controls the page or its direction.
func Brief(s string, maxRunes int) string {
	runes := []rune(strings.ToValidUTF8(s[:min(len(s), utf8.UTFMax*(maxRunes+1))], "\uFFFD"))
	if len(runes) > maxRunes {
		runes = append(runes[:maxRunes:maxRunes], '…')
	}
	for i, c := range runes {
		switch {
		case unicode.IsSpace(c):
			runes[i] = ' '
		case unicode.IsControl(c) || unicode.Is(unicode.Cf, c):
			runes[i] = '\uFFFD'
		}
	}
	return string(runes)
}

// Clip shortens a text to so many bytes, and says so.
func Clip(s string, maxBytes int) string {
	if len(s) <= maxBytes {
		return s
	}
	for maxBytes > 0 && !utf8.RuneStart(s[maxBytes]) {
		maxBytes--
	}
	return fmt.Sprintf("%s… (%d more bytes)", s[:maxBytes], len(s)-maxBytes)
}

// First are the first of a list, and how many more there are.
func First[T any](list []T, n int) (shown []T, more uint64) {
	if len(list) <= n {
		return list, 0
	}
	return list[:n:n], uint64(len(list) - n)
}

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
