package compare

import _ "embed"

//go:embed compare.schema.json
var compareSchema []byte

//go:embed history.schema.json
var historySchema []byte

// JSONSchema returns the JSON Schema of a [Comparison].
func JSONSchema() []byte { return compareSchema }

// HistoryJSONSchema returns the JSON Schema of a [History].
func HistoryJSONSchema() []byte { return historySchema }
