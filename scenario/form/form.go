// Package form reads YAML files by tables of their keys. A [Form] is one way to write
// a value: the decoder, the messages about what is wrong, the defaults, the JSON
// Schema for editors and the page that lists the keys all come from it. The package
// knows no key of its own; a [Policy] tells it which values are secret or personal.
package form

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Form is one way to write a V, for the decoder and for the editors' schema.
type Form[V any] struct {
	// noun and detail say what to write: "a duration" and "such as 10s".
	Noun, Detail string
	// read returns the value. It notes what is wrong and then returns
	// something of no use, mostly the zero value.
	Read   func(*Decoder, *Node) V
	Schema SchemaObject
	// keys are those within it, for the page that describes them.
	keys []KeyDoc
}

func (f Form[V]) Want() string { return strings.TrimSpace(f.Noun + " " + f.Detail) }

// Field is one key of a mapping that becomes a struct.
type Field struct {
	name, doc  string
	isRequired bool
	// fallback is what counts if the key is left out, as the file would have
	// it; "{}" is an empty mapping and "" nothing.
	fallback string
	want     string
	schema   SchemaObject
	keys     []KeyDoc // within its value
	// member is the struct's field that takes the value, in any case of letters, and value
	// its type. Both are empty where read needs no such field.
	member string
	value  reflect.Type
	read   func(d *Decoder, n *Node, into any, member string)
}

// Key is a key whose value has a form and goes to the struct's field of that name, or to what a
// pointer there leads to.
func Key[V any](name string, f Form[V], doc string) Field {
	return Field{name: name, doc: doc, want: f.Want(), schema: f.Schema, keys: f.keys, member: name,
		value: reflect.TypeFor[V](), read: func(d *Decoder, n *Node, into any, member string) {
			v := f.Read(d, n)
			field := reflect.ValueOf(into).Elem().FieldByNameFunc(isNamed(member))
			if field.Kind() == reflect.Pointer {
				field.Set(reflect.ValueOf(&v))
				return
			}
			field.Set(reflect.ValueOf(v))
		}}
}

func isNamed(member string) func(string) bool {
	return func(name string) bool { return strings.EqualFold(name, member) }
}

// Set is a key whose value goes where set puts it.
func Set[T, V any](name string, f Form[V], set func(*T, V), doc string) Field {
	return Field{name: name, doc: doc, want: f.Want(), schema: f.Schema, keys: f.keys,
		read: func(d *Decoder, n *Node, into any, _ string) { set(into.(*T), f.Read(d, n)) }}
}

// Into returns the key as one whose value goes to a field of another name.
func (f Field) Into(member string) Field { f.member = member; return f }

// Required returns the key as one that can't be left out.
func (f Field) Required() Field { f.isRequired = true; return f }

// Default returns the key with a default.
func (f Field) Default(fallback string) Field { f.fallback = fallback; return f }

// Within makes keys of a part keys of the whole.
func Within[T, U any](part func(*T) *U, fields []Field) []Field {
	checkMembers[U](fields)
	lifted := slices.Clone(fields)
	for i, f := range fields {
		lifted[i].member, lifted[i].value = "", nil
		lifted[i].read = func(d *Decoder, n *Node, into any, _ string) {
			f.read(d, n, part(into.(*T)), f.member)
		}
	}
	return lifted
}

// checkMembers panics where a key has no field to go to: when the program starts, not when a
// file has that key.
func checkMembers[T any](fields []Field) {
	for _, f := range fields {
		if f.member == "" {
			continue
		}
		into, ok := reflect.TypeFor[T]().FieldByNameFunc(isNamed(f.member))
		if !ok || !into.IsExported() || into.Type != f.value && into.Type != reflect.PointerTo(f.value) {
			panic(fmt.Sprintf("form: %v has no field for the %v of key %s", reflect.TypeFor[T](), f.value,
				f.name))
		}
	}
}

// Mapping is a mapping with these keys, read in the file's order and then the
// defaults. The check, where there is one, looks at the whole.
func Mapping[T any](check func(*Decoder, *Node, *T), fields []Field) Form[T] {
	checkMembers[T](fields)
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

func readEntry(d *Decoder, e *Node, fields []Field, names []string, into any) {
	for _, f := range fields {
		if f.name != e.Key {
			continue
		}
		f.read(d, e, into, f.member)
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

func readMissing(d *Decoder, n *Node, f Field, into any) {
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
	f.read(d, e, into, f.member)
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
			at := Pos{cmp.Or(e.origin, d.File), e.keyLine, e.keyColumn}
			entries = append(entries, Entry[V]{e.Key, value.Read(d, e), at})
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
			return Placed[V]{f.Read(d, n), n.Pos(d)}
		}}
}
