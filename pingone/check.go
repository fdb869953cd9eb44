package pingone

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"mfaload/contract"
	"mfaload/scenario"
)

// ruleRefused is the one rule that needs to know what the scenario expects: a
// request that must be refused gets a 4xx.
const ruleRefused = "expect.refused"

// expectation is what a group expects, compiled.
type expectation struct {
	scenario.Expect
	mustRefuse bool // only 4xx are expected
}

func newExpectation(e scenario.Expect) expectation {
	other := func(status int) bool { return status/100 != 4 }
	return expectation{Expect: e, mustRefuse: !slices.ContainsFunc(e.HTTPStatuses, other)}
}

// Check implements the runner's operation.
func (o *Operation) Check(u scenario.User, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	return o.judge(&o.templates[u.Group][u.Kind].expect, ex, dst)
}

func (o *Operation) judge(expect *expectation, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	dst = o.contract.Check(ex, dst)
	code := responseCode(ex, ex.Status)
	ex.Label = o.labels.of(ex.Status, code)
	ex.AsExpected = expect.met(ex.Status, code)
	if !expect.mustRefuse || o.refused == contract.Off {
		return dst
	}
	o.contract.Mark(ex, ruleRefused)
	if ex.Status/100 != 4 {
		dst = append(dst, contract.Violation{
			Rule: ruleRefused, Level: o.refused,
			Expected: "a refusal: " + strings.Join(texts(expect.HTTPStatuses), " or "),
			Got:      fmt.Sprintf("HTTP status %d", ex.Status),
		})
	}
	return dst
}

func texts(numbers []int) (s []string) {
	for _, n := range numbers {
		s = append(s, strconv.Itoa(n))
	}
	return s
}

func (e *expectation) met(status int, code string) bool {
	if !slices.Contains(e.HTTPStatuses, status) {
		return false
	}
	if status == 201 {
		return len(e.Statuses) == 0 || slices.Contains(e.Statuses, code)
	}
	return len(e.Errors) == 0 || slices.Contains(e.Errors, code)
}

// responseCode is what the body of a response that is judged by an HTTP status says
// in one word: a success's status, an error's code. It is empty where the body
// does not say it.
func responseCode(ex *contract.Exchange, status int) string {
	if ex.Cut {
		return ""
	}
	member, captured := "code", 1 // as Compile has them captured
	if status == 201 {
		member, captured = "status", 0
	}
	if len(ex.Captured) > captured {
		return ex.Captured[captured]
	}
	return topString(ex.Body, member)
}

// topString returns a string member of the outermost object. It reads no
// further than it must; whether the rest is valid is the contract's business.
func topString(text []byte, member string) string {
	d := jsontext.NewDecoder(bytes.NewReader(text),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if tok, err := d.ReadToken(); err != nil || tok.Kind() != '{' {
		return ""
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return ""
		}
		if name.String() != member {
			if d.SkipValue() != nil {
				return ""
			}
			continue
		}
		if d.PeekKind() != '"' {
			return ""
		}
		if tok, err := d.ReadToken(); err == nil {
			return tok.String()
		}
		return ""
	}
	return ""
}

const maxLabels = 1000

// labels remembers the names of kinds of responses, so naming makes no new text.
type labels struct {
	mu    sync.RWMutex
	known map[labelKey]string
}

type labelKey struct {
	status int
	code   string
}

func (l *labels) of(status int, code string) string {
	l.mu.RLock()
	name, known := l.known[labelKey{status, code}]
	l.mu.RUnlock()
	if known {
		return name
	}
	name = label(status, code)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[labelKey]string{}
	}
	if len(l.known) < maxLabels {
		l.known[labelKey{status, strings.Clone(code)}] = name
	}
	return name
}

// label names the kind of a response. What is no code is left out, so
// that labels stay few whatever a server sends.
func label(status int, code string) string {
	name := strconv.Itoa(status)
	switch {
	case code == "" && status >= 400:
		return name + " not from the service"
	case code == "":
		return name
	case len(code) > 60 || strings.IndexFunc(code, notCode) >= 0:
		return name + " other"
	}
	return name + " " + code
}

func notCode(r rune) bool {
	return !(r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
}
