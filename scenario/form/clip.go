package form

import "regexp"

var (
	address = regexp.MustCompile(`([^\s@"'<>(),;:=\\/])[^\s@"'<>(),;:=\\/]*@[^\s@"'<>(),;:\\/]+`)
	number  = regexp.MustCompile(`\+\d[\d ().-]{5,}\d`)
	digits  = regexp.MustCompile(`^\s*\d[\d ().-]{5,}\d\s*$`)
)

// HidePeople is a text as messages may show it: of e-mail addresses the first
// letter, and nothing of phone numbers that begin with a +.
func HidePeople(text string) string {
	return number.ReplaceAllString(address.ReplaceAllString(text, "$1***@***"), "***")
}

// HideNumber is HidePeople of a text that stands where a number is rather
// someone's than a quantity: one that is nothing else is hidden too.
func HideNumber(text string) string { return HidePeople(digits.ReplaceAllString(text, "***")) }

// Clip bounds a text that a message repeats.
func Clip(s string) string {
	const most = 80
	s = HidePeople(s)
	for i := range s {
		if i >= most {
			return s[:i] + "…"
		}
	}
	return s
}
