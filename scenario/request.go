package scenario

import (
	"encoding/json"
	"fmt"
)

// requestForm is the block request: any JSON object without the member user.
var requestForm = func() form[map[string]any] {
	f := form[map[string]any]{noun: "a mapping", detail: "such as {policy: {id: 9761c24a-208d-0499-1bf6-39905184a4e1}}"}
	f.schema = object{"type": []any{"object", "null"}, "properties": object{"user": false}}
	f.read = func(d *decoder, n *node) map[string]any {
		if !d.isMapping(n, f.want()) || len(n.entries) == 0 {
			return nil
		}
		if user := n.get("user"); user != nil {
			d.failKey(user, d.label(user)+" is not allowed", "remove it: the user's ID is filled in from ids")
		}
		body, _ := d.json(n).(map[string]any)
		return body
	}
	return f
}()

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
