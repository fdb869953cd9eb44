package report

import (
	"bytes"
	"encoding/json"

	"mfaload/measure"
)

// line is one line of violations.ndjson: one violation.
type line struct {
	// At is the time of the send in seconds since the start of the run.
	At         float64 `json:"at_s"`
	Rule       string  `json:"rule"`
	Pointer    string  `json:"pointer"`
	Level      string  `json:"level"`
	Expected   string  `json:"expected"`
	Got        string  `json:"got"`
	HTTPStatus int     `json:"httpStatus"`
	Example
	Answer *measure.Answer `json:"answer,omitempty"`
}

// NDJSON returns the first violations of each group, the warm-up's included,
// as a JSON text a line.
func NDJSON(m *measure.Measurement) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, g := range m.Violations {
		for _, i := range g.Instances {
			l := line{At: round(i.Example.At.Seconds()), Rule: g.Rule, Pointer: g.Pointer, Level: levelOf(g), Expected: i.Expected, Got: i.Got,
				HTTPStatus: i.Example.Status, Example: example(i.Example), Answer: i.Example.Answer}
			if err := e.Encode(l); err != nil {
				return nil, err
			}
		}
	}
	return b.Bytes(), nil
}

func levelOf(g *measure.ViolationGroup) string {
	if g.Fails {
		return "fail"
	}
	return "note"
}
