package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"mfaload/internal/redact"
)

var personal = []struct{ in, want string }{
	{"", ""},
	{"OTP_REQUIRED", "OTP_REQUIRED"},
	{"the response is 42", "the response is 42"},
	{"Bearer abc.def", "Bearer ***"},
	{"authorization: bearer  x-1", "authorization: bearer  ***"},
	{"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "***"},
	{"token=eyJhbGciOiJSUzI1NiJ9.eyJzdWIi&x", "token=***&x"},
	{"john@example.com", "j***@***"},
	{"j****@pingidentity.com", "j***@***"},
	{`{"email":"öl@example.com"}`, `{"email":"ö***@***"}`},
	{"john%40example.com", "j***@***"},
	{"john&#64;example.com", "j***@***"},
	{"john&commat;example.com", "j***@***"},
	{`{"message":"john\u0040example.com \u002B14135550150"}`, `{"message":"j***@*** \u002B***"}`},
	{`{"message":"{\"otp\":\"123456\"}"}`, `{"message":"{\"otp\":"***"}"}`},
	{`\u006aohn\u0040a.b says \u0022hi\u0022\u005c\u0007`, `\u006a***@*** says \u0022hi\u0022\u005c\u0007`},
	{"%2B49%20151%202345-6789", "***"},
	{"mail john@a.b, jane@a.b", "mail j***@***, j***@***"},
	{"+1 413 555-0150", "***"},
	{"+14135550150", "***"},
	{"4135550", "***"},
	{"413555", "413555"},
	{"788d4931-6936-43f2-82ff-178f57622987", "788d4931-6936-43f2-82ff-178f57622987"},
	{"/12345678-1234-1234-1234-123456789012/x", "/12345678-1234-1234-1234-123456789012/x"},
	{"2021-11-16T19:35:54.554123456Z", "2021-11-16T19:35:54.554123456Z"},
	{"1637091354554", "***"},
	{`{"otp":"123456"}`, `{"otp":"***"}`},
	{`{"otp" : 123456, "a":1}`, `{"otp" : "***", "a":1}`},
	{`{"OTP":"1\"2","a":1}`, `{"OTP":"***","a":1}`},
	{`{"password":"p","client_secret":"q","accessToken":"r"}`,
		`{"password":"***","client_secret":"***","accessToken":"***"}`},
	{`{"user":{"id":"788d4931-6936-43f2-82ff-178f5762298a"},"selectedDevice":{"oneTime":{"type":"SMS",` +
		`"phone":"+14135550150"}}}`,
		`{"user":{"id":"788d4931-6936-43f2-82ff-178f5762298a"},"selectedDevice":{"oneTime":{"type":"SMS",` +
			`"phone":"***"}}}`},
}

func TestPersonal(t *testing.T) {
	for _, tt := range personal {
		if got := redact.Personal(tt.in); got != tt.want {
			t.Errorf("Personal(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// canaries are secrets of every kind that a scenario or a service can have.
var canaries = []string{
	"CanaryToken0815x", "dG9rZW4+Lz09/w==", "p%2Fss w%rd", `quote"and\slash`, "Grüße-Übung", "日本語のトークン",
	"a+b/c%d",
	"<tag>&amp;'x'", "tab\tnew\nline", "12345678", "x-y~z.w_v=", "%41%42%43%44", `\u0041bcdef`, "🔑key🔑",
}

// writings are the ways in which JSON, URLs, HTML and header fields can write a
// text.
var writings = map[string]func(string) string{
	"plain":         func(s string) string { return s },
	"upper case":    asciiUpper,
	"JSON":          inJSON,
	"JSON, all \\u": escapeAll,
	"JSON in JSON":  func(s string) string { return inJSON(inJSON(s)) },
	"JSON, \\/":     func(s string) string { return strings.ReplaceAll(inJSON(s), "/", `\/`) },
	"URL query":     url.QueryEscape,
	"URL path":      url.PathEscape,
	"URL, each":     percentAll,
	"URL twice":     func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"URL in JSON":   func(s string) string { return escapeAll(url.QueryEscape(s)) },
	"HTML":          html.EscapeString,
	"HTML, numbers": func(s string) string { return entities(s, "&#%d;") },
	"HTML, hex":     func(s string) string { return entities(s, "&#x%x;") },
	"HTML, open":    func(s string) string { return entities(s, "&#x%x") + "." },
	"script":        inScript,
	"script, %u":    func(s string) string { return eachUnit(s, "%%u%04X") },
	"base64": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("jo:" + s + "!"))
	},
	"base64url": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
}

func TestHidesSecretsInEveryWriting(t *testing.T) {
	for _, secret := range canaries {
		s := redact.New(secret)
		for name, write := range writings {
			for _, around := range [][2]string{{"", ""}, {"before ", " behind"}, {`{"message":"`, `"}`},
				{"https://x.example/?token=", "&u=1"}} {
				text := around[0] + write(secret) + around[1]
				got := s.Hide(text)
				if !strings.Contains(got, redact.Hidden) || s.Holds(got) {
					t.Errorf("%s: %q becomes %q", name, text, got)
				}
				if !s.Holds(text) {
					t.Errorf("%s: the secret is not seen in %q", name, text)
				}
				if !strings.HasPrefix(got, around[0]) || !strings.HasSuffix(got, around[1]) {
					t.Errorf("%s: what is around the secret in %q is not kept: %q", name, text, got)
				}
			}
		}
	}
}

func TestHideKeepsTheRest(t *testing.T) {
	for _, c := range []struct{ secret, in, want string }{
		{"Token", "a TOKEN and a token.", "a *** and a ***."},
		{"tokentoken", "tokentokentoken", "***token"},
		{"TOKEN1", "İtoken1 Ätoken1", "İ*** Ä***"},
		{"", "token", "token"},
		{"abcde", "the value abcde is hidden, abcdef is not", "the value *** is hidden, abcdef is not"},
		{"true", "true", "true"},
		{"1", "1 of 1", "1 of 1"},
		{"token", "tok", "tok"},
		{"secret", `\u0073ecre\u0074 \n`, `*** \n`},
		{"secret", "100 % se", "100 % se"},
	} {
		if got := redact.New(c.secret).Hide(c.in); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.secret, c.in, got, c.want)
		}
	}
}

// Time and memory are in proportion to the text, whatever is in it.
func TestHideManyTimes(t *testing.T) {
	s := redact.New("CanaryToken0815x", "another-secret", "a third one")
	text := strings.Repeat(`CanaryToken0815x\u0041%41&amp;`, 50_000)
	if got := s.Mask(text); s.Holds(got) {
		t.Error("it is still there")
	}
}

func FuzzMask(f *testing.F) {
	for _, tt := range personal {
		f.Add("CanaryToken0815x", tt.in)
	}
	for _, secret := range canaries {
		for _, write := range writings {
			f.Add(secret, "x"+write(secret)+"y")
		}
	}
	f.Fuzz(func(t *testing.T, secret, text string) {
		s := redact.New(secret)
		once := s.Mask(text)
		if utf8.ValidString(text) && utf8.ValidString(secret) && !utf8.ValidString(once) {
			t.Errorf("Mask(%q) = %q is not UTF-8", text, once)
		}
		if len(secret) >= 6 && !strings.Contains("******@******", secret) && s.Holds(s.Mask(once)) {
			t.Errorf("%q is still in %q, made of %q", secret, once, text)
		}
	})
}

func inJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b[1 : len(b)-1])
}

func escapeAll(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c > 0xffff {
			c -= 0x10000
			unit(&b, 0xd800+c>>10)
			c = 0xdc00 + c&0x3ff
		}
		unit(&b, c)
	}
	return b.String()
}

func unit(b *strings.Builder, c rune) {
	const hex = "0123456789aBcDeF"
	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(hex[c>>shift&0xf])
	}
}

func percentAll(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		b.WriteString("%" + hex[s[i]>>4:s[i]>>4+1] + hex[s[i]&0xf:s[i]&0xf+1])
	}
	return b.String()
}

func entities(s, format string) string {
	var b strings.Builder
	for _, c := range s {
		b.WriteString(strings.NewReplacer("%d", itoa(c, 10), "%x", itoa(c, 16)).Replace(format))
	}
	return b.String()
}

func itoa(c rune, base rune) string {
	const digits = "0123456789abcdef"
	if c < base {
		return digits[c : c+1]
	}
	return itoa(c/base, base) + digits[c%base:c%base+1]
}

func asciiUpper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// inScript writes each character as scripts and Go can, in two digits or four.
func inScript(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c < 0x100 {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteString(eachUnit(string(c), `\u%04x`))
		}
	}
	return b.String()
}

// eachUnit writes each unit of UTF-16 by a format.
func eachUnit(s, format string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, format, unit)
	}
	return b.String()
}
