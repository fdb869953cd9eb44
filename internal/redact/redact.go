// Package redact takes secrets and personal data out of texts. It works on what
// the bytes of a text mean: a secret is found however JSON, URLs, HTML and header
// fields can write it, those in one another too.
//
// Texts are redacted where they are captured: what is kept, written or shown has been
// here before. Only what errors quote of a scenario and of files of users is hidden
// elsewhere, in packages scenario and scenario/users.
package redact

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Hidden stands where something was taken out.
const Hidden = "***"

// Secrets are texts that nobody may see. The zero value has none. It does not
// change, so it may be used by many goroutines.
type Secrets struct {
	needles []needle
	written []string // as they are, and what they are with escapes decoded
}

// needle is one way to write a secret, letters in lower case.
type needle struct {
	text string
	// word says that the secret is so short that it counts only where it stands
	// alone: to hide each "1" would spoil a text and hide nothing.
	word bool
}

// shortest is the length from which a secret is hidden within words, too.
const shortest = 6

// New returns secrets to be taken out of texts; empty ones are passed over. The
// case of letters does not matter: names of header fields, where a secret may be
// given back, have none.
func New(secrets ...string) Secrets {
	var s Secrets
	for _, secret := range secrets {
		if secret != "" {
			written := writingsOf(secret)
			s.needles = append(s.needles, needlesOf(secret, written)...)
			s.written = append(s.written, written...)
		}
	}
	return s
}

// And returns these secrets and others.
func (s Secrets) And(others Secrets) Secrets {
	return Secrets{slices.Concat(s.needles, others.needles), slices.Concat(s.written, others.written)}
}

// writingsOf are a secret, and what it means if it is an escaped text itself.
func writingsOf(secret string) []string {
	all := []string{secret}
	plain := decodedText{text: secret}
	for range maxLayers {
		next, more := plain.peel()
		if !more {
			break
		}
		all, plain = append(all, next.text), next
	}
	if strings.Contains(secret, " ") { // as a form sends it
		all = append(all, strings.ReplaceAll(secret, " ", "+"))
	}
	return all
}

// needlesOf are the ways to write a secret that decoding a text does not undo.
func needlesOf(secret string, written []string) (all []needle) {
	texts := append(slices.Clone(written), latin1(secret))
	if len(secret) >= shortest {
		texts = append(texts, inBase64(secret)...)
	}
	for _, text := range texts {
		if text = lower(text); text != "" && !isCommon(text) {
			all = append(all, needle{text, len(text) < shortest})
		}
	}
	return all
}

// isCommon says whether a text is a word of many texts and hides nothing.
func isCommon(text string) bool {
	switch text {
	case "true", "false", "yes", "no", "on", "off", "null", "none":
		return true
	}
	return len(text) < 3
}

// inBase64 is what every base64 text that holds the secret has in it, wherever
// the secret begins.
func inBase64(secret string) (all []string) {
	for skip := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:skip] + secret))
		// The first and last characters depend on what is before and behind it.
		core := encoded[[]int{0, 2, 3}[skip] : (skip+len(secret))*8/6]
		all = append(all, core, strings.NewReplacer("+", "-", "/", "_").Replace(core))
	}
	return all
}

// latin1 is a text in ISO 8859-1; empty where it is the same, or can't be.
func latin1(text string) string {
	b := make([]byte, 0, len(text))
	for _, c := range text {
		if c > 0xff {
			return ""
		}
		b = append(b, byte(c))
	}
	if len(b) == len(text) {
		return ""
	}
	return string(b)
}

// Shown says whether a text has one of the secrets in it, plain or escaped.
func (s Secrets) Shown(text string) bool {
	for layer := 0; ; layer++ {
		for _, secret := range s.written {
			if strings.Contains(text, secret) {
				return true
			}
		}
		var next strings.Builder
		more := decode(text, func(_ int, plain string, _ bool) {
			if next.Cap() == 0 {
				next.Grow(len(text))
			}
			next.WriteString(plain)
		})
		if !more || layer == maxLayers {
			return false
		}
		text = next.String()
	}
}

// MayBeEscaped says whether a text has an escape that a letter or digit can be
// written with: without one, [Secrets.Shown] finds what [strings.Contains] finds
// of a token (RFC 6750).
func MayBeEscaped(text string) bool {
	if strings.IndexByte(text, '%') >= 0 || strings.IndexByte(text, '&') >= 0 {
		return true
	}
	for {
		i := strings.IndexByte(text, '\\')
		if i < 0 || i == len(text)-1 {
			return false
		}
		if c := text[i+1]; c == 'u' || c == 'x' || c == '/' {
			return true
		}
		text = text[i+1:]
	}
}

// Holds says whether a text gives a secret away: shown in any case, or in base64.
func (s Secrets) Holds(text string) bool {
	if len(s.needles) == 0 {
		return false
	}
	v := decodedText{text: text}
	for layer := 0; ; layer++ {
		if len(s.find(&v, nil)) > 0 {
			return true
		}
		next, more := v.peel()
		if !more || layer == maxLayers {
			return false
		}
		v = next
	}
}

// Hide takes the secrets out of a text.
func (s Secrets) Hide(text string) string {
	if len(s.needles) == 0 {
		return text
	}
	return rewrite(text, s.find)
}

// Mask takes the secrets and what looks personal out of a text.
func (s Secrets) Mask(text string) string { return Personal(s.Hide(text)) }

type edit struct {
	start, end int
	text       string
}

// rewrite edits a text by what is found in it, layer by layer of encoding.
func rewrite(text string, find func(*decodedText, []edit) []edit) string {
	for layer := 0; layer <= maxLayers; layer++ {
		v := decodedText{text: text}
		peeled := true
		for range layer {
			next, more := v.peel()
			if peeled = more; !peeled {
				break
			}
			v = next
		}
		if !peeled {
			break
		}
		text = apply(text, find(&v, nil))
	}
	return text
}

// apply makes edits that are in order, but for those within one before them.
func apply(text string, edits []edit) string {
	if len(edits) == 0 {
		return text
	}
	var b strings.Builder
	last := 0
	for _, e := range edits {
		if e.start < last {
			continue
		}
		b.WriteString(text[last:e.start])
		b.WriteString(e.text)
		last = e.end
	}
	b.WriteString(text[last:])
	return b.String()
}

// find appends an edit for each secret in the view, the longest of those that
// begin at the same place. It reads the text once for each needle.
func (s Secrets) find(v *decodedText, edits []edit) []edit {
	low := lower(v.text)
	next := make([]int, len(s.needles)) // where each is found next
	for i, n := range s.needles {
		next[i] = n.index(low, 0)
	}
	for {
		first := -1
		for i, at := range next {
			if at < len(low) && (first < 0 || at < next[first] ||
				at == next[first] && len(s.needles[i].text) > len(s.needles[first].text)) {
				first = i
			}
		}
		if first < 0 {
			return edits
		}
		end := next[first] + len(s.needles[first].text)
		start, stop := v.source(next[first], end)
		edits = append(edits, edit{start, stop, Hidden})
		for i, n := range s.needles {
			if next[i] < end {
				next[i] = n.index(low, end)
			}
		}
	}
}

// index is where the secret is in the text behind a place; len(text) for nowhere.
func (n needle) index(text string, from int) int {
	for at := from; ; {
		i := strings.Index(text[at:], n.text)
		if i < 0 {
			return len(text)
		}
		at += i
		if !n.word || !inWord(text, at) && !inWord(text, at+len(n.text)) {
			return at
		}
		at++
	}
}

func inWord(text string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	behind, _ := utf8.DecodeRuneInString(text[at:])
	return at > 0 && at < len(text) && isWord(before) && isWord(behind)
}

func isWord(c rune) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || c >= 0x80
}

// lower is a text with its ASCII letters in lower case, as long as it was.
func lower(text string) string {
	for i := range len(text) {
		if c := text[i]; 'A' <= c && c <= 'Z' {
			b := []byte(text)
			for ; i < len(b); i++ {
				if c := b[i]; 'A' <= c && c <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return text
}

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
