package contract

import (
	"maps"
	"slices"
	"strings"
)

// acceptPathBuilder builds an acceptor. It gives up on what the accept path does
// not know, and says why.
type acceptPathBuilder struct {
	contract *Contract
	response *response
	slots    map[string]int32 // by path
	paths    []path
	ids      uint64
	branch   bool // within an anyOf or oneOf
	unnamed  bool // within a member that no schema names: what is in it is not reported
	gaveUp   string
}

// alwaysLooked collects the rules that the explain path marks for every body
// that it can read.
func (b *acceptPathBuilder) alwaysLooked(a *acceptPath) {
	c := b.contract
	for _, ru := range c.texts {
		if ru != nil {
			a.always.add(ru)
		}
	}
	for _, ru := range c.transport {
		for version := range a.framing {
			if ru.over(version == 1) {
				a.framing[version].add(ru)
			}
		}
	}
	for _, ru := range []*rule{c.unnamed, b.response.otherwise} {
		if ru != nil {
			a.always.add(ru)
		}
	}
}

func (b *acceptPathBuilder) slot(p path) int32 {
	if p == nil {
		return -1
	}
	key := p.String()
	if s, known := b.slots[key]; known {
		return s
	}
	s := int32(len(b.paths))
	b.slots[key], b.paths = s, append(b.paths, p)
	return s
}

func (b *acceptPathBuilder) slotsOf(places []path) (slots []int32) {
	for _, p := range places {
		slots = append(slots, b.slot(p))
	}
	return slots
}

func (b *acceptPathBuilder) addRule(a *acceptPath, ru *rule) {
	f := b.operands(ru)
	a.ordered = append(a.ordered, f)
	switch {
	case ru.predicate == predicateHasResponse:
		if ru.index < maxRules {
			a.always.add(ru)
		}
	case ru.predicate == predicateNowhere:
		a.secrets = append(a.secrets, f)
	case ru.header != "":
		a.headers = append(a.headers, f)
	default:
		b.refuse(ru)
		a.rules = append(a.rules, f)
	}
}

// refuse gives up on rules that the accept path can't evaluate.
func (b *acceptPathBuilder) refuse(ru *rule) {
	members := ru.predicate == predicateMembers
	if (ru.required || members) && slices.ContainsFunc(ru.at, path.wild) {
		b.giveUp("the rule " + ru.Name + " demands members at a place with *")
	}
	if members && len(ru.at) != 1 {
		b.giveUp("the rule " + ru.Name + " demands members at two places")
	}
	for _, t := range ru.hidden {
		for _, p := range t {
			if p.place != nil {
				b.giveUp("the rule " + ru.Name + " hides a text of the response")
			}
		}
	}
	if members && ru.rows.http {
		b.giveUp("the rule " + ru.Name + " demands members per HTTP status")
	}
}

func (b *acceptPathBuilder) operands(ru *rule) *acceptRule {
	f := &acceptRule{rule: ru, when: -1, at: b.slotsOf(ru.at), operand: b.slot(ru.operand),
		among: b.slotsOf(ru.among), instead: b.slot(ru.instead), rows: b.slot(ru.rows.at),
		text: b.template(ru.text)}
	if ru.when != nil {
		f.when = b.slot(ru.when.at)
		if ru.when.at.wild() {
			f.first = append(f.first, f.when)
		}
	}
	if ru.rows.at.wild() {
		f.first = append(f.first, f.rows)
	}
	for _, t := range ru.hidden {
		f.hidden = append(f.hidden, b.template(t))
	}
	if ru.pattern != nil {
		f.matches = matcher(ru.pattern)
	}
	if ru.predicate == predicateMembers && len(ru.at) == 1 {
		rows := ru.rows.rows
		if rows == nil {
			rows = map[string][]string{"": ru.list}
		}
		f.members = map[string][]int32{}
		for _, row := range slices.Sorted(maps.Keys(rows)) {
			for _, name := range rows[row] {
				f.members[row] = append(f.members[row], b.slot(append(slices.Clone(ru.at[0]),
					step{name: name})))
			}
		}
	}
	return f
}

func (b *acceptPathBuilder) template(t template) (fast acceptTemplate) {
	for _, p := range t {
		fast = append(fast, acceptTemplatePart{p, b.slot(p.place)})
	}
	return fast
}

// node builds what the asserting schemas demand at a place, and captures what rules
// check there. The place has the names of all schemas, of branches too; it is nil
// where no schema describes it.
func (b *acceptPathBuilder) node(asserting []*schema, p *schemaTree, way path) *acceptNode {
	b.ids++
	n := &acceptNode{id: mix(b.ids), types: anyType}
	if p == nil {
		p = &schemaTree{}
	}
	for _, check := range p.checks {
		if check.rule.Level != Off {
			for t := range n.marks {
				if check.types&(1<<t) != 0 {
					n.marks[t].add(check.rule)
				}
			}
		}
	}
	for i, at := range b.paths {
		if matchesPath(at, way) {
			n.captures = append(n.captures, int32(i))
		}
	}
	all := closure(asserting)
	b.addMembers(n, all, p, way)
	for _, s := range all {
		b.demands(n, s, all)
	}
	b.addItems(n, all, p, way)
	n.file()
	return n
}

// closure are the schemas with those that they refer to.
func closure(schemas []*schema) (all []*schema) {
	for _, s := range schemas {
		all = append(append(all, s), closure(s.same)...)
	}
	return all
}

func matchesPath(p, way path) bool {
	if len(p) != len(way) {
		return false
	}
	for i := range p {
		if !p[i].leadsTo(way[i]) {
			return false
		}
	}
	return true
}

// leadsTo says whether a step of a path leads to all that a step of a way is:
// one member, the members whose names end in a suffix, or the others and items.
func (s step) leadsTo(way step) bool {
	switch {
	case !s.any:
		return !way.any && s.name == way.name
	case way.any:
		return s.suffix == "" || way.suffix != "" && strings.HasSuffix(way.suffix, s.suffix)
	}
	return s.fits(way.name)
}

func (b *acceptPathBuilder) addMembers(n *acceptNode, all []*schema, p *schemaTree, way path) {
	names := map[string]bool{}
	for _, s := range all {
		for name := range s.properties {
			names[name] = true
		}
	}
	for name := range p.members {
		names[name] = true
	}
	for _, next := range b.stepsBelow(way) {
		if !next.any {
			names[next.name] = true
		}
	}
	if len(names) > 64 {
		b.giveUp("an object has more than 64 members")
		return
	}
	n.named = b.contract.unnamed != nil && len(p.members) > 0 && !b.branch && !b.unnamed
	for _, name := range slices.Sorted(maps.Keys(names)) {
		var asserting []*schema
		for _, s := range all {
			if part := s.properties[name]; part != nil {
				asserting = append(asserting, part)
			} else if s.others != nil {
				asserting = append(asserting, s.others)
			}
		}
		unnamed := p.members[name] == nil
		n.members = append(n.members, acceptMember{name: name, unnamed: unnamed && n.named,
			node: b.child(asserting, p.member(name), way, step{name: name}, unnamed)})
	}
}

// child builds the node of a step further, of a member that a schema names or not.
func (b *acceptPathBuilder) child(asserting []*schema, p *schemaTree, way path, next step,
	unnamed bool) *acceptNode {
	before := b.unnamed
	b.unnamed = before || unnamed
	n := b.node(asserting, p, append(slices.Clone(way), next))
	b.unnamed = before
	return n
}

func (b *acceptPathBuilder) addItems(n *acceptNode, all []*schema, p *schemaTree, way path) {
	var items, others []*schema
	for _, s := range all {
		if s.items != nil {
			items = append(items, s.items)
		}
		if s.others != nil {
			others = append(others, s.others)
		}
	}
	var suffixes []string
	anyStep, captured := step{name: "*", any: true}, false
	for _, next := range b.stepsBelow(way) {
		switch {
		case next.suffix != "" && !slices.Contains(suffixes, next.suffix):
			suffixes = append(suffixes, next.suffix)
		case next.any && next.suffix == "":
			captured = true
		}
	}
	if len(items) > 0 || p.items != nil || captured {
		n.items = b.child(items, p.items, way, anyStep, false)
	}
	if len(others) > 0 || p.others != nil || captured {
		n.others = b.child(others, p.others, way, anyStep, true)
	}
	// The longest first: what ends in it ends in shorter ones too.
	slices.SortStableFunc(suffixes, func(a, b string) int { return len(b) - len(a) })
	for _, suffix := range suffixes {
		next := step{name: "*" + suffix, any: true, suffix: suffix}
		n.suffixNodes = append(n.suffixNodes, suffixNode{suffix, b.child(others, p.others, way, next, true)})
	}
}

// stepsBelow are the steps with which paths of rules go on from here.
func (b *acceptPathBuilder) stepsBelow(way path) (all []step) {
	for _, p := range b.paths {
		if len(p) > len(way) && matchesPath(p[:len(way)], way) {
			all = append(all, p[len(way)])
		}
	}
	return all
}

// demands adds the keywords of a schema, one of all that hold for the same value. In a
// branch a rule that is off counts too: it says whether the branch fits.
func (b *acceptPathBuilder) demands(n *acceptNode, s *schema, all []*schema) {
	off := func(w *keyword) bool { return !b.branch && w.rule != nil && w.rule.Level == Off }
	for i := range s.keywords {
		w := &s.keywords[i]
		if off(w) {
			continue
		}
		switch w.name {
		case "type":
			n.types &= widen(s.types)
		case "required":
			b.require(n, s, all)
		case "pattern":
			// timeTest demands more.
			if format := s.keyword("format"); w.text != utcPattern || format == nil || off(format) {
				n.texts = append(n.texts, patternTest(w.text))
			}
		case "format":
			if w.text != "date-time" {
				b.giveUp("format " + w.text)
			}
			n.texts = append(n.texts, timeTest)
		case "anyOf", "oneOf":
			b.choice(n, w)
		default:
			b.giveUp("the schema keyword " + w.name)
		}
	}
}

// widen lets integers pass where numbers do.
func widen(t jsonType) jsonType {
	if t&typeNumber != 0 {
		t |= typeInteger
	}
	return t
}

func (b *acceptPathBuilder) require(n *acceptNode, s *schema, all []*schema) {
	free := !slices.ContainsFunc(all, func(s *schema) bool { return s.others != nil })
	for _, name := range s.needs {
		i := slices.IndexFunc(n.members, func(m acceptMember) bool { return m.name == name })
		if i < 0 && !(b.branch && free) || len(n.members) == 64 {
			b.giveUp("required names a member without a schema")
			return
		}
		if i < 0 {
			i = len(n.members)
			n.members = append(n.members, acceptMember{name: name, node: b.node(nil, nil, nil)})
		}
		n.required |= 1 << i
	}
}

// choice adds an anyOf or oneOf. Branches capture and mark nothing.
func (b *acceptPathBuilder) choice(n *acceptNode, w *keyword) {
	inner := &acceptPathBuilder{contract: b.contract, response: b.response, slots: map[string]int32{},
		ids: b.ids + 1<<32, branch: true}
	var branches []*acceptNode
	for _, branch := range w.branches {
		var p *schemaTree
		branches = append(branches, inner.node([]*schema{branch}, p.with(branch, unnoted), nil))
	}
	n.choices = append(n.choices, choice{branches, w.name == "oneOf"})
	if inner.gaveUp != "" {
		b.giveUp(inner.gaveUp)
	}
}
