package form

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Setting sets one value of a file, such as load.stages[0].rate to 5/s, before its form reads the file: the
// form checks it like what is written there.
type Setting struct{ Path, Value string }

var (
	changePath = regexp.MustCompile(`^[A-Za-z]\w*(\.[A-Za-z]\w*|\[\d{1,6}\])*$`)
	pathStep   = regexp.MustCompile(`\w+`)
)

// ParseSetting reads PATH=VALUE, where VALUE is YAML. Errors don't quote the value: it may be a secret.
func ParseSetting(text string) (Setting, error) {
	path, value, found := strings.Cut(text, "=")
	if !found || !changePath.MatchString(path) {
		return Setting{}, fmt.Errorf("%q is not KEY=VALUE: write for example load.stages[0].rate=5/s",
			Clip(path))
	}
	return Setting{path, value}, nil
}

// Change sets values of the file, and returns a text of each as people may see it: without secrets and
// personal data. What is wrong with a setting has it as its place.
func (d *Decoder) Change(root *Node, settings []Setting) (shown []string) {
	for _, s := range settings {
		d.origin = "--set " + s.Path
		n := d.change(root, s)
		switch {
		case n == nil:
		case n.kind != scalarNode:
			shown = append(shown, s.Path+"=…")
		case n.secret || n.personal || d.policy.IsHidden(n):
			shown = append(shown, s.Path+"=***")
		default:
			shown = append(shown, s.Path+"="+Clip(n.Text))
		}
	}
	d.origin = ""
	return shown
}

// change returns the value that it set, or nil if it could not.
func (d *Decoder) change(root *Node, c Setting) *Node {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(c.Value), &document); err != nil || len(document.Content) == 0 {
		d.FailAt(1, 1, "the value is not YAML", "put it in quotes")
		return nil
	}
	literals := len(d.literal)
	n, steps := root, pathStep.FindAllString(c.Path, -1)
	for i, step := range steps {
		var next *Node
		if n, next = n.step(step); n == nil {
			d.FailAt(1, 1, strings.Join(steps[:i], ".")+" has no item "+step,
				"items count from 0; set the whole list to add one")
			return nil
		}
		value := &document
		if i < len(steps)-1 {
			value = &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
			if next != nil && next.kind != scalarNode {
				n = next
				continue
			}
		}
		key := step
		if n.kind == listNode {
			key = ""
		}
		n = n.put(next, d.build(value.Content[0], n, key, i+1))
	}
	if len(d.literal) > literals {
		d.literal = d.literal[:literals]
		d.Fail(n, "a secret on the command line is in the process list",
			"write ${VARIABLE}, in single quotes, and set the variable")
	}
	return n
}

// step is where a step of a path leads from a mapping or a list: next is nil if a mapping has no such key,
// and within if a list has no such item.
func (n *Node) step(name string) (within, next *Node) {
	if n.kind != listNode {
		n.kind = mappingNode
		return n, n.Get(name)
	}
	if i, err := strconv.Atoi(name); err == nil && i < len(n.Entries) {
		return n, n.Entries[i]
	}
	return nil, nil
}

// put puts a value in the place of another, or at the end if that is nil, and returns it.
func (n *Node) put(old, value *Node) *Node {
	for i, e := range n.Entries {
		if e == old {
			value.index, value.keyLine, value.keyColumn = e.index, 1, 1
			n.Entries[i] = value
			return value
		}
	}
	value.keyLine, value.keyColumn = 1, 1
	n.Entries = append(n.Entries, value)
	return value
}

// Keep leaves those items of a list whose key has one of some values. If some value is unknown, all items
// stay; known are the values that items have.
func (n *Node) Keep(key string, values []string) (unknown, known []string) {
	var kept []*Node
	for _, e := range n.All() {
		if name := e.Get(key); name != nil {
			known = append(known, name.Text)
			if slices.Contains(values, name.Text) {
				kept = append(kept, e)
			}
		}
	}
	for _, v := range values {
		if !slices.Contains(known, v) {
			unknown = append(unknown, v)
		}
	}
	if len(unknown) == 0 {
		n.Entries = kept
		for i, e := range kept {
			e.index = i
		}
	}
	return unknown, known
}
