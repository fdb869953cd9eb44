package redact

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxLayers is how many encodings may lie around one another: JSON in a string of
// JSON, in a URL, in HTML.
const maxLayers = 4

// view is a text with one or more layers of encoding taken off, and where in the
// text each of its bytes is from.
type view struct {
	text string
	// from has the place of each byte of text in the original, and at its end the
	// original's length; nil where both are the same.
	from []int
}

// source returns the part of the original that the bytes from i to j are from.
func (v *view) source(i, j int) (start, end int) {
	if v.from == nil {
		return i, j
	}
	for j < len(v.text) && v.from[j] == v.from[j-1] { // within one escaped character
		j++
	}
	return v.from[i], v.from[j]
}

// peel takes off one layer. It returns false where there is none.
func (v *view) peel() (view, bool) {
	if !strings.ContainsAny(v.text, `\%&`) {
		return view{}, false
	}
	text := make([]byte, 0, len(v.text))
	from := make([]int, 0, len(v.text)+1)
	found := false
	for i := 0; i < len(v.text); {
		plain, n := unescape(v.text[i:])
		at, _ := v.source(i, i+1)
		if n == 0 {
			text, from = append(text, v.text[i]), append(from, at)
			i++
			continue
		}
		found = true
		for range len(plain) { // the bytes of one character come from the same place
			from = append(from, at)
		}
		text = append(text, plain...)
		i += n
	}
	_, end := v.source(len(v.text)-1, len(v.text))
	return view{string(text), append(from, end)}, found
}

// unescape decodes the escape that a text begins with and returns how long it is:
// of JSON (RFC 8259), URLs (RFC 3986), HTML or scripts. It is 0 where there is none.
func unescape(s string) (plain string, n int) {
	switch s[0] {
	case '\\':
		return unescapeJSON(s)
	case '%':
		if c, ok := codeUnit(s, "%u"); ok {
			return character(s, "%u", c)
		}
		if len(s) >= 3 {
			if c, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
				return string([]byte{byte(c)}), 3
			}
		}
	case '&':
		return unescapeHTML(s)
	}
	return "", 0
}

func unescapeJSON(s string) (plain string, n int) {
	if len(s) < 2 {
		return "", 0
	}
	if i := strings.IndexByte(`"\/bfnrt'`, s[1]); i >= 0 {
		return "\"\\/\b\f\n\r\t'"[i : i+1], 2
	}
	if c, ok := hex(s, `\x`, 2); ok {
		return string(c), 4
	}
	c, ok := codeUnit(s, `\u`)
	if !ok {
		return "", 0
	}
	return character(s, `\u`, c)
}

// character is what a text begins with, a code unit of UTF-16 or two.
func character(s, prefix string, first rune) (plain string, n int) {
	if utf16.IsSurrogate(first) {
		if second, ok := codeUnit(s[6:], prefix); ok {
			if both := utf16.DecodeRune(first, second); both != utf8.RuneError {
				return string(both), 12
			}
		}
	}
	return string(first), 6
}

// codeUnit reads \uXXXX of JSON, or %uXXXX of old scripts.
func codeUnit(s, prefix string) (rune, bool) { return hex(s, prefix, 4) }

// hex reads a number of so many digits behind a prefix.
func hex(s, prefix string, digits int) (rune, bool) {
	n := len(prefix) + digits
	if len(s) < n || s[:len(prefix)] != prefix {
		return 0, false
	}
	c, err := strconv.ParseUint(s[len(prefix):n], 16, 16)
	return rune(c), err == nil
}

// maxEntity is the length of the longest name of a character in HTML, and more.
const maxEntity = 40

func unescapeHTML(s string) (plain string, n int) {
	for n = 1; n < len(s) && n < maxEntity && isEntity(s[n]); n++ {
	}
	if n == len(s) || s[n] != ';' {
		return unescapeOpenNumber(s)
	}
	n++
	if plain = html.UnescapeString(s[:n]); plain == s[:n] {
		return "", 0
	}
	return plain, n
}

// unescapeOpenNumber decodes a number that no semicolon ends, as browsers do.
func unescapeOpenNumber(s string) (plain string, n int) {
	isDigit := func(c byte) bool { return '0' <= c && c <= '9' }
	switch {
	case strings.HasPrefix(s, "&#x"), strings.HasPrefix(s, "&#X"):
		n, isDigit = 3, isHex
	case strings.HasPrefix(s, "&#"):
		n = 2
	default:
		return "", 0
	}
	digits := n
	for n < len(s) && n < maxEntity && isDigit(s[n]) {
		n++
	}
	if n == digits {
		return "", 0
	}
	return html.UnescapeString(s[:n] + ";"), n
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isEntity(c byte) bool {
	return c == '#' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
