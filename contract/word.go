package contract

import (
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// word says what a rule demands; see the package's documentation.
type word uint8

const (
	wordNone word = iota
	wordEquals
	wordURLPath
	wordURLOrigin
	wordIn
	wordLTE
	wordKnown
	wordMembers
	wordPattern
	wordUnique
	wordMasked
	wordHoldsJSON
	wordNotNull
	wordOnce
	wordMediaType
	wordSecondsOrDate
	wordNowhere
	wordHasResponse
	wordNamedOnly
	wordText
	wordDepth
	wordKeyword
	wordSchema
	wordResponse
	wordTransport
	wordCaller
	wordNewInRun
	wordNewBody
	wordNotAnothers
	wordInExchange
	wordUnasked
	wordHoldsMember
	wordReference
)

// placeKind is the kind of place that a word looks at.
type placeKind string

const (
	placeBody   placeKind = "a place of the body (at)"
	placeHeader placeKind = "a header field (header)"
	placeAnswer placeKind = "the whole answer (neither at nor header)"
	placeAny    placeKind = ""
)

func placeOf(ru *rule) placeKind {
	switch {
	case ru.at != nil:
		return placeBody
	case ru.header != "":
		return placeHeader
	}
	return placeAnswer
}

// wordSpec is a word of the vocabulary.
type wordSpec struct {
	name   string
	word   word
	place  placeKind
	single bool // one rule at most may say it, with the same value
	read   func(k *compiler, ru *rule, n *yaml.Node)
}

// wordSpecs is a function because the vocabulary's readers refer to it.
func wordSpecs() []wordSpec {
	return []wordSpec{
		{"equals", wordEquals, placeBody, false, (*compiler).readTemplate},
		{"urlPath", wordURLPath, placeBody, false, (*compiler).readTemplate},
		{"urlOrigin", wordURLOrigin, placeBody, false, (*compiler).readTemplate},
		{"in", wordIn, placeBody, false, (*compiler).readAmong},
		{"lte", wordLTE, placeBody, false, (*compiler).readOperand},
		{"known", wordKnown, placeBody, false, (*compiler).readLists},
		{"members", wordMembers, placeBody, false, (*compiler).readLists},
		{"pattern", wordPattern, placeBody, false, (*compiler).readPattern},
		{"unique", wordUnique, placeBody, false, (*compiler).readFlag},
		{"masked", wordMasked, placeBody, false, (*compiler).readHidden},
		{"holdsJSON", wordHoldsJSON, placeBody, false, (*compiler).readFlag},
		{"holdsMember", wordHoldsMember, placeBody, false, (*compiler).readMember},
		{"notNull", wordNotNull, placeBody, false, (*compiler).readFlag},
		{"newInRun", wordNewInRun, placeBody, false, (*compiler).readFlag},
		{"newBody", wordNewBody, placeAnswer, true, (*compiler).readFlag},
		{"notAnothers", wordNotAnothers, placeBody, false, (*compiler).readTemplate},
		{"inExchange", wordInExchange, placeBody, false, (*compiler).readFlag},
		{"unasked", wordUnasked, placeHeader, false, (*compiler).readFlag},
		{"once", wordOnce, placeHeader, false, (*compiler).readFlag},
		{"mediaType", wordMediaType, placeHeader, false, (*compiler).readFlag},
		{"secondsOrDate", wordSecondsOrDate, placeHeader, false, (*compiler).readFlag},
		{"reference", wordReference, placeHeader, false, (*compiler).readTemplate},
		{"nowhere", wordNowhere, placeAnswer, false, (*compiler).readSecret},
		{"hasResponse", wordHasResponse, placeAnswer, true, (*compiler).readFlag},
		{"namedOnly", wordNamedOnly, placeAnswer, true, (*compiler).readFlag},
		{"text", wordText, placeAnswer, true, (*compiler).readTextKind},
		{"depth", wordDepth, placeAnswer, true, (*compiler).readDepth},
		{"keyword", wordKeyword, placeAny, true, (*compiler).readKeyword},
		{"by", wordCaller, placeAny, false, (*compiler).readBy},
	}
}

func wordNamed(name string) *wordSpec {
	for _, w := range wordSpecs() {
		if w.name == name {
			return &w
		}
	}
	return nil
}

func wordNames() (names []string) {
	for _, w := range wordSpecs() {
		names = append(names, w.name)
	}
	return names
}

// ruleWords are all members that a rule may have.
func ruleWords() []string {
	return append([]string{"rule", "level", "description", "source", "example", "on", "at", "header", "when", "asked", "required", "instead", "per"}, wordNames()...)
}

func (k *compiler) readFlag(_ *rule, n *yaml.Node) { k.isTrue(n, "the word") }

func (k *compiler) readTemplate(ru *rule, n *yaml.Node) { ru.text = k.template(n) }

func (k *compiler) template(n *yaml.Node) template {
	t, fault := parseTemplate(k.text(n, "a template"), k.slot)
	if fault != "" {
		k.fail(n, "%s", fault)
	}
	return t
}

func (k *compiler) readSecret(ru *rule, n *yaml.Node) {
	ru.text = k.template(n)
	slot := ru.text.only()
	if slot < 0 {
		k.fail(n, "nowhere takes one fact: write \"{name}\"")
		return
	}
	k.contract.secrets = append(k.contract.secrets, slot)
}

func (k *compiler) readHidden(ru *rule, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		k.fail(n, "masked takes a list of templates: write [\"{request.member}\"] or []")
		return
	}
	for _, item := range n.Content {
		ru.hidden = append(ru.hidden, k.template(item))
	}
}

func (k *compiler) readAmong(ru *rule, n *yaml.Node) {
	for _, s := range k.texts(n, "a pointer") {
		ru.among = append(ru.among, k.path(n, s))
	}
}

func (k *compiler) readOperand(ru *rule, n *yaml.Node) {
	ru.operand = k.path(n, k.text(n, "a pointer"))
	if ru.operand.wild() {
		k.fail(n, "lte compares with one value: name it without *")
	}
}

func (k *compiler) readMember(ru *rule, n *yaml.Node) {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		k.fail(n, "holdsMember takes one place and a fact: write {/member: \"{request.member}\"}")
		return
	}
	ru.inner = k.path(n.Content[0], n.Content[0].Value)
	if ru.text = k.template(n.Content[1]); ru.text.only() < 0 || ru.inner.wild() {
		k.fail(n, "holdsMember takes one place without * and one fact: write {/member: \"{request.member}\"}")
	}
}

func (k *compiler) readPattern(ru *rule, n *yaml.Node) { ru.pattern = k.regexp(n) }

func (k *compiler) readLists(ru *rule, n *yaml.Node) {
	per := get(k.nodes[ru], "per")
	if n.Kind != yaml.MappingNode {
		ru.list = k.texts(n, "the word")
		return
	}
	if per == nil || len(n.Content) == 0 {
		k.fail(n, "a table needs rows and per: add the place whose value selects the row, or per: http")
		return
	}
	if per.Value == "http" {
		ru.rows.http = true
	} else {
		ru.rows.at = k.path(per, per.Value)
	}
	ru.rows.rows = map[string][]string{}
	for key, value := range entries(n) {
		ru.rows.rows[key.Value] = k.texts(value, "a row")
	}
}

var textWords = []string{"whole", "noBOM", "json", "utf8", "single", "uniqueNames", "object"}

func (k *compiler) readTextKind(ru *rule, n *yaml.Node) {
	i := slices.Index(textWords, n.Value)
	if i < 0 {
		k.fail(n, "unknown text %q: %s", clip(n.Value), suggestion(n.Value, textWords))
		return
	}
	ru.kind = textKind(i)
}

func (k *compiler) readDepth(ru *rule, n *yaml.Node) {
	depth, err := strconv.Atoi(n.Value)
	if err != nil || depth < 1 || depth > deepest {
		k.fail(n, "depth must be a number from 1 to %d: write one", deepest)
	}
	ru.number = depth
}

func (k *compiler) readKeyword(ru *rule, n *yaml.Node) {
	if !isAssertion(n.Value) {
		var names []string
		for _, a := range assertions {
			names = append(names, a.name)
		}
		k.fail(n, "unknown schema keyword %q: %s", clip(n.Value), suggestion(n.Value, names))
	} else if !k.carried[ru] {
		k.fail(n, "no schema has the keyword %s without an x-rule: remove the rule %s", n.Value, ru.Name)
	}
}

func (k *compiler) readBy(ru *rule, n *yaml.Node) {
	words := map[string]word{"schema": wordSchema, "response": wordResponse, "transport": wordTransport, "caller": wordCaller}
	w, known := words[n.Value]
	if !known {
		k.fail(n, "unknown value %q of by: %s", clip(n.Value), suggestion(n.Value, []string{"schema", "response", "transport", "caller"}))
	}
	ru.word = w
	if (w == wordSchema || w == wordResponse) && !k.carried[ru] {
		k.fail(n, "no %s names the rule %s: it could never be broken, remove it or name it there", n.Value, ru.Name)
	}
}
