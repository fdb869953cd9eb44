// Package text prepares texts for people.
package text

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

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

// breakCommands puts a space into each command.
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
