package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder walks the nodes of a YAML file. It collects problems instead of
// stopping at the first.
type decoder struct {
	file     string
	env      func(string) (string, bool)
	problems Problems
	visits   int // of nodes; bounds what aliases can multiply
}

// maxVisits is more nodes than a file of the largest size can have.
const maxVisits = 4 << 20

// key is one key of a mapping. Tables of keys are the one source of the
// decoder, the schema for editors and the documentation.
type key struct {
	name     string
	doc      string // one sentence
	required bool
	schema   map[string]any // of its value
	decode   func(*decoder, *yaml.Node)
}

// problem notes something wrong at a node.
func (d *decoder) problem(n *yaml.Node, remedy, format string, args ...any) {
	d.problems = append(d.problems, Problem{Pos: d.pos(n), Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (d *decoder) pos(n *yaml.Node) Pos {
	return Pos{File: d.file, Line: max(n.Line, 1), Column: max(n.Column, 1)}
}

// sorted returns the problems in the file's order.
func (d *decoder) sorted() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(a.Pos.Line-b.Pos.Line, a.Pos.Column-b.Pos.Column)
	})
	return d.problems
}

// follow returns what an alias stands for, and false where a file asks for
// more than any honest file does.
func (d *decoder) follow(n *yaml.Node) (*yaml.Node, bool) {
	if d.visits++; d.visits > maxVisits {
		if d.visits == maxVisits+1 {
			d.problem(n, "write the values out instead of using aliases of aliases", "the file's aliases multiply without end")
		}
		return n, false
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n, true
}

// mapping decodes a mapping by a table of keys.
func (d *decoder) mapping(n *yaml.Node, what string, keys []key) {
	n, ok := d.follow(n)
	if !ok || !d.isMapping(n, what) {
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if seen[name.Value] {
			d.problem(name, "remove one of the two", "%s has the key %q twice", what, clip(name.Value))
			continue
		}
		seen[name.Value] = true
		k := slices.IndexFunc(keys, func(k key) bool { return k.name == name.Value })
		if k < 0 {
			d.unknownKey(name, what, keys)
			continue
		}
		if !isNull(value) || keys[k].decodesNull() {
			keys[k].decode(d, value)
		} else if keys[k].required {
			d.problem(value, "give it a value", "%s: %s is empty", what, name.Value)
		}
	}
	for _, k := range keys {
		if k.required && !seen[k.name] {
			d.problem(n, fmt.Sprintf("add %s: %s", k.name, k.doc), "%s has no %s", what, k.name)
		}
	}
}

// decodesNull says that a key without a value means something: a simulator
// with nothing set.
func (k key) decodesNull() bool { return k.name == "simulator" }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func (d *decoder) isMapping(n *yaml.Node, what string) bool {
	if n.Kind != yaml.MappingNode {
		d.problem(n, "write it as key: value pairs", "%s must be a mapping, not %s", what, kindOf(n))
		return false
	}
	return true
}

func (d *decoder) unknownKey(name *yaml.Node, what string, keys []key) {
	if name.Value == "<<" {
		d.problem(name, "write the keys out", "%s uses a merge key, which is not supported", what)
		return
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	d.problem(name, suggest(name.Value, names), "%s has no key %q", what, clip(name.Value))
}

// list decodes each item of a sequence.
func (d *decoder) list(n *yaml.Node, what string, item func(*yaml.Node)) {
	n, ok := d.follow(n)
	if !ok {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.problem(n, "write it as a list: one item a line with a leading dash, or [a, b]", "%s must be a list, not %s", what, kindOf(n))
		return
	}
	for _, c := range n.Content {
		item(c)
	}
}

// oneOrMore decodes a value, or each item of a list of them.
func (d *decoder) oneOrMore(n *yaml.Node, item func(*yaml.Node)) {
	n, ok := d.follow(n)
	if !ok {
		return
	}
	if n.Kind != yaml.SequenceNode {
		item(n)
		return
	}
	if len(n.Content) == 0 {
		d.problem(n, "name at least one, or leave the key out", "the list is empty")
	}
	for _, c := range n.Content {
		item(c)
	}
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if isNull(n) {
			return "nothing"
		}
		return "a plain value"
	}
	return "that"
}

// clip bounds a text of the file that a message shows.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// suggest names the nearest of the known words, and all of them where none is
// near.
func suggest(word string, known []string) string {
	best, distance := "", len(word)/2+1
	for _, k := range known {
		if e := editDistance(strings.ToLower(word), strings.ToLower(k)); e < distance {
			best, distance = k, e
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "use one of " + strings.Join(known, ", ")
}

// editDistance counts the insertions, deletions and replacements between two
// words (Levenshtein).
func editDistance(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost = 1 + min(before, row[j], row[j+1])
			}
			before, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
