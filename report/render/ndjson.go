package render

import (
	"bytes"
	"encoding/json"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
)

// What bounds violations.ndjson, in bytes. A violation is written without the
// response that was kept with it once the file has maxResponses, and not at all
// beyond maxLines.
const (
	maxResponses = 32 << 20
	maxLines     = 64 << 20
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
	report.Example
	Answer *measure.MaskedResponse `json:"answer,omitempty"`
	// LeftOut says that measurement.json.gz has a response for which there is no room.
	LeftOut bool `json:"answer_left_out,omitempty"`
}

// NDJSON returns the first violations of each group, the warm-up's included,
// as a JSON text a line. Where there is no room for all, the last line says how
// many measurement.json.gz has more.
func NDJSON(m *measure.Measurement) ([]byte, error) {
	var b bytes.Buffer
	left, full := 0, false
	for _, g := range m.Violations {
		for _, i := range g.Instances {
			text, err := compact(lineOf(g, i, !full))
			if full = full || b.Len()+len(text) > maxResponses; full && err == nil {
				text, err = compact(lineOf(g, i, false))
			}
			if err != nil {
				return nil, err
			}
			if left > 0 || b.Len()+len(text) > maxLines {
				left++
				continue
			}
			b.Write(text)
		}
	}
	if left == 0 {
		return b.Bytes(), nil
	}
	last, err := compact(struct {
		LeftOut int    `json:"left_out"`
		In      string `json:"in"`
	}{left, "measurement.json.gz"})
	b.Write(last)
	return b.Bytes(), err
}

// lineOf is the line of a violation, with the response that was kept or without it.
func lineOf(g *measure.ViolationGroup, i measure.Instance, whole bool) line {
	l := line{
		At: number.Round(i.Example.At.Seconds()), Rule: text.Clip(g.Rule, report.MaxText),
		Pointer: text.Clip(g.Pointer, report.MaxText), Level: report.LevelOf(g),
		Expected: text.Clip(i.Expected, report.MaxText), Got: text.Clip(i.Got, report.MaxText),
		HTTPStatus: i.Example.Status, Example: report.ExampleOf(i.Example),
	}
	if l.Answer = i.Example.Answer; !whole && l.Answer != nil {
		l.Answer, l.LeftOut = nil, true
	}
	return l
}

// compact writes a value as a line of JSON.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
