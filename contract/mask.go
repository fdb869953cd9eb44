package contract

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const hiddenText = "***"

// sensitive are the names of members whose values are never shown.
const sensitive = `otp|passcode|password|secret|client_?secret|(?:access|refresh|id)_?token|authorization|assertion`

var (
	sensitiveName = regexp.MustCompile(`(?i)^(?:` + sensitive + `)$`)

	// maskable finds what is masked and, before it, what only looks like it:
	// the alternatives are tried in this order at each place.
	maskable = regexp.MustCompile(strings.Join([]string{
		`(?P<member>(?i:"(?:` + sensitive + `)"\s*:\s*))(?:"(?:[^"\\]|\\.)*"?|[^\s",}\]]+)`,
		`(?P<bearer>(?i:bearer)\s+)[^\s",;]+`,
		`(?P<jwt>eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*)`,
		`(?P<email>[^\s@"'<>(),;:=\\/]+)(?:@|%40)[^\s@"'<>(),;:\\/]+`,
		`(?P<keep>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)`,
		`(?P<number>\+\d[\d ().-]{5,}\d|\d{7,})`,
	}, "|"))
)

func isSensitive(name string) bool { return name != "" && sensitiveName.MatchString(name) }

// Mask hides secrets and personal data in a text: bearer tokens and JWTs, the
// values of members such as "otp" and "password", e-mail addresses but for
// their first letter, phone numbers and other runs of seven or more digits. IDs
// of the form 8-4-4-4-12 and ISO 8601 times stay.
func Mask(s string) string {
	if strings.Contains(s, `\u00`) {
		s = escaped.ReplaceAllStringFunc(s, plain)
	}
	if !strings.ContainsAny(s, "@%:0123456789 ") && !strings.Contains(s, "eyJ") {
		return s
	}
	var b strings.Builder
	last := 0
	for _, m := range maskable.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[last:m[0]])
		b.WriteString(masked(s, m))
		last = m[1]
	}
	b.WriteString(s[last:])
	return b.String()
}

// escaped finds characters that JSON need not escape: an address is one with
// its @ written \u0040, too.
var escaped = regexp.MustCompile(`\\u00(?:2[0134-9A-Fa-f]|[3-4][0-9A-Fa-f]|5[0-9A-BDEFa-bdef]|6[0-9A-Fa-f]|7[0-9A-Ea-e])`)

// plain is an escaped character as it is.
func plain(s string) string {
	c, err := strconv.ParseUint(s[2:], 16, 8)
	if err != nil {
		return s
	}
	return string(rune(c))
}

// masked is what takes the place of a match of maskable.
func masked(s string, m []int) string {
	group := func(name string) (string, bool) {
		i := 2 * maskable.SubexpIndex(name)
		if m[i] < 0 {
			return "", false
		}
		return s[m[i]:m[i+1]], true
	}
	if name, ok := group("member"); ok {
		return name + `"` + hiddenText + `"`
	}
	if scheme, ok := group("bearer"); ok {
		return scheme + hiddenText
	}
	if local, ok := group("email"); ok {
		_, first := utf8.DecodeRuneInString(local)
		return local[:first] + hiddenText + "@" + hiddenText
	}
	if text, ok := group("keep"); ok {
		return text
	}
	return hiddenText
}
