package pingone

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"mfaload/contract"
	"mfaload/scenario"
)

// ruleRefused is the one rule that needs to know what the scenario expects: a
// request that must be refused is answered with a 4xx.
const ruleRefused = "expect.refused"

// expectation is what a group expects, compiled.
type expectation struct {
	scenario.Expect
	mustRefuse bool // only 4xx are expected
}

func newExpectation(e scenario.Expect) expectation {
	client := func(status int) bool { return status/100 == 4 }
	return expectation{Expect: e, mustRefuse: !slices.ContainsFunc(e.HTTPStatuses, func(s int) bool { return !client(s) })}
}

// Check implements the runner's operation.
func (o *Operation) Check(u scenario.User, ex *contract.Exchange, dst []contract.Violation) []contract.Violation {
	return o.judge(&o.groups[u.Group][u.Kind].expect, ex, dst)
}

// judge holds an answer against the contract and against what is expected.
func (o *Operation) judge(expect *expectation, ex *contract.Exchange, dst []contract.Violation) []contract.Violation {
	dst = o.contract.Check(ex, dst)
	word := answerWord(ex, ex.Status)
	ex.Label = o.labels.of(ex.Status, word)
	ex.AsExpected = expect.met(ex.Status, word)
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

// met says whether the answer is one that the scenario expects.
func (e *expectation) met(status int, word string) bool {
	if !slices.Contains(e.HTTPStatuses, status) {
		return false
	}
	if status == 201 {
		return len(e.Statuses) == 0 || slices.Contains(e.Statuses, word)
	}
	return len(e.Errors) == 0 || slices.Contains(e.Errors, word)
}

// answerWord is what the body of an answer that is judged by an HTTP status says
// in one word: a success's status, an error's code. It is empty where the body
// does not say it.
func answerWord(ex *contract.Exchange, status int) string {
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
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
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
