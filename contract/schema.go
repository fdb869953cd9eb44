package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxSchema is how many schema objects one response may apply, references
// followed. It bounds the time that a check takes for each value.
const maxSchema = 20_000

const schemaPrefix = "#/components/schemas/"

type schema struct {
	pointer    string // its place in the document
	types      jsonType
	keywords   []keyword
	properties map[string]*schema
	items      *schema
	others     *schema   // additionalProperties
	reference  *schema   // $ref
	same       []*schema // $ref and allOf: they hold for the same value
	branches   []*schema // anyOf and oneOf: one of them does
	needs      []string  // required
	size       int       // schema objects in it, references followed
}

type keyword struct {
	name  string
	text  string // its value, as reports show it
	types jsonType
	rule  *rule // of an x-rule, else set where the schema is used

	test     valueTest
	branches []*schema // of anyOf and oneOf
}

func (s *schema) keyword(name string) *keyword {
	for i := range s.keywords {
		if s.keywords[i].name == name {
			return &s.keywords[i]
		}
	}
	return nil
}

// schemaAt compiles the schema object n once. A schema that holds itself is
// refused, so that every schema is a finite tree.
func (k *compiler) schemaAt(n *yaml.Node, pointer string) *schema {
	if s, known := k.schemas[pointer]; known {
		if s == nil {
			k.fail(n, "the schema %s holds itself: recursive responses are not supported, write "+
				"its levels out",
				pointer)
		}
		return s
	}
	k.schemas[pointer] = nil
	s := k.newSchema(n, pointer)
	k.schemas[pointer] = s
	return s
}

func (k *compiler) newSchema(n *yaml.Node, pointer string) *schema {
	s := &schema{pointer: pointer, size: 1}
	if n.Kind != yaml.MappingNode {
		k.fail(n, "a schema must be a mapping: write {type: …}")
		return s
	}
	own := k.namedRule(get(n, "x-rule"))
	for key, value := range entries(n) {
		k.schemaKeyword(s, key, value, own)
	}
	if own != nil && !s.carries(own) {
		k.fail(get(n, "x-rule"), "no keyword here belongs to %s: type and required keep their own rules, "+
			"add another or remove x-rule", own.Name)
	}
	if s.size > maxSchema {
		k.fail(n, "more than %d schemas apply here, references followed: simplify the schema", maxSchema)
		s.size = 1
	}
	return s
}

func (s *schema) carries(ru *rule) bool {
	return slices.ContainsFunc(s.keywords, func(w keyword) bool { return w.rule == ru })
}

func (k *compiler) schemaKeyword(s *schema, key, value *yaml.Node, own *rule) {
	name := key.Value
	if isAssertion(name) {
		k.assertion(s, key, value, own)
	}
	at := s.pointer + "/" + encodeFragment(name)
	switch name {
	case "$ref":
		s.reference = k.reference(value)
		s.hold(&s.same, s.reference)
	case "allOf":
		k.schemaList(s, &s.same, value, at)
	case "anyOf", "oneOf":
		w := s.keyword(name)
		k.schemaList(s, &w.branches, value, at)
		s.branches = append(s.branches, w.branches...)
	case "items":
		s.items = s.add(k.schemaAt(value, at))
	case "additionalProperties":
		if value.ShortTag() == "!!bool" {
			break
		}
		s.others = s.add(k.schemaAt(value, at))
	case "properties":
		k.schemaProperties(s, value, at)
	default:
		k.checkAnnotation(name, value)
		if names := keywords(); !isAssertion(name) && !slices.Contains(names, name) &&
			!strings.HasPrefix(name, "x-") {
			k.fail(key, "unknown schema keyword %q: %s", clip(name), suggestion(name, names))
		}
	}
}

func (k *compiler) assertion(s *schema, key, value *yaml.Node, own *rule) {
	for _, a := range assertions {
		if a.name != key.Value {
			continue
		}
		if a.check != nil {
			a.check(k.sourceText, value)
		}
		if a.name == "additionalProperties" && !strings.EqualFold(value.Value, "false") {
			return // true, or a schema
		}
		w := keyword{name: a.name, text: k.flow(value), types: a.types, rule: own}
		if a.test != nil {
			w.test = a.test(k.toJSON(value, 0))
		}
		switch a.name {
		case "type":
			s.types = k.types(value)
		case "required":
			s.needs = k.texts(value, "required")
		}
		if a.name == "type" || a.name == "required" {
			w.rule = nil // they keep their own
		}
		s.keywords = append(s.keywords, w)
	}
}

func (k *compiler) flow(n *yaml.Node) string {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value
	case yaml.SequenceNode:
		var items []string
		for _, item := range n.Content {
			items = append(items, k.flow(item))
		}
		return strings.Join(items, " or ")
	}
	return "…"
}

func (k *compiler) reference(n *yaml.Node) *schema {
	ref := k.text(n, "$ref")
	name, local := strings.CutPrefix(ref, schemaPrefix)
	if !local || strings.ContainsAny(name, "/~%") {
		k.fail(n, "$ref %q is not followed: put the schema under components/schemas and write %sNAME",
			clip(ref), schemaPrefix)
		return nil
	}
	all := get(get(k.root, "components"), "schemas")
	target := get(all, name)
	if target == nil {
		k.fail(n, "there is no schema %q: %s", clip(name), suggestion(name, keys(all)))
		return nil
	}
	return k.schemaAt(target, schemaPrefix+encodeFragment(name))
}

func (k *compiler) schemaList(s *schema, to *[]*schema, n *yaml.Node, at string) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		k.fail(n, "the keyword takes a list of schemas: write one")
		return
	}
	for i, item := range n.Content {
		s.hold(to, k.schemaAt(item, fmt.Sprintf("%s/%d", at, i)))
	}
}

func (k *compiler) schemaProperties(s *schema, n *yaml.Node, at string) {
	if n.Kind != yaml.MappingNode {
		k.fail(n, "properties must be a mapping from names to schemas: write one")
		return
	}
	s.properties = map[string]*schema{}
	for key, value := range entries(n) {
		if child := s.add(k.schemaAt(value, at+"/"+encodeFragment(key.Value))); child != nil {
			s.properties[key.Value] = child
			k.contract.names[key.Value] = true
		}
	}
}

// add counts a schema that is part of s.
func (s *schema) add(part *schema) *schema {
	if part != nil {
		s.size = min(s.size+part.size, maxSchema+1)
	}
	return part
}

func (s *schema) hold(to *[]*schema, part *schema) {
	if s.add(part) != nil {
		*to = append(*to, part)
	}
}

// schemaTree is everything that the document says about the values at one place of
// a response: a node of the tree that results when references, allOf and
// branches are followed.
type schemaTree struct {
	members map[string]*schemaTree // by name
	others  *schemaTree            // members without a name of their own; nil: not described
	items   *schemaTree
	checks  []keywordCheck
}

type keywordCheck struct {
	rule  *rule
	types jsonType
}

// add adds what a schema says, after note has seen it. What a branch finds is reported
// by its anyOf or oneOf, so it counts for names but is not noted.
func (p *schemaTree) add(s *schema, note func(p *schemaTree, s *schema)) {
	note(p, s)
	if s.properties != nil && p.members == nil {
		p.members = map[string]*schemaTree{}
	}
	// In order, for rules get their numbers here.
	for _, name := range slices.Sorted(maps.Keys(s.properties)) {
		p.members[name] = p.members[name].with(s.properties[name], note)
	}
	p.others = p.others.with(s.others, note)
	p.items = p.items.with(s.items, note)
	for _, part := range s.same {
		p.add(part, note)
	}
	for _, part := range s.branches {
		p.add(part, unnoted)
	}
}

// with is the tree, or a new one, to which a schema was added; nil where there is neither.
func (p *schemaTree) with(s *schema, note func(p *schemaTree, s *schema)) *schemaTree {
	if s == nil {
		return p
	}
	if p == nil {
		p = &schemaTree{}
	}
	p.add(s, note)
	return p
}

func unnoted(*schemaTree, *schema) {}

func (k *compiler) noteKeywords(p *schemaTree, s *schema) {
	for i := range s.keywords {
		w := &s.keywords[i]
		if w.rule == nil {
			w.rule = k.keywordRule(w.name)
		}
		k.carried[w.rule] = true
		p.checks = append(p.checks, keywordCheck{w.rule, s.looksAt(w)})
	}
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
