package form

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// shownItems is how many items of a list that is cut the text has.
const shownItems = 3

// YAML writes a file that was read without a problem as YAML again: its
// variables filled in, its defaults added, the keys in the order of their tables,
// long lists cut, and nothing of what is secret or may be personal.
func (d *Decoder) YAML(root *Node) string {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(d.yaml(root)); err != nil {
		return "" // it is for reading only
	}
	return b.String()
}

// yaml is a value as the YAML library writes it.
func (d *Decoder) yaml(n *Node) *yaml.Node {
	switch n.kind {
	case mappingNode:
		return d.yamlMapping(n)
	case listNode:
		return d.yamlList(n)
	}
	return d.yamlScalar(n)
}

func (d *Decoder) yamlMapping(n *Node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.MappingNode}
	entries := slices.Concat(n.Entries, n.defaults)
	slices.SortStableFunc(entries, func(a, b *Node) int {
		return cmp.Compare(slices.Index(n.names, a.Key), slices.Index(n.names, b.Key))
	})
	for _, e := range entries {
		if slices.Contains(n.defaults, e) &&
			(e.Text == "false" || len(e.Entries)+len(e.defaults) == 0 && e.kind != scalarNode) {
			continue // what is off, or says nothing
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: e.Key}
		value := d.yaml(e)
		if slices.Contains(n.defaults, e) && value.Kind == yaml.ScalarNode {
			value.LineComment = "default"
		}
		y.Content = append(y.Content, key, value)
	}
	if flat := n.Parent != nil && n.Parent.kind == listNode && len(n.defaults) == 0; flat &&
		!slices.ContainsFunc(entries, func(e *Node) bool { return e.kind != scalarNode }) {
		y.Style = yaml.FlowStyle
	}
	return y
}

func (d *Decoder) yamlList(n *Node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.SequenceNode}
	entries, cut := n.Entries, d.policy.IsCut(n) && len(n.Entries) > shownItems+1
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
		y.Content[shownItems-1].LineComment = fmt.Sprintf("%d in all", len(n.Entries))
	}
	if flat && length <= 80 {
		y.Style = yaml.FlowStyle
	}
	return y
}

func (d *Decoder) yamlScalar(n *Node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode}
	switch {
	case d.policy.IsHidden(n):
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

// Forget takes defaults back that mean nothing beside other keys.
func (n *Node) Forget(keys ...string) {
	if n == nil {
		return
	}
	n.defaults = slices.DeleteFunc(n.defaults, func(e *Node) bool { return slices.Contains(keys, e.Key) })
}

// GetOrDefault is the value of a mapping's key, or its default; nil without one.
func (n *Node) GetOrDefault(key string) *Node {
	if e := n.Get(key); e != nil {
		return e
	}
	if i := slices.IndexFunc(n.defaults, func(e *Node) bool { return e.Key == key }); i >= 0 {
		return n.defaults[i]
	}
	return nil
}
