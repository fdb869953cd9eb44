package scenario

import "encoding/json"

// Schema returns the JSON Schema (2020-12) of scenario files, for editors. It is
// made from the tables that decode them.
func Schema() []byte {
	b := newBuilder(&decoder{})
	schema := object(b.fileKeys())
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = "urn:mfaload:scenario:v1"
	schema["title"] = "A scenario of mfaload"
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic("scenario: the schema's tables hold a value that is no JSON: " + err.Error())
	}
	return append(data, '\n')
}

// object is the schema of a mapping by a table of keys.
func object(keys []key) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, k := range keys {
		property := map[string]any{"description": k.doc}
		for name, value := range k.schema {
			property[name] = value
		}
		properties[k.name] = property
		if k.required {
			required = append(required, k.name)
		}
	}
	schema := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func array(items map[string]any, least int) map[string]any {
	schema := map[string]any{"type": "array", "items": items}
	if least > 0 {
		schema["minItems"] = least
	}
	return schema
}

func orNull(schema map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{schema, map[string]any{"type": "null"}}}
}

func orList(item map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{item, array(item, 1)}}
}

// variable is a text whose value the environment gives.
var variable = map[string]any{"type": "string", "pattern": `\$\{`}

func orVariable(schema map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{schema, variable}}
}

func pattern(p string) map[string]any {
	return orVariable(map[string]any{"type": "string", "pattern": p})
}

func anyText() map[string]any     { return map[string]any{"type": []string{"string", "number", "boolean"}} }
func namePattern() map[string]any { return pattern(namePatternText) }
func idPattern() map[string]any   { return pattern(idPatternText) }
func codePattern() map[string]any { return pattern(codePatternText) }
func rateOf() map[string]any      { return pattern(`^[0-9.]+ */ *(s|m|min|h)$`) }

func durationOf(standard string) map[string]any {
	return withDefault(pattern(`^(0|([0-9.]+(ns|us|µs|ms|s|m|h|d))+)$`), standard)
}

func shareOf(standard string) map[string]any {
	return withDefault(map[string]any{"anyOf": []any{
		map[string]any{"type": "string", "pattern": `^[0-9.]+ *%?$`},
		map[string]any{"type": "number", "minimum": 0, "maximum": 1}, variable,
	}}, standard)
}

func withDefault(schema map[string]any, standard string) map[string]any {
	if standard != "" {
		schema["default"] = standard
	}
	return schema
}

func whole(least, most, standard int) map[string]any {
	schema := orVariable(map[string]any{"type": "integer", "minimum": least, "maximum": most})
	if standard != 0 {
		schema["default"] = standard
	}
	return schema
}

func seedNumber() map[string]any {
	return withNumber(orVariable(map[string]any{"type": "integer", "minimum": 0}), 1)
}

func withNumber(schema map[string]any, standard int) map[string]any {
	schema["default"] = standard
	return schema
}

func boolean(standard bool) map[string]any {
	schema := orVariable(map[string]any{"type": "boolean"})
	schema["default"] = standard
	return schema
}

func oneOf(words ...string) map[string]any {
	return orVariable(map[string]any{"enum": words})
}

func statistics() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": false,
		"patternProperties": map[string]any{statForm.String(): durationOf("")}}
}
