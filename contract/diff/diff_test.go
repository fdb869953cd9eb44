package diff_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"mfaload/contract/diff"
)

const base = `openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /{envID}/deviceAuthentications:
    post:
      parameters: [{name: X-Ping-External-Session-ID, in: header, schema: {type: string}}]
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/In'}}
      responses:
        '201':
          description: fine
          headers: {Correlation-Id: {schema: {type: string}}}
          content:
            application/json: {schema: {$ref: '#/components/schemas/Out'}}
            application/hal+json: {schema: {$ref: '#/components/schemas/Out'}}
        4XX:
          description: refused
          content:
            application/json: {schema: {$ref: '#/components/schemas/Out'}}
components:
  schemas:
    In:
      type: object
      required: [user]
      properties:
        user: {type: object, properties: {id: {type: string, maxLength: 36}}}
        kind: {type: string, enum: [EMAIL, SMS]}
    Out:
      type: object
      required: [id, status]
      properties:
        id: {type: string, minLength: 1, pattern: '^a'}
        status: {type: string, enum: [A, B]}
        count: {type: integer, maximum: 9}
        list: {type: array, items: {type: string}}
x-rules:
  - {rule: echo.id, level: fail, description: d, source: s, example: e, at: /id, equals: '{request.user.id}'}
  - {rule: found.id, level: note, description: d, source: s, example: e, at: /status, equals: '{request.user.id}'}
x-flow-rules:
  - {rule: flow.moves, level: fail, description: d, source: s, example: e, at: /status, moves: {read: {A: [A, B]}}}
`

// change is a document after some replacements of text in the base, all of which must be there.
func change(t *testing.T, pairs ...string) []byte {
	t.Helper()
	text := base
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the document has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return []byte(text)
}

// Each kind of change has its severity and its direction, and turns round when the documents change places.
func TestCompare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		pairs     []string
		want      string // severity, direction and text
		backwards string // the same the other way round
	}{
		{"a request's member becomes required", []string{"required: [user]", "required: [user, kind]"},
			"breaking stricter request /kind: required added", "info looser request /kind: required removed"},
		{"a response's member becomes optional", []string{"required: [id, status]", "required: [id]"},
			"breaking looser response 201 /status: required removed",
			"info stricter response 201 /status: required added"},
		{"a value that requests may have goes", []string{"[EMAIL, SMS]", "[EMAIL]"},
			`breaking stricter request /kind: enum was ["EMAIL","SMS"], is ["EMAIL"]`,
			`info looser request /kind: enum was ["EMAIL"], is ["EMAIL","SMS"]`},
		{"a value that responses may have comes", []string{"[A, B]", "[B, C, A]"},
			`warning looser response 201 /status: enum was ["A","B"], is ["A","B","C"]`,
			`info stricter response 201 /status: enum was ["A","B","C"], is ["A","B"]`},
		{"a length in requests shrinks", []string{"maxLength: 36", "maxLength: 10"},
			"breaking stricter request /user/id: maxLength was 36, is 10",
			"info looser request /user/id: maxLength was 10, is 36"},
		{"a length in responses has no minimum", []string{"minLength: 1, ", ""},
			"breaking looser response 201 /id: minLength was 1, is not there any more",
			"info stricter response 201 /id: minLength is 1, was not there"},
		{"integers become numbers", []string{"{type: integer, maximum", "{type: number, maximum"},
			`breaking looser response 201 /count: type was "integer", is "number"`,
			`info stricter response 201 /count: type was "number", is "integer"`},
		{"another type", []string{"items: {type: string}", "items: {type: boolean}"},
			`breaking changed response 201 /list/*: type was "string", is "boolean"`,
			`breaking changed response 201 /list/*: type was "boolean", is "string"`},
		{"another pattern", []string{"'^a'", "'^b'"},
			`warning changed response 201 /id: pattern was "^a", is "^b"`,
			`warning changed response 201 /id: pattern was "^b", is "^a"`},
		{"a member that was not required goes", []string{"        count: {type: integer, maximum: 9}\n", ""},
			"warning stricter response 201 /count: member removed",
			"info looser response 201 /count: member added"},
		{"closed to other members", []string{"      required: [id, status]",
			"      additionalProperties: false\n" +
				"      required: [id, status]"},
			"info stricter response 201: additionalProperties is false, was not there",
			"warning looser response 201: additionalProperties was false, is not there any more"},
		{"a media type goes", []string{"            application/hal+json: {schema: {$ref: " +
			"'#/components/schemas/Out'}}\n",
			""}, "breaking stricter response 201: media type application/hal+json removed",
			"info looser response 201: media type application/hal+json added"},
		{"a header of requests becomes required", []string{"in: header, schema",
			"in: header, required: true, schema"},
			"breaking stricter request: required header X-Ping-External-Session-ID added",
			"info looser request: required header X-Ping-External-Session-ID removed"},
		{"a header of responses goes",
			[]string{"          headers: {Correlation-Id: {schema: {type: string}}}\n", ""},
			"warning stricter response 201: header Correlation-Id removed",
			"info looser response 201: header Correlation-Id added"},
		{"a success goes", []string{"'201':", "'202':"}, "breaking stricter response 201: status removed",
			"breaking stricter response 202: status removed"},
		{"a rule finds only", []string{"rule: echo.id, level: fail", "rule: echo.id, level: note"},
			`breaking looser rule echo.id: level was "fail", is "note"`,
			`info stricter rule echo.id: level was "note", is "fail"`},
		{"a rule goes", []string{"  - {rule: echo.id, level: fail, description: d, source: s, example: " +
			"e, at: /id, " +
			"equals: '{request.user.id}'}\n", ""}, "breaking looser rule echo.id: rule removed",
			"info stricter rule echo.id: rule added"},
		{"a status of the flow goes", []string{"A: [A, B]", "A: [A]"},
			`info stricter rule flow.moves: moves read A was ["A","B"], is ["A"]`,
			`breaking looser rule flow.moves: moves read A was ["A"], is ["A","B"]`},
		{"another path", []string{"/{envID}/deviceAuth", "/v2/{envID}/deviceAuth"},
			`breaking changed request: operation was "POST /{envID}/deviceAuthentications", is ` +
				`"POST /v2/{envID}/deviceAuthentications"`,
			`breaking changed request: operation was "POST /v2/{envID}/deviceAuthentications", is ` +
				`"POST /{envID}/deviceAuthentications"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			next := change(t, test.pairs...)
			for _, way := range []struct {
				old, next []byte
				want      string
			}{{[]byte(base), next, test.want}, {next, []byte(base), test.backwards}} {
				c, err := diff.Compare("old", way.old, "new", way.next)
				if err != nil {
					t.Fatal(err)
				}
				var all []string
				for _, d := range c.Differences {
					all = append(all, fmt.Sprintf("%s %s %s", d.Severity, d.Direction, d.Text()))
				}
				if !slices.Contains(all, way.want) {
					t.Errorf("got %q, want %q among them", all, way.want)
				}
			}
		})
	}
}

// A document has no differences from itself, however it is written.
func TestSame(t *testing.T) {
	t.Parallel()
	builtIn, err := os.ReadFile("../../pingone/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2][]byte{{builtIn, builtIn},
		{[]byte(base), change(t, "description: fine", "description: very well", "[EMAIL, SMS]",
			"[SMS, EMAIL]")},
		{[]byte(base), change(t, "{$ref: '#/components/schemas/In'}",
			"{allOf: [{$ref: '#/components/schemas/In'}]}")}} {
		c, err := diff.Compare("old", pair[0], "new", pair[1])
		if err != nil || len(c.Differences) > 0 {
			t.Errorf("%v, %v", c, err)
		}
	}
}

// What is stricter one way is looser the other way, for any lines that are lost.
func TestTurnsRound(t *testing.T) {
	t.Parallel()
	builtIn, err := os.ReadFile("../../pingone/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines, random, compared := strings.SplitAfter(string(builtIn), "\n"), rand.New(rand.NewPCG(1, 1)), 0
	for range 40 {
		i := random.IntN(len(lines))
		next := []byte(strings.Join(slices.Delete(slices.Clone(lines), i, i+1), ""))
		there, err := diff.Compare("old", builtIn, "new", next)
		if err != nil {
			continue // the line was needed
		}
		back, err := diff.Compare("new", next, "old", builtIn)
		if err != nil || len(back.Differences) != len(there.Differences) {
			t.Fatalf("without %q: %v there, %v back, %v", lines[i], there, back, err)
		}
		compared += len(there.Differences)
		for _, d := range there.Differences {
			turned :=
				map[diff.Direction]diff.Direction{diff.Stricter: diff.Looser, diff.Looser: diff.Stricter,
					diff.Changed: diff.Changed}[d.Direction]
			if !slices.ContainsFunc(back.Differences, func(o diff.Difference) bool {
				return o.Where == d.Where && o.Member == d.Member && o.Keyword == d.Keyword &&
					o.Direction == turned &&
					o.Old == d.New && o.New == d.Old
			}) {
				t.Errorf("without %q: %+v does not turn round", lines[i], d)
			}
		}
	}
	if compared < 5 {
		t.Errorf("only %d differences", compared)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add([]byte(base))
	f.Add([]byte(strings.Replace(base, "properties: {id:",
		"properties: {id: {$ref: '#/components/schemas/In'}, x:", 1)))
	f.Fuzz(func(t *testing.T, document []byte) {
		c, err := diff.Compare("old", []byte(base), "new", document)
		if err != nil {
			return
		}
		for _, d := range c.Differences {
			if d.Text() == "" || strings.ContainsAny(d.Text(), "\n\x1b") || d.Severity == "" ||
				d.Direction == "" {
				t.Errorf("%+v", d)
			}
		}
	})
}
