package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"mfaload/contract"
)

// flowRule is a list of one rule about a flow, edited, before the list of rules.
func flowRule(old, changed string) string {
	return "x-flow-rules:\n  - " + strings.Replace("{rule: flow.a, level: fail, description: d, source: s, "+
		"status: 200}", old, changed, 1) + "\nx-rules:"
}

// mistakes are edits of the parcel contract, each with the error that it gives.
var mistakes = []struct{ name, old, new, want string }{
	{"another version", "openapi: 3.1.0", "openapi: 3.0.3",
		"parcel.yaml:1:1: the document must begin with openapi: 3.1.0: only OpenAPI 3.1 is supported"},
	{"no YAML", "info: {", "info: {{", "did not find expected"},
	{"two documents", "openapi: 3.1.0", "openapi: 3.1.0\n---\na: 1",
		"parcel.yaml: there is more than one YAML document: keep only the first"},
	{"key twice", "        now: {type: string}", "        now: {type: string}\n        now: {}",
		`parcel.yaml:29:9: "now" is a duplicate: remove one`},
	{"alias", "info: {title: Parcel tracking, version: 1.0.0}", "info: &a {}\nx-a: *a",
		"parcel.yaml:3:6: YAML aliases are not supported: repeat the text or use $ref"},
	{"merge", "info: {title: Parcel tracking, version: 1.0.0}", "info: {<<: {a: 1}}",
		"a key must be a plain text"},
	{"number", "minimum: 0", "minimum: 0x10", `parcel.yaml:19:41: "0x10" is not a number of JSON`},
	{"infinity", "minimum: 0", "minimum: .inf", `".inf" is not a number of JSON`},
	{"binary", "title: Parcel tracking", "title: !!binary aGk=",
		"values of the kind !!binary are not supported"},
	{"two operations", "    get:", "    post: {}\n    get:",
		"a contract describes one operation, this document has 2: leave one"},
	{"no paths", "paths:", "x-paths:", "parcel.yaml:1:1: paths is missing here: add it"},
	{"no responses", "      responses:", "      x-responses:", "responses is missing here: add it"},
	{"status", "'200'", "'2000'", `parcel.yaml:7:9: "2000" is not an HTTP status: write 201, 4XX or default`},
	{"response reference", "          description: Where the parcel is.",
		"          $ref: '#/components/responses/A'", "there is no such response: write " +
			"#/components/responses/NAME"},
	{"inline schema", "schema: {$ref: '#/components/schemas/Parcel'}", "schema: {type: object}",
		"a media type needs {schema: {$ref: #/components/schemas/NAME}}: add it"},
	{"two schemas", "            application/json:",
		"            text/json: {schema: {$ref: '#/components/schemas/Stop'}}\n            application/json:",
		"the media types of a response must share one schema: refer to #/components/schemas/Stop here too"},
	{"media type", "application/json:", "json:",
		`"json" is not a media type: write one such as application/json`},
	{"reference", "schemas/Stop'", "schemas/Stopp'",
		`parcel.yaml:27:46: there is no schema "Stopp": did you mean "Stop"?`},
	{"remote reference", "$ref: '#/components/schemas/Stop'", "$ref: 'https://example.com/stop.json'",
		`$ref "https://example.com/stop.json" is not followed: put the schema under components/schemas ` +
			`and write #/components/schemas/NAME`},
	{"file reference", "$ref: '#/components/schemas/Stop'", "$ref: 'file:///etc/passwd'", "is not followed"},
	{"recursion", "place: {type: string}", "place: {$ref: '#/components/schemas/Stop'}",
		"parcel.yaml:44:7: the schema #/components/schemas/Stop holds itself: recursive responses are not " +
			"supported"},
	{"keyword", "minLength: 1", "minLenght: 1",
		`unknown schema keyword "minLenght": did you mean "minLength"?`},
	{"unsupported keyword", "minLength: 1", "not: {}", `unknown schema keyword "not": use one of $ref,`},
	{"a flow's rule without a demand", "x-rules:", flowRule("status: 200", "at: /number"),
		"the rule flow.a needs one of status, same, notBefore, moves, never"},
	{"a flow's rule with a word", "x-rules:", flowRule("status: 200", "same: /number, sane: /number"),
		`unknown word "sane" in the rule flow.a: did you mean "same"?`},
	{"a flow's rule at a place that is not there", "x-rules:", flowRule("status: 200", "same: /nummer"),
		"the rule flow.a refers to /nummer, which no schema of its responses names"},
	{"a flow's rule at many places", "x-rules:", flowRule("status: 200", "same: /stops/*/place"),
		"a rule over two responses compares one value: name it without *"},
	{"a flow's HTTP status", "x-rules:", flowRule("200", "2XX"),
		`"2XX" is not an HTTP status: write one such as 200`},
	{"a flow's moves without a place", "x-rules:", flowRule("status: 200", "moves: {read: {A: [B]}}"),
		"and moves and never a place: write at: /member"},
	{"a flow's rule twice", "x-rules:", flowRule("flow.a", "body.json"), "the rule body.json is a duplicate"},
	{"type", "weight: {type: number,", "weight: {type: float,",
		`parcel.yaml:19:24: unknown type "float": use null, boolean,`},
	{"required", "required: [number]", "required: number", "required must be a list of names: write [a, b]"},
	{"enum", "enum: [MOVING, DELIVERED]", "enum: MOVING", "enum must be a list of values"},
	{"pattern", "'^P-[0-9]+$'", "'^P-(?=x)'",
		"fix the pattern (lookarounds and back references are not supported)"},
	{"format", "format: date-time", "format: datetime",
		`format "datetime" is not checked: use one of date-time,`},
	{"count", "minItems: 1", "minItems: -1", "the keyword takes a count: write a whole number from 0"},
	{"limit", "minimum: 0", "minimum: none", "the keyword takes a number: write one"},
	{"flag", "uniqueItems: true", "uniqueItems: 'yes'", "must be true: write true or remove it"},
	{"schema", "tags: {type: array", "tags: text\n        tags2: {type: array",
		"a schema must be a mapping: write {type: …}"},
	{"boolean schema", "first: {type: string}", "first: false", "a schema must be a mapping"},
	{"properties", "properties: {town: {type: string}}", "properties: [town]",
		"properties must be a mapping from names to schemas"},
	{"allOf", "allOf: [{type: object}, {properties: {name: {type: string}}, required: [name]}]", "allOf: {}",
		"the keyword takes a list of schemas: write one"},
	{"x-rule", "x-rule: number.form", "x-rule: number.from",
		`unknown rule "number.from": did you mean "number.form"?`},
	{"x-rule of nothing", "{type: string, pattern: '^P-[0-9]+$', x-rule: number.form}",
		"{type: string, x-rule: number.form}",
		"no keyword here belongs to number.form: type and required keep their own rules, add another or " +
			"remove x-rule"},
	{"x-rule that says something else", "by: schema", "at: /number, unique: true",
		"a schema or a response names the rule number.form: say so with by: schema or by: response"},
	{"by schema, but not there", ", x-rule: number.form", "",
		"no schema names the rule number.form: it could never be broken, remove it or name it there"},
	{"no rules", "x-rules:", "x-ruels:", "x-rules must be a list of rules: add it at the top level"},
	{"no rule", "  - {rule: body.json,", "  - body.json\n  - {rule: body.json,", "a rule must be a mapping"},
	{"rule's name", "rule: order.time", "rule: order",
		`"order" is not a rule name: write one such as family.name`},
	{"rule twice", "rule: order.time", "rule: now.place", "the rule now.place is a duplicate: remove one"},
	{"level", "level: note, description: first", "level: warn, description: first",
		`unknown level "warn": use fail, note or off`},
	{"description", "description: P- and digits, ", "", "description is missing here: add it"},
	{"word", "text: json", "txt: json", `unknown word "txt" in the rule body.json: did you mean "text"?`},
	{"no word", ", lte: /last", "",
		"the rule order.time has 0 words that say what it demands: one is needed (equals,"},
	{"two words", "lte: /last", "lte: /last, unique: true", "the rule order.time has 2 words"},
	{"text", "text: json", "text: jsn", `unknown text "jsn": did you mean "json"?`},
	{"same text", "text: json}",
		"text: json}\n  - {rule: body.twice, level: fail, description: d, source: s, text: json}",
		"the rules body.json and body.twice say the same: remove one"},
	{"by", "by: schema", "by: schem", `unknown value "schem" of by: did you mean "schema"?`},
	{"place", "at: /now", "at: /nov",
		"the rule now.place refers to /nov, which no schema of its responses names"},
	{"operand", "in: /history/*/place", "in: /history/place",
		"the rule now.place refers to /history/place, which no schema"},
	{"template's place", "in: /history/*/place", "equals: '{/fist}'",
		"the rule now.place refers to /fist, which no schema"},
	{"condition's place", "at: /now", "at: /now, when: {/stat: A}",
		"the rule now.place refers to /stat, which no schema"},
	{"pointer", "at: /now", "at: now", "a JSON pointer starts with a slash: write /member"},
	{"empty step", "at: /now", "at: /now/", "a JSON pointer has an empty step: remove a slash"},
	{"template", "in: /history/*/place", "equals: '{request.id'", "a { has no }: close it"},
	{"fact", "in: /history/*/place", "equals: '{request id}'",
		"{request id} is neither a fact nor a pointer: write {request.member} or {/member}"},
	{"template with *", "in: /history/*/place", "equals: '{/history/*/place}'",
		"a template needs one value: name it without *"},
	{"lte with *", "lte: /last", "lte: /history/*/at", "lte compares with one value: name it without *"},
	{"word without a place", "at: /now, in:", "in:",
		"in is for a place of the body (at): fix the rule's place"},
	{"header's word", "at: /now, in: /history/*/place", "at: /now, once: true",
		"once is for a header field (header): fix the rule's place"},
	{"answer's word", "namedOnly: true", "at: /now, namedOnly: true",
		"namedOnly is for the whole response (neither at nor header): fix the rule's place"},
	{"two places", "at: /now", "at: /now, header: Age", "a rule has one kind of place: keep at or header"},
	{"required with *", "at: /now, in: /history/*/place", "at: /history/*/place, required: true",
		"required needs a place without *: add at or header"},
	{"flag of a rule", "namedOnly: true", "namedOnly: 1",
		"the word must be true: write true or remove it"},
	{"status without a response", "at: /now", "on: 404, at: /now",
		`"404" is not an HTTP status with a response: write one such as 201 or 4XX`},
	{"condition", "at: /now", "at: /now, when: [/state]",
		"when takes one place and its values: write {/status: [A, B]}"},
	{"table without per", "in: /history/*/place", "known: {A: [b]}", "a table needs rows and per"},
	{"per without a table", "in: /history/*/place", "per: http, known: [b]",
		"per belongs to a table of known or members: remove it"},
	{"member that is not named", "at: /now, in: /history/*/place", "at: /from, members: [twon]",
		"the rule now.place refers to /from/twon, which no schema"},
	{"depth", "text: json", "depth: 0", "depth must be a number from 1 to 1000: write one"},
	{"nowhere", "namedOnly: true", "nowhere: '{a}{b}'", "nowhere takes one fact"},
	{"masked", "in: /history/*/place", "masked: true", "masked takes a list of templates"},
	{"asked", "at: /now, in: /history/*/place", "at: /now, asked: '{request.id}', required: true",
		`"{request.id}" is not a fact: write one such as request.member`},
	{"asked without a place", "namedOnly: true", "asked: request.id, namedOnly: true",
		"asked is for rules about places of the body: add at"},
	{"member of a string", "in: /history/*/place", "holdsMember: /rpId",
		"holdsMember takes one place and a fact"},
	{"member with *", "in: /history/*/place", "holdsMember: {/*: '{request.id}'}",
		"holdsMember takes one place without * and one fact"},
	{"member with a text", "in: /history/*/place", "holdsMember: {/a: text}",
		"holdsMember takes one place without * and one fact"},
	{"keyword's rule", "namedOnly: true", "keyword: maxProperties",
		"no schema has the keyword maxProperties without an x-rule: remove the rule member.unknown"},
	{"unknown keyword's rule", "namedOnly: true", "keyword: maxPropertys",
		`unknown schema keyword "maxPropertys": did you mean "maxProperties"?`},
	{"recognized", "          description: Where the parcel is.",
		"          x-recognized: {member: [number]}", `unknown word "member" in x-recognized: did you ` +
			`mean "members"?`},
	{"annotation", "{type: string}\n        last", "{type: string, title: [x]}\n        last",
		"title must be a text"},
}

func TestCompileErrors(t *testing.T) {
	for _, tt := range mistakes {
		t.Run(tt.name, func(t *testing.T) {
			text := parcel(t)
			if !strings.Contains(text, tt.old) {
				t.Fatalf("the contract does not hold %q", tt.old)
			}
			_, err := contract.Compile("parcel.yaml", []byte(strings.Replace(text, tt.old, tt.new, 1)), nil)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

// Hostile documents are refused, quickly and without going anywhere.
func TestHostileDocuments(t *testing.T) {
	doubling := "openapi: 3.1.0\nx-rules: []\npaths: {/: {get: {responses: {'200': {content: {a/b: " +
		"{schema: {$ref: '#/components/schemas/A0'}}}}}}}}\ncomponents:\n  schemas:\n"
	for i := range 40 {
		doubling += fmt.Sprintf("    A%d: {allOf: [{$ref: '#/components/schemas/A%d'}, {$ref: "+
			"'#/components/schemas/A%d'}]}\n", i, i+1, i+1)
	}
	doubling += "    A40: {type: object}\n"
	bomb := "a0: &a0 [x]\n"
	for i := range 30 {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"empty":    {"", "the document is empty"},
		"comment":  {"# nothing\n", "the document is empty"},
		"scalar":   {"contract", "the document must begin with openapi: 3.1.0"},
		"long":     {strings.Repeat("#", 2<<20), "at most 1048576 are allowed"},
		"deep":     {strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "nested deeper than 64"},
		"aliases":  {bomb, "YAML aliases are not supported"},
		"doubling": {doubling, "more than 20000 schemas apply here"},
		"binary":   {"\x00\x01\xff", "fix the YAML"},
		"many": {"openapi: 3.1.0\nx-rules: [" + strings.Repeat("1,", 1000) + "1]",
			"more problems: fix these first"},
	} {
		_, err := contract.Compile("x.yaml", []byte(tt.text), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(),
			"x.yaml:") || len(err.Error()) > 10_000 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(parcel(f))
	f.Add(small)
	for _, m := range mistakes {
		f.Add(strings.Replace(parcel(f), m.old, m.new, 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			t.Skip("longer documents only take longer")
		}
		c, err := contract.Compile("x.yaml", []byte(text), nil)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x.yaml:") || len(err.Error()) > 20_000 {
				t.Errorf("error %.200q of %d bytes", err.Error(), len(err.Error()))
			}
			return
		}
		rules := map[string]bool{}
		for _, ru := range c.Rules() {
			rules[ru.Name] = true
		}
		for _, body := range []string{tracked, "{}", "[1]", "{"} {
			for _, v := range c.Check(exchange(c, 200, body), nil) {
				if !rules[v.Rule] {
					t.Errorf("%s is not among the rules", v.Rule)
				}
			}
		}
	})
}

// A contract is read as programs write YAML.
func TestContractsAsProgramsWriteThem(t *testing.T) {
	text := parcel(t)
	for name, written := range map[string]string{
		"YAML 1.2":         "%YAML 1.2\n---\n" + text,
		"byte-order marks": "\uFEFF\uFEFF" + text,
		"--- at the end":   text + "\n---\n",
	} {
		if _, err := contract.Compile("parcel.yaml", []byte(written), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := contract.Overlay([]byte(text),
			[]byte("%YAML 1.2\n---\ninfo: {title: other}\n---\n")); err != nil {
			t.Errorf("overlay: %v", err)
		}
	}
}
