package contract

import (
	"fmt"
	"strings"
)

// LevelChange moves a rule, or a family of rules such as "links.*", to another
// level.
type LevelChange struct {
	Rule  string
	Level Level
}

// UnknownRuleError says that a [LevelChange] names a rule that the document
// does not have.
type UnknownRuleError struct {
	// Rule is the name as it was given.
	Rule string
	// Nearest is the most similar name of a rule or family.
	Nearest string
}

func (e *UnknownRuleError) Error() string {
	return fmt.Sprintf("unknown rule %q: did you mean %q?", clip(e.Rule), e.Nearest)
}

// setLevels applies the changes in order: a later one wins.
func (c *Contract) setLevels(changes []LevelChange) error {
	for _, change := range changes {
		found := isShape(change.Rule)
		for _, ru := range c.rules {
			if matches(change.Rule, ru.Name) {
				ru.Level, found = change.Level, true
			}
		}
		if !found {
			return &UnknownRuleError{change.Rule, c.nearestRule(change.Rule)}
		}
	}
	return nil
}

func matches(pattern, name string) bool {
	if family, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasSuffix(family, ".") {
		return strings.HasPrefix(name, family)
	}
	return name == pattern
}

// isShape says whether a document could have this rule without listing it, so
// that levels stay valid when a schema loses a keyword.
func isShape(name string) bool {
	keyword, ok := strings.CutPrefix(name, shapePrefix)
	return ok && (keyword == "*" || isAssertion(keyword))
}

func (c *Contract) nearestRule(name string) string {
	if len(name) > 100 {
		name = name[:100]
	}
	var names []string
	for _, ru := range c.rules {
		if family := ru.Name[:strings.LastIndexByte(ru.Name, '.')+1] + "*"; strings.HasSuffix(name, "*") {
			names = append(names, family)
		} else {
			names = append(names, ru.Name)
		}
	}
	best, _ := nearest(name, names)
	return best
}
