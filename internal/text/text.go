// Package text prepares texts for people.
package text

import (
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// EscapeAll escapes every text in a value: exported fields, elements, keys of
// maps with texts, and what pointers lead to. The value is to be a pointer, and no
// pointer in it may lead back.
func EscapeAll(v any) { escapeAll(reflect.ValueOf(v)) }

func escapeAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); v.CanSet() {
			if safe := Escape(s); safe != s {
				v.SetString(safe)
			}
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			escapeAll(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				escapeAll(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			escapeAll(v.Index(i))
		}
	case reflect.Map:
		escapeMap(v)
	}
}

func escapeMap(v reflect.Value) {
	for _, key := range v.MapKeys() {
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		escapeAll(value)
		v.SetMapIndex(key, reflect.Value{})
		safe := reflect.New(v.Type().Key()).Elem()
		safe.Set(key)
		escapeAll(safe)
		v.SetMapIndex(safe, value)
	}
}

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

// Escape makes a text from outside safe to show: characters that control a
// terminal, hide or reorder what is read (C0, C1, DEL, bidirectional and other
// invisible ones, separators of lines) and bytes that are no UTF-8 are written out
// as \x1b or \u202e, and what a CI system would take for a command is broken.
// Line feeds and tabs stay.
func Escape(s string) string {
	if strings.IndexFunc(s, isUnsafe) >= 0 || !utf8.ValidString(s) {
		s = writeOut(s)
	}
	return breakCommands(s)
}

func isUnsafe(c rune) bool { return c != '\n' && c != '\t' && !unicode.IsGraphic(c) }

func writeOut(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !isUnsafe(c):
			b.WriteString(s[i : i+n])
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
		i += n
	}
	return b.String()
}

// commands finds what GitHub Actions (::name …:: and ##[name]) and Azure Pipelines
// (##vso[ and ##[) take for commands. Some of their readers look for them within a
// line, too.
var commands = regexp.MustCompile(`::[A-Za-z][\w-]*(?:::|[ ,][^\n]*?::)|##(?:vso)?\[`)

func breakCommands(s string) string {
	if !strings.Contains(s, "::") && !strings.Contains(s, "##") {
		return s
	}
	return commands.ReplaceAllStringFunc(s, func(command string) string {
		return command[:1] + " " + command[1:]
	})
}

// Writer escapes what is written to a person as [Escape] does. Each call of Write
// has whole characters.
type Writer struct {
	To io.Writer
	// Color lets colours through (SGR sequences).
	Color bool
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]{0,12}m")

// Write implements [io.Writer].
func (w Writer) Write(p []byte) (int, error) {
	s := string(p)
	if !w.Color {
		s = Escape(s)
	} else {
		var b strings.Builder
		last := 0
		for _, m := range sgr.FindAllStringIndex(s, -1) {
			b.WriteString(Escape(s[last:m[0]]))
			b.WriteString(s[m[0]:m[1]])
			last = m[1]
		}
		b.WriteString(Escape(s[last:]))
		s = b.String()
	}
	if _, err := io.WriteString(w.To, s); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Hint is what an error ends in: what can be done, on lines of its own below it.
func Hint(format string, args ...any) string {
	return "  " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n  ")
}

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

// Distance is the number of bytes to insert, delete, replace, or swap with the next.
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
