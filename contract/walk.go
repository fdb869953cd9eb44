package contract

import (
	"encoding/json"
	"strings"
)

// walk marks the rules that the schema evaluated: those of the keywords that
// look at a value of its type.
func (r *checker) walk(p *schemaTree, v any) {
	if p == nil {
		return
	}
	t := typeOf(v)
	for _, check := range p.checks {
		if check.types&t != 0 && check.rule.Level != Off {
			r.mark(check.rule)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			r.walk(p.member(name), value)
		}
	case []any:
		if p.items != nil {
			for _, value := range v {
				r.walk(p.items, value)
			}
		}
	}
}

func typeOf(v any) jsonType {
	switch v := v.(type) {
	case nil:
		return typeNull
	case bool:
		return typeBoolean
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			return typeNumber
		}
		return typeInteger
	case string:
		return typeString
	case []any:
		return typeArray
	}
	return typeObject
}

// unnamed reports members that no schema names. An object whose schemas name no
// member at all is free.
func (r *checker) unnamed() {
	if r.contract.unnamed != nil {
		r.mark(r.contract.unnamed)
		r.unnamedIn(r.response.root, r.value)
	}
}

func (r *checker) unnamedIn(p *schemaTree, v any) {
	switch v := v.(type) {
	case map[string]any:
		if len(p.members) == 0 {
			return
		}
		for name, value := range v {
			r.unnamedMember(p, name, value)
		}
	case []any:
		if p.items == nil {
			return
		}
		for i, value := range v {
			r.location = append(r.location, locationStep{index: i})
			r.unnamedIn(p.items, value)
			r.location = r.location[:len(r.location)-1]
		}
	}
}

func (r *checker) unnamedMember(p *schemaTree, name string, value any) {
	r.location = append(r.location, locationStep{name: name, index: -1})
	if m := p.members[name]; m != nil {
		r.unnamedIn(m, value)
	} else if !r.isBad() {
		if v := r.report(r.contract.unnamed); v != nil {
			v.Expected, v.Got = "a member that the contract names", r.show(value, name)
		}
	}
	r.location = r.location[:len(r.location)-1]
}
