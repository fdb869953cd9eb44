// Package schemagen makes the JSON Schema of a document from the Go type that is
// encoded, so that the type is the only description. A member's description is the
// comment on its field, the values of a named string type are its constants, and what
// neither says is in the field's tag, in JSON Schema's own words:
//
//	Users int `json:"users" schema:"minimum=1"`
//	Unit  string `json:"unit" schema:"enum=ms|%"`
//
// A tag of "null" lets a list be null, one of "signed" a number be negative. It reads
// source files, so only tests use it: they compare what it makes with the file that a
// package embeds.
package schemagen

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Document is a JSON document of mfaload.
type Document struct {
	// Root has the document's Go type; its value does not matter.
	Root any
	// ID is the schema's URI; empty for none.
	ID                 string
	Title, Description string
	// Schema is the constant value of the document's own member "schema".
	Schema string
	// Signed lets all fractions be negative; whole numbers need a tag for that.
	Signed bool
}

// Generate returns the JSON Schema, in draft 2020-12. It finds the source of a package
// below the folder of go.mod, from the working directory upwards. A type or a tag that
// it does not know is an error.
func Generate(d Document) ([]byte, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	g := &schemaWriter{document: d, root: root, packages: map[string]*packageSource{},
		defined: map[string]reflect.Type{}}
	t := reflect.TypeOf(d.Root)
	body, err := g.object(t)
	if err != nil {
		return nil, fmt.Errorf("make the schema of %v: %w", t, err)
	}
	head := object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}}
	for _, m := range (object{{"$id", d.ID}, {"title", d.Title}, {"description", d.Description}}) {
		if m.value != "" {
			head = append(head, m)
		}
	}
	all := append(head, body...)
	if len(g.definitions) > 0 {
		all = append(all, member{"$defs", g.definitions})
	}
	return append(lay(all, ""), '\n'), nil
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

type schemaWriter struct {
	document    Document
	root        string // of the module
	packages    map[string]*packageSource
	definitions object
	defined     map[string]reflect.Type
}

func (g *schemaWriter) object(t reflect.Type) (object, error) {
	properties, required, err := g.members(t)
	if err != nil {
		return nil, err
	}
	return object{{"type", "object"}, {"additionalProperties", false}, {"required", required},
		{"properties", properties}}, nil
}

// members describes the fields of a struct, with those of embedded ones in their
// place. Those of an embedded pointer may all be left out.
func (g *schemaWriter) members(t reflect.Type) (properties object, required []string, err error) {
	required = []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			pointer := f.Type.Kind() == reflect.Pointer
			inner := f.Type
			if pointer {
				inner = f.Type.Elem()
			}
			more, needed, err := g.members(inner)
			if err != nil {
				return nil, nil, err
			}
			if properties = append(properties, more...); !pointer {
				required = append(required, needed...)
			}
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			return nil, nil, fmt.Errorf("%v.%s has no name in JSON", t, f.Name)
		}
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if !optional {
			required = append(required, name)
		}
		value, err := g.field(t, f, optional)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		properties = append(properties, member{name, value})
	}
	return properties, required, nil
}

func (g *schemaWriter) field(in reflect.Type, f reflect.StructField, optional bool) (object, error) {
	src, err := g.source(in)
	if err != nil {
		return nil, err
	}
	tag := f.Tag.Get("schema")
	var value object
	switch {
	case g.document.Schema != "" && in == reflect.TypeOf(g.document.Root) && f.Name == "Schema":
		value = object{{"const", g.document.Schema}}
	case strings.HasPrefix(tag, "enum="):
		value = object{{"enum", strings.Split(strings.TrimPrefix(tag, "enum="), "|")}}
	default:
		if value, err = g.value(f.Type, tag == "signed"); err != nil {
			return nil, err
		}
		if err := refine(&value, tag, f.Type.Kind() == reflect.Pointer && !optional); err != nil {
			return nil, err
		}
	}
	if text := src.comments[in.Name()+"."+f.Name]; text != "" {
		value = append(value, member{"description", text})
	}
	return value, nil
}

func refine(value *object, tag string, null bool) error {
	name, limit, valued := strings.Cut(tag, "=")
	switch {
	case tag == "null" || null:
		for i, m := range *value {
			if m.name == "type" {
				(*value)[i].value = []any{m.value, "null"}
				return nil
			}
		}
		return fmt.Errorf("%v can't be null", *value)
	case tag == "" || tag == "signed":
		return nil
	case !valued:
		return fmt.Errorf("the tag %q is unknown", tag)
	}
	for i, m := range *value {
		if m.name == name {
			(*value)[i].value = json.Number(limit)
			return nil
		}
	}
	*value = append(*value, member{name, json.Number(limit)})
	return nil
}

// value describes what a Go type is encoded as. Structs are definitions, which are
// named like their type.
func (g *schemaWriter) value(t reflect.Type, signed bool) (object, error) {
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem(), signed)
	case reflect.Bool:
		return object{{"type", "boolean"}}, nil
	case reflect.String:
		return g.text(t)
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return number("integer", signed), nil
	case reflect.Float64:
		return number("number", signed || g.document.Signed), nil
	case reflect.Slice:
		items, err := g.value(t.Elem(), signed)
		return object{{"type", "array"}, {"items", items}}, err
	case reflect.Map:
		values, err := g.value(t.Elem(), signed)
		return object{{"type", "object"}, {"additionalProperties", values}}, err
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return object{{"type", "string"}, {"format", "date-time"}}, nil
		}
		return g.reference(t)
	}
	return nil, fmt.Errorf("%v is no type of a document", t)
}

func number(name string, signed bool) object {
	if signed {
		return object{{"type", name}}
	}
	return object{{"type", name}, {"minimum", 0}}
}

func (g *schemaWriter) text(t reflect.Type) (object, error) {
	if t.PkgPath() == "" {
		return object{{"type", "string"}}, nil
	}
	src, err := g.source(t)
	if err != nil {
		return nil, err
	}
	return object{{"enum", src.constants[t.Name()]}}, nil
}

func (g *schemaWriter) reference(t reflect.Type) (object, error) {
	name := strings.ToLower(t.Name()[:1]) + t.Name()[1:]
	switch known := g.defined[name]; known {
	case nil:
		g.defined[name] = t
		body, err := g.object(t)
		if err != nil {
			return nil, err
		}
		g.definitions = append(g.definitions, member{name, body})
	case t:
	default:
		return nil, fmt.Errorf("%v and %v have one name: give one another", known, t)
	}
	return object{{"$ref", "#/$defs/" + name}}, nil
}

type packageSource struct {
	comments  map[string]string   // on fields, by "Type.Field"
	constants map[string][]string // of named string types, in their order
}

func (g *schemaWriter) source(t reflect.Type) (*packageSource, error) {
	path := t.PkgPath()
	if known := g.packages[path]; known != nil {
		return known, nil
	}
	_, folder, _ := strings.Cut(path, "/")
	files, err := filepath.Glob(filepath.Join(g.root, filepath.FromSlash(folder), "*.go"))
	if err != nil {
		return nil, err
	}
	s := &packageSource{comments: map[string]string{}, constants: map[string][]string{}}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if d, is := d.(*ast.GenDecl); is {
				s.declared(d)
			}
		}
	}
	g.packages[path] = s
	return s, nil
}

func (s *packageSource) declared(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			of, typed := spec.Type.(*ast.Ident)
			if d.Tok != token.CONST || !typed {
				continue
			}
			for _, value := range spec.Values {
				if literal, is := value.(*ast.BasicLit); is && literal.Kind == token.STRING {
					text := constant.StringVal(constant.MakeFromLiteral(literal.Value, token.STRING, 0))
					s.constants[of.Name] = append(s.constants[of.Name], text)
				}
			}
		case *ast.TypeSpec:
			of, is := spec.Type.(*ast.StructType)
			if !is {
				continue
			}
			for _, f := range of.Fields.List {
				for _, name := range f.Names {
					s.comments[spec.Name.Name+"."+name.Name] = sentence(f.Doc.Text())
				}
			}
		}
	}
}

var link = regexp.MustCompile(`\[([\w.]+)\]`)

// sentence writes a comment on one line, without links.
func sentence(comment string) string {
	return link.ReplaceAllString(strings.Join(strings.Fields(comment), " "), "$1")
}

func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", fmt.Errorf("find the module's source: no go.mod above the working directory")
		}
		folder = above
	}
}

// lineWidth is how wide a line of a schema may be; what fits is on one.
const lineWidth = 110

// lay writes a value on one line where it fits, and a member a line otherwise.
func lay(value any, indent string) []byte {
	short := compact(value)
	o, is := value.(object)
	if len(indent)+len(short) <= lineWidth || !is {
		return short
	}
	out := []byte("{\n")
	for i, m := range o {
		out = fmt.Appendf(out, "%s  %s: %s", indent, compact(m.name), lay(m.value, indent+"  "))
		if i < len(o)-1 {
			out = append(out, ',')
		}
		out = append(out, '\n')
	}
	return append(out, indent+"}"...)
}

func compact(value any) []byte {
	if list, is := value.([]string); is {
		quoted := make([]string, len(list))
		for i, text := range list {
			quoted[i] = string(compact(text))
		}
		return []byte("[" + strings.Join(quoted, ", ") + "]")
	}
	o, is := value.(object)
	if !is {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(value); err != nil {
			panic("schemagen: " + err.Error()) // texts, numbers and lists of them always encode
		}
		return []byte(strings.TrimSpace(b.String()))
	}
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = fmt.Appendf(out, "%s: %s", compact(m.name), compact(m.value))
	}
	return append(out, '}')
}
