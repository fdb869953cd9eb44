package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxShown is the most characters of Expected and Got.
	maxShown = 120
	// excerptLength is how many bytes of a longer text are looked at for them.
	excerptLength = 1000
)

// says is what a rule demands in the words of the document.
func (ru *rule) says() string { return bound(ru.Description) }

// show describes a value: its type and, where it is short, the value. The name
// is that of the member, "" for none.
func (r *run) show(v any, name string) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean " + strconv.FormatBool(v)
	case json.Number:
		if isSensitive(name) {
			return "number " + hiddenText
		}
		return bound("number " + r.safe(string(v)))
	case string:
		if isSensitive(name) {
			return "string " + hiddenText
		}
		return bound("string " + r.quote(v))
	case []any:
		return fmt.Sprintf("array of %d", len(v))
	case map[string]any:
		return fmt.Sprintf("object of %d", len(v))
	}
	return "nothing"
}

// quote shows a text in quotes, masked.
func (r *run) quote(s string) string { return `"` + r.excerpt(s) + `"` }

// excerpt shows the beginning of a text, masked and without characters that
// disturb a line. Secrets are hidden before the text is cut: a part of one
// would not be recognized.
func (r *run) excerpt(s string) string {
	s = r.hide(s)
	if len(s) > excerptLength {
		s = s[:excerptLength] + "…"
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, s)
	return r.safe(s)
}

// safe masks a text and hides the request's secrets in it.
func (r *run) safe(s string) string { return Mask(r.hide(s)) }

// hide takes the request's secrets out of a text.
func (r *run) hide(s string) string {
	for _, slot := range r.contract.secrets {
		if secret := r.fact(slot); len(secret) >= shortestSecret {
			s = strings.ReplaceAll(s, secret, hiddenText)
		}
	}
	return s
}

// holdsSecret says whether a text shows a secret of the request.
func (r *run) holdsSecret(s string) bool {
	for _, slot := range r.contract.secrets {
		if secret := r.fact(slot); len(secret) >= shortestSecret && strings.Contains(s, secret) {
			return true
		}
	}
	return false
}

// bodyHolds says whether a text is in the body, as it came or escaped.
func (r *run) bodyHolds(s string) bool {
	if bytes.Contains(r.ex.Body, []byte(s)) {
		return true
	}
	return bytes.IndexByte(r.ex.Body, '\\') >= 0 && valueHolds(r.text.value, s)
}

func valueHolds(v any, s string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, s)
	case []any:
		for _, item := range v {
			if valueHolds(item, s) {
				return true
			}
		}
	case map[string]any:
		for name, value := range v {
			if strings.Contains(name, s) || valueHolds(value, s) {
				return true
			}
		}
	}
	return false
}

// bound shortens a text to maxShown characters.
func bound(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == maxShown {
			return s[:i] + "…"
		}
	}
	return s
}
