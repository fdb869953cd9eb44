// Package contract compiles a contract document into a checker of responses. It
// knows no service: every rule, member and value comes from the document.
//
// # Documents
//
// A document is OpenAPI 3.1 in YAML and describes exactly one operation. Which of
// its responses applies is found by the HTTP status that was received: the exact
// code, else the range (4XX), else default. All media types of a response share
// one schema, a $ref to components/schemas. Schemas are JSON Schema 2020-12. The
// tables of keyword.go have the keywords that are understood; any other is an error
// of [Compile], because a keyword that is ignored is a check that can't fail.
//
// A schema object may name the rule that its keywords stand for with x-rule;
// type and required keep their own. Without it a keyword belongs to the rule
// shape.KEYWORD. Where anyOf or oneOf fails, the rule is reported once at that
// place, without the reasons of the branches.
//
// A response may say by x-recognized how the service's own bodies are known:
//
//	x-recognized: {members: [code, message], else: error.body}
//
// A body that is no JSON object with at least one of these members is not the
// service's. It breaks the rule that else names, if any, and no other.
//
// # Rules
//
// What a schema can't say stands in the list x-rules. A rule has these members:
//
//	rule, level, description, source   its name, its level (fail, note, off), its meaning, where it is said
//	example                            a response that breaks it
//	on: [201, 4XX]                     the HTTP statuses it holds for; without it all
//	at: /a/*/b                         its place, or a list of places; * is any item or member, *.x any
//	                                   member whose name ends in .x
//	header: NAME                       its place where that is a header field
//	when: {/status: [A, B]}            only where that string is one of these
//	asked: FACT                        only where the request has this
//	required: true                     the place is there and not null
//	instead: POINTER                   with required: what may be there in its place
//
// and one word that says what holds for each value at its place:
//
//	equals: TEMPLATE          the string is that text
//	urlPath: TEMPLATE         it is an absolute URL with that path
//	urlOrigin: TEMPLATE       scheme, host and port of the URL are these
//	in: POINTER               it is one of the strings at these places, if there are any; or a list
//	lte: POINTER              it is a UTC time not after the one there
//	known: LIST or TABLE      it is one of these strings
//	members: LIST or TABLE    the object has these members
//	pattern: REGEXP           it matches
//	unique: true              no two places hold the same string
//	masked: [TEMPLATE, …]     it is a masked e-mail address or phone number and doesn't show these
//	holdsJSON: true           the string is a JSON text
//	holdsMember: {PTR: FACT}  the string that is at PTR in its JSON, where there is one, is that text
//	notNull: true             it is not null
//	newInRun: true            no other response of the run has the same string there
//	newBody: true             (whole response) no other response of the run has the same body
//	notAnothers: TEMPLATE     the string is that text, or at least not that of another request in flight
//	inExchange: true          the UTC time lies between send and receipt, by the clock of the Date header
//	unasked: true             (header) there is no such field
//	once: true                (header) there is at most one such field
//	mediaType: true           (header) it is one of the response's media types, in UTF-8
//	secondsOrDate: true       (header) it is a number of seconds or an HTTP date
//	reference: TEMPLATE       (header) it is a reference to that URL, by the URL above it
//	nowhere: "{FACT}"         (whole response) the fact is in no header field and not in the body
//	hasResponse: true         (whole response) the document has a response for the status
//	namedOnly: true           (whole body) every member is one that a schema names
//	text: WORD                (whole body) one of whole, noBOM, json, utf8, single, uniqueNames, object
//	depth: N                  (whole body) at most N levels of nesting
//	keyword: WORD             the rule for that schema keyword, in place of shape.WORD
//	by: schema                an x-rule in a schema says it
//	by: response              an x-recognized in a response says it
//	by: transport             the transport finds it: [Exchange].Framing
//	by: http1, by: http2      the same, in responses over HTTP/1.1 or HTTP/2 only
//	by: caller                the caller of this package evaluates it
//
// A table has a row for each value of per: the string at a pointer, or the HTTP
// status (per: http). Where there is no row, the rule is not evaluated.
//
// Where texts are compared, the IDs in them (36 characters, 8-4-4-4-12
// hexadecimal) compare without regard to case.
//
// A template is a text with {fact} for a value of the request, {fact?} for one
// that may be empty, and {/a/b} for a string of the response. A rule is not
// evaluated where one of its facts or strings is not there.
//
// # Rules about requests
//
// The list x-request-rules has rules that no single response tells: how requests are taken that
// were made on purpose. Each has rule, level, description, source, example and fault, its class in
// the Web Fuzzing Commons. This package knows their levels and evaluates none of them.
//
// # Rules about a flow
//
// The list x-flow-rules has rules that compare a response with a later one that concerns the same
// transaction; see [Contract.CheckFlow]. Each has rule, level, description, source, example and one of
//
//	status: CODE              the later response has that HTTP status
//	same: POINTER             the string there is that of the earlier one, or the same time; or a list
//	notBefore: POINTER        the time there is not before that of the earlier one
//	moves: TABLE              the string at the place (at: POINTER) is one that may follow the earlier one
//	never: TABLE              it is none of those that must not follow
//
// A table has, for each thing that may be done in between, and for an earlier string, later ones:
// {read: {A: [A, B]}}. Where there is no row, the rule is not evaluated.
//
// # No cascades
//
// One fault breaks one rule. A rule is not evaluated at a place that breaks
// another rule of level fail already, nor where a value that it compares with
// does. For this the schema comes before the rules, rules of level fail before
// those of level note, and else the document's order counts. A body whose text
// breaks a rule is not looked into.
package contract

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	texts "mfaload/internal/text"
)

// shapePrefix begins the names of the rules that a document need not list: one
// for each schema keyword.
const shapePrefix = "shape."

// Contract is a compiled document. It never changes; goroutines may share it.
type Contract struct {
	rules           []*rule // in the document's order
	ordered         []*rule // those that are evaluated one by one, in that order
	texts           [textKinds]*rule
	unnamed         *rule   // the rule about members that no schema names; nil: none
	transport       []*rule // that the transport finds
	acrossResponses []*rule // that speak of other responses too
	requestRules    []*Rule // in the document's order
	flowRules       []*flowRule
	facts           []string
	secrets         []int // slots of facts that no report may show
	responses       responses
	captured        []path // that an exchange shows
	maxDepth        int
	names           map[string]bool // of members that the document names
	checkers        sync.Pool
	acceptPaths     [1000]atomic.Pointer[acceptPath] // by HTTP status, made when needed
	explanations    explanations
}

// Rule is a rule of a contract.
type Rule struct {
	Name string
	// Level is the level that the rule has after all changes.
	Level Level
	// Description says what the rule demands, Source where that is said.
	Description, Source string
	// Example is a response, or a part of one, that breaks the rule.
	Example string
	// Fault is the class of the defect; only rules about requests have one.
	Fault string
}

// Compile turns a document into a checker; levels are applied in order. An
// error lists every problem as name:line:column with its remedy. It is an
// [*UnknownRuleError] where only a level's rule is wrong. The strings of the
// members captured, of the outermost object, are left in [Exchange].Captured.
func Compile(name string, document []byte, levels []RuleLevel, captured ...string) (*Contract, error) {
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
	for _, member := range captured {
		c.captured = append(c.captured, path{{name: member}})
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
	c.checkers.New = func() any { return newChecker(c) }
}

func (c *Contract) place(ru *rule) {
	switch ru.predicate {
	case predicateText:
		c.texts[ru.kind] = ru
	case predicateDepth:
		c.texts[textDepth], c.maxDepth = ru, ru.number
	case predicateNamedOnly:
		c.unnamed = ru
	case predicateTransport, predicateHTTP1, predicateHTTP2:
		c.transport = append(c.transport, ru)
	case predicateNewBody: // first: an ID in the same body again says nothing more
		c.acrossResponses = append([]*rule{ru}, c.acrossResponses...)
	case predicateNewInRun, predicateNotAnothers, predicateInExchange:
		c.acrossResponses = append(c.acrossResponses, ru)
	case predicateSchema, predicateResponse, predicateCaller, predicateKeyword:
		if !ru.required {
			return
		}
		c.ordered = append(c.ordered, ru)
	default:
		c.ordered = append(c.ordered, ru)
	}
}

// Rules returns the rules in the document's order, unlisted keywords last.
func (c *Contract) Rules() []Rule {
	list := make([]Rule, len(c.rules))
	for i, ru := range c.rules {
		list[i] = ru.Rule
	}
	return list
}

// every yields all rules, of responses, of requests and of a flow.
func (c *Contract) every(yield func(*Rule) bool) {
	for _, ru := range c.rules {
		if !yield(&ru.Rule) {
			return
		}
	}
	for _, ru := range c.requestRules {
		if !yield(ru) {
			return
		}
	}
	for _, ru := range c.flowRules {
		if !yield(&ru.Rule) {
			return
		}
	}
}

// Level returns the level of a rule, for rules that the caller evaluates. It is
// [Off] for a rule that the document does not have.
func (c *Contract) Level(rule string) Level {
	for ru := range c.every {
		if ru.Name == rule {
			return ru.Level
		}
	}
	return Off
}

// FactNames returns the names of the request's values that the document refers
// to, for example "request.user.id". [Exchange].Facts has the same order.
func (c *Contract) FactNames() []string { return append([]string(nil), c.facts...) }

// Level says what a violation of a rule means for a run.
type Level uint8

const (
	// Off means that the rule is not evaluated.
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

// Violation is one place of a response that breaks one rule.
type Violation struct {
	// Rule is the name of the rule, for example "echo.user".
	Rule string
	// Level is the level that the rule has in this run: Note or Fail.
	Level Level
	// Pointer is the place: a JSON pointer into the body with array indices
	// as "*" ("" is the whole response), or the name of a header field.
	Pointer string
	// At is the same place with its array indices.
	At string
	// Expected and Got say what should have been there and what was there:
	// with the JSON type, bounded in length, secrets and personal data masked.
	Expected, Got string
	// Counted says that the response was not explained itself: it is wrong in
	// exactly the facts of an earlier response, whose Expected and Got these are.
	Counted bool
}

// RuleLevel moves a rule, or a family such as "links.*", to another level.
type RuleLevel struct {
	Rule  string
	Level Level
}

// UnknownRuleError says that a [RuleLevel] names a rule that is not there.
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
func (c *Contract) setLevels(changes []RuleLevel) error {
	for _, change := range changes {
		found := isShape(change.Rule)
		for ru := range c.every {
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
	for ru := range c.every {
		if family := ru.Name[:strings.LastIndexByte(ru.Name, '.')+1] + "*"; strings.HasSuffix(name, "*") {
			names = append(names, family)
		} else {
			names = append(names, ru.Name)
		}
	}
	return texts.Nearest(name, names, 0)
}
