package form

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"

	texts "mfaload/internal/text"
)

// SchemaObject is a JSON object of a schema.
type SchemaObject = map[string]any

// VariablePattern finds a variable in a text that the schema can't know.
const VariablePattern = `\$\{[A-Za-z_]`

// OrVariable is a pattern for the whole of a text, or one with a variable.
func OrVariable(pattern string) string { return "^(?:" + pattern + ")$|" + VariablePattern }

func Reference(definition string) SchemaObject { return SchemaObject{"$ref": "#/$defs/" + definition} }

func mappingSchema(fields []Field) SchemaObject {
	properties, required := SchemaObject{}, []string{}
	for _, f := range fields {
		property := maps.Clone(f.schema)
		property["description"] = f.doc
		if f.fallback != "" && f.fallback != "{}" {
			property["default"] = plainJSON(f.fallback)
		}
		properties[f.name] = property
		if f.isRequired {
			required = append(required, f.name)
		}
	}
	schema := SchemaObject{"type": []any{"object", "null"}, "properties": properties,
		"additionalProperties": false}
	if len(required) > 0 {
		schema["type"], schema["required"] = "object", required
	}
	return schema
}

func plainJSON(text string) any {
	if resolve(text) != isText {
		return json.RawMessage(text)
	}
	return text
}

// KeyDoc is a key of a file, as the page that lists them has it.
type KeyDoc struct {
	// Path leads to it from the top: users[].expect.status, where [] is any item
	// of a list and * any name that the user chooses.
	Path string
	// Want is what to write.
	Want string
	// Required keys can't be left out; Default, if any, is what others count as.
	Required bool
	Default  string
	// Doc says what the key is for.
	Doc string
	// Mapping says that the value has keys of its own.
	Mapping bool
}

// keysOf are the keys of a mapping, each before those within it.
func keysOf(fields []Field) (keys []KeyDoc) {
	for _, f := range fields {
		k := KeyDoc{Path: "." + f.name, Want: f.want, Required: f.isRequired, Default: f.fallback, Doc: f.doc,
			Mapping: len(f.keys) > 0}
		if k.Default == "{}" {
			k.Default = ""
		}
		keys = append(append(keys, k), under(k.Path, f.keys)...)
	}
	return keys
}

func under(path string, keys []KeyDoc) []KeyDoc {
	seen := make([]KeyDoc, len(keys))
	for i, k := range keys {
		k.Path = path + k.Path
		seen[i] = k
	}
	return seen
}

// Docs are the keys within a form, each before those within it, by their paths.
func (f Form[V]) Docs() []KeyDoc {
	keys := under("", f.keys)
	for i := range keys {
		keys[i].Path = strings.TrimPrefix(keys[i].Path, ".")
	}
	return keys
}

const shownItems = 3

// YAML writes a file that was read without a problem as YAML again: its
// variables filled in, its defaults added, the keys in the order of their tables,
// long lists cut, and nothing of what is secret or may be personal.
func (d *Decoder) YAML(root *Node) string {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(d.yaml(root)); err != nil {
		return "" // it is for reading only
	}
	return b.String()
}

func (d *Decoder) yaml(n *Node) *yaml.Node {
	switch n.kind {
	case mappingNode:
		return d.yamlMapping(n)
	case listNode:
		return d.yamlList(n)
	}
	return d.yamlScalar(n)
}

func (d *Decoder) yamlMapping(n *Node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.MappingNode}
	entries := slices.Concat(n.Entries, n.defaults)
	slices.SortStableFunc(entries, func(a, b *Node) int {
		return cmp.Compare(slices.Index(n.names, a.Key), slices.Index(n.names, b.Key))
	})
	for _, e := range entries {
		if slices.Contains(n.defaults, e) &&
			(e.Text == "false" || len(e.Entries)+len(e.defaults) == 0 && e.kind != scalarNode) {
			continue // what is off, or says nothing
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: e.Key}
		value := d.yaml(e)
		if slices.Contains(n.defaults, e) && value.Kind == yaml.ScalarNode {
			value.LineComment = "default"
		}
		y.Content = append(y.Content, key, value)
	}
	if flat := n.Parent != nil && n.Parent.kind == listNode && len(n.defaults) == 0; flat &&
		!slices.ContainsFunc(entries, func(e *Node) bool { return e.kind != scalarNode }) {
		y.Style = yaml.FlowStyle
	}
	return y
}

func (d *Decoder) yamlList(n *Node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.SequenceNode}
	entries, cut := n.Entries, d.policy.IsCut(n) && len(n.Entries) > shownItems+1
	if cut {
		entries = entries[:shownItems]
	}
	length, flat := 0, !cut
	for _, e := range entries {
		item := d.yaml(e)
		y.Content = append(y.Content, item)
		flat, length = flat && item.Kind == yaml.ScalarNode, length+len(item.Value)+2
	}
	if cut {
		y.Content[shownItems-1].LineComment = fmt.Sprintf("%d in all", len(n.Entries))
	}
	if flat && length <= 80 {
		y.Style = yaml.FlowStyle
	}
	return y
}

func (d *Decoder) yamlScalar(n *Node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode}
	switch {
	case d.policy.IsHidden(n):
		y.Tag, y.Value = "!!str", "***"
	case n.isNull():
		y.Tag, y.Value = "!!null", "null"
	default:
		text, _ := d.expand(n)
		y.Value = strings.ReplaceAll(text, "${", "$${")
		if typeOf(n, text) == isText {
			y.Tag = "!!str"
		}
	}
	return y
}

// Forget takes defaults back that mean nothing together with other keys.
func (n *Node) Forget(keys ...string) {
	if n == nil {
		return
	}
	n.defaults = slices.DeleteFunc(n.defaults, func(e *Node) bool { return slices.Contains(keys, e.Key) })
}

// GetOrDefault is the value of a mapping's key, or its default; nil without one.
func (n *Node) GetOrDefault(key string) *Node {
	if e := n.Get(key); e != nil {
		return e
	}
	if i := slices.IndexFunc(n.defaults, func(e *Node) bool { return e.Key == key }); i >= 0 {
		return n.defaults[i]
	}
	return nil
}

var (
	address = regexp.MustCompile(`([^\s@"'<>(),;:=\\/])[^\s@"'<>(),;:=\\/]*@[^\s@"'<>(),;:\\/]+`)
	number  = regexp.MustCompile(`\+\d[\d ().-]{5,}\d`)
	digits  = regexp.MustCompile(`^\s*\d[\d ().-]{5,}\d\s*$`)
)

// HidePeople is a text as messages may show it: of e-mail addresses the first
// letter, and nothing of phone numbers that begin with a +.
func HidePeople(text string) string {
	return number.ReplaceAllString(address.ReplaceAllString(text, "$1***@***"), "***")
}

// HideNumber is HidePeople of a text that stands where a number is rather
// someone's than a quantity: one that is nothing else is hidden too.
func HideNumber(text string) string { return HidePeople(digits.ReplaceAllString(text, "***")) }

// Clip bounds a text that a message repeats.
func Clip(s string) string {
	const most = 80
	s = HidePeople(s)
	for i := range s {
		if i >= most {
			return s[:i] + "…"
		}
	}
	return s
}

// Suggestion says which of the choices a mistyped word stands for, and returns
// that choice; where none is near, it lists them.
func Suggestion(word string, choices []string) (remedy, meant string) {
	if best := Nearest(word, choices); best != "" {
		return fmt.Sprintf("did you mean %q?", Clip(best)), best
	}
	const most = 40
	list := make([]string, 0, most)
	for _, c := range choices[:min(len(choices), most)] {
		list = append(list, Clip(c))
	}
	more := ""
	if len(choices) > most {
		more = ", …"
	}
	return "use one of " + strings.Join(list, ", ") + more, ""
}

// Nearest returns the choice that a mistyped word is nearest to, or "" for none.
func Nearest(word string, choices []string) string { return texts.Nearest(word, choices, 4) }

// jsonDocument reads a file of JSON. The YAML library takes most of it, but not
// the escapes \/ and \ud83d\ude00, which JSON has and YAML 1.1 has not. It
// returns nil for what is not JSON: that is YAML then, and its problems are told as such.
func jsonDocument(data []byte) *yaml.Node {
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return nil
	}
	j := &jsonReader{data: data, line: 1, column: 1,
		// Duplicate names are told with their places.
		d: jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))}
	root := j.value()
	if root == nil {
		return nil
	}
	if rest := bytes.TrimSpace(data[j.last:]); len(rest) > 0 && j.nodes <= maxTokens {
		return nil // something stands behind it
	}
	return root
}

// maxTokens is how many keys and values are read: more have more than maxNodes values.
const maxTokens = 2*maxNodes + 2

type jsonReader struct {
	data         []byte
	d            *jsontext.Decoder
	nodes        int // keys and values
	last         int // the offset at which the last token ended
	at           int // the offset that line and column are of
	line, column int
}

// value reads a value; nil where it is none. What is beyond the limit of values
// is left out: the limit is told later.
func (j *jsonReader) value() *yaml.Node {
	token, err := j.d.ReadToken()
	if err != nil {
		return nil
	}
	begin, end := j.last, int(j.d.InputOffset())
	j.last = end
	n := &yaml.Node{Kind: yaml.ScalarNode}
	kind := token.Kind()
	switch kind {
	case '{', '[':
		n.Style = yaml.FlowStyle
		j.place(n, end-1)
	case '"':
		n.Style, n.Tag, n.Value = yaml.DoubleQuotedStyle, "!!str", token.String()
		// Between two tokens are spaces, ':' and ','.
		j.place(n, begin+bytes.IndexByte(j.data[begin:end], '"'))

	default:
		n.Value = token.String()
		j.place(n, end-len(n.Value))
	}
	j.nodes++
	switch kind {
	case '{':
		n.Kind = yaml.MappingNode
	case '[':
		n.Kind = yaml.SequenceNode
	case '}', ']':
		return nil
	default:
		return n
	}
	for kind := j.d.PeekKind(); kind != '}' && kind != ']'; kind = j.d.PeekKind() {
		if j.nodes > maxTokens {
			return n
		}
		item := j.value()
		if item == nil {
			return nil
		}
		n.Content = append(n.Content, item)
	}
	if _, err := j.d.ReadToken(); err != nil {
		return nil
	}
	j.last = int(j.d.InputOffset())
	return n
}

// place notes where a node is. Offsets only go up.
func (j *jsonReader) place(n *yaml.Node, offset int) {
	for j.at < offset {
		r, size := utf8.DecodeRune(j.data[j.at:])
		j.at += size
		switch {
		case r == '\n':
			j.line, j.column = j.line+1, 1
		case r == '\r' && (j.at >= len(j.data) || j.data[j.at] != '\n'):
			j.line, j.column = j.line+1, 1
		default:
			j.column++
		}
	}
	n.Line, n.Column = j.line, j.column
}
