package generate

import (
	"slices"
	"strings"
)

// class is what a body is to the schema, so that a smaller one is wrong in the same way.
type class struct{ json, twice, valid bool }

func (s *Schema) class(body []byte) class {
	t, ok := parse(body)
	if !ok {
		return class{}
	}
	return class{json: true, twice: t.twice(), valid: s.Body.allows(t)}
}

// alike says whether a request has the fault of a case, or as little a fault as it.
func (s *Schema) alike(c *Case, r Request) bool {
	if s.class(r.Body) != s.class(c.Request.Body) {
		return false
	}
	before, _ := parse(c.Request.Body)
	after, _ := parse(r.Body)
	if before == nil || after == nil {
		return true
	}
	kept := []string{"user", c.Place}
	if c.Expect == Valid {
		kept = append(kept, "user.id")
	}
	for _, place := range kept {
		was, is := before.at(strings.Split(place, ".")), after.at(strings.Split(place, "."))
		if was != nil && (is == nil || c.Keyword == "exists" && string(is.text()) != string(was.text())) {
			return false
		}
	}
	return true
}

// twice says whether an object has a member twice.
func (t *tree) twice() bool {
	for i, m := range t.members {
		same := func(o treeMember) bool { return o.name == m.name }
		if slices.ContainsFunc(t.members[:i], same) || m.value.twice() {
			return true
		}
	}
	return slices.ContainsFunc(t.items, (*tree).twice)
}

func (t *tree) jsonType() string {
	switch {
	case t.kind == '{':
		return "object"
	case t.kind == '[':
		return "array"
	case strings.HasPrefix(t.scalar, `"`):
		return "string"
	case t.scalar == "true", t.scalar == "false":
		return "boolean"
	case t.scalar == "null":
		return "null"
	}
	return "number"
}

// allows says whether a value is valid. A duplicate member counts with each value.
func (v *Value) allows(t *tree) bool {
	if len(v.Types) > 0 && !v.is(t.jsonType()) {
		return false
	}
	if s, is := unquote(t.scalar); t.kind == 0 && is && !v.holds(s) {
		return false
	}
	if t.kind != '{' {
		return true
	}
	has := func(name string) bool { return t.at([]string{name}) != nil }
	for _, name := range v.Required {
		if !has(name) {
			return false
		}
	}
	for name, p := range v.Properties {
		for _, m := range t.members {
			if m.is(name) && !p.allows(m.value) {
				return false
			}
		}
	}
	if len(v.AnyOf) == 0 {
		return true
	}
	return slices.ContainsFunc(v.AnyOf, func(branch *Value) bool { return branch.allows(t) })
}
