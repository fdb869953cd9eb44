package report

import _ "embed"

//go:embed report.schema.json
var schema []byte

// JSONSchema returns the JSON Schema of report.json.
func JSONSchema() []byte { return schema }
