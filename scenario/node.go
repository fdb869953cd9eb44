package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"mfaload/scenario/users"
)

type nodeKind int

const (
	scalarNode nodeKind = iota
	mappingNode
	listNode
)

// node is a value of the file. Aliases are replaced by what they stand for.
type node struct {
	kind   nodeKind
	parent *node
	// key is its key in a mapping. index counts the items of a list.
	key   string
	index int
	// line and column are the value's place, keyLine and keyColumn its key's.
	line, column       int
	keyLine, keyColumn int
	// text is a scalar's text before variables are expanded. quoted says that
	// it is text whatever it looks like.
	text   string
	quoted bool
	// entries are a mapping's values or a list's items.
	entries []*node
	// names are the keys that the mapping may have, in the order of their table,
	// and defaults the values of those that were left out.
	names    []string
	defaults []*node
	// secret says that no message may show anything of it.
	secret bool
	// bad says that a problem was found in it or below.
	bad bool
	// excused are missing keys that another problem explains already.
	excused []string
}

// secretKeys are the keys below which nothing is ever shown.
var secretKeys = map[string]bool{"proxy": true, "accessToken": true, "clientSecret": true, "clientCredentials": true}

// build copies a value of the YAML library. Depth and size are bounded, so
// aliases that hold aliases can't grow without end.
func (d *decoder) build(y *yaml.Node, parent *node, key string, depth int) *node {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
		d.within++
		defer func() { d.within-- }()
	}
	n := &node{parent: parent, key: key, line: y.Line, column: y.Column, text: y.Value}
	n.secret = secretKeys[key] || parent != nil && (parent.secret || parent.key == "headers") || key == "authPath" && strings.ContainsAny(y.Value, "@?#") // where URLs hold passwords
	n.quoted = y.Style&^(yaml.FlowStyle|yaml.TaggedStyle) != 0 || y.Style&yaml.TaggedStyle != 0 && y.Tag == "!!str"
	if y.Style&yaml.TaggedStyle != 0 && y.Tag != "!!str" && y.Tag != "!!map" && y.Tag != "!!seq" {
		d.fail(n, d.label(n)+" has a YAML tag", "leave the tag out: a text in quotes stays text")
	}
	if d.count(); d.tooMany() || depth > maxDepth {
		d.tooLarge(n)
		return n
	}
	switch y.Kind {
	case yaml.ScalarNode:
		d.noteLiteral(n)
	case yaml.MappingNode:
		n.kind = mappingNode
		d.buildMapping(y, n, depth)
	case yaml.SequenceNode:
		n.kind = listNode
		for i, item := range y.Content {
			if d.halted {
				break
			}
			e := d.build(item, n, "", depth+1)
			e.index = i
			n.entries = append(n.entries, e)
		}
	}
	return n
}

// openKeys are keys below secret ones whose values are no secrets.
var openKeys = map[string]bool{"clientID": true, "authMethod": true}

// nothingWritten is a text that variables without defaults make up, and
// proxyLogin what a proxy's URL has before its host where it comes from them.
var (
	nothingWritten = regexp.MustCompile(`^(\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\})*$`)
	proxyLogin     = regexp.MustCompile(`^[a-z0-9]+://\$\{[A-Za-z_][A-Za-z0-9_]*\}(:\$\{[A-Za-z_][A-Za-z0-9_]*\})?@[^@]*$`)
)

// noteLiteral keeps the place of a secret that is written out.
func (d *decoder) noteLiteral(n *node) {
	open := openKeys[n.key] || nothingWritten.MatchString(n.text) ||
		n.key == "proxy" && (!strings.Contains(n.text, "@") || proxyLogin.MatchString(n.text))
	if n.secret && !open {
		d.literal = append(d.literal, Pos{d.file, n.line, n.column})
	}
}

func (d *decoder) count() {
	d.nodes++
	if d.within > 0 {
		d.aliased++
	}
}

func (d *decoder) tooMany() bool { return d.nodes > maxNodes || d.aliased > maxAlias }

func (d *decoder) tooLarge(n *node) {
	switch {
	case d.halted:
	case d.nodes > maxNodes:
		d.halted = true
		d.fail(n, fmt.Sprintf("the file has more than %d values", int(maxNodes)), "split the users over several scenarios")
	case d.aliased > maxAlias:
		d.halted = true
		d.fail(n, fmt.Sprintf("aliases stand for more than %d values", int(maxAlias)), "use fewer aliases")
	default:
		d.fail(n, fmt.Sprintf("mappings and lists are more than %d deep here", maxDepth), "use fewer levels; an alias must not hold itself")
	}
}

func (d *decoder) buildMapping(y *yaml.Node, n *node, depth int) {
	seen := map[string]int{} // key to line
	for i := 0; i+1 < len(y.Content) && !d.halted; i += 2 {
		key := y.Content[i]
		line, column := key.Line, key.Column
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if problem, remedy := keyProblem(key); problem != "" {
			n.mark()
			d.failAt(line, column, problem, remedy)
			continue
		}
		if first, twice := seen[key.Value]; twice {
			n.mark()
			name := "a key"
			if !n.secret {
				name = fmt.Sprintf("%q", clip(key.Value))
			}
			d.failAt(line, column, name+" is twice in "+d.label(n), fmt.Sprintf("keep one of them; the first is in line %d", first))
			continue
		}
		seen[key.Value] = line
		e := d.build(y.Content[i+1], n, key.Value, depth+1)
		e.keyLine, e.keyColumn = line, column
		n.entries = append(n.entries, e)
	}
}

func keyProblem(key *yaml.Node) (problem, remedy string) {
	switch {
	case key.Kind != yaml.ScalarNode:
		return "a key is not a text", "write keys as plain text"
	case key.Style == 0 && key.Value == "<<":
		return "the merge key << is not supported", "write the keys out; an alias may stand for a whole value"
	case key.Style == 0 && resolve(key.Value) == isNull:
		return "a key is empty", "write a key before the ':'"
	}
	return "", ""
}

// mark notes that something is wrong in n, for all that n is part of.
func (n *node) mark() {
	for ; n != nil && !n.bad; n = n.parent {
		n.bad = true
	}
}

// get returns the value of a mapping's key, or nil.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mappingNode {
		return nil
	}
	for _, e := range n.entries {
		if e.key == key {
			return e
		}
	}
	return nil
}

// lacks says whether a key is missing and no other problem explains why.
func (n *node) lacks(key string) bool { return n.get(key) == nil && !slices.Contains(n.excused, key) }

// sound says whether a key is there and nothing is wrong with its value.
func (n *node) sound(key string) bool {
	e := n.get(key)
	return e != nil && !e.bad
}

// isNull says whether nothing is written, or null.
func (n *node) isNull() bool {
	return n.kind == scalarNode && !n.quoted && resolve(n.text) == isNull
}

// label is where the value is in the scenario, for example
// load.stages[0].rate.
func (d *decoder) label(n *node) string {
	switch {
	case n.parent == nil:
		return "the file"
	case n.parent.secret:
		return d.label(n.parent)
	case n.parent.kind == listNode:
		return fmt.Sprintf("%s[%d]", d.label(n.parent), n.index)
	case n.parent.parent == nil:
		return clip(n.key)
	}
	return d.label(n.parent) + "." + clip(n.key)
}

// shown is the value as a message shows it: as the file has it.
func (n *node) shown() string {
	text := clip(n.text)
	if n.key == "phone" || n.parent != nil && n.parent.key == "ids" {
		text = users.HideNumber(text)
	}
	switch {
	case n.kind == mappingNode:
		return "a mapping"
	case n.kind == listNode:
		return "a list"
	case n.secret:
		return "its text"
	case !n.quoted && resolve(n.text) != isText:
		return text
	}
	return fmt.Sprintf("%q", text)
}

var openCall = regexp.MustCompile(`^[a-z]+\([^()]*$`)

// joinCalls puts values such as lognormal(80ms, 250ms) together again, which
// YAML takes apart at the comma when they stand in braces.
func (n *node) joinCalls() {
	for i := 0; i+1 < len(n.entries); i++ {
		call, rest := n.entries[i], n.entries[i+1]
		if call.kind == scalarNode && !call.quoted && openCall.MatchString(call.text) && rest.isNull() && strings.HasSuffix(rest.key, ")") {
			call.text += ", " + rest.key
			n.entries = append(n.entries[:i+1], n.entries[i+2:]...)
		}
	}
}

// clip bounds a text that a message repeats.
func clip(s string) string {
	const most = 80
	s = users.HidePeople(s)
	for i := range s {
		if i >= most {
			return s[:i] + "…"
		}
	}
	return s
}
