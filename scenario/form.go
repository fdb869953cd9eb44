package scenario

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// form is one way to write a V. The decoder and the schema for editors both
// come from it.
type form[V any] struct {
	// noun and detail say what to write, for example "a duration" and "such as
	// 10s".
	noun, detail string
	// read returns the value. It notes what is wrong and then returns
	// something of no use, mostly the zero value.
	read   func(*decoder, *node) V
	schema object
	// keys are those within it, for the page that describes them.
	keys []Key
}

func (f form[V]) want() string { return strings.TrimSpace(f.noun + " " + f.detail) }

// field is one key of a mapping that becomes a T.
type field[T any] struct {
	name, doc string
	required  bool
	// fallback is what counts if the key is left out, as the file would have
	// it; "{}" is an empty mapping and "" nothing.
	fallback string
	want     string
	schema   object
	read     func(*decoder, *node, *T)
	keys     []Key // within its value
}

// key is a key whose value has a form and goes where set puts it.
func key[T, V any](name string, f form[V], set func(*T, V), doc string) field[T] {
	return field[T]{name: name, doc: doc, want: f.want(), schema: f.schema, keys: f.keys,
		read: func(d *decoder, n *node, into *T) { set(into, f.read(d, n)) }}
}

// must returns the key as one that can't be left out.
func (f field[T]) must() field[T] { f.required = true; return f }

// or returns the key with a default.
func (f field[T]) or(fallback string) field[T] { f.fallback = fallback; return f }

// within makes keys of a part keys of the whole.
func within[T, U any](part func(*T) *U, fields []field[U]) []field[T] {
	lifted := make([]field[T], len(fields))
	for i, f := range fields {
		lifted[i] = field[T]{f.name, f.doc, f.required, f.fallback, f.want, f.schema,
			func(d *decoder, n *node, into *T) { f.read(d, n, part(into)) }, f.keys}
	}
	return lifted
}

// mapping is a mapping with these keys, read in the file's order and then the
// defaults. The check, where there is one, looks at the whole.
func mapping[T any](check func(*decoder, *node, *T), fields []field[T]) form[T] {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	f := form[T]{noun: "a mapping", detail: "of " + strings.Join(names, ", "), schema: mappingSchema(fields), keys: keysOf(fields)}
	f.read = func(d *decoder, n *node) (v T) {
		if !d.isMapping(n, f.want()) {
			return v
		}
		n.joinCalls()
		n.names = names
		for _, e := range n.entries {
			readEntry(d, e, fields, names, &v)
		}
		for _, f := range fields {
			readMissing(d, n, f, &v)
		}
		if check != nil {
			check(d, n, &v)
		}
		return v
	}
	return f
}

// oneWay says in the schema that exactly one of some sets of keys is needed.
func (f form[V]) oneWay(ways ...[]any) form[V] {
	choices := make([]any, len(ways))
	for i, keys := range ways {
		choices[i] = object{"required": keys}
	}
	f.schema["type"], f.schema["oneOf"] = "object", choices
	return f
}

// described is a form with another detail, where the list of its keys is long.
func described[V any](detail string, f form[V]) form[V] { f.detail = detail; return f }

func readEntry[T any](d *decoder, e *node, fields []field[T], names []string, into *T) {
	for _, f := range fields {
		if f.name != e.key {
			continue
		}
		f.read(d, e, into)
		return
	}
	remedy, meant := "", ""
	if !d.full() {
		remedy, meant = suggestion(e.key, names)
		switch seen := strings.TrimFunc(e.key, func(r rune) bool { return r > unicode.MaxASCII && !unicode.IsLetter(r) }); {
		case foreignDash.MatchString(e.key):
			remedy = dashRemedy
		case seen != e.key:
			remedy = "remove the space or invisible character of a browser or word processor next to it; indent with plain spaces"
			if slices.Contains(names, seen) {
				meant = seen
			}
		}
	}
	where := ""
	if e.parent.parent != nil {
		where = " in " + d.label(e.parent)
	}
	shown := fmt.Sprintf("%q", clip(e.key))
	if e.parent.secret && meant == "" {
		shown = "***" // what looks like no key may be the secret
	}
	d.failKey(e, "unknown key "+shown+where, remedy)
	if meant != "" {
		e.parent.excused = append(e.parent.excused, meant)
	}
}

func readMissing[T any](d *decoder, n *node, f field[T], into *T) {
	if n.get(f.name) != nil {
		return
	}
	if f.required {
		d.missing(n, f.name, f.want)
	}
	if f.fallback == "" {
		return
	}
	e := &node{parent: n, key: f.name, line: n.line, column: n.column, text: f.fallback}
	if f.fallback == "{}" {
		e.kind = mappingNode
	}
	n.defaults = append(n.defaults, e)
	f.read(d, e, into)
}

// isMapping says whether a value is a mapping. One with nothing in it, as when
// all its keys are commented out, is an empty mapping.
func (d *decoder) isMapping(n *node, want string) bool {
	if n.kind == mappingNode {
		return true
	}
	if n.isNull() {
		n.kind = mappingNode
		return true
	}
	shown := n.shown()
	if n.parent == nil && n.kind == scalarNode {
		shown = "plain text" // of another file, which may be one of passwords
	}
	d.fail(n, fmt.Sprintf("%s is %s, not a mapping", d.label(n), shown), "write "+want)
	return false
}

// entry is one key of a mapping whose keys the user chooses.
type entry[V any] struct {
	name  string
	value V
	pos   Pos // of the key
}

// dictionary is a mapping whose keys the user chooses, in the file's order.
// The pattern is what checkKey takes; "" is any key.
func dictionary[V any](noun, detail, pattern string, checkKey func(string) *flaw, value form[V]) form[[]entry[V]] {
	f := form[[]entry[V]]{noun: noun, detail: detail, keys: under(".*", value.keys)}
	f.schema = object{"type": []any{"object", "null"}, "additionalProperties": value.schema}
	if pattern != "" {
		f.schema["additionalProperties"], f.schema["patternProperties"] = false, object{pattern: value.schema}
	}
	f.read = func(d *decoder, n *node) (entries []entry[V]) {
		if !d.isMapping(n, f.want()) {
			return nil
		}
		for _, e := range n.entries {
			if flaw := checkKey(e.key); flaw != nil {
				shown := fmt.Sprintf("%q", clip(e.key))
				if e.secret && !headerName.MatchString(e.key) {
					shown = "a key" // its value may have slipped in
				}
				d.failKey(e, fmt.Sprintf("%s: %s %s", d.label(n), shown, flaw.reason), flaw.remedy)
			}
			entries = append(entries, entry[V]{e.key, value.read(d, e), Pos{d.file, e.keyLine, e.keyColumn}})
		}
		return entries
	}
	return f
}

// listOf is a list with at least one item. The result has as many items as the
// list, so that they can be put side by side.
func listOf[V any](noun, detail string, item form[V]) form[[]V] {
	f := form[[]V]{noun: noun, detail: detail, keys: under("[]", item.keys)}
	f.schema = object{"type": "array", "items": item.schema, "minItems": 1}
	f.read = func(d *decoder, n *node) []V {
		if n.kind != listNode && !n.isNull() {
			d.fail(n, fmt.Sprintf("%s is %s, not a list", d.label(n), n.shown()), "write "+f.want())
			return nil
		}
		if len(n.entries) == 0 {
			d.fail(n, d.label(n)+" is empty", "write "+f.want())
			return nil
		}
		values := make([]V, len(n.entries))
		for i, e := range n.entries {
			values[i] = item.read(d, e)
		}
		return values
	}
	return f
}

// oneOrMore is an item or a list of them.
func oneOrMore[V any](item form[V]) form[[]V] {
	several := listOf(item.noun, item.detail+", or a list of them", item)
	return form[[]V]{
		noun: several.noun, detail: several.detail,
		schema: object{"anyOf": []any{item.schema, several.schema}}, keys: several.keys,
		read: func(d *decoder, n *node) []V {
			if n.kind == listNode {
				return several.read(d, n)
			}
			return []V{item.read(d, n)}
		},
	}
}

// either is a mapping, or else what the short form takes.
func either[V any](short, long form[V]) form[V] {
	return form[V]{
		noun: short.noun, detail: short.detail + ", or " + long.want(),
		schema: object{"anyOf": []any{short.schema, long.schema}}, keys: long.keys,
		read: func(d *decoder, n *node) V {
			if n.kind == mappingNode {
				return long.read(d, n)
			}
			return short.read(d, n)
		},
	}
}
