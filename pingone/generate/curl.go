package generate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCurl bounds what a command line shows of a body or of a header line, in bytes.
const maxCurl = 4000

// Curl is a command line for bash that sends the request to an origin, with the token in a
// variable. Mask hides what nobody may see of a text.
func (r *Request) Curl(origin string, mask func(string) string) string {
	variable := "PINGONE_ACCESS_TOKEN"
	if r.Identity != "" {
		variable = "TOKEN_OF_" + strings.Map(func(c rune) rune {
			if c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) {
				return '_'
			}
			return unicode.ToUpper(c)
		}, r.Identity)
	}
	token := strings.NewReplacer("{token}", "${"+variable+"}", "{cut}", "${"+variable+"::-4}",
		"{flipped}", "${"+variable+"::-2}AA", "{unsigned}", "${UNSIGNED_TOKEN}")
	var b strings.Builder
	b.WriteString("curl -sS -i -X " + r.Method)
	for _, line := range r.Headers {
		if strings.HasSuffix(line, ":") {
			line = strings.TrimSuffix(line, ":") + ";" // curl's way to send a field without a value
		}
		b.WriteString(" -H " + shell(short(mask(line), "a header line")))
	}
	if r.Authorization != "" {
		b.WriteString(` -H "Authorization: ` + token.Replace(r.Authorization) + `"`)
	}
	if len(r.Body) > 0 {
		body := short(mask(string(r.Body)), "the body")
		b.WriteString(" --data-binary " + token.Replace(shell(body)))
	}
	b.WriteString(` "` + origin + token.Replace(r.Path) + `"`)
	return b.String()
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
