package contract

import (
	"sync"
	"sync/atomic"
)

// shapePrefix begins the names of the rules that a document need not list: one
// for each schema keyword.
const shapePrefix = "shape."

// Contract is a compiled document. It is safe for concurrent use, but for
// [Contract.ShowWords].
type Contract struct {
	rules     []*rule // in the document's order
	ordered   []*rule // those that are evaluated one by one, in that order
	texts     [textKinds]*rule
	unnamed   *rule   // the rule about members that no schema names; nil: none
	transport []*rule // that the transport finds
	overRun   []*rule // that speak of other answers too
	facts     []string
	secrets   []int // slots of facts that no report may show
	schemas   map[string]*schema
	responses responses
	words     []path // that an exchange shows
	maxDepth  int
	names     map[string]bool // of members that the document names
	runs      sync.Pool
	acceptors [600]atomic.Pointer[acceptor] // by HTTP status, made when needed
	storms    storms
}

// Rule is a rule of a contract.
type Rule struct {
	Name string
	// Level is the level that the rule has after all changes.
	Level Level
	// Description says what the rule demands, Source where that is said.
	Description, Source string
	// Example is an answer, or a part of one, that breaks the rule.
	Example string
}

// Compile turns a document into a checker; levels are applied in order. An
// error lists every problem as name:line:column with its remedy. It is an
// [*UnknownRuleError] where only a level's rule is wrong.
func Compile(name string, document []byte, levels []LevelChange) (*Contract, error) {
	d, err := load(name, document)
	if err != nil {
		return nil, err
	}
	c, err := newCompiler(d).compile()
	if err != nil {
		return nil, err
	}
	if err := c.setLevels(levels); err != nil {
		return nil, err
	}
	c.arrange()
	return c, nil
}

// arrange sorts the rules by how they are evaluated. Rules of level off are in
// none of the lists.
func (c *Contract) arrange() {
	for _, level := range []Level{Fail, Note} {
		for _, ru := range c.rules {
			if ru.Level == level {
				c.place(ru)
			}
		}
	}
	c.runs.New = func() any { return newRun(c) }
}

func (c *Contract) place(ru *rule) {
	switch ru.word {
	case wordText:
		c.texts[ru.kind] = ru
	case wordDepth:
		c.texts[textDepth], c.maxDepth = ru, ru.number
	case wordNamedOnly:
		c.unnamed = ru
	case wordTransport:
		c.transport = append(c.transport, ru)
	case wordNewBody: // first: an ID in the same body again says nothing more
		c.overRun = append([]*rule{ru}, c.overRun...)
	case wordNewInRun, wordNotAnothers, wordInExchange:
		c.overRun = append(c.overRun, ru)
	case wordSchema, wordResponse, wordCaller, wordKeyword:
		if !ru.required {
			return
		}
		c.ordered = append(c.ordered, ru)
	default:
		c.ordered = append(c.ordered, ru)
	}
}

// ShowWords has [Contract.Check] leave the strings of these members of the
// outermost object in [Exchange].Words. It is to be called before the first
// check.
func (c *Contract) ShowWords(members ...string) {
	c.words = nil
	for _, name := range members {
		c.words = append(c.words, path{{name: name}})
	}
}

// Rules returns the rules in the document's order, those of unlisted schema
// keywords last.
func (c *Contract) Rules() []Rule {
	list := make([]Rule, len(c.rules))
	for i, ru := range c.rules {
		list[i] = ru.Rule
	}
	return list
}

// Level returns the level of a rule, for rules that the caller evaluates. It is
// [Off] for a rule that the document does not have.
func (c *Contract) Level(rule string) Level {
	for _, ru := range c.rules {
		if ru.Name == rule {
			return ru.Level
		}
	}
	return Off
}

// FactNames returns the names of the request's values that the document refers
// to, for example "request.user.id". [Exchange].Facts has the same order.
func (c *Contract) FactNames() []string { return append([]string(nil), c.facts...) }
