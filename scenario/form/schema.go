package form

import (
	"encoding/json"
	"maps"
	"strings"
)

// SchemaObject is a JSON object of a schema.
type SchemaObject = map[string]any

// VariablePattern finds a variable in a text that the schema can't know.
const VariablePattern = `\$\{[A-Za-z_]`

// OrVariable is a pattern for the whole of a text, or one with a variable.
func OrVariable(pattern string) string { return "^(?:" + pattern + ")$|" + VariablePattern }

func Reference(definition string) SchemaObject { return SchemaObject{"$ref": "#/$defs/" + definition} }

// mappingSchema describes a mapping with these keys.
func mappingSchema[T any](fields []Field[T]) SchemaObject {
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

// plainJSON is a default as JSON has it.
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
	// Required keys can't be left out. Default is what counts for others; empty
	// is nothing.
	Required bool
	Default  string
	// Doc says what the key is for.
	Doc string
	// Mapping says that the value has keys of its own.
	Mapping bool
}

// keysOf are the keys of a mapping, each before those within it.
func keysOf[T any](fields []Field[T]) (keys []KeyDoc) {
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

// under are keys seen from further up.
func under(path string, keys []KeyDoc) []KeyDoc {
	seen := make([]KeyDoc, len(keys))
	for i, k := range keys {
		k.Path = path + k.Path
		seen[i] = k
	}
	return seen
}

// Docs are the keys within a form, each before those within it, by their paths
// from the top.
func (f Form[V]) Docs() []KeyDoc {
	keys := under("", f.keys)
	for i := range keys {
		keys[i].Path = strings.TrimPrefix(keys[i].Path, ".")
	}
	return keys
}
