package contract

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// rule is a compiled rule. Which operands are set depends on the word.
type rule struct {
	Rule
	index     int // in Contract.rules
	predicate predicate
	required  bool
	on        []statuses // none: every status
	at        []path
	header    string
	when      *condition
	asked     int // the fact that the request must have; -1 for none

	text    template   // equals, urlPath, urlOrigin, nowhere
	hidden  []template // masked
	operand path       // lte
	among   []path     // in
	instead path       // with required: what may be there in its place; nil for nothing
	inner   path       // holdsMember: within the JSON of a string
	list    []string   // known, members
	rows    rowTable   // known, members with per
	pattern *regexp.Regexp
	number  int      // depth
	kind    textKind // text
}

type condition struct {
	at     path
	values []string
}

// rowTable gives a list for a string of the response, or for the HTTP status.
type rowTable struct {
	at   path
	http bool
	rows map[string][]string
}

var ruleName = regexp.MustCompile(`^[a-z][A-Za-z0-9]{0,39}\.[a-z][A-Za-z0-9]{0,39}$`)

// listRules enters all rules by name, so that schemas can refer to them.
func (k *compiler) listRules(n *yaml.Node) {
	if n == nil || n.Kind != yaml.SequenceNode {
		k.fail(k.root, "x-rules must be a list of rules: add it at the top level")
		return
	}
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			k.fail(item, "a rule must be a mapping: write {rule: …, level: …}")
			continue
		}
		k.listRule(item)
	}
}

func (k *compiler) listRule(n *yaml.Node) {
	ru := &rule{Rule: *k.ruleHead(n), asked: -1}
	if k.isNewName(n, ru.Name) {
		k.addRule(ru)
		k.nodes[ru] = n
	}
}

// ruleHead reads what every rule has.
func (k *compiler) ruleHead(n *yaml.Node) *Rule {
	ru := &Rule{Level: Fail}
	for _, m := range []struct {
		name string
		to   *string
	}{{"rule", &ru.Name}, {"description", &ru.Description}, {"source", &ru.Source}} {
		if v := k.member(n, m.name); v != nil {
			*m.to = k.text(v, m.name)
		}
	}
	if v := get(n, "example"); v != nil {
		ru.Example = k.text(v, "example")
	}
	if v := k.member(n, "level"); v != nil {
		level, err := ParseLevel(v.Value)
		if err != nil {
			k.fail(v, "%v", err)
		}
		ru.Level = level
	}
	return ru
}

func (k *compiler) isNewName(n *yaml.Node, name string) bool {
	switch {
	case !ruleName.MatchString(name):
		k.fail(n, "%q is not a rule name: write one such as family.name", clip(name))
	case k.byName[name] != nil || k.otherNames[name]:
		k.fail(n, "the rule %s is a duplicate: remove one", name)
	default:
		return true
	}
	return false
}

func (k *compiler) addRule(ru *rule) {
	ru.index = len(k.contract.rules)
	k.contract.rules = append(k.contract.rules, ru)
	k.byName[ru.Name] = ru
}

// namedRule is the rule that an x-rule or an else names; nil where n is nil.
func (k *compiler) namedRule(n *yaml.Node) *rule {
	if n == nil {
		return nil
	}
	name := k.text(n, "a rule's name")
	ru := k.byName[name]
	if ru == nil {
		var names []string
		for _, known := range k.contract.rules {
			names = append(names, known.Name)
		}
		k.fail(n, "unknown rule %q: %s", clip(name), suggestion(name, names))
		return nil
	}
	return ru
}

// keywordRule is the rule for a schema keyword without an x-rule: the one that
// the document lists for it, or else one of its own.
func (k *compiler) keywordRule(keyword string) *rule {
	for ru, n := range k.nodes {
		if v := get(n, "keyword"); v != nil && v.Value == keyword {
			return ru
		}
	}
	if ru := k.byName[shapePrefix+keyword]; ru != nil {
		return ru
	}
	ru := &rule{
		Rule: Rule{Name: shapePrefix + keyword, Level: Fail,
			Description: "the schema's keyword " + keyword + " holds", Source: "JSON Schema 2020-12"},
		predicate: predicateKeyword, asked: -1,
	}
	k.addRule(ru)
	return ru
}

func (k *compiler) slot(name string) int {
	if i, known := k.slots[name]; known {
		return i
	}
	i := len(k.slots)
	k.slots[name] = i
	k.contract.facts = append(k.contract.facts, name)
	return i
}

func (k *compiler) readRules() {
	single := map[string]*rule{} // words that one rule at most may have
	for _, ru := range k.contract.rules {
		n := k.nodes[ru]
		if n == nil {
			continue // of an unlisted keyword
		}
		k.attributes(ru, n)
		k.readPredicate(ru, n, single)
		k.checkPlaces(ru, n)
	}
}

func (k *compiler) attributes(ru *rule, n *yaml.Node) {
	for key, value := range entries(n) {
		switch key.Value {
		case "on":
			for _, s := range k.texts(value, "on") {
				within, ok := parseStatuses(s)
				if !ok || len(k.contract.responses.within(within)) == 0 {
					k.fail(value, "%q is not an HTTP status with a response: write one such as 201 or 4XX",
						clip(s))
				}
				ru.on = append(ru.on, within)
			}
		case "at":
			for _, s := range k.texts(value, "at") {
				ru.at = append(ru.at, k.path(value, s))
			}
		case "header":
			ru.header = k.text(value, "header")
		case "when":
			k.when(ru, value)
		case "asked":
			ru.asked = k.fact(value)
		case "required":
			k.isTrue(value, "required")
			ru.required = true
		case "instead":
			ru.instead = k.path(value, k.text(value, "a pointer"))
		}
	}
	if ru.at != nil && ru.header != "" {
		k.fail(n, "a rule has one kind of place: keep at or header")
	}
	if ru.asked >= 0 && ru.at == nil {
		k.fail(n, "asked is for rules about places of the body: add at")
	}
	if ru.instead != nil && (!ru.required || len(ru.at) != 1 || ru.instead.wild()) {
		k.fail(n, "instead is for a rule that requires one place: add required: true, and name a place "+
			"without *")
	}
	if ru.required && (ru.at == nil && ru.header == "" || slices.ContainsFunc(ru.at, path.wild)) {
		k.fail(n, "required needs a place without *: add at or header")
	}
}

func (k *compiler) when(ru *rule, n *yaml.Node) {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		k.fail(n, "when takes one place and its values: write {/status: [A, B]}")
		return
	}
	ru.when = &condition{k.path(n.Content[0], n.Content[0].Value), k.texts(n.Content[1], "when")}
}

// fact is the slot of a fact that a node names; -1 where it names none.
func (k *compiler) fact(n *yaml.Node) int {
	name := k.text(n, "a fact")
	if !factName.MatchString(name) {
		k.fail(n, "%q is not a fact: write one such as request.member", clip(name))
		return -1
	}
	return k.slot(name)
}

func (k *compiler) path(n *yaml.Node, s string) path {
	p, fault := parsePath(s)
	if fault != "" {
		k.fail(n, "%s", fault)
	}
	return p
}

func (k *compiler) readPredicate(ru *rule, n *yaml.Node, single map[string]*rule) {
	found := 0
	for key, value := range entries(n) {
		spec := predicateNamed(key.Value)
		if spec == nil {
			if names := ruleMembers(); !slices.Contains(names, key.Value) {
				k.fail(key, "unknown word %q in the rule %s: %s", clip(key.Value), ru.Name,
					suggestion(key.Value, names))
			}
			continue
		}
		found++
		ru.predicate = spec.predicate
		if has := placeOf(ru); has != spec.place && spec.place != placeAny {
			k.fail(key, "%s is for %s: fix the rule's place", spec.name, spec.place)
		}
		spec.read(k, ru, value)
		if spec.single {
			k.onlyOne(ru, key, value, single)
		}
	}
	if k.carried[ru] && ru.predicate != predicateSchema && ru.predicate != predicateResponse &&
		ru.predicate != predicateKeyword {
		k.fail(n, "a schema or a response names the rule %s: say so with by: schema or by: response", ru.Name)
	}
	if found > 1 || found == 0 && !ru.required {
		k.fail(n, "the rule %s has %d words that say what it demands: one is needed (%s)", ru.Name, found,
			strings.Join(predicateNames(), ", "))
	}
	if get(n, "per") != nil && ru.rows.rows == nil {
		k.fail(get(n, "per"), "per belongs to a table of known or members: remove it")
	}
}

// onlyOne refuses a second rule that says the same of the whole response.
func (k *compiler) onlyOne(ru *rule, key, value *yaml.Node, single map[string]*rule) {
	id := key.Value
	if ru.predicate == predicateText || ru.predicate == predicateKeyword {
		id += " " + value.Value
	}
	if single[id] != nil {
		k.fail(key, "the rules %s and %s say the same: remove one", single[id].Name, ru.Name)
	}
	single[id] = ru
}

// checkPlaces demands that the document's schemas have the places that a rule
// refers to: a rule at a misspelt place could never be broken.
func (k *compiler) checkPlaces(ru *rule, n *yaml.Node) {
	places := slices.Clone(ru.at)
	if ru.when != nil {
		places = append(places, ru.when.at)
	}
	places = slices.Concat(places, []path{ru.operand, ru.rows.at, ru.instead}, ru.among)
	for _, t := range append(ru.hidden, ru.text) {
		for _, p := range t {
			places = append(places, p.place)
		}
	}
	for _, at := range places {
		if at != nil {
			k.demand(ru, n, at)
		}
	}
	if ru.predicate == predicateMembers {
		for _, at := range ru.at {
			for _, name := range slices.Concat(append(ru.rows.all(), ru.list)...) {
				k.demand(ru, n, append(slices.Clone(at), step{name: name}))
			}
		}
	}
}

func (t *rowTable) all() (lists [][]string) {
	for _, row := range t.rows {
		lists = append(lists, row)
	}
	return lists
}

func (k *compiler) demand(ru *rule, n *yaml.Node, at path) {
	on := ru.on
	if on == nil {
		on = []statuses{{100, 599}}
	}
	for _, within := range on {
		for _, resp := range k.contract.responses.within(within) {
			if resp.root.has(at) {
				return
			}
		}
	}
	k.fail(n, "the rule %s refers to %s, which no schema of its responses names: fix the place or add "+
		"the member", ru.Name, at)
}
