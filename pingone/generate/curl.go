package generate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCurl bounds what a command line shows of a body or of a header line, in bytes.
const maxCurl = 4000

// Curl is a command line for bash that sends the request to an origin. Tokens, and what a [Mask] took
// out, are in variables. Hide hides what nobody may see of a text.
func (r *Request) Curl(origin string, hide func(string) string) string {
	token := "PINGONE_ACCESS_TOKEN"
	if r.Identity != "" {
		token = "TOKEN_OF_" + variable(r.Identity)
	}
	var b strings.Builder
	b.WriteString("curl -sS -i -X " + r.Method)
	for _, line := range r.Headers {
		if size := filler.FindStringSubmatch(line); size != nil {
			name, _, _ := strings.Cut(line, ":")
			fmt.Fprintf(&b, ` -H "%s: $(printf %%0*d $((%s - 200 - ${#%s})) 0)"`, name, size[1], token)
			continue
		}
		if strings.HasSuffix(line, ":") {
			line = strings.TrimSuffix(line, ":") + ";" // curl's way to send a field without a value
		}
		b.WriteString(" -H " + shell(short(hide(line), "a header line")))
	}
	if r.Authorization != "" {
		b.WriteString(" -H " + words("Authorization: "+r.Authorization, token))
	}
	if len(r.Body) > 0 {
		b.WriteString(" --data-binary " + words(short(hide(string(r.Body)), "the body"), token))
	}
	b.WriteString(" " + words(origin+r.Path, token))
	return b.String()
}

// inVariable are the parts of a request that a command line has in variables.
var inVariable = regexp.MustCompile(`\{(?:token|cut|flipped|unsigned)\}|` + hiddenPart.String())

// words writes a text as one word of a shell, with variables for what is not in the text: within
// double quotes where nothing in it means something there.
func words(text, token string) string {
	literal, quotes := shell, `"`
	if utf8.ValidString(text) && !strings.ContainsFunc(text, meansSomething) {
		literal, quotes = func(s string) string { return s }, ""
	}
	var b strings.Builder
	for text != "" {
		at := inVariable.FindStringSubmatchIndex(text)
		if at == nil {
			b.WriteString(literal(text))
			break
		}
		if at[0] > 0 {
			b.WriteString(literal(text[:at[0]]))
		}
		part := text[at[0]:at[1]]
		switch {
		case part == "{token}":
			part = "${" + token + "}"
		case part == "{cut}":
			part = "${" + token + "::-4}"
		case part == "{flipped}":
			part = "${" + token + "::-2}AA"
		case part == "{unsigned}":
			part = "${UNSIGNED_TOKEN}"
		case part == "{{"+openName+"}}":
			part = "{{"
		case at[4] < 0:
			part = "${" + variable(text[at[2]:at[3]]) + "}"
		default:
			from, _ := strconv.Atoi(text[at[4]:at[5]])
			to, _ := strconv.Atoi(text[at[6]:at[7]])
			part = fmt.Sprintf("${%s:%d:%d}", variable(text[at[2]:at[3]]), from, to-from)
		}
		b.WriteString(quotes + part + quotes)
		text = text[at[1]:]
	}
	if quotes == "" {
		return `"` + b.String() + `"`
	}
	return b.String()
}

// meansSomething says whether a character within double quotes is not just itself.
func meansSomething(c rune) bool { return !unicode.IsPrint(c) || strings.ContainsRune("\"$`\\!", c) }

func variable(name string) string {
	return strings.Map(func(c rune) rune {
		if c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return '_'
		}
		return unicode.ToUpper(c)
	}, name)
}

func short(s, what string) string {
	if len(s) <= maxCurl {
		return s
	}
	return fmt.Sprintf("<%s, %d bytes: see violations.ndjson>", what, len(s))
}

// shell quotes a text, in a form with escapes where a terminal could not show it.
func shell(s string) string {
	plain := utf8.ValidString(s)
	for _, c := range s {
		plain = plain && unicode.IsPrint(c)
	}
	if plain {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return "$'" + b.String() + "'"
}
