package text_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"mfaload/internal/text"
)

var escapes = []struct{ in, want string }{
	{"", ""},
	{"plain, ümlaut, 日本 ✅ … ±\n\ttab", "plain, ümlaut, 日本 ✅ … ±\n\ttab"},
	{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
	{"\x1b]0;title\a", `\x1b]0;title\x07`},
	{"a\rb\x00c\x7fd", `a\x0db\x00c\x7fd`},
	{"c1 \u009b31m", `c1 \x9b31m`},
	{"raw \x9b31m", `raw \x9b31m`},
	{"pass\u202eliaf\u2066x\u200f", `pass\u202eliaf\u2066x\u200f`},
	{"zero\u200bwidth\ufeff", `zero\u200bwidth\ufeff`},
	{"line\u2028sep", `line\u2028sep`},
	{"tag \U000e0041", `tag \U000e0041`},
	{"::error::x", ": :error::x"},
	{"it said ::set-output name=a::b", "it said : :set-output name=a::b"},
	{"x ##[error]y ##vso[task.complete]z", "x # #[error]y # #vso[task.complete]z"},
	{"[::1]:443 refused, fe80::1, std::vector", "[::1]:443 refused, fe80::1, std::vector"},
}

func TestEscape(t *testing.T) {
	for _, tt := range escapes {
		if got := text.Escape(tt.in); got != tt.want {
			t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestWriterLetsColorsThrough(t *testing.T) {
	const in = "\x1b[1;31mFAIL\x1b[0m \x1b[2J\x1b]0;x\a\n"
	for color, want := range map[bool]string{
		true:  "\x1b[1;31mFAIL\x1b[0m \\x1b[2J\\x1b]0;x\\x07\n",
		false: "\\x1b[1;31mFAIL\\x1b[0m \\x1b[2J\\x1b]0;x\\x07\n",
	} {
		var b bytes.Buffer
		if n, err := (text.Writer{To: &b, Color: color}).Write([]byte(in)); n != len(in) || err != nil ||
			b.String() != want {
			t.Errorf("color %v: %q, %d, %v", color, b.String(), n, err)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, tt := range escapes {
		f.Add(tt.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := text.Escape(s)
		bad := func(c rune) bool { return c != '\n' && c != '\t' && !unicode.IsGraphic(c) }
		if !utf8.ValidString(got) || strings.IndexFunc(got, bad) >= 0 || strings.Contains(got, "##[") ||
			strings.Contains(got, "##vso[") {
			t.Errorf("Escape(%q) = %q", s, got)
		}
		if again := text.Escape(got); again != got {
			t.Errorf("Escape(%q) = %q, and again %q", s, got, again)
		}
	})
}

type name string

func TestEscapeAll(t *testing.T) {
	type part struct{ Text string }
	v := struct {
		Name   name
		Parts  []part
		To     *part
		Counts map[string]uint64
		Raw    []byte
		Any    any
		Fixed  [1]string
		N      int
	}{"\x1b", []part{{"a\x00"}}, &part{"\u202e"}, map[string]uint64{"\a": 3, "b": 4}, []byte{1}, &part{"\r"},
		[1]string{"\b"}, 7}
	text.EscapeAll(&v)
	if v.Name != `\x1b` || v.Parts[0].Text != `a\x00` || v.To.Text != `\u202e` || v.Counts[`\x07`] != 3 ||
		v.Counts["b"] != 4 ||
		len(v.Counts) != 2 || v.Raw[0] != 1 || v.Any.(*part).Text != `\x0d` || v.Fixed[0] != `\x08` ||
		v.N != 7 {
		t.Errorf("%+v", v)
	}
}
