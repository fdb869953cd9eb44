package generate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// FailedCase is a case whose response broke a rule, as violations.ndjson keeps it: one in a line.
type FailedCase struct {
	// Rule, Level and Fault say what was broken; At is the place in the response.
	Rule  string `json:"rule"`
	Level string `json:"level"`
	Fault string `json:"fault"`
	At    string `json:"at,omitempty"`
	// Expected and Received are for people, masked.
	Expected string `json:"expected"`
	Received string `json:"received"`
	// Case is the case as it was generated.
	Case Case `json:"case"`
	// Others are the further cases that the rule needs, where it compares responses.
	Others []Case `json:"others,omitempty"`
	// Smallest is the smallest request that failed the same way; nil where the case was not shrunk.
	Smallest *Request `json:"smallest,omitempty"`
	// Curl sends it from a shell, with the token in a variable.
	Curl string `json:"curl,omitempty"`
}

// Limits of a file of failures.
const (
	maxFailures = 10_000
	maxLine     = 8 << 20
	maxPath     = 4000
)

// Write writes a failure as a line.
func (f *FailedCase) Write(w io.Writer) error {
	line, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write a violation: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// ReadFailures reads a file of failures strictly: what it returns can be sent as it is. An error
// says which line is wrong.
func ReadFailures(r io.Reader) (all []FailedCase, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if len(all) == maxFailures {
			return nil, fmt.Errorf("line %d: more than %d violations: replay a part of the file", n,
				maxFailures)
		}
		var f FailedCase
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			return nil, fmt.Errorf("line %d: %w: keep the lines as 'mfaload check --out' wrote them", n, err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("line %d: something follows the violation: write one in a line", n)
		}
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, f)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("a line is longer than %d bytes: replay a part of the file", maxLine)
	}
	return all, lines.Err()
}

var (
	methodForm = regexp.MustCompile(`^[A-Za-z]{1,20}$`)
	pathForm   = regexp.MustCompile(`^/[!-~]*$`)
	lineForm   = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}: ?[ -~]*$`)
)

// managed are header fields that the transport writes itself.
var managed = []string{"host", "content-length", "transfer-encoding", "connection", "authorization"}

func (f *FailedCase) check() error {
	requests := []*Request{&f.Case.Request}
	if f.Smallest != nil {
		requests = append(requests, f.Smallest)
	}
	if len(f.Others) > 100 {
		return fmt.Errorf("others has %d cases, more than 100", len(f.Others))
	}
	cases := []*Case{&f.Case}
	for i := range f.Others {
		cases = append(cases, &f.Others[i])
		requests = append(requests, &f.Others[i].Request)
	}
	for _, c := range cases {
		if !slices.Contains([]Expect{Valid, Refused, Open}, c.Expect) {
			return fmt.Errorf("expect is %q: use valid, refused or open", clip(string(c.Expect)))
		}
	}
	if f.Rule == "" {
		return errors.New("rule is missing")
	}
	for _, r := range requests {
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

// check refuses what a request line or a header can't have.
func (r *Request) check() error {
	switch {
	case !methodForm.MatchString(r.Method):
		return fmt.Errorf("%q is no method", clip(r.Method))
	case !pathForm.MatchString(r.Path) || len(r.Path) > maxPath:
		return fmt.Errorf("%q is no path", clip(r.Path))
	case strings.ContainsAny(r.Authorization, "\r\n") || len(r.Authorization) > 10_000:
		return errors.New("authorization is no header value")
	}
	for _, line := range r.Headers {
		name, _, _ := strings.Cut(line, ":")
		if !lineForm.MatchString(line) || slices.Contains(managed, strings.ToLower(name)) {
			return fmt.Errorf("%q is no header line that may be sent", clip(line))
		}
	}
	return nil
}
