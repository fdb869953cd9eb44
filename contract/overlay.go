package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"mfaload/internal/yamldoc"
)

// Overlay changes a document by a JSON Merge Patch (RFC 7396), which may be
// written in YAML: members are added or replaced, null removes one, lists are
// replaced as a whole.
func Overlay(document, patch []byte) ([]byte, error) {
	base, err := readPlain(document)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	change, err := readPlain(patch)
	if err != nil {
		return nil, fmt.Errorf("read the overlay: %w", err)
	}
	if _, mapping := change.(map[string]any); !mapping {
		return nil, errors.New("the overlay is not a mapping: write the members that it changes")
	}
	if base == nil {
		return nil, errors.New("the contract is empty: write an OpenAPI document")
	}
	var merged bytes.Buffer
	err = writeMerged(&merged, base, change)
	return merged.Bytes(), err
}

// writeMerged writes what a merge patch makes of a value: members that it had,
// then those that the patch adds, each in order.
func writeMerged(to *bytes.Buffer, base, patch any) error {
	changes, ok := patch.(map[string]any)
	if !ok {
		return writeJSON(to, patch)
	}
	object, _ := base.(map[string]any)
	names := slices.Sorted(maps.Keys(object))
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if _, has := object[name]; !has {
			names = append(names, name)
		}
	}
	separator := byte('{')
	for _, name := range names {
		change, changed := changes[name]
		if changed && change == nil {
			continue
		}
		to.WriteByte(separator)
		separator = ','
		if err := writeJSON(to, name); err != nil {
			return err
		}
		to.WriteByte(':')
		value := writeJSON
		if changed {
			value = func(to *bytes.Buffer, base any) error { return writeMerged(to, base, change) }
		}
		if err := value(to, object[name]); err != nil {
			return err
		}
	}
	if separator == '{' {
		to.WriteByte('{')
	}
	return to.WriteByte('}')
}

func writeJSON(to *bytes.Buffer, v any) error {
	text, err := json.Marshal(v)
	to.Write(text)
	return err
}

// asJSON converts YAML without aliases, so that no text multiplies.
func asJSON(text []byte) ([]byte, error) {
	v, err := readPlain(text)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func readPlain(text []byte) (any, error) {
	root, err := yamldoc.Next(yaml.NewDecoder(bytes.NewReader(yamldoc.Plain(text))))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: fix the YAML", err)
	}
	v, err := plainValue(root, 0)
	if err == nil {
		_, err = json.Marshal(v) // YAML has values that JSON lacks
	}
	return v, err
}

func plainValue(n *yaml.Node, depth int) (any, error) {
	switch {
	case depth > maxDepthOfText || n.Kind == yaml.AliasNode:
		return nil, fmt.Errorf("line %d: aliases and deep nesting are not supported: write the value out",
			n.Line)
	case n.Kind == yaml.DocumentNode:
		return plainValue(n.Content[0], depth+1)
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			v, err := plainValue(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case n.Kind == yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := plainValue(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			object[n.Content[i].Value] = v
		}
		return object, nil
	}
	if n.ShortTag() == "!!timestamp" {
		return n.Value, nil
	}
	var v any
	err := n.Decode(&v)
	return v, err
}

// JSONSchema returns the schema of a document's successes as a JSON Schema
// 2020-12 of its own.
func JSONSchema(document []byte) ([]byte, error) {
	text, err := asJSON(document)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Info       struct{ Title string }
		Components struct {
			Schemas   map[string]any
			Responses map[string]struct {
				Content map[string]struct{ Schema any }
			}
		}
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Ref     string `json:"$ref"`
				Content map[string]struct{ Schema any }
			}
		}
	}
	// Other members of a path are no operations, so what does not fit is passed over.
	if err := json.Unmarshal(text, &doc); err != nil && len(doc.Paths) == 0 {
		return nil, err
	}
	for _, methods := range doc.Paths {
		for _, operation := range methods {
			for _, status := range slices.Sorted(maps.Keys(operation.Responses)) {
				response := operation.Responses[status]
				content := response.Content
				if content == nil {
					content = doc.Components.Responses[strings.TrimPrefix(response.Ref,
						responsePrefix)].Content
				}
				for _, media := range content {
					return schemaAlone(doc.Info.Title, media.Schema, doc.Components.Schemas)
				}
			}
		}
	}
	return nil, errors.New("the document has no response with a schema")
}

func schemaAlone(title string, root any, all map[string]any) ([]byte, error) {
	schema := map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title,
		"allOf": []any{root}, "$defs": all}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(strings.ReplaceAll(string(text), `"`+schemaPrefix, `"#/$defs/`)), '\n'), nil
}

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

func (p path) wild() bool { return slices.ContainsFunc(p, func(s step) bool { return s.any }) }

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
