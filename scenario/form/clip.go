package form

import (
	"fmt"
	"regexp"
	"strings"

	texts "mfaload/internal/text"
)

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

// Suggestion says which of the choices a mistyped word stands for, and returns
// that choice; where none is near, it lists them.
func Suggestion(word string, choices []string) (remedy, meant string) {
	if best := Nearest(word, choices); best != "" {
		return fmt.Sprintf("did you mean %q?", Clip(best)), best
	}
	const most = 40
	list := make([]string, 0, most)
	for _, c := range choices[:min(len(choices), most)] {
		list = append(list, Clip(c))
	}
	more := ""
	if len(choices) > most {
		more = ", …"
	}
	return "use one of " + strings.Join(list, ", ") + more, ""
}

// Nearest returns the choice that a mistyped word is nearest to, or "" for none.
func Nearest(word string, choices []string) string { return texts.Nearest(word, choices, 4) }
