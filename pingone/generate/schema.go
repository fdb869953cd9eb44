package generate

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"mfaload/internal/yamldoc"
)

// Schema is what a contract document says about an operation's requests, and which responses it
// documents.
type Schema struct {
	Body *Value
	// Codes are the error codes that are documented, by HTTP status, and Statuses those of a
	// transaction.
	Codes    map[string][]string
	Statuses []string
}

// Value is the schema of one value. A keyword that is not there is nil, empty or false.
type Value struct {
	Types      []string
	Names      []string // of Properties, in the document's order
	Properties map[string]*Value
	Required   []string
	Enum       []string // texts of strings
	Pattern    *regexp.Regexp
	Format     string
	MinLength  int
	MaxLength  int // 0 for none
	// AnyOf are further demands, of which one holds.
	AnyOf []*Value
	// Examples are texts of JSON values.
	Examples []string
	// Refers says that the value names something of the environment: one that is made up may be
	// refused. Inferred says that no documentation promises that a wrong form is refused, Personal
	// that no response shows the value in full, Quiet that with true no message is sent, and Owned
	// that it belongs to the request's user.
	Refers, Inferred, Personal, Quiet, Owned bool
}

const (
	maxSchemaDepth = 16
	maxValues      = 2000
)

// ReadSchema reads the request's schema of a contract document that compiles. Its error says what
// of the schema the generator can't use, and where it is.
func ReadSchema(document []byte) (*Schema, error) {
	node, err := yamldoc.Next(yaml.NewDecoder(bytes.NewReader(yamldoc.Plain(document))))
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	r := &schemaReader{root: node.Content[0]}
	body := r.requestBody()
	if body == nil {
		return nil, fmt.Errorf("the contract describes no requestBody of type application/json: add one, " +
			"or check without --generate")
	}
	s := &Schema{Body: r.value(body, 0), Codes: map[string][]string{}}
	r.documented(s)
	return s, r.err
}

type schemaReader struct {
	root   *yaml.Node
	values int
	err    error
}

func (r *schemaReader) fail(n *yaml.Node, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("the contract, line %d: "+format, append([]any{n.Line}, args...)...)
	}
}

func get(n *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		var found *yaml.Node
		for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				found = n.Content[i+1]
			}
		}
		n = found
	}
	return n
}

func (r *schemaReader) requestBody() *yaml.Node {
	paths := get(r.root, "paths")
	for i := 1; paths != nil && i < len(paths.Content); i += 2 {
		body := get(paths.Content[i], "post", "requestBody", "content", "application/json", "schema")
		if body != nil {
			return body
		}
	}
	return nil
}

// documented reads which codes and statuses the rules call known.
func (r *schemaReader) documented(s *Schema) {
	rules := get(r.root, "x-rules")
	if rules == nil {
		return
	}
	for _, rule := range rules.Content {
		known, at := get(rule, "known"), get(rule, "at")
		if known == nil || at == nil {
			continue
		}
		switch {
		case at.Value == "/status" && known.Kind == yaml.SequenceNode:
			s.Statuses = texts(known)
		case at.Value == "/code" && known.Kind == yaml.MappingNode:
			for i := 0; i+1 < len(known.Content); i += 2 {
				s.Codes[known.Content[i].Value] = texts(known.Content[i+1])
			}
		}
	}
}

func texts(n *yaml.Node) (list []string) {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	for _, item := range n.Content {
		list = append(list, item.Value)
	}
	return list
}

const schemaPrefix = "#/components/schemas/"

func (r *schemaReader) value(n *yaml.Node, depth int) *Value {
	v := &Value{}
	r.add(v, n, depth)
	return v
}

// add adds a schema object's keywords, and those of what it refers to.
func (r *schemaReader) add(v *Value, n *yaml.Node, depth int) {
	if r.values++; depth > maxSchemaDepth || r.values > maxValues {
		r.fail(n, "the request's schema is nested deeper than %d or has more than %d parts: flatten it",
			maxSchemaDepth, maxValues)
		return
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		r.keyword(v, n.Content[i].Value, n.Content[i+1], depth)
	}
}

func (r *schemaReader) keyword(v *Value, key string, n *yaml.Node, depth int) {
	switch key {
	case "$ref":
		name, local := strings.CutPrefix(n.Value, schemaPrefix)
		target := get(r.root, "components", "schemas", name)
		if !local || target == nil {
			r.fail(n, "$ref %q leads nowhere: write %sNAME", n.Value, schemaPrefix)
			return
		}
		r.add(v, target, depth+1)
	case "allOf":
		for _, part := range n.Content {
			r.add(v, part, depth+1)
		}
	case "anyOf", "oneOf":
		for _, part := range n.Content {
			v.AnyOf = append(v.AnyOf, r.value(part, depth+1))
		}
	case "type":
		v.Types = texts(n)
	case "required":
		v.Required = append(v.Required, texts(n)...)
	case "enum":
		v.Enum = texts(n)
	case "const":
		v.Enum = []string{n.Value}
	case "pattern":
		pattern, err := regexp.Compile(n.Value)
		if err != nil {
			r.fail(n, "%v: change the pattern", err)
		}
		v.Pattern = pattern
	case "format":
		v.Format = n.Value
	case "minLength", "maxLength":
		r.length(v, key, n)
	case "examples":
		for _, example := range n.Content {
			v.Examples = append(v.Examples, quote(example.Value))
		}
	case "x-refers":
		v.Refers = n.Value == "true"
	case "x-inferred":
		v.Inferred = n.Value == "true"
	case "x-personal":
		v.Personal = n.Value == "true"
	case "x-owned":
		v.Owned = n.Value == "true"
	case "x-quiet":
		v.Quiet = n.Value == "true"
	case "properties":
		r.properties(v, n, depth)
	default:
		if !strings.HasPrefix(key, "x-") && !slices.Contains(silent, key) {
			r.fail(n, "requests can't be generated for the keyword %q: remove it from the request's schema",
				key)
		}
	}
}

// silent are keywords that demand nothing of a value.
var silent = []string{"title", "description", "$comment", "deprecated", "readOnly", "writeOnly", "default",
	"example", "externalDocs"}

func (r *schemaReader) length(v *Value, key string, n *yaml.Node) {
	length, err := strconv.Atoi(n.Value)
	if err != nil || length < 0 || length > 1<<20 {
		r.fail(n, "%s is no length up to %d: write one", key, 1<<20)
		return
	}
	if key == "minLength" {
		v.MinLength = length
		return
	}
	v.MaxLength = length
}

func (r *schemaReader) properties(v *Value, n *yaml.Node, depth int) {
	if v.Properties == nil {
		v.Properties = map[string]*Value{}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if _, known := v.Properties[name]; !known {
			v.Names = append(v.Names, name)
			v.Properties[name] = &Value{}
		}
		r.add(v.Properties[name], n.Content[i+1], depth+1)
	}
}

func (v *Value) is(kind string) bool { return slices.Contains(v.Types, kind) }

// walk visits the schema and all that it describes, with the path of member names to each.
func (v *Value) walk(path []string, visit func(path []string, v *Value)) {
	visit(path, v)
	for _, name := range v.Names {
		v.Properties[name].walk(append(slices.Clone(path), name), visit)
	}
}

// find is the schema of the value at a path of member names; one that demands nothing if there is none.
func (v *Value) find(path ...string) *Value {
	for _, name := range path {
		if v = v.Properties[name]; v == nil {
			return &Value{}
		}
	}
	return v
}

// needed are the members that the value has to have with one of its branches: those of every
// value, and those of the branch.
func (v *Value) needed(branch *Value) []string {
	if branch == nil {
		return v.Required
	}
	return append(slices.Clone(v.Required), branch.Required...)
}

// documentedStatuses are the HTTP statuses of errors, in order.
func (s *Schema) documentedStatuses() []string { return slices.Sorted(maps.Keys(s.Codes)) }
