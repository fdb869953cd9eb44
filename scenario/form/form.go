// Package form reads YAML files by tables of their keys. A [Form] is one way to write
// a value: the decoder, the messages about what is wrong, the defaults, the JSON
// Schema for editors and the page that lists the keys all come from it. The package
// knows no key of its own; a [Policy] tells it which values are secret or personal.
package form

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Form is one way to write a V. The decoder and the schema for editors both
// come from it.
type Form[V any] struct {
	// noun and detail say what to write, for example "a duration" and "such as
	// 10s".
	Noun, Detail string
	// read returns the value. It notes what is wrong and then returns
	// something of no use, mostly the zero value.
	Read   func(*Decoder, *Node) V
	Schema SchemaObject
	// keys are those within it, for the page that describes them.
	keys []KeyDoc
}

func (f Form[V]) Want() string { return strings.TrimSpace(f.Noun + " " + f.Detail) }

// Field is one key of a mapping that becomes a T.
type Field[T any] struct {
	name, doc  string
	isRequired bool
	// fallback is what counts if the key is left out, as the file would have
	// it; "{}" is an empty mapping and "" nothing.
	fallback string
	want     string
	schema   SchemaObject
	read     func(*Decoder, *Node, *T)
	keys     []KeyDoc // within its value
}

// Key is a key whose value has a form and goes where set puts it.
func Key[T, V any](name string, f Form[V], set func(*T, V), doc string) Field[T] {
	return Field[T]{name: name, doc: doc, want: f.Want(), schema: f.Schema, keys: f.keys,
		read: func(d *Decoder, n *Node, into *T) { set(into, f.Read(d, n)) }}
}

// Required returns the key as one that can't be left out.
func (f Field[T]) Required() Field[T] { f.isRequired = true; return f }

// Default returns the key with a default.
func (f Field[T]) Default(fallback string) Field[T] { f.fallback = fallback; return f }

// Within makes keys of a part keys of the whole.
func Within[T, U any](part func(*T) *U, fields []Field[U]) []Field[T] {
	lifted := make([]Field[T], len(fields))
	for i, f := range fields {
		lifted[i] = Field[T]{f.name, f.doc, f.isRequired, f.fallback, f.want, f.schema,
			func(d *Decoder, n *Node, into *T) { f.read(d, n, part(into)) }, f.keys}
	}
	return lifted
}

// Mapping is a mapping with these keys, read in the file's order and then the
// defaults. The check, where there is one, looks at the whole.
func Mapping[T any](check func(*Decoder, *Node, *T), fields []Field[T]) Form[T] {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	f := Form[T]{Noun: "a mapping", Detail: "of " + strings.Join(names, ", "), Schema: mappingSchema(fields),
		keys: keysOf(fields)}
	f.Read = func(d *Decoder, n *Node) (v T) {
		if !d.isMapping(n, f.Want()) {
			return v
		}
		n.joinCalls()
		n.names = names
		for _, e := range n.Entries {
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

// OneWay says in the schema that exactly one of some sets of keys is needed.
func (f Form[V]) OneWay(ways ...[]any) Form[V] {
	choices := make([]any, len(ways))
	for i, keys := range ways {
		choices[i] = SchemaObject{"required": keys}
	}
	f.Schema["type"], f.Schema["oneOf"] = "object", choices
	return f
}

// Described is a form with another detail, where the list of its keys is long.
func Described[V any](detail string, f Form[V]) Form[V] { f.Detail = detail; return f }

func readEntry[T any](d *Decoder, e *Node, fields []Field[T], names []string, into *T) {
	for _, f := range fields {
		if f.name != e.Key {
			continue
		}
		f.read(d, e, into)
		return
	}
	remedy, meant := "", ""
	if !d.full() {
		remedy, meant = Suggestion(e.Key, names)
		switch seen := strings.TrimFunc(e.Key,
			func(r rune) bool { return r > unicode.MaxASCII && !unicode.IsLetter(r) }); {
		case foreignDash.MatchString(e.Key):
			remedy = dashRemedy
		case seen != e.Key:
			remedy = "remove the space or invisible character of a browser or word processor next to it; " +
				"indent with plain spaces"
			if slices.Contains(names, seen) {
				meant = seen
			}
		}
	}
	where := ""
	if e.Parent.Parent != nil {
		where = " in " + d.Label(e.Parent)
	}
	shown := fmt.Sprintf("%q", Clip(e.Key))
	if e.Parent.secret && meant == "" {
		shown = "***" // what looks like no key may be the secret
	}
	d.FailKey(e, "unknown key "+shown+where, remedy)
	if meant != "" {
		e.Parent.excused = append(e.Parent.excused, meant)
	}
}

func readMissing[T any](d *Decoder, n *Node, f Field[T], into *T) {
	if n.Get(f.name) != nil {
		return
	}
	if f.isRequired {
		d.Missing(n, f.name, f.want)
	}
	if f.fallback == "" {
		return
	}
	e := &Node{Parent: n, Key: f.name, Line: n.Line, Column: n.Column, Text: f.fallback}
	if f.fallback == "{}" {
		e.kind = mappingNode
	}
	n.defaults = append(n.defaults, e)
	f.read(d, e, into)
}

// isMapping says whether a value is a mapping. One with nothing in it, as when
// all its keys are commented out, is an empty mapping.
func (d *Decoder) isMapping(n *Node, want string) bool {
	if n.kind == mappingNode {
		return true
	}
	if n.isNull() {
		n.kind = mappingNode
		return true
	}
	shown := n.Shown()
	if n.Parent == nil && n.kind == scalarNode {
		shown = "plain text" // of another file, which may be one of passwords
	}
	d.Fail(n, fmt.Sprintf("%s is %s, not a mapping", d.Label(n), shown), "write "+want)
	return false
}

// Entry is one key of a mapping whose keys the user chooses.
type Entry[V any] struct {
	Name  string
	Value V
	Pos   Pos // of the key
}

// Dictionary is a mapping whose keys the user chooses, in the file's order.
// The pattern is what checkKey takes; "" is any key.
func Dictionary[V any](noun, detail, pattern string, checkKey func(string) *Flaw,
	value Form[V]) Form[[]Entry[V]] {
	f := Form[[]Entry[V]]{Noun: noun, Detail: detail, keys: under(".*", value.keys)}
	f.Schema = SchemaObject{"type": []any{"object", "null"}, "additionalProperties": value.Schema}
	if pattern != "" {
		f.Schema["additionalProperties"], f.Schema["patternProperties"] = false,
			SchemaObject{pattern: value.Schema}
	}
	known := regexp.MustCompile(pattern)
	f.Read = func(d *Decoder, n *Node) (entries []Entry[V]) {
		if !d.isMapping(n, f.Want()) {
			return nil
		}
		for _, e := range n.Entries {
			if flaw := checkKey(e.Key); flaw != nil {
				shown := fmt.Sprintf("%q", Clip(e.Key))
				if e.secret && (pattern == "" || !known.MatchString(e.Key)) {
					shown = "a key" // its value may have slipped in
				}
				d.FailKey(e, fmt.Sprintf("%s: %s %s", d.Label(n), shown, flaw.Reason), flaw.Remedy)
			}
			entries = append(entries, Entry[V]{e.Key, value.Read(d, e), Pos{d.File, e.keyLine, e.keyColumn}})
		}
		return entries
	}
	return f
}

// ListOf is a list with at least one item. The result has as many items as the
// list, so that they can be put side by side.
func ListOf[V any](noun, detail string, item Form[V]) Form[[]V] {
	f := Form[[]V]{Noun: noun, Detail: detail, keys: under("[]", item.keys)}
	f.Schema = SchemaObject{"type": "array", "items": item.Schema, "minItems": 1}
	f.Read = func(d *Decoder, n *Node) []V {
		if n.kind != listNode && !n.isNull() {
			d.Fail(n, fmt.Sprintf("%s is %s, not a list", d.Label(n), n.Shown()), "write "+f.Want())
			return nil
		}
		if len(n.Entries) == 0 {
			d.Fail(n, d.Label(n)+" is empty", "write "+f.Want())
			return nil
		}
		values := make([]V, len(n.Entries))
		for i, e := range n.Entries {
			values[i] = item.Read(d, e)
		}
		return values
	}
	return f
}

// OneOrMore is an item or a list of them.
func OneOrMore[V any](item Form[V]) Form[[]V] {
	several := ListOf(item.Noun, item.Detail+", or a list of them", item)
	return Form[[]V]{
		Noun: several.Noun, Detail: several.Detail,
		Schema: SchemaObject{"anyOf": []any{item.Schema, several.Schema}}, keys: several.keys,
		Read: func(d *Decoder, n *Node) []V {
			if n.kind == listNode {
				return several.Read(d, n)
			}
			return []V{item.Read(d, n)}
		},
	}
}

// Either is a mapping, or else what the short form takes.
func Either[V any](short, long Form[V]) Form[V] {
	return Form[V]{
		Noun: short.Noun, Detail: short.Detail + ", or " + long.Want(),
		Schema: SchemaObject{"anyOf": []any{short.Schema, long.Schema}}, keys: long.keys,
		Read: func(d *Decoder, n *Node) V {
			if n.kind == mappingNode {
				return long.Read(d, n)
			}
			return short.Read(d, n)
		},
	}
}

// AnyObject is any mapping, as encoding/json has it.
var AnyObject = func() Form[SchemaObject] {
	f := Form[SchemaObject]{Noun: "a mapping", Schema: SchemaObject{"type": []any{"object", "null"}}}
	f.Read = func(d *Decoder, n *Node) SchemaObject {
		if !d.isMapping(n, f.Want()) {
			return nil
		}
		m, _ := d.json(n).(SchemaObject)
		return m
	}
	return f
}()

// Convert is a form whose values become others.
func Convert[V, W any](f Form[V], to func(V) W) Form[W] {
	return Form[W]{Noun: f.Noun, Detail: f.Detail, Schema: f.Schema, keys: f.keys,
		Read: func(d *Decoder, n *Node) W { return to(f.Read(d, n)) }}
}

// Placed is a value with its place.
type Placed[V any] struct {
	Value V
	Pos   Pos
}

// WithPlace is a form whose values keep their places.
func WithPlace[V any](f Form[V]) Form[Placed[V]] {
	return Form[Placed[V]]{Noun: f.Noun, Detail: f.Detail, Schema: f.Schema, keys: f.keys,
		Read: func(d *Decoder, n *Node) Placed[V] {
			return Placed[V]{f.Read(d, n), Pos{d.File, n.Line, n.Column}}
		}}
}
