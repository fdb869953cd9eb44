package contract

import (
	"regexp"
	"strings"
)

// template is a text with gaps.
type template []templatePart

// templatePart is a piece of a template: a place of the response, a fact of the request,
// or text as it stands.
type templatePart struct {
	text     string
	fact     int // slot; -1 for none
	optional bool
	place    path
}

var factName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$`)

// parseTemplate reads a template; slot gives a fact its number. Its error text
// ends in a remedy.
func parseTemplate(s string, slot func(name string) int) (t template, fault string) {
	for s != "" {
		text, rest, open := strings.Cut(s, "{")
		if text != "" {
			t = append(t, templatePart{text: text, fact: -1})
		}
		if !open {
			break
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, "a { has no }: close it"
		}
		p, fault := parseGap(inner, slot)
		if fault != "" {
			return nil, fault
		}
		t, s = append(t, p), after
	}
	return t, ""
}

func parseGap(inner string, slot func(name string) int) (templatePart, string) {
	if strings.HasPrefix(inner, "/") {
		place, fault := parsePath(inner)
		if fault == "" && place.wild() {
			fault = "a template needs one value: name it without *"
		}
		return templatePart{fact: -1, place: place}, fault
	}
	name, optional := strings.CutSuffix(inner, "?")
	if !factName.MatchString(name) {
		return templatePart{}, "{" + clip(inner) +
			"} is neither a fact nor a pointer: write {request.member} or {/member}"
	}
	return templatePart{fact: slot(name), optional: optional}, ""
}

// facts are the slots that the template refers to.
func (t template) facts() (slots []int) {
	for _, p := range t {
		if p.fact >= 0 {
			slots = append(slots, p.fact)
		}
	}
	return slots
}

// only returns the fact that is the whole template, or -1.
func (t template) only() int {
	if len(t) == 1 && len(t.facts()) == 1 {
		return t[0].fact
	}
	return -1
}

// path is a JSON pointer whose steps may be "*", any item or member, or
// "*.suffix", any member whose name ends so.
type path []step

type step struct {
	name   string
	any    bool
	suffix string // with any: what names end in
}

// fits says whether a step leads to a member of that name.
func (s step) fits(name string) bool {
	if s.any {
		return strings.HasSuffix(name, s.suffix)
	}
	return s.name == name
}

// parsePath reads "/a/*/b". Its error text ends in a remedy.
func parsePath(s string) (p path, fault string) {
	if s == "" || s[0] != '/' {
		return nil, "a JSON pointer starts with a slash: write /member"
	}
	for locationStep := range strings.SplitSeq(s[1:], "/") {
		name := unescapePointer.Replace(locationStep)
		if name == "" {
			return nil, "a JSON pointer has an empty step: remove a slash"
		}
		s := step{name: name, any: name[0] == '*'}
		if s.any {
			s.suffix = name[1:]
		}
		p = append(p, s)
	}
	return p, ""
}

var (
	escapePointer   = strings.NewReplacer("~", "~0", "/", "~1")
	unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")
)

func (p path) wild() bool {
	for _, s := range p {
		if s.any {
			return true
		}
	}
	return false
}

func (p path) String() string {
	var b strings.Builder
	for _, s := range p {
		b.WriteByte('/')
		b.WriteString(escapePointer.Replace(s.name))
	}
	return b.String()
}

// find returns the value at a path without wildcards.
func (p path) find(v any) (any, bool) {
	for _, s := range p {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = object[s.name]; !ok {
			return nil, false
		}
	}
	return v, true
}
