package scenario

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// shownItems is how many items of a long list of IDs the text of a scenario has.
const shownItems = 3

// shownMembers are the members of a request whose values name no person. All
// other values of a request are hidden in the scenario's text.
var shownMembers = []string{"id", "type", "testMode", "name", "variant", "locale"}

// freeMembers are those members of a request below which anything may stand.
var freeMembers = []string{"undocumented", "clientContext", "variables"}

// text writes a scenario that was read without a problem as YAML again: its
// variables filled in, its defaults added, the keys in the order of their tables,
// long lists cut, and nothing of what is secret or may be personal.
func (d *decoder) text(root *node) string {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(d.yaml(root)); err != nil {
		return "" // it is for reading only
	}
	return b.String()
}

// yaml is a value as the YAML library writes it.
func (d *decoder) yaml(n *node) *yaml.Node {
	switch n.kind {
	case mappingNode:
		return d.yamlMapping(n)
	case listNode:
		return d.yamlList(n)
	}
	return d.yamlScalar(n)
}

func (d *decoder) yamlMapping(n *node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.MappingNode}
	entries := slices.Concat(n.entries, n.defaults)
	slices.SortStableFunc(entries, func(a, b *node) int {
		return cmp.Compare(slices.Index(n.names, a.key), slices.Index(n.names, b.key))
	})
	for _, e := range entries {
		if slices.Contains(n.defaults, e) && (e.text == "false" || len(e.entries)+len(e.defaults) == 0 && e.kind != scalarNode) {
			continue // what is off, or says nothing
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: e.key}
		value := d.yaml(e)
		if slices.Contains(n.defaults, e) && value.Kind == yaml.ScalarNode {
			value.LineComment = "default"
		}
		y.Content = append(y.Content, key, value)
	}
	if flat := n.parent != nil && n.parent.kind == listNode && len(n.defaults) == 0; flat &&
		!slices.ContainsFunc(entries, func(e *node) bool { return e.kind != scalarNode }) {
		y.Style = yaml.FlowStyle
	}
	return y
}

func (d *decoder) yamlList(n *node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.SequenceNode}
	entries, cut := n.entries, n.key == "ids" && len(n.entries) > shownItems+1
	if cut {
		entries = entries[:shownItems]
	}
	length, flat := 0, !cut
	for _, e := range entries {
		item := d.yaml(e)
		y.Content = append(y.Content, item)
		flat, length = flat && item.Kind == yaml.ScalarNode, length+len(item.Value)+2
	}
	if cut {
		y.Content[shownItems-1].LineComment = fmt.Sprintf("%d in all", len(n.entries))
	}
	if flat && length <= 80 {
		y.Style = yaml.FlowStyle
	}
	return y
}

func (d *decoder) yamlScalar(n *node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode}
	switch {
	case n.hidden():
		y.Tag, y.Value = "!!str", "***"
	case n.isNull():
		y.Tag, y.Value = "!!null", "null"
	default:
		text, _ := d.expand(n)
		y.Value = strings.ReplaceAll(text, "${", "$${")
		if typeOf(n, text) == isText {
			y.Tag = "!!str"
		}
	}
	return y
}

// forget takes defaults back that mean nothing beside other keys.
func (n *node) forget(keys ...string) {
	n.defaults = slices.DeleteFunc(n.defaults, func(e *node) bool { return slices.Contains(keys, e.key) })
}

// hidden says that a value is a secret, or one of a request that may be
// personal.
func (n *node) hidden() bool {
	if n.key == "authMethod" {
		return false // one of two words
	}
	free := !slices.Contains(shownMembers, n.key)
	for p := n; p != nil; p = p.parent {
		free = free || slices.Contains(freeMembers, p.key)
		if p.secret || free && p.key == "request" {
			return true
		}
	}
	return false
}
