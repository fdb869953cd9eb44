package contract

import "fmt"

// Level says what a violation of a rule means for a run.
type Level uint8

const (
	// Off means that the rule is not looked at.
	Off Level = iota
	// Note means that a violation is a finding: counted and shown, never
	// failing by itself.
	Note
	// Fail means that a violation breaks conformance.
	Fail
)

var levelNames = [...]string{Off: "off", Note: "note", Fail: "fail"}

func (l Level) String() string { return levelNames[l] }

// ParseLevel reads "off", "note" or "fail".
func ParseLevel(s string) (Level, error) {
	for l, name := range levelNames {
		if s == name {
			return Level(l), nil
		}
	}
	return Off, fmt.Errorf("unknown level %q: use fail, note or off", s)
}

// Violation is one place of an answer that breaks one rule.
type Violation struct {
	// Rule is the name of the rule, for example "echo.user".
	Rule string
	// Level is the level that the rule has in this run: Note or Fail.
	Level Level
	// Pointer is the place: a JSON pointer into the body with array indices
	// as "*" ("" is the whole answer), or the name of a header field.
	Pointer string
	// At is the same place with its array indices.
	At string
	// Expected and Got say what should have been there and what was there:
	// with the JSON type, bounded in length, secrets and personal data masked.
	Expected, Got string
	// Counted says that the answer was not explained itself: it is wrong in
	// exactly the facts of an earlier answer, whose Expected and Got these are.
	Counted bool
}
