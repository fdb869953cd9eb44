package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	texts "mfaload/internal/text"
	"mfaload/internal/yamldoc"
)

// Limits of a document, so that no text takes long to compile.
const (
	maxDocument      = 1 << 20 // bytes
	maxDocumentDepth = 64      // nested lists and mappings
	maxProblems      = 20      // that an error lists
)

type sourceText struct {
	name     string
	root     *yaml.Node
	problems []documentProblem
}

type documentProblem struct {
	line, column int
	text         string
}

// fail notes a problem. Its text ends in what can be done about it.
func (d *sourceText) fail(n *yaml.Node, format string, args ...any) {
	d.problems = append(d.problems, documentProblem{n.Line, n.Column, fmt.Sprintf(format, args...)})
}

func (d *sourceText) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b documentProblem) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return a.column - b.column
	})
	var lines []string
	for _, p := range d.problems[:min(len(d.problems), maxProblems)] {
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s", d.name, p.line, p.column, p.text))
	}
	if more := len(d.problems) - maxProblems; more > 0 {
		lines = append(lines, fmt.Sprintf("%s: %d more problems: fix these first", d.name, more))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// load reads the text and refuses what has no meaning in JSON.
func load(name string, text []byte) (*sourceText, error) {
	if len(text) > maxDocument {
		return nil, fmt.Errorf("%s: the document has %d bytes: at most %d are allowed", name, len(text),
			maxDocument)
	}
	dec := yaml.NewDecoder(bytes.NewReader(yamldoc.Plain(text)))
	root, err := yamldoc.Next(dec)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, yamlProblem(err))
	}
	if _, err := yamldoc.Next(dec); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: there is more than one YAML document: keep only the first", name)
	}
	d := &sourceText{name: name, root: root.Content[0]}
	d.toJSON(d.root, 0)
	return d, d.err()
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): (.*)`)

// yamlProblem puts the line of the YAML library's message where an editor finds it.
func yamlProblem(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New(" the document is empty: write an OpenAPI 3.1 description")
	}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%s: %s: fix the YAML there", m[1], m[2])
	}
	return fmt.Errorf(" %s: fix the YAML", strings.TrimPrefix(err.Error(), "yaml: "))
}

func (d *sourceText) toJSON(n *yaml.Node, depth int) any {
	if depth > maxDocumentDepth {
		if depth == maxDocumentDepth+1 {
			d.fail(n, "nested deeper than %d: flatten the document", maxDocumentDepth)
		}
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		return d.objectToJSON(n, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			list = append(list, d.toJSON(item, depth+1))
		}
		return list
	case yaml.ScalarNode:
		return d.scalarToJSON(n)
	}
	d.fail(n, "YAML aliases are not supported: repeat the text or use $ref")
	return nil
}

func (d *sourceText) objectToJSON(n *yaml.Node, depth int) any {
	object := make(map[string]any, len(n.Content)/2)
	for key, value := range entries(n) {
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			d.fail(key, "a key must be a plain text: write it as one")
			continue
		}
		if _, twice := object[key.Value]; twice {
			d.fail(key, "%q is a duplicate: remove one", clip(key.Value))
		}
		object[key.Value] = d.toJSON(value, depth+1)
	}
	return object
}

func (d *sourceText) scalarToJSON(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return number(n.Value)
		}
		d.fail(n, "%q is not a number of JSON: write it as digits, or in quotes", clip(n.Value))
		return nil
	}
	d.fail(n, "values of the kind %s are not supported: write a text, a number, true, false or null",
		clip(n.ShortTag()))
	return nil
}

// entries ranges over the keys and values of a mapping; others have none.
func entries(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

func get(n *yaml.Node, key string) *yaml.Node {
	for k, v := range entries(n) {
		if k.Value == key {
			return v
		}
	}
	return nil
}

func keys(n *yaml.Node) (names []string) {
	for k := range entries(n) {
		names = append(names, k.Value)
	}
	return names
}

// member returns a mapping's value, which must be there.
func (d *sourceText) member(n *yaml.Node, key string) *yaml.Node {
	v := get(n, key)
	if v == nil {
		d.fail(n, "%s is missing here: add it", key)
	}
	return v
}

func (d *sourceText) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.Value == "" {
		d.fail(n, "%s must be a text: write one", what)
		return ""
	}
	return n.Value
}

// texts returns a list's texts. A single text counts as a list of one.
func (d *sourceText) texts(n *yaml.Node, what string) []string {
	if n.Kind == yaml.ScalarNode {
		return []string{d.text(n, what)}
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		d.fail(n, "%s must be a text or a list of texts: write [a, b]", what)
		return nil
	}
	var list []string
	for _, item := range n.Content {
		list = append(list, d.text(item, what))
	}
	return list
}

// isTrue demands the value true, the only one that flags have.
func (d *sourceText) isTrue(n *yaml.Node, what string) {
	if n.ShortTag() != "!!bool" || n.Value != "true" {
		d.fail(n, "%s must be true: write true or remove it", what)
	}
}

func suggestion(word string, choices []string) string {
	if len(choices) == 0 {
		return "there is none to choose from"
	}
	if best := texts.Nearest(word, choices, 3); best != "" {
		return fmt.Sprintf("did you mean %q?", clip(best))
	}
	list := strings.Join(choices[:min(len(choices), 40)], ", ")
	if len(list) > 400 {
		list = strings.ToValidUTF8(list[:400], "") + "…"
	}
	return "use one of " + list
}

func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
