package contract

import (
	"errors"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// shape validates the body by its schema and reports what the library finds
// under the document's rules.
func (r *checker) shape() {
	var invalid *jsonschema.ValidationError
	if errors.As(r.response.validator.Validate(r.value), &invalid) {
		r.shapeError(invalid)
		r.location = r.location[:0]
	}
}

// shapeError descends to the keywords that failed. The causes of a failed anyOf
// or oneOf are left out: which branch was meant can't be known.
func (r *checker) shapeError(e *jsonschema.ValidationError) {
	s := r.contract.schemas[strings.TrimPrefix(e.SchemaURL, schemaBase)]
	switch cause := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, inner := range e.Causes {
			r.shapeError(inner)
		}
	case *kind.Required:
		r.shapeMembers(s, "required", e.InstanceLocation, cause.Missing)
	case *kind.AdditionalProperties:
		r.shapeMembers(s, "additionalProperties", e.InstanceLocation, cause.Properties)
	default:
		if path := cause.KeywordPath(); len(path) > 0 && s != nil {
			if w := s.keyword(path[0]); w != nil && w.rule.Level != Off {
				value := r.follow(e.InstanceLocation)
				if v := r.report(w.rule); v != nil {
					v.Expected, v.Got = bound(expectedOf(w)), r.show(value, lastName(r.location))
				}
			}
		}
	}
}

// shapeMembers reports members that are missing or too many.
func (r *checker) shapeMembers(s *schema, name string, steps, members []string) {
	if s == nil {
		return
	}
	w := s.keyword(name)
	if w == nil || w.rule.Level == Off {
		return
	}
	object, _ := r.follow(steps).(map[string]any)
	for _, member := range members {
		r.location = append(r.location, locationStep{name: member, index: -1})
		value, has := object[member]
		if v := r.report(w.rule); v != nil && has {
			v.Expected, v.Got = "no further member", r.show(value, member)
		} else if v != nil {
			v.Expected, v.Got = "a required member", "nothing"
		}
		r.location = r.location[:len(r.location)-1]
	}
}

// follow sets the trail to a steps of the schema library and returns the
// value there.
func (r *checker) follow(steps []string) any {
	v := r.value
	r.location = r.location[:0]
	for _, step := range steps {
		switch parent := v.(type) {
		case map[string]any:
			v = parent[step]
			r.location = append(r.location, locationStep{name: step, index: -1})
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(parent) {
				return nil
			}
			v = parent[i]
			r.location = append(r.location, locationStep{index: i})
		}
	}
	return v
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

func lastName(t location) string {
	for i := len(t) - 1; i >= 0; i-- {
		if t[i].index < 0 {
			return t[i].name
		}
	}
	return ""
}
