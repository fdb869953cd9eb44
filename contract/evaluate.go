package contract

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// evaluate looks at one rule of x-rules.
func (r *checker) evaluate(ru *rule) {
	switch {
	case ru.predicate == predicateHasResponse:
		r.mark(ru)
		if r.response == nil {
			r.violateAt(ru, "", "", "", ru.says(), "HTTP status "+strconv.Itoa(r.ex.Status))
		}
	case ru.predicate == predicateNowhere:
		r.nowhere(ru)
	case ru.header != "":
		r.headerRule(ru)
	case r.readable && r.met(ru.when) && r.isAsked(ru):
		for _, at := range ru.at {
			r.visit(ru, at, r.value)
		}
		if ru.predicate == predicateUnique {
			clear(r.strings)
		}
	}
}

func (r *checker) met(c *condition) bool {
	if c == nil {
		return true
	}
	v, _ := c.at.find(r.value)
	s, ok := v.(string)
	return ok && slices.Contains(c.values, s)
}

// isAsked says whether the request has what the rule is about.
func (r *checker) isAsked(ru *rule) bool { return ru.asked < 0 || r.fact(ru.asked) != "" }

// visit evaluates a rule at every value that a path leads to from v, and where
// it demands one that is not there.
func (r *checker) visit(ru *rule, p path, v any) {
	if len(p) == 0 {
		r.assert(ru, v)
		return
	}
	switch v := v.(type) {
	case map[string]any:
		if p[0].any {
			for _, name := range sortedNames(v) {
				if p[0].fits(name) {
					r.step(ru, p, locationStep{name: name, index: -1}, v[name])
				}
			}
		} else if child, has := v[p[0].name]; has {
			r.step(ru, p, locationStep{name: p[0].name, index: -1}, child)
		} else if ru.required && len(p) == 1 && r.replaced(ru) {
			r.mark(ru)
		} else if ru.required && len(p) == 1 {
			r.location = append(r.location, locationStep{name: p[0].name, index: -1})
			r.missing(ru, "nothing")
			r.location = r.location[:len(r.location)-1]
		}
	case []any:
		if p[0].any && p[0].suffix == "" {
			for i, item := range v {
				r.step(ru, p, locationStep{index: i}, item)
			}
		}
	}
}

func (r *checker) step(ru *rule, p path, tok locationStep, v any) {
	r.location = append(r.location, tok)
	r.visit(ru, p[1:], v)
	r.location = r.location[:len(r.location)-1]
}

// replaced says whether the response has what may stand in place of what the rule
// demands.
func (r *checker) replaced(ru *rule) bool {
	if ru.instead == nil {
		return false
	}
	_, has := ru.instead.find(r.value)
	return has
}

// missing reports a place that a rule demands. It breaks no second rule.
func (r *checker) missing(ru *rule, got string) {
	if !r.isBad() {
		r.violate(ru, ru.says(), got)
	}
}

// assert evaluates a rule's word at the place that the trail leads to.
func (r *checker) assert(ru *rule, v any) {
	if r.isBad() {
		return
	}
	if ru.required {
		r.mark(ru)
		if v == nil {
			r.violate(ru, ru.says(), "null")
			return
		}
	}
	switch ru.predicate {
	case predicateNotNull:
		r.mark(ru)
		if v == nil {
			r.violate(ru, ru.says(), "null")
		}
	case predicateMembers:
		if object, ok := v.(map[string]any); ok {
			r.assertMembers(ru, object)
		}
	default:
		if s, ok := v.(string); ok {
			r.assertString(ru, s)
		}
	}
}

func (r *checker) assertMembers(ru *rule, object map[string]any) {
	for _, name := range ru.listFor(r) {
		r.mark(ru)
		if _, has := object[name]; !has {
			r.location = append(r.location, locationStep{name: name, index: -1})
			r.missing(ru, "nothing")
			r.location = r.location[:len(r.location)-1]
		}
	}
}

// listFor is the list of known or members that applies to the response.
func (ru *rule) listFor(r *checker) []string {
	switch {
	case ru.rows.http:
		return ru.rows.rows[strconv.Itoa(r.status)]
	case ru.rows.at != nil:
		v, _ := ru.rows.at.find(r.value)
		s, _ := v.(string)
		return ru.rows.rows[s]
	}
	return ru.list
}

// assertString evaluates the words about strings. A word that lacks an operand
// is not evaluated.
func (r *checker) assertString(ru *rule, s string) {
	want, ok := r.fill(ru.text)
	if !ok {
		return
	}
	holds, looked := r.judge(ru, s, want)
	if !looked {
		return
	}
	r.mark(ru)
	if holds {
		return
	}
	if v := r.report(ru); v != nil {
		v.Expected, v.Got = r.wanted(ru, want), r.show(s, lastName(r.location))
	}
}

// judge says whether a string is what a rule demands, where want is the rule's
// template, and whether that could be judged at all.
func (r *checker) judge(ru *rule, s, want string) (holds, looked bool) {
	switch ru.predicate {
	case predicateEquals:
		return SameText(s, want), true
	case predicateURLPath:
		path, absolute := urlPath(s)
		return absolute && SameText(path, want), true
	case predicateURLOrigin:
		return urlOrigin(s) == urlOrigin(want), true
	case predicateIn:
		among := r.among(ru.among)
		return slices.ContainsFunc(among, func(one string) bool { return SameText(one, s) }), len(among) > 0
	case predicateLTE:
		v, _ := ru.operand.find(r.value)
		later, ok := v.(string)
		ok = ok && isUTC(s) && isUTC(later) && (len(r.bad) == 0 || !r.bad[ru.operand.String()])
		return ok && !isAfter(s, later), ok
	case predicateKnown:
		list := ru.listFor(r)
		return slices.Contains(list, s), list != nil
	case predicatePattern:
		return ru.pattern.MatchString(s), true
	case predicateHoldsJSON:
		return isJSON(s), true
	case predicateHoldsMember:
		return holdsMember(s, ru.inner, want)
	case predicateMasked:
		return isMasked(s, r.hidden(ru)), true
	case predicateUnique:
		one := foldID(s)
		first := !r.strings[one]
		r.strings[one] = true
		return first, true
	}
	return true, false
}

// wanted is what a rule demands of a string, for a report.
func (r *checker) wanted(ru *rule, want string) string {
	switch ru.predicate {
	case predicateEquals:
		return bound(r.quote(want))
	case predicateURLPath:
		return bound(r.safe("an absolute URL with the path " + want))
	case predicateURLOrigin:
		return bound(r.safe("a URL of " + want))
	case predicateKnown:
		return bound("one of " + strings.Join(ru.listFor(r), ", "))
	}
	return ru.says()
}

// holdsMember says whether the JSON in a string has a value at a place. A text
// that is no JSON, or has no string there, is other rules' business.
func holdsMember(s string, at path, want string) (holds, looked bool) {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return true, false
	}
	found, _ := at.find(v)
	text, ok := found.(string)
	return text == want, ok
}

// among are the strings at the places of some paths, or none where one of the
// places breaks a rule: then nothing can be said about the others.
func (r *checker) among(places []path) []string {
	c := collector{checker: r}
	for _, p := range places {
		c.collect(p, r.value, nil)
	}
	if c.spoilt {
		return nil
	}
	return c.found
}

type collector struct {
	checker *checker
	found   []string
	spoilt  bool
}

func (c *collector) collect(p path, v any, way location) {
	if len(p) == 0 {
		if s, ok := v.(string); ok {
			c.found = append(c.found, s)
		}
		c.spoilt = c.spoilt || len(c.checker.bad) > 0 && c.checker.bad[way.key()]
		return
	}
	switch v := v.(type) {
	case map[string]any:
		if !p[0].any {
			if child, has := v[p[0].name]; has {
				c.collect(p[1:], child, append(way, locationStep{name: p[0].name, index: -1}))
			}
			return
		}
		for name, child := range v {
			if p[0].fits(name) {
				c.collect(p[1:], child, append(way, locationStep{name: name, index: -1}))
			}
		}
	case []any:
		for i, item := range v {
			if p[0].any && p[0].suffix == "" {
				c.collect(p[1:], item, append(way, locationStep{index: i}))
			}
		}
	}
}

// hidden are the texts that a masked value must not show.
func (r *checker) hidden(ru *rule) (texts []string) {
	for _, t := range ru.hidden {
		if s, ok := r.fill(t); ok && s != "" {
			texts = append(texts, s)
		}
	}
	return texts
}
