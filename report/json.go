package report

import (
	"bytes"
	"encoding/json"
)

// JSON returns the report as report.json holds it.
func (r *Report) JSON() ([]byte, error) { return Encode(r) }

// Encode returns a value as files of results hold it: JSON that people can read.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
