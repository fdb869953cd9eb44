package generate

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// tree is a JSON text taken apart, with its members in their order and one name as often as it is
// there. A scalar keeps its text, which need not be JSON: faults are written that way.
type tree struct {
	scalar  string // of anything but an object and an array
	members []treeMember
	items   []*tree
	kind    byte // '{', '[' or 0 for a scalar
}

type treeMember struct {
	name  string // as written, without the quotes
	value *tree
}

// is says whether a member has a name, however that is escaped.
func (m *treeMember) is(name string) bool {
	plain, _ := unquote(`"` + m.name + `"`)
	return m.name == name || plain == name
}

func scalar(text string) *tree { return &tree{scalar: text} }

// maxNesting bounds what parse takes apart.
const maxNesting = 100

// parse takes a JSON text apart. What is no JSON, or nested too deep, is not ok.
func parse(text []byte) (t *tree, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	t, err := read(d, 0)
	if err != nil {
		return nil, false
	}
	_, err = d.ReadToken()
	return t, errors.Is(err, io.EOF)
}

func read(d *jsontext.Decoder, depth int) (*tree, error) {
	kind := d.PeekKind()
	if kind != '{' && kind != '[' {
		text, err := d.ReadValue()
		return scalar(string(text)), err
	}
	if depth == maxNesting {
		return nil, errors.New("nested too deep")
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	t := &tree{kind: byte(kind)}
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		var name jsontext.Value
		if kind == '{' {
			var err error
			if name, err = d.ReadValue(); err != nil {
				return nil, err
			}
			name = name[1 : len(name)-1].Clone()
		}
		value, err := read(d, depth+1)
		if err != nil {
			return nil, err
		}
		if kind == '{' {
			t.members = append(t.members, treeMember{string(name), value})
		} else {
			t.items = append(t.items, value)
		}
	}
	_, err := d.ReadToken()
	return t, err
}

func (t *tree) text() []byte { return t.append(nil) }

func (t *tree) append(b []byte) []byte {
	switch t.kind {
	case '{':
		b = append(b, '{')
		for i, m := range t.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, '"'), m.name...), `":`...)
			b = m.value.append(b)
		}
		return append(b, '}')
	case '[':
		b = append(b, '[')
		for i, item := range t.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.append(b)
		}
		return append(b, ']')
	}
	return append(b, t.scalar...)
}

// with is the tree with a value at a path of member names; objects on the way are made. The tree
// itself does not change.
func (t *tree) with(path []string, value *tree) *tree {
	if len(path) < 1 {
		return value
	}
	changed := &tree{kind: '{'}
	if t != nil && t.kind == '{' {
		changed.members = slices.Clone(t.members)
	}
	name, rest := path[0], path[1:]
	at := slices.IndexFunc(changed.members, func(m treeMember) bool { return m.is(name) })
	if at < 0 {
		at = len(changed.members)
		changed.members = append(changed.members, treeMember{name: name})
	}
	m := &changed.members[at]
	m.value = m.value.with(rest, value)
	return changed
}

// without is the tree without the member at a path.
func (t *tree) without(path []string) *tree {
	if t == nil || t.kind != '{' || len(path) == 0 {
		return t
	}
	changed := &tree{kind: '{'}
	for _, m := range t.members {
		switch {
		case !m.is(path[0]):
			changed.members = append(changed.members, m)
		case len(path) > 1:
			changed.members = append(changed.members, treeMember{m.name, m.value.without(path[1:])})
		}
	}
	return changed
}

// at is the value at a path; nil where there is none.
func (t *tree) at(path []string) *tree {
	for _, name := range path {
		if t == nil || t.kind != '{' {
			return nil
		}
		i := slices.IndexFunc(t.members, func(m treeMember) bool { return m.is(name) })
		if i < 0 {
			return nil
		}
		t = t.members[i].value
	}
	return t
}

// only is the tree with nothing but what leads to a path.
func (t *tree) only(path []string) *tree {
	if len(path) == 0 {
		return t
	}
	part := &tree{kind: t.kind}
	for _, m := range t.members {
		if m.is(path[0]) {
			part.members = append(part.members, treeMember{m.name, m.value.only(path[1:])})
		}
	}
	return part
}

// leaves are the paths of all values that hold no others, in order.
func (t *tree) leaves(prefix []string, visit func(path []string, value *tree)) {
	if t.kind != '{' || len(t.members) == 0 {
		visit(prefix, t)
		return
	}
	for _, m := range t.members {
		m.value.leaves(append(slices.Clone(prefix), m.name), visit)
	}
}

// quote writes a JSON string.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""` // never: strings are always written
	}
	return string(text)
}

// unquote is the string that a JSON text is; false for another text.
func unquote(text string) (s string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		return "", false
	}
	return s, json.Unmarshal([]byte(text), &s) == nil
}
