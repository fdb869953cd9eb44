package contract

import (
	"strings"
)

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
