package contract

import (
	"maps"
	"slices"
)

// schemaTree is everything that the document says about the values at one place of
// a response: a node of the tree that results when references, allOf and
// branches are followed.
type schemaTree struct {
	members map[string]*schemaTree // by name
	others  *schemaTree            // members without a name of their own; nil: not described
	items   *schemaTree
	checks  []keywordCheck
}

// keywordCheck says that a value of these types is looked at by a rule.
type keywordCheck struct {
	rule  *rule
	types jsonType
}

// merge adds what a schema says. What a branch finds is reported by its anyOf
// or oneOf, so it counts for names but not as a check, and needs no rules.
func (k *compiler) merge(p *schemaTree, s *schema, counts bool) {
	if counts {
		for i := range s.keywords {
			w := &s.keywords[i]
			if w.rule == nil {
				w.rule = k.keywordRule(w.name)
			}
			k.carried[w.rule] = true
			p.checks = append(p.checks, keywordCheck{w.rule, s.looksAt(w)})
		}
	}
	// In order, for rules get their numbers here.
	for _, name := range slices.Sorted(maps.Keys(s.properties)) {
		child := s.properties[name]
		if p.members == nil {
			p.members = map[string]*schemaTree{}
		}
		if p.members[name] == nil {
			p.members[name] = &schemaTree{}
		}
		k.merge(p.members[name], child, counts)
	}
	p.others = k.mergeInto(p.others, s.others, counts)
	p.items = k.mergeInto(p.items, s.items, counts)
	for _, part := range s.same {
		k.merge(p, part, counts)
	}
	for _, part := range s.branches {
		k.merge(p, part, false)
	}
}

func (k *compiler) mergeInto(p *schemaTree, s *schema, counts bool) *schemaTree {
	if s == nil {
		return p
	}
	if p == nil {
		p = &schemaTree{}
	}
	k.merge(p, s, counts)
	return p
}

// looksAt narrows a keyword's types to those that the schema's type lets pass.
func (s *schema) looksAt(w *keyword) jsonType {
	switch {
	case w.name == "type" || s.types == 0:
		return w.types
	case s.types&typeNumber != 0:
		return w.types & (s.types | typeInteger)
	}
	return w.types & s.types
}

// member is the place of a named member, or nil where it is not described.
func (p *schemaTree) member(name string) *schemaTree {
	if m := p.members[name]; m != nil {
		return m
	}
	return p.others
}

// has says whether some response could have a value there.
func (p *schemaTree) has(at path) bool {
	if p == nil {
		return false
	}
	if len(at) == 0 {
		return true
	}
	if !at[0].any {
		return p.members[at[0].name].has(at[1:])
	}
	for name, m := range p.members {
		if at[0].fits(name) && m.has(at[1:]) {
			return true
		}
	}
	return p.others.has(at[1:]) || at[0].suffix == "" && p.items.has(at[1:])
}
