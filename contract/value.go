package contract

import (
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// isUTC says whether s has the form 2006-01-02T15:04:05Z, with or without a
// fraction. Whether it is a real time is not looked at.
func isUTC(s string) bool {
	const form = "0000-00-00T00:00:00"
	if len(s) <= len(form) || s[len(s)-1] != 'Z' || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return false
	}
	invalid := 0
	for i := range len(form) {
		invalid += int(timeBytes[s[i]])
	}
	if invalid != 5 { // the separators
		return false
	}
	fraction := s[len(form) : len(s)-1]
	return fraction == "" || fraction[0] == '.' && len(fraction) > 1 && areDigits(fraction[1:])
}

// timeBytes has 0 for digits, 1 for the separators of a time and more for all
// others.
var timeBytes = func() (t [256]uint8) {
	for b := range t {
		t[b] = 100
	}
	for b := '0'; b <= '9'; b++ {
		t[b] = 0
	}
	t['-'], t['T'], t[':'] = 1, 1, 1
	return t
}()

func areDigits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

// isAfter compares two times of that form, exactly for any number of fraction
// digits.
func isAfter(a, b string) bool {
	const seconds = len("0000-00-00T00:00:00")
	if a[:seconds] != b[:seconds] {
		return a[:seconds] > b[:seconds]
	}
	fraction := func(s string) string { return strings.TrimRight(strings.Trim(s[seconds:], ".Z"), "0") }
	return fraction(a) > fraction(b)
}

// urlPath returns the path of an absolute http URL.
func urlPath(s string) (path string, absolute bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", false
	}
	return u.EscapedPath(), true
}

// urlOrigin returns scheme, host and port of a URL in one form; "" for what has
// none.
func urlOrigin(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// refersTo says whether a reference, resolved by the URL above the one that is
// wanted, leads there (RFC 9110, section 10.2.2).
func refersTo(reference, want string) bool {
	if reference == want {
		return true
	}
	base, err := url.Parse(want[:max(strings.LastIndexByte(want, '/'), 0)])
	if err != nil {
		return false
	}
	to, err := base.Parse(reference)
	if err != nil || urlOrigin(to.String()) != urlOrigin(want) {
		return false
	}
	path, _ := urlPath(want)
	return SameText(to.EscapedPath(), path)
}

// isJSON says whether a string is one JSON value.
func isJSON(s string) bool { return jsontext.Value(s).IsValid() }

// isMasked says whether an e-mail address or a phone number hides its owner and
// none of the texts shows in it.
func isMasked(s string, texts []string) bool {
	at := strings.LastIndexByte(s, '@')
	if at >= 0 {
		s = s[:at]
	}
	if !strings.Contains(s, "*") || at < 0 && longestDigits(s) >= 10 {
		return false
	}
	for _, text := range texts {
		if shows(s, text) {
			return false
		}
	}
	return true
}

// shows says whether s holds the local part of an e-mail address, or all digits
// of a number. Local parts below three letters are passed over: masking leaves
// the first one or two.
func shows(s, text string) bool {
	if local, _, email := strings.Cut(text, "@"); email {
		return len(local) >= 3 && strings.Contains(strings.ToLower(s), strings.ToLower(local))
	}
	d := digitsOf(text)
	return len(d) >= 7 && strings.Contains(digitsOf(s), d)
}

func digitsOf(s string) string {
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, s)
}

func longestDigits(s string) (longest int) {
	n := 0
	for i := range len(s) {
		n++
		if s[i] < '0' || s[i] > '9' {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}
