package contract

import (
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// predicate says what a rule demands; see the package's documentation.
type predicate uint8

const (
	predicateNone predicate = iota
	predicateEquals
	predicateURLPath
	predicateURLOrigin
	predicateIn
	predicateLTE
	predicateKnown
	predicateMembers
	predicatePattern
	predicateUnique
	predicateMasked
	predicateHoldsJSON
	predicateNotNull
	predicateOnce
	predicateMediaType
	predicateSecondsOrDate
	predicateNowhere
	predicateHasResponse
	predicateNamedOnly
	predicateText
	predicateDepth
	predicateKeyword
	predicateSchema
	predicateResponse
	predicateTransport
	predicateHTTP1
	predicateHTTP2
	predicateCaller
	predicateNewInRun
	predicateNewBody
	predicateNotAnothers
	predicateInExchange
	predicateUnasked
	predicateHoldsMember
	predicateReference
)

type placeKind string

const (
	placeBody     placeKind = "a place of the body (at)"
	placeHeader   placeKind = "a header field (header)"
	placeResponse placeKind = "the whole response (neither at nor header)"
	placeAny      placeKind = ""
)

func placeOf(ru *rule) placeKind {
	switch {
	case ru.at != nil:
		return placeBody
	case ru.header != "":
		return placeHeader
	}
	return placeResponse
}

type predicateSpec struct {
	name      string
	predicate predicate
	place     placeKind
	single    bool // one rule at most may say it, with the same value
	read      func(k *compiler, ru *rule, n *yaml.Node)
}

// predicateSpecs is a function because the vocabulary's readers refer to it.
func predicateSpecs() []predicateSpec {
	return []predicateSpec{
		{"equals", predicateEquals, placeBody, false, (*compiler).readTemplate},
		{"urlPath", predicateURLPath, placeBody, false, (*compiler).readTemplate},
		{"urlOrigin", predicateURLOrigin, placeBody, false, (*compiler).readTemplate},
		{"in", predicateIn, placeBody, false, (*compiler).readAmong},
		{"lte", predicateLTE, placeBody, false, (*compiler).readOperand},
		{"known", predicateKnown, placeBody, false, (*compiler).readLists},
		{"members", predicateMembers, placeBody, false, (*compiler).readLists},
		{"pattern", predicatePattern, placeBody, false, (*compiler).readPattern},
		{"unique", predicateUnique, placeBody, false, (*compiler).readFlag},
		{"masked", predicateMasked, placeBody, false, (*compiler).readHidden},
		{"holdsJSON", predicateHoldsJSON, placeBody, false, (*compiler).readFlag},
		{"holdsMember", predicateHoldsMember, placeBody, false, (*compiler).readMember},
		{"notNull", predicateNotNull, placeBody, false, (*compiler).readFlag},
		{"newInRun", predicateNewInRun, placeBody, false, (*compiler).readFlag},
		{"newBody", predicateNewBody, placeResponse, true, (*compiler).readFlag},
		{"notAnothers", predicateNotAnothers, placeBody, false, (*compiler).readTemplate},
		{"inExchange", predicateInExchange, placeBody, false, (*compiler).readFlag},
		{"unasked", predicateUnasked, placeHeader, false, (*compiler).readFlag},
		{"once", predicateOnce, placeHeader, false, (*compiler).readFlag},
		{"mediaType", predicateMediaType, placeHeader, false, (*compiler).readFlag},
		{"secondsOrDate", predicateSecondsOrDate, placeHeader, false, (*compiler).readFlag},
		{"reference", predicateReference, placeHeader, false, (*compiler).readTemplate},
		{"nowhere", predicateNowhere, placeResponse, false, (*compiler).readSecret},
		{"hasResponse", predicateHasResponse, placeResponse, true, (*compiler).readFlag},
		{"namedOnly", predicateNamedOnly, placeResponse, true, (*compiler).readFlag},
		{"text", predicateText, placeResponse, true, (*compiler).readTextKind},
		{"depth", predicateDepth, placeResponse, true, (*compiler).readDepth},
		{"keyword", predicateKeyword, placeAny, true, (*compiler).readKeyword},
		{"by", predicateCaller, placeAny, false, (*compiler).readBy},
	}
}

func predicateNamed(name string) *predicateSpec {
	for _, spec := range predicateSpecs() {
		if spec.name == name {
			return &spec
		}
	}
	return nil
}

func predicateNames() (names []string) {
	for _, spec := range predicateSpecs() {
		names = append(names, spec.name)
	}
	return names
}

func ruleMembers() []string {
	return append([]string{"rule", "level", "description", "source", "example", "on", "at", "header", "when",
		"asked", "required", "instead", "per"}, predicateNames()...)
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

var textKindNames = []string{"whole", "noBOM", "json", "utf8", "single", "uniqueNames", "object"}

func (k *compiler) readTextKind(ru *rule, n *yaml.Node) {
	i := slices.Index(textKindNames, n.Value)
	if i < 0 {
		k.fail(n, "unknown text %q: %s", clip(n.Value), suggestion(n.Value, textKindNames))
		return
	}
	ru.kind = textKind(i)
}

func (k *compiler) readDepth(ru *rule, n *yaml.Node) {
	depth, err := strconv.Atoi(n.Value)
	if err != nil || depth < 1 || depth > maxDepthOfText {
		k.fail(n, "depth must be a number from 1 to %d: write one", maxDepthOfText)
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
	predicates := map[string]predicate{"schema": predicateSchema, "response": predicateResponse,
		"transport": predicateTransport, "http1": predicateHTTP1, "http2": predicateHTTP2,
		"caller": predicateCaller}
	p, known := predicates[n.Value]
	if !known {
		k.fail(n, "unknown value %q of by: %s", clip(n.Value),
			suggestion(n.Value, []string{"schema", "response", "transport", "http1", "http2", "caller"}))
	}
	ru.predicate = p
	if (p == predicateSchema || p == predicateResponse) && !k.carried[ru] {
		k.fail(n, "no %s names the rule %s: it could never be broken, remove it or name it there", n.Value,
			ru.Name)
	}
}
