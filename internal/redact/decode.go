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

// decodedText is a text with one or more layers of encoding taken off, and where in the
// text each of its bytes is from.
type decodedText struct {
	text string
	// from has the place of each byte of text in the original, and at its end the
	// original's length; nil where both are the same.
	from []int
}

// source returns the part of the original that the bytes from i to j are from.
func (v *decodedText) source(i, j int) (start, end int) {
	if v.from == nil {
		return i, j
	}
	for j < len(v.text) && v.from[j] == v.from[j-1] { // within one escaped character
		j++
	}
	return v.from[i], v.from[j]
}

// peel takes off one layer. It returns false where there is none.
func (v *decodedText) peel() (decodedText, bool) {
	var text []byte
	var from []int
	found := decode(v.text, func(at int, plain string, escaped bool) {
		if text == nil {
			text, from = make([]byte, 0, len(v.text)), make([]int, 0, len(v.text)+1)
		}
		text = append(text, plain...)
		for i := range len(plain) { // the bytes of one character come from the same place
			if escaped {
				i = 0
			}
			place, _ := v.source(at+i, at+i+1)
			from = append(from, place)
		}
	})
	if !found {
		return decodedText{}, false
	}
	_, end := v.source(len(v.text)-1, len(v.text))
	return decodedText{string(text), append(from, end)}, true
}

// introducers are what escapes begin with.
const introducers = `\%&`

// decode takes a text apart, if it has an escape: into escapes, with what they mean, and
// what lies between them. It looks for each introducer once: most texts have none.
func decode(text string, add func(at int, plain string, escaped bool)) (found bool) {
	next := [len(introducers)]int{-1, -1, -1}
	last := 0
	for from := 0; ; {
		at := len(text)
		for k := range next {
			if next[k] < from {
				next[k] = indexFrom(text, introducers[k], from)
			}
			at = min(at, next[k])
		}
		if at == len(text) {
			break
		}
		plain, n := unescape(text[at:])
		if n == 0 {
			from = at + 1
			continue
		}
		if at > last {
			add(last, text[last:at], false)
		}
		add(at, plain, true)
		from = at + n
		found, last = true, from
	}
	if found && last < len(text) {
		add(last, text[last:], false)
	}
	return found
}

func indexFrom(text string, c byte, from int) int {
	if i := strings.IndexByte(text[from:], c); i >= 0 {
		return from + i
	}
	return len(text)
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
		if len(s) >= 3 && isHex(s[1]) && isHex(s[2]) {
			c, _ := strconv.ParseUint(s[1:3], 16, 8)
			return string([]byte{byte(c)}), 3
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
