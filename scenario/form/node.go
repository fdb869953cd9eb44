package form

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

type nodeKind int

const (
	scalarNode nodeKind = iota
	mappingNode
	listNode
)

// Node is a value of the file. Aliases are replaced by what they stand for.
type Node struct {
	kind   nodeKind
	Parent *Node
	// key is its key in a mapping. index counts the items of a list.
	Key   string
	index int
	// origin is the change that the value is of; "" where the file has it.
	origin string
	// line and column are the value's place, keyLine and keyColumn its key's.
	Line, Column       int
	keyLine, keyColumn int
	// text is a scalar's text before variables are expanded. quoted says that
	// it is text whatever it looks like.
	Text   string
	quoted bool
	// entries are a mapping's values or a list's items.
	Entries []*Node
	// names are the keys that the mapping may have, in the order of their table,
	// and defaults the values of those that were left out.
	names    []string
	defaults []*Node
	// secret says that no message may show anything of it, and personal that none
	// may show a number in it.
	secret, personal bool
	// bad says that a problem was found in it or below.
	Bad bool
	// excused are missing keys that another problem explains already.
	excused []string
}

// build copies a value of the YAML library. Depth and size are bounded, so
// aliases that hold aliases can't grow without end.
func (d *Decoder) build(y *yaml.Node, parent *Node, key string, depth int) *Node {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
		d.within++
		defer func() { d.within-- }()
	}
	n := &Node{Parent: parent, Key: key, origin: d.origin, Line: y.Line, Column: y.Column, Text: y.Value}
	n.secret = parent != nil && parent.secret || d.policy.IsSecret(n)
	n.personal = d.policy.IsPersonal(n)
	n.quoted = y.Style&^(yaml.FlowStyle|yaml.TaggedStyle) != 0 || y.Style&yaml.TaggedStyle != 0 &&
		y.Tag == "!!str"
	if y.Style&yaml.TaggedStyle != 0 && y.Tag != "!!str" && y.Tag != "!!map" && y.Tag != "!!seq" {
		d.Fail(n, d.Label(n)+" has a YAML tag", "remove the tag: a text in quotes stays text")
	}
	if d.count(); d.tooMany() || depth > maxDepth {
		d.tooLarge(n)
		return n
	}
	switch y.Kind {
	case yaml.ScalarNode:
		if n.secret && d.policy.IsLiteral(n) {
			d.literal = append(d.literal, n.Pos(d))
		}
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
			n.Entries = append(n.Entries, e)
		}
	}
	return n
}

func (d *Decoder) count() {
	d.nodes++
	if d.within > 0 {
		d.aliased++
	}
}

func (d *Decoder) tooMany() bool { return d.nodes > maxNodes || d.aliased > maxAlias }

func (d *Decoder) tooLarge(n *Node) {
	switch {
	case d.halted:
	case d.nodes > maxNodes:
		d.halted = true
		d.Fail(n, fmt.Sprintf("the file has more than %d values", int(maxNodes)), d.policy.Split)
	case d.aliased > maxAlias:
		d.halted = true
		d.Fail(n, fmt.Sprintf("aliases stand for more than %d values", int(maxAlias)), "use fewer aliases")
	default:
		d.Fail(n, fmt.Sprintf("mappings and lists are more than %d deep here", maxDepth),
			"use fewer levels; an alias must not hold itself")
	}
}

func (d *Decoder) buildMapping(y *yaml.Node, n *Node, depth int) {
	seen := map[string]int{} // key to line
	for i := 0; i+1 < len(y.Content) && !d.halted; i += 2 {
		key := y.Content[i]
		line, column := key.Line, key.Column
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if problem, remedy := keyProblem(key); problem != "" {
			n.mark()
			d.FailAt(line, column, problem, remedy)
			continue
		}
		if first, twice := seen[key.Value]; twice {
			n.mark()
			name := "a key"
			if !n.secret {
				name = fmt.Sprintf("%q", Clip(key.Value))
			}
			d.FailAt(line, column, name+" is a duplicate in "+d.Label(n),
				fmt.Sprintf("keep one of them; the first is in line %d", first))
			continue
		}
		seen[key.Value] = line
		e := d.build(y.Content[i+1], n, key.Value, depth+1)
		e.keyLine, e.keyColumn = line, column
		n.Entries = append(n.Entries, e)
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

// Pos is the place of the value.
func (n *Node) Pos(d *Decoder) Pos { return Pos{cmp.Or(n.origin, d.File), n.Line, n.Column} }

func (n *Node) mark() {
	for ; n != nil && !n.Bad; n = n.Parent {
		n.Bad = true
	}
}

// Get returns the value of a mapping's key, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil || n.kind != mappingNode {
		return nil
	}
	for _, e := range n.Entries {
		if e.Key == key {
			return e
		}
	}
	return nil
}

// Lacks says whether a key is missing and no other problem explains why.
func (n *Node) Lacks(key string) bool { return n.Get(key) == nil && !slices.Contains(n.excused, key) }

// Sound says whether a key is there and nothing is wrong with its value.
func (n *Node) Sound(key string) bool {
	e := n.Get(key)
	return e != nil && !e.Bad
}

func (n *Node) isNull() bool {
	return n.kind == scalarNode && !n.quoted && resolve(n.Text) == isNull
}

// Label is where the value is in the scenario, for example
// load.stages[0].rate.
func (d *Decoder) Label(n *Node) string {
	switch {
	case n.Parent == nil:
		return "the file"
	case n.Parent.secret:
		return d.Label(n.Parent)
	case n.Parent.kind == listNode:
		return fmt.Sprintf("%s[%d]", d.Label(n.Parent), n.index)
	case n.Parent.Parent == nil:
		return Clip(n.Key)
	}
	return d.Label(n.Parent) + "." + Clip(n.Key)
}

// path is the label of a value, and empty for the whole file.
func (d *Decoder) path(n *Node) string {
	if n.Parent == nil {
		return ""
	}
	return d.Label(n)
}

// Shown is the value as a message shows it: as the file has it.
func (n *Node) Shown() string {
	text := Clip(n.Text)
	if n.personal {
		text = HideNumber(text)
	}
	switch {
	case n.kind == mappingNode:
		return "a mapping"
	case n.kind == listNode:
		return "a list"
	case n.secret:
		return "its text"
	case !n.quoted && resolve(n.Text) != isText:
		return text
	}
	return fmt.Sprintf("%q", text)
}

var openCall = regexp.MustCompile(`^[a-z]+\([^()]*$`)

// joinCalls puts values such as lognormal(80ms, 250ms) together again, which
// YAML takes apart at the comma when they stand in braces.
func (n *Node) joinCalls() {
	for i := 0; i+1 < len(n.Entries); i++ {
		call, rest := n.Entries[i], n.Entries[i+1]
		if call.kind == scalarNode && !call.quoted && openCall.MatchString(call.Text) && rest.isNull() &&
			strings.HasSuffix(rest.Key, ")") {
			call.Text += ", " + rest.Key
			n.Entries = append(n.Entries[:i+1], n.Entries[i+2:]...)
		}
	}
}

// All are the values of a mapping or the items of a list, none of nil.
func (n *Node) All() []*Node {
	if n == nil {
		return nil
	}
	return n.Entries
}

// Item is an item of a list, or the one value that stands in its place.
func (n *Node) Item(i int) *Node {
	if n == nil || n.kind != listNode {
		return n
	}
	return n.Entries[i]
}

// FromVariable says whether variables of the environment are part of a scalar.
func (n *Node) FromVariable() bool { return hasVariable(n.Text) }

// IsSecret says whether nothing of the value may be shown.
func (n *Node) IsSecret() bool { return n.secret }

// json turns a value into encoding/json's, with numbers as they are written.
func (d *Decoder) json(n *Node) any {
	switch n.kind {
	case mappingNode:
		members := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			members[e.Key] = d.json(e)
		}
		return members
	case listNode:
		items := make([]any, len(n.Entries))
		for i, e := range n.Entries {
			items[i] = d.json(e)
		}
		return items
	}
	text, ok := d.expand(n)
	if !ok {
		return nil
	}
	if n.quoted {
		return text
	}
	switch resolve(text) {
	case isNull:
		return nil
	case isBool:
		return text[0] == 't' || text[0] == 'T'
	case isInt, isFloat:
		if !json.Valid([]byte(text)) {
			d.Fail(n, fmt.Sprintf("%s: %s is not a number in JSON", d.Label(n), n.Shown()),
				"write it in digits, or put it in quotes")
		}
		return json.Number(text)
	}
	return text
}
