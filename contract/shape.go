package contract

import (
	"encoding/json"
	"strings"
)

// validate holds the value that the location leads to against a schema (JSON
// Schema 2020-12, the keywords of the table assertions) and reports what it
// breaks, unless quiet. What fails a type, a constant, an enumeration or a format
// is not looked into by this schema. A value that fits no branch of an anyOf or
// oneOf is reported once: which branch was meant can't be known.
func (r *checker) validate(s *schema, v any, report bool) bool {
	t := typeOf(v)
	holds := func(name string) bool {
		w := s.keyword(name)
		return w == nil || w.test == nil || w.types&t == 0 || w.test(v) || r.breaksKeyword(w, v, report)
	}
	for _, name := range decisiveKeywords {
		if !holds(name) {
			return false
		}
	}
	valid := s.reference == nil || r.validate(s.reference, v, report)
	for _, name := range boundKeywords {
		valid = holds(name) && valid
	}
	switch v := v.(type) {
	case map[string]any:
		valid = r.validateMembers(s, v, report) && valid
	case []any:
		valid = r.validateItems(s.items, v, report) && valid
	}
	for _, part := range s.same {
		if part != s.reference {
			valid = r.validate(part, v, report) && valid
		}
	}
	return r.validateBranches(s, v, report) && valid
}

var (
	decisiveKeywords = []string{"type", "const", "enum", "format"}
	boundKeywords    = []string{"minProperties", "maxProperties", "minItems", "maxItems", "uniqueItems",
		"minLength",
		"maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)

func (r *checker) validateMembers(s *schema, object map[string]any, report bool) bool {
	valid := true
	for _, name := range s.needs {
		if _, has := object[name]; !has {
			valid = r.breaksMember(s.keyword("required"), name, "a required member", absent{}, report)
		}
	}
	closed := s.keyword("additionalProperties")
	if s.properties == nil && s.others == nil && closed == nil {
		return valid
	}
	for _, name := range sortedNames(object) {
		part := s.properties[name]
		if part == nil {
			part = s.others
		}
		r.location = append(r.location, locationStep{name: name, index: -1})
		if part != nil {
			valid = r.validate(part, object[name], report) && valid
		}
		r.location = r.location[:len(r.location)-1]
		if part == nil && closed != nil {
			valid = r.breaksMember(closed, name, "no further member", object[name], report)
		}
	}
	return valid
}

func (r *checker) validateItems(s *schema, list []any, report bool) bool {
	if s == nil {
		return true
	}
	valid := true
	for i, item := range list {
		r.location = append(r.location, locationStep{index: i})
		valid = r.validate(s, item, report) && valid
		r.location = r.location[:len(r.location)-1]
	}
	return valid
}

func (r *checker) validateBranches(s *schema, v any, report bool) bool {
	valid := true
	for _, name := range []string{"anyOf", "oneOf"} {
		w := s.keyword(name)
		if w == nil {
			continue
		}
		fit := 0
		for _, branch := range w.branches {
			if r.validate(branch, v, false) {
				fit++
			}
		}
		if fit == 0 || fit > 1 && name == "oneOf" {
			valid = r.breaksKeyword(w, v, report)
		}
	}
	return valid
}

// breaksKeyword is false, after it reported the keyword.
func (r *checker) breaksKeyword(w *keyword, v any, report bool) bool {
	if report && w.rule.Level != Off {
		if found := r.report(w.rule); found != nil {
			found.Expected, found.Got = bound(expectedOf(w)), r.show(v, lastName(r.location))
		}
	}
	return false
}

// absent is the value of a member that is not there.
type absent struct{}

// breaksMember is false, after it reported a member that is missing or too many. Only
// what is reported is shown.
func (r *checker) breaksMember(w *keyword, name, expected string, got any, report bool) bool {
	if report && w.rule.Level != Off {
		r.location = append(r.location, locationStep{name: name, index: -1})
		if found := r.report(w.rule); found != nil {
			found.Expected, found.Got = expected, "nothing"
			if got != (absent{}) {
				found.Got = r.show(got, name)
			}
		}
		r.location = r.location[:len(r.location)-1]
	}
	return false
}

// expectedOf says what a keyword demands: an x-rule in the words of its
// description, others as the schema has it.
func expectedOf(w *keyword) string {
	switch {
	case w.rule.predicate == predicateSchema:
		return w.rule.Description
	case w.name == "type":
		return w.text
	}
	return w.name + " " + w.text
}

func lastName(l location) string {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].index < 0 {
			return l[i].name
		}
	}
	return ""
}

// walk marks the rules that the schema evaluated: those of the keywords that
// check a value of its type.
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
		for _, name := range sortedNames(v) { // in order: which examples are kept is no chance
			r.unnamedMember(p, name, v[name])
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
