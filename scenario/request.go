package scenario

import (
	"encoding/json"
	"fmt"
)

// json turns a value into what encoding/json has for it, with numbers as they
// are written.
func (d *decoder) json(n *node) any {
	switch n.kind {
	case mappingNode:
		members := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			members[e.key] = d.json(e)
		}
		return members
	case listNode:
		items := make([]any, len(n.entries))
		for i, e := range n.entries {
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
			d.fail(n, fmt.Sprintf("%s: %s is not a number in JSON", d.label(n), n.shown()), "write it in digits, or put it in quotes")
		}
		return json.Number(text)
	}
	return text
}
