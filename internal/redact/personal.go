package redact

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// sensitive are the names of members whose values are never shown.
const sensitive = `otp|passcode|password|secret|client_?secret|(?:access|refresh|id)_?token|` +
	`authorization|assertion`

var (
	sensitiveName = regexp.MustCompile(`(?i)^(?:` + sensitive + `)$`)

	// personal finds what is masked and, before it, what only looks like it: the
	// alternatives are tried in this order at each place.
	personal = regexp.MustCompile(strings.Join([]string{
		`(?P<member>(?i:"(?:` + sensitive + `)"\s*:\s*))(?:"(?:[^"\\]|\\.)*"?|[^\s",}\]]+)`,
		`(?P<bearer>(?i:bearer)\s+)[^\s",;]+`,
		`(?P<jwt>eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*)`,
		`(?P<email>[^\s@"'<>(),;:=\\/]+)@[^\s@"'<>(),;:\\/]+`,
		`(?P<keep>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|` +
			`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)`,
		`(?P<number>\+\d[\d ().-]{5,}\d|\d{7,})`,
	}, "|"))
	member, bearer, email, keep = group("member"), group("bearer"), group("email"), group("keep")
)

func group(name string) int { return 2 * personal.SubexpIndex(name) }

// IsSensitive says whether the value of a member with the name is never shown.
func IsSensitive(name string) bool { return name != "" && sensitiveName.MatchString(name) }

// Personal takes out of a text what looks secret or personal: bearer tokens and
// JWTs, the values of members such as "otp" and "password", e-mail addresses but
// for their first letter, phone numbers and other runs of seven or more digits.
// IDs of the form 8-4-4-4-12 and ISO 8601 times stay.
func Personal(text string) string {
	if !strings.ContainsAny(text, "@%&:\\0123456789 ") && !strings.Contains(text, "eyJ") {
		return text
	}
	return rewrite(text, findPersonal)
}

func findPersonal(v *decodedText, edits []edit) []edit {
	for _, m := range personal.FindAllStringSubmatchIndex(v.text, -1) {
		if m[keep] >= 0 {
			continue
		}
		from, with := m[0], Hidden
		switch {
		case m[member] >= 0:
			from, with = m[member+1], `"`+Hidden+`"`
		case m[bearer] >= 0:
			from = m[bearer+1]
		case m[email] >= 0:
			_, first := utf8.DecodeRuneInString(v.text[m[email]:])
			from, with = m[email]+first, Hidden+"@"+Hidden
		}
		if v.text[from:m[1]] == with {
			continue
		}
		start, end := v.source(from, m[1])
		edits = append(edits, edit{start, end, with})
	}
	return edits
}
