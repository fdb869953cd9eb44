package contract_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
)

// parcel is a contract of another service than the one that the tool is for.
func parcel(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/parcel.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func compileText(t testing.TB, text string, levels ...contract.RuleLevel) *contract.Contract {
	t.Helper()
	c, err := contract.Compile("parcel.yaml", []byte(text), levels)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const tracked = `{"number":"P-1234","weight":2.5,"size":[10,20],"tags":["a"],"from":{"town":"Ulm"},"history":[
	{"at":"2024-02-29T10:00:00Z","place":"Ulm"},
	{"at":"2024-03-01T10:00:00.5Z","place":"Bonn"}],"now":"Bonn","first":"2024-02-29T10:00:00Z",
	"last":"2024-03-01T10:00:00.5Z","state":"MOVING"}`

// exchange is a response of the parcel service; facts are key=value.
func exchange(c *contract.Contract, status int, body string, facts ...string) *contract.Exchange {
	ex := &contract.Exchange{Status: status, Body: []byte(body),
		Header: contract.Fields{{Name: "Content-Type", Value: "application/json"}}}
	for _, name := range c.FactNames() {
		value := ""
		for _, f := range facts {
			if v, ok := strings.CutPrefix(f, name+"="); ok {
				value = v
			}
		}
		ex.Facts = append(ex.Facts, value)
	}
	return ex
}

func outline(violations []contract.Violation) []string {
	list := []string{}
	for _, v := range violations {
		list = append(list, fmt.Sprintf("%v %s %s", v.Level, v.Rule, v.Pointer))
	}
	return slices.Compact(list)
}

func TestCheck(t *testing.T) {
	c := compileText(t, parcel(t))
	with := func(old, new string) string {
		if !strings.Contains(tracked, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(tracked, old, new, 1)
	}
	for _, tt := range []struct {
		name, body string
		want       []string
	}{
		{"conforming", tracked, nil},
		{"pattern with an x-rule", with("P-1234", "1234"), []string{"fail number.form /number"}},
		{"minimum", with("2.5", "-1"), []string{"fail shape.minimum /weight"}},
		{"maximum", with("2.5", "1e300"), []string{"fail shape.maximum /weight"}},
		{"huge number", with("2.5", "1e999999999"), []string{"fail shape.maximum /weight"}},
		{"exclusiveMaximum", with("[10,", "[200,"), []string{"fail shape.exclusiveMaximum /size/*"}},
		{"exclusiveMinimum", with("[10,", "[0,"), []string{"fail shape.exclusiveMinimum /size/*"}},
		{"integer with a fraction of zero", with("[10,", "[10.0,"), nil},
		{"integer with a fraction", with("[10,", "[10.5,"), []string{"fail shape.type /size/*"}},
		{"minItems", with("[10,20]", "[]"), []string{"fail shape.minItems /size"}},
		{"maxItems", with("[10,20]", "[1,2,3,4]"), []string{"fail shape.maxItems /size"}},
		{"uniqueItems", with(`["a"]`, `["a","a"]`), []string{"fail shape.uniqueItems /tags"}},
		{"minLength", with(`["a"]`, `[""]`), []string{"fail shape.minLength /tags/*"}},
		{"maxLength in characters", with(`["a"]`, `["ééééé","éééééé"]`),
			[]string{"fail shape.maxLength /tags/*"}},
		{"enum", with(`"MOVING"`, `"LOST"`), []string{"fail shape.enum /state"}},
		{"const", with(`"number"`, `"kind":"letter","number"`), []string{"fail shape.const /kind"}},
		{"additionalProperties", with(`"town":"Ulm"`, `"town":"Ulm","street":"x"`),
			[]string{"fail shape.additionalProperties /from/street"}},
		{"minProperties", with(`{"town":"Ulm"}`, `{}`), []string{"fail shape.minProperties /from"}},
		{"format", with(`"2024-02-29T10:00:00Z","place"`, `"2023-02-29T10:00:00Z","place"`),
			[]string{"fail shape.format /history/*/at"}},
		{"anyOf", with(`"number"`, `"owner":5,"number"`), []string{"fail shape.anyOf /owner"}},
		{"allOf", with(`"number"`, `"owner":{"name":1},"number"`), []string{"fail shape.anyOf /owner"}},
		{"member of an allOf", with(`"place":"Ulm"`, `"place":1`),
			[]string{"fail shape.type /history/*/place"}},
		{"required of an allOf", with(`,"place":"Ulm"`, ``),
			[]string{"fail shape.required /history/*/place"}},
		{"in", with(`"now":"Bonn"`, `"now":"Jena"`), []string{"fail now.place /now"}},
		{"in, spoilt", strings.Replace(with(`"now":"Bonn"`, `"now":"Jena"`), `"place":"Ulm"`, `"place":1`, 1),
			[]string{"fail shape.type /history/*/place"}},
		{"lte", with(`"first":"2024-02-29T10:00:00Z"`, `"first":"2024-03-01T10:00:00.51Z"`),
			[]string{"note order.time /first"}},
		{"lte, equal", with(`"first":"2024-02-29T10:00:00Z"`, `"first":"2024-03-01T10:00:00.500Z"`), nil},
		{"lte, the same", with(`"first":"2024-02-29T10:00:00Z"`, `"first":"2024-03-01T10:00:00.5Z"`), nil},
		{"lte, no time", with(`"first":"2024-02-29T10:00:00Z"`, `"first":"yesterday"`), nil},
		{"unknown member", with(`"number"`, `"x":[{"y":1}],"number"`), []string{"note member.unknown /x"}},
		{"names with slashes and tildes", with(`"number"`, `"a/b~c":1,"number"`),
			[]string{"fail shape.type /a~1b~0c"}},
		{"free object", with(`"number"`, `"extra":{"any":{"x":1}},"number"`), nil},
		{"map of described members", with(`"number"`, `"prices":{"EUR":"5"},"number"`),
			[]string{"fail shape.type /prices/EUR"}},
		{"not readable", "{", []string{"fail body.json "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == nil {
				want = []string{}
			}
			if diff := cmp.Diff(want, outline(c.Check(exchange(c, 200, tt.body), nil))); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// A document need not say everything: what it leaves out is not checked.
func TestSmallDocument(t *testing.T) {
	c := compileText(t, small)
	for _, tt := range []struct {
		status int
		body   string
		want   []string
	}{
		{200, `{"n":1}`, []string{}},
		{200, `{"n":1,"n":1}`, []string{}},
		{200, "\xef\xbb\xbf" + `{"n":1}{}`, []string{}},
		{200, `{"n":"1"}`, []string{"fail shape.type /n"}},
		{200, `{`, []string{}}, // no rule says that it must be JSON
		{200, strings.Repeat("[", 5000), []string{}},
		{404, `anything`, []string{}},
	} {
		if diff := cmp.Diff(tt.want, outline(c.Check(exchange(c, tt.status, tt.body), nil))); diff != "" {
			t.Errorf("%d %.20s (-want +got):\n%s", tt.status, tt.body, diff)
		}
	}
	var names []string
	for _, ru := range c.Rules() {
		names = append(names, ru.Name)
	}
	if diff := cmp.Diff([]string{"shape.type"}, names); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

const small = `openapi: 3.1.0
x-rules: []
paths:
  /:
    get:
      responses:
        default:
          content:
            application/json: {schema: {$ref: '#/components/schemas/A'}}
        404: {description: nothing is said about it}
components:
  schemas:
    A: {properties: {n: {type: integer}}}
`

// Every compilation of a document gives the rules the same numbers.
func TestRulesHaveAnOrder(t *testing.T) {
	want := compileText(t, parcel(t)).Rules()
	for range 20 {
		if diff := cmp.Diff(want, compileText(t, parcel(t)).Rules()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestUnknownRule(t *testing.T) {
	for rule, want := range map[string]string{
		"number.from": "number.form", "Number.form": "number.form", "orders.*": "order.*",
		"number*":         "number.*",
		"shape.maxlength": "shape.maxLength", "": "body.json",
	} {
		_, err := contract.Compile("parcel.yaml", []byte(parcel(t)),
			[]contract.RuleLevel{{Rule: "now.place", Level: contract.Off}, {Rule: rule}})
		unknown, ok := err.(*contract.UnknownRuleError)
		if !ok || unknown.Rule != rule || unknown.Nearest != want || !strings.HasSuffix(err.Error(),
			fmt.Sprintf("did you mean %q?", want)) {
			t.Errorf("%q: %v, want the nearest %q", rule, err, want)
		}
	}
}

func TestLevel(t *testing.T) {
	c := compileText(t, parcel(t), contract.RuleLevel{Rule: "order.*", Level: contract.Fail})
	for rule, want := range map[string]contract.Level{"order.time": contract.Fail,
		"member.unknown": contract.Note, "no.rule": contract.Off} {
		if got := c.Level(rule); got != want {
			t.Errorf("%s: %v, want %v", rule, got, want)
		}
	}
}

func TestHeaderGet(t *testing.T) {
	h := contract.Fields{{Name: "A", Value: "1"}, {Name: "b", Value: "2"}, {Name: "a", Value: "3"}}
	if v, n := h.Get("A"); v != "1" || n != 2 {
		t.Errorf("A: %q, %d", v, n)
	}
	if v, n := h.Get("c"); v != "" || n != 0 {
		t.Errorf("c: %q, %d", v, n)
	}
}

func TestReset(t *testing.T) {
	c := compileText(t, parcel(t))
	ex := exchange(c, 200, tracked)
	c.Check(ex, nil)
	ex.Reset()
	if ex.Status != 0 || len(ex.Header) != 0 || len(ex.Body) != 0 || len(ex.Evaluated) != 0 || ex.Cut ||
		ex.AsExpected || ex.Label != "" {
		t.Errorf("after Reset: %+v", ex)
	}
}

func TestParseLevel(t *testing.T) {
	for _, l := range []contract.Level{contract.Off, contract.Note, contract.Fail} {
		if got, err := contract.ParseLevel(l.String()); got != l || err != nil {
			t.Errorf("%v: %v, %v", l, got, err)
		}
	}
	if _, err := contract.ParseLevel("warn"); err == nil || !strings.Contains(err.Error(),
		"use fail, note or off") {
		t.Errorf("warn: %v", err)
	}
}
