package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"mfaload/internal/text"
	"mfaload/measure"
)

// maxObjects is how many objects a report.json has at most: an empty one takes up to a
// kilobyte of memory, and there are some ten for each of at most 10,000 groups.
const maxObjects = 300_000

// objects counts the objects of a text, but for what its strings have of them.
func objects(data []byte) (n int) {
	quoted := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && c == '{':
			n++
		}
	}
	return n
}

// Decode reads a report.json. What it does not know, and a report without a
// verdict, is an error: rendering it again would lose or invent something.
func Decode(data []byte) (*Report, error) {
	if n := objects(data); n > maxObjects {
		return nil, fmt.Errorf("read report: it has %d objects, and mfaload writes at most %d: the file is damaged",
			n, maxObjects)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r Report
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("read report: %w: the file is damaged or from another version", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read report: there is more behind the report: the file is damaged")
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("read report: its schema is %.60q, not %q: it is from another version", r.Schema, Schema)
	}
	switch r.Verdict {
	case Pass, Fail, Inconclusive, Interrupted:
		return r.escaped(), nil
	}
	return nil, fmt.Errorf("read report: %.60q is no verdict: the file is damaged or from another version", string(r.Verdict))
}

// SameRun returns an error where the report does not judge the measurement.
func (r *Report) SameRun(m *measure.Measurement) error {
	sent := m.Main.Sent()
	if r.Hash != m.Hash || !r.Started.Equal(m.Started) || r.Scenario != text.Escape(m.Scenario) || r.Requests.Sent != sent || len(r.Groups) != len(m.Groups) {
		return fmt.Errorf("the report (%.60s, %v, %d requests) and the measurement (%.60s, %v, %d requests) are of different runs",
			r.Scenario, r.Started, r.Requests.Sent, m.Scenario, m.Started, sent)
	}
	return nil
}
