package pingone

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// body is a group's request body with a gap where the user's ID goes, or
// without one. IDs have
// only characters that JSON needs not escape.
type body struct {
	before, after []byte
	alone         bool // there is no user in it
}

// gap stands for the user's ID while the body is built. Its control characters
// can't come from a scenario's own text without being escaped otherwise.
const gap = "\x00user\x00"

func newBody(members map[string]any, usernameless bool) (body, error) {
	if usernameless {
		text, err := json.Marshal(members)
		return body{before: text, alone: true}, err
	}
	all := maps.Clone(members)
	if all == nil {
		all = map[string]any{}
	}
	all["user"] = map[string]any{"id": gap}
	text, err := json.Marshal(all)
	if err != nil {
		return body{}, err
	}
	escaped, err := json.Marshal(gap)
	if err != nil {
		return body{}, err
	}
	escaped = escaped[1 : len(escaped)-1]
	if bytes.Count(text, escaped) != 1 {
		return body{}, fmt.Errorf("the request's members hold the text %q: remove it", gap)
	}
	before, after, _ := bytes.Cut(text, escaped)
	return body{before: before, after: after}, nil
}

func (b body) appendTo(dst []byte, userID string) []byte {
	dst = append(dst, b.before...)
	if b.alone {
		return dst
	}
	dst = append(dst, userID...)
	return append(dst, b.after...)
}
