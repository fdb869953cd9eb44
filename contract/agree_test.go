package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
)

// document has one schema A for every response, with rules.
func document(rules, schema string) string {
	return fmt.Sprintf(`openapi: 3.1.0
x-rules: [%s]
paths:
  /:
    get:
      responses:
        1XX: {description: nothing is said about it}
        default: {content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}
components:
  schemas:
    A: %s
`, rules, schema)
}

// Where the accept path calls a response right, the explain path has nothing to say.
func TestBothPathsAgreeAtTheEdges(t *testing.T) {
	off := func(rule string) []contract.LevelChange {
		return []contract.LevelChange{{Rule: rule, Level: contract.Off}}
	}
	const rule = "rule: %s, level: fail, description: d, source: s, "
	text := func(name, rest string) string { return "{" + fmt.Sprintf(rule, name) + rest + "}" }
	nested := `{"a":` + strings.Repeat("[", 29) + strings.Repeat("]", 29) + `}`
	for _, tt := range []struct {
		name, rules, schema string
		levels              []contract.LevelChange
		status              int
		body                string
		want                []string
	}{
		{"a body that is no object, while types are off", text("body.object", "text: object"),
			"{type: object, properties: {a: {}}}", off("shape.type"), 200, `[]`, []string{"fail body.object "}},
		{"a depth below what the accept path takes", text("body.depth", "depth: 10"),
			"{type: object, properties: {a: {}}}", nil, 200, nested, []string{"fail body.depth "}},
		{"a pattern next to a format that is off", "",
			`{type: object, properties: {a: {type: string, format: date-time, pattern: 'Z$'}}}`,
			off("shape.format"), 200, `{"a":"2021-11-16T19:35:54+01:00"}`, []string{"fail shape.pattern /a"}},
		{"a pattern that is off counts in a branch", "",
			`{type: object, properties: {a: {anyOf: [{type: string, pattern: '^x'}]}}}`,
			off("shape.pattern"), 200, `{"a":"y"}`, []string{"fail shape.anyOf /a"}},
		{"a required member that only additionalProperties describes", "",
			`{type: object, properties: {a: {anyOf: [{type: object, required: [k],
        additionalProperties: {type: string}}]}}}`,
			nil, 200, `{"a":{"k":5}}`, []string{"fail shape.anyOf /a"}},
		{"members that no schema names, in capitals", "",
			"{type: object, properties: {a: {}}, additionalProperties: False}", nil, 200, `{"b":1}`,
			[]string{"fail shape.additionalProperties /b"}},
		{"a status beyond 599", "", "{type: object, properties: {a: {type: string}}}", nil, 700, `{"a":1}`,
			[]string{"fail shape.type /a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := compileText(t, document(tt.rules, tt.schema), tt.levels...)
			explained := outline(c.Explain(exchange(c, tt.status, tt.body), nil))
			if diff := cmp.Diff(tt.want, explained); diff != "" {
				t.Errorf("explained (-want +got):\n%s", diff)
			}
			for range 2 {
				checked := outline(c.Check(exchange(c, tt.status, tt.body), nil))
				if diff := cmp.Diff(tt.want, checked); diff != "" {
					t.Errorf("checked (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// A pattern that YAML reads as a number would match everything.
func TestPatternsAreTexts(t *testing.T) {
	for _, pattern := range []string{"123", "1.5", "true"} {
		text := document("", "{type: object, properties: {a: {type: string, pattern: "+pattern+"}}}")
		_, err := contract.Compile("c.yaml", []byte(text), nil)
		if err == nil || !strings.Contains(err.Error(), "put it in quotes") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// What was captured of a response is still there when another one was checked.
func TestCapturedOutlivesTheCheck(t *testing.T) {
	text := document("", "{type: object, properties: {a: {type: string}}}")
	c, err := contract.Compile("c.yaml", []byte(text), nil, "a")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			for range 200 {
				want := fmt.Sprintf("%d/%d", i, i)
				ex := exchange(c, 200, `{"a":"`+strings.ReplaceAll(want, "/", `\/`)+`"}`)
				c.Check(ex, nil)
				other := exchange(c, 200, `{"a":"x\/y"}`)
				c.Check(other, nil)
				if !slices.Equal(ex.Captured, []string{want}) {
					t.Errorf("%q, want %q", ex.Captured, want)
					return
				}
			}
		})
	}
	running.Wait()
}
