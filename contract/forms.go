package contract

import (
	"regexp"
)

// patternTest returns the test of a schema's pattern.
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

// matcher returns a function that matches as the regular expression does.
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

// isID says whether s has the form of an ID.
func isID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	invalid := 0
	for i := range len(s) {
		invalid += int(idBytes[s[i]])
	}
	return invalid == 4 // the hyphens
}

// idBytes has 0 for hexadecimal digits, 1 for hyphens and more for all others.
var idBytes = func() (t [256]uint8) {
	for b := range t {
		t[b] = 100
	}
	for _, b := range []byte("0123456789abcdefABCDEF") {
		t[b] = 0
	}
	t['-'] = 1
	return t
}()

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

// timeTest takes UTC times with a real calendar date; the rest it leaves to the
// schema library.
func timeTest(s string) decision {
	if !isUTC(s) {
		return unsure
	}
	number := func(from, to int) (n int) {
		for _, b := range []byte(s[from:to]) {
			n = n*10 + int(b-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		number(11, 13) > 23 || number(14, 16) > 59 || number(17, 19) > 59 {
		return unsure
	}
	return right
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
