package contract

import (
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// isUTC says whether s has the form 2006-01-02T15:04:05Z, with or without a
// fraction, whether or not it is a real time.
func isUTC(s string) bool {
	const form = "0000-00-00T00:00:00"
	if len(s) <= len(form) || s[len(s)-1] != 'Z' {
		return false
	}
	// A digit differs from 0 by 9 at most, a separator from its own not at all.
	const date, middle, clock = "0000-00-", "00T00:00", "00:00:00"
	invalid := uint64(0)
	for _, part := range [...]struct{ text, form, mayDiffer uint64 }{
		{eight(s[:8]), eight(date), 0x7f76767f76767676},
		{eight(s[8:16]), eight(middle), 0x76767f76767f7676},
		{eight(s[11:19]), eight(clock), 0x76767f76767f7676},
	} {
		differs := part.text ^ part.form
		invalid |= differs + part.mayDiffer | differs
	}
	fraction := s[len(form) : len(s)-1]
	return invalid&highs == 0 && (fraction == "" || fraction[0] == '.' && len(fraction) > 1 &&
		areDigits(fraction[1:]))
}

// eight are the first eight bytes of a text as one number, the first one lowest.
func eight(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func areDigits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

// isAfter compares two times of that form, exactly at any precision.
func isAfter(a, b string) bool {
	const seconds = len("0000-00-00T00:00:00")
	if len(a) == len(b) {
		return a > b
	}
	if a[:seconds] != b[:seconds] {
		return a[:seconds] > b[:seconds]
	}
	fraction := func(s string) string { return strings.TrimRight(strings.Trim(s[seconds:], ".Z"), "0") }
	return fraction(a) > fraction(b)
}

func urlPath(s string) (path string, absolute bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", false
	}
	return u.EscapedPath(), true
}

// urlOrigin returns scheme, host and port of a URL; "" for what has none.
func urlOrigin(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return ""
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
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
	return !slices.ContainsFunc(texts, func(text string) bool { return shows(s, text) })
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

func patternTest(pattern string) textTest {
	matches := matcher(regexp.MustCompile(pattern))
	return func(s string) decision { return decisionOf(matches(s)) }
}

// utcPattern is the form of the times that timeTest takes.
const utcPattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$`

// quickForms are common patterns whose usual matches need no regular expression
// to be known. They never take what the pattern does not.
var quickForms = map[string]func(string) bool{
	`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`: isID,
	`^[A-Z][A-Z0-9]*(_[A-Z][A-Z0-9]*)*$`:                                            isUpperWord,
	utcPattern:                                                                      isUTC,
	`\.[0-9]{3}Z$`:                                                                  endsInMillis,
}

func matcher(re *regexp.Regexp) func(string) bool {
	quick := quickForms[re.String()]
	if quick == nil {
		return re.MatchString
	}
	return func(s string) bool { return quick(s) || re.MatchString(s) }
}

// endsInMillis takes times such as 2021-11-16T19:35:54.554Z.
func endsInMillis(s string) bool {
	n := len(s)
	return n > 5 && s[n-1] == 'Z' && s[n-5] == '.' && s[n-2]-'0' < 10 && s[n-3]-'0' < 10 && s[n-4]-'0' < 10
}

func isID(s string) bool {
	if len(s) != idLength || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	four := func(from int) uint64 {
		return uint64(s[from]) | uint64(s[from+1])<<8 | uint64(s[from+2])<<16 | uint64(s[from+3])<<24
	}
	return hexDigits(eight(s[:8]))&hexDigits(four(9)|four(14)<<32)&hexDigits(four(19)|four(32)<<32)&
		hexDigits(eight(s[24:32])) == highs
}

// hexDigits sets the highest bit of each byte that is a hexadecimal digit.
func hexDigits(w uint64) uint64 {
	lower := w | ones*0x20
	digit := (w + ones*(0x80-'0')) &^ (w + ones*(0x7f-'9'))
	letter := (lower + ones*(0x80-'a')) &^ (lower + ones*(0x7f-'f'))
	return (digit | letter) &^ w & highs
}

// isUpperWord says whether s is upper-case letters joined by single
// underscores: a subset of what the pattern takes.
func isUpperWord(s string) bool {
	letters := 0
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 'A' && b <= 'Z':
			letters++
		case b == '_' && letters > 0:
			letters = 0
		default:
			return false
		}
	}
	return letters > 0
}

// timeTest takes UTC times with a real date, and leaves others to the explain path.
func timeTest(s string) decision {
	if isUTC(s) && isRealTime(s) {
		return right
	}
	return unsure
}

// isRealTime says whether the date of a time of the form of isUTC is in the
// calendar, and the time of day before a leap second.
func isRealTime(s string) bool {
	two := func(from int) int { return int(s[from]-'0')*10 + int(s[from+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) &&
		two(11) <= 23 && two(14) <= 59 && two(17) <= 59
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

const idLength = 36

// SameText says whether two texts are the same, where the IDs in them compare
// without regard to case.
func SameText(a, b string) bool {
	return a == b || len(a) == len(b) && sameButIDs(a, b)
}

func sameButIDs(a, b string) bool {
	end := 0 // of the last ID that both have at one place
	for i := range len(a) {
		if a[i] == b[i] {
			continue
		}
		if a[i]|0x20 != b[i]|0x20 {
			return false
		}
		if i >= end {
			if end = idEnd(a, b, i); end == 0 {
				return false
			}
		}
	}
	return true
}

// idEnd is where the ID ends that both texts have at a place; 0 for none.
func idEnd(a, b string, at int) int {
	for start := max(at-idLength+1, 0); start <= at && start+idLength <= len(a); start++ {
		if isID(a[start:start+idLength]) && isID(b[start:start+idLength]) {
			return start + idLength
		}
	}
	return 0
}

// foldID is a text by which IDs compare without regard to case: an ID in lower
// case, any other text as it is.
func foldID(s string) string {
	if !isID(s) {
		return s
	}
	return strings.ToLower(s)
}

// holdsMember says whether the JSON in a string has a value at a place. A text
// that is not JSON, or has no string there, is other rules' business.
func holdsMember(s string, at path, want string) (holds, looked bool) {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return true, false
	}
	found, _ := at.find(v)
	text, ok := found.(string)
	return text == want, ok
}

func splitURL(text string) (origin, path string, ok bool) {
	rest, ok := strings.CutPrefix(text, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(text, "http://"); !ok {
			return "", "", false
		}
	}
	end := 0
	for end < len(rest) && plainHost[rest[end]] == 1 {
		end++
	}
	if end == 0 || end == len(rest) || rest[end] != '/' || rest[0] == ':' {
		return "", "", false
	}
	path = rest[end:]
	if !isPlainPath(path) {
		return "", "", false
	}
	colon := strings.IndexByte(rest[:end], ':')
	if colon >= 0 && (colon+1 == end || strings.Trim(rest[colon+1:end], "0123456789") != "") {
		return "", "", false
	}
	return text[:len(text)-len(path)], path, true
}

// isPlainPath says whether a URL's path reads the same in every form.
func isPlainPath(path string) bool {
	other := byte(0)
	for ; len(path) >= 4; path = path[4:] {
		other |= notOfPath[path[0]] | notOfPath[path[1]] | notOfPath[path[2]] | notOfPath[path[3]]
	}
	for i := range len(path) {
		other |= notOfPath[path[i]]
	}
	return other == 0
}

// notOfPath has 0 for what plainHost has 1 for but the colon, and for slashes.
var notOfPath = func() (t [256]byte) {
	for b := range t {
		t[b] = 1 - plainHost[b]
	}
	t['/'], t[':'] = 0, 1
	return t
}()

// plainHost has 1 for letters, digits, dots, hyphens and the port's colon.
var plainHost = func() (t [256]byte) {
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") {
		t[b] = 1
	}
	return t
}()
