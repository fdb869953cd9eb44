package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"mfaload/internal/text"
	"mfaload/measure"
)

//go:embed report.schema.json
var schema []byte

// JSONSchema returns the JSON Schema of report.json.
func JSONSchema() []byte { return schema }

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
		return nil, fmt.Errorf("read report: it has %d objects, and mfaload writes at most %d: the file "+
			"is damaged",
			n, maxObjects)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r Report
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("read report: %w: the file is damaged or from another version", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read report: data follows the report: the file is damaged")
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("read report: its schema is %.60q, not %q: it is from another version",
			r.Schema, Schema)
	}
	if n := len(r.Labels); n > measure.MaxRunLabels {
		return nil, fmt.Errorf("read report: it has %d labels, and mfaload writes at most %d: the file is "+
			"damaged", n, measure.MaxRunLabels)
	}
	switch r.Verdict {
	case Pass, Fail, Inconclusive, Interrupted:
		return r.escaped(), nil
	}
	return nil, fmt.Errorf("read report: %.60q is not a verdict: the file is damaged or from another version",
		string(r.Verdict))
}

// SameRun returns an error where the report does not judge the measurement.
func (r *Report) SameRun(m *measure.Measurement) error {
	sent := m.Main.Sent()
	if r.Hash != m.Hash || !r.Started.Equal(m.Started) || r.Scenario != text.Escape(m.Scenario) ||
		r.Requests.Sent != sent || len(r.Groups) != len(m.Groups) {
		return fmt.Errorf("the report (%.60s, %v, %d requests) and the measurement (%.60s, %v, %d "+
			"requests) are of different runs",
			r.Scenario, r.Started, r.Requests.Sent, m.Scenario, m.Started, sent)
	}
	return nil
}

// Sealed is report.json with a checksum over all that it says and over the packed
// measurement that it judges, so that a report that was edited is noticed. It
// keeps nobody out who makes a new checksum.
func (r *Report) Sealed(measurement [sha256.Size]byte) ([]byte, error) {
	r.Checksum = ""
	text, err := r.JSON()
	if err != nil {
		return nil, err
	}
	if r.Checksum, err = checksum(text, measurement); err != nil {
		return nil, err
	}
	return r.JSON()
}

// CheckSeal is an error where report.json or its measurement is not what it was
// when the run was judged. One without a checksum may have been edited as well.
func CheckSeal(text []byte, measurement [sha256.Size]byte) error {
	var said struct {
		Checksum string `json:"checksum"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	if said.Checksum == "" {
		return errors.New("it has no checksum: report.json was changed after the run was judged, so the " +
			"verdict " +
			"can't be trusted")
	}
	want, err := checksum(text, measurement)
	if err == nil && want != said.Checksum {
		err = errors.New("its checksum does not match: report.json or measurement.json.gz was changed " +
			"after the run was judged, so the verdict can't be trusted")
	}
	return err
}

// checksum does not depend on how the text is laid out, nor on the version that
// reads it.
func checksum(text []byte, measurement [sha256.Size]byte) (string, error) {
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		return "", fmt.Errorf("read report: %w", err)
	}
	delete(all, "checksum")
	plain, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(plain, measurement[:]...))
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
