package scenario

import (
	"encoding/json"
	"maps"
)

// object is a JSON object of a schema.
type object = map[string]any

// variablePattern finds a variable in a text that the schema can't know.
const variablePattern = `\$\{[A-Za-z_]`

// orVariable is a pattern for the whole of a text, or one with a variable.
func orVariable(pattern string) string { return "^(?:" + pattern + ")$|" + variablePattern }

func reference(definition string) object { return object{"$ref": "#/$defs/" + definition} }

// Schema returns the JSON Schema (2020-12) of scenario files, for editors. It
// comes from the tables that the decoder reads with: it takes what [Parse]
// takes, but knows nothing of what several values mean together.
func Schema() []byte {
	schema := maps.Clone(scenarioForm.schema)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "mfaload scenario"
	schema["$defs"] = object{
		"variable": object{"type": "string", "pattern": variablePattern,
			"description": "A value with ${VAR} or ${VAR:-default} from the environment."},
		"rate": object{"type": "string", "pattern": orVariable(ratePattern),
			"description": "Requests a second, minute or hour: 50/s, 90/min, 0.5/h."},
		"duration": object{"type": "string", "pattern": orVariable(durationPattern),
			"description": "A duration with units: 100ms, 1.5s, 2m, 1h30m, 1d."},
		"share": object{
			"anyOf":       []any{object{"const": 0}, object{"type": "string", "pattern": orVariable(sharePattern)}},
			"description": "A percentage such as 0.1%. Only 0 needs no %."},
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic("scenario: the schema is no JSON: " + err.Error())
	}
	return append(text, '\n')
}

// mappingSchema describes a mapping with these keys.
func mappingSchema[T any](fields []field[T]) object {
	properties, required := object{}, []string{}
	for _, f := range fields {
		property := maps.Clone(f.schema)
		property["description"] = f.doc
		if f.fallback != "" && f.fallback != "{}" {
			property["default"] = plainJSON(f.fallback)
		}
		properties[f.name] = property
		if f.required {
			required = append(required, f.name)
		}
	}
	schema := object{"type": []any{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["type"], schema["required"] = "object", required
	}
	if _, has := properties["latency"]; has {
		schema["patternProperties"] = object{`^[0-9][^ ]*\)$`: object{"type": "null",
			"description": "The second half of a distribution in braces, which YAML takes apart at the comma."}}
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
