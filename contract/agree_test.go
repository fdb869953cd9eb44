package contract_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
)

// document has one schema A for every response but those with status 299, with
// rules. A 299 has the places that rules may refer to without A's naming them.
func document(rules, schema string) string {
	return fmt.Sprintf(`openapi: 3.1.0
x-rules: [%s]
paths:
  /:
    get:
      responses:
        1XX: {description: nothing is said about it}
        '299': {content: {application/json: {schema: {$ref: '#/components/schemas/Named'}}}}
        default: {content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}
components:
  schemas:
    A: %s
    Named: %s
    Inner: %s
    Inmost: %s
    Any: {}
`, rules, schema, named("Inner"), named("Inmost"), named("Any"))
}

// named is a schema that names members, demands nothing, and has another within.
func named(within string) string {
	return fmt.Sprintf("{properties: {a: %s, b: %[1]s, c: %[1]s, id: %[1]s, k.x: %[1]s}, "+
		"additionalProperties: %[1]s, items: %[1]s}",
		"{$ref: '#/components/schemas/"+within+"'}")
}

// Where the accept path calls a response right, the explain path has nothing to say.
func TestBothPathsAgreeAtTheEdges(t *testing.T) {
	off := func(rule string) []contract.RuleLevel {
		return []contract.RuleLevel{{Rule: rule, Level: contract.Off}}
	}
	const rule = "rule: %s, level: fail, description: d, source: s, "
	text := func(name, rest string) string { return "{" + fmt.Sprintf(rule, name) + rest + "}" }
	nested := `{"a":` + strings.Repeat("[", 29) + strings.Repeat("]", 29) + `}`
	for _, tt := range []struct {
		name, rules, schema string
		levels              []contract.RuleLevel
		status              int
		body                string
		want                []string
	}{
		{"a body that is no object, while types are off", text("body.object", "text: object"),
			"{type: object, properties: {a: {}}}", off("shape.type"), 200, `[]`,
			[]string{"fail body.object "}},
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
		{"a rule at members that are not listed", text("all.v", "at: /a/*/b, equals: v"),
			"{type: object, properties: {a: {properties: {a: {properties: {b: {}}}}}}}", nil, 200,
			`{"a":{"a":{"b":"v"},"c":{"b":"w"}}}`, []string{"fail all.v /a/c/b"}},
		{"a rule at a member that the schema does not name", text("all.v", "at: /a/b, equals: v"),
			"{type: object, properties: {a: {type: object}}}", nil, 200, `{"a":{"b":"w"}}`,
			[]string{"fail all.v /a/b"}},
		{"a rule at items that the schema does not describe", text("all.v", "at: /a/*, equals: v"),
			"{type: object, properties: {a: {type: array}}}", nil, 200, `{"a":["v","w"]}`,
			[]string{"fail all.v /a/*"}},
		{"a rule below members that only end alike", text("all.v", "at: /*.x/b, equals: v"),
			"{type: object, properties: {a: {}}}", nil, 200, `{"k.x":{"b":"w"}}`,
			[]string{"fail all.v /k.x/b"}},
		{"a member that only a rule names is unnamed", text("all.v", "at: /b, equals: v") + "," +
			text("all.named", "namedOnly: true"),
			"{type: object, properties: {a: {}}}", nil, 200, `{"b":"v"}`, []string{"fail all.named /b"}},
		{"a member that only additionalProperties names, next to a branch",
			text("all.named", "namedOnly: true"),
			`{anyOf: [{properties: {a: {properties: {b: {}}}}}], additionalProperties: {properties: ` +
				`{c: {}}}}`,
			nil, 200, `{"a":{"c":"v"}}`, []string{"fail all.named /a/c"}},
		{"members of a member that only a branch names", "",
			`{anyOf: [{properties: {a: {}}}], additionalProperties: {additionalProperties: {type: string}}}`,
			nil, 200, `{"a":{"c":5}}`, []string{"fail shape.type /a/c"}},
		{"a condition at many places goes by the first name", text("all.v",
			"when: {/a/*: [v]}, at: /b, equals: v"),
			"{type: object, properties: {a: {additionalProperties: {}}, b: {}}}", nil, 200,
			`{"a":{"b":"x","a":"v"},"b":"w"}`, []string{"fail all.v /b"}},
		{"a row at many places goes by the first name", text("all.v",
			"at: /b, known: {v: [v], w: [w]}, per: /a/*"),
			"{type: object, properties: {a: {additionalProperties: {}}, b: {}}}", nil, 200,
			`{"a":{"b":"w","a":"v"},"b":"w"}`, []string{"fail all.v /b"}},
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

// A rule over the run is evaluated for each value at its place, on either path.
func TestRulesOverTheRunAreForEachValue(t *testing.T) {
	const rule = "{rule: run.%s, level: fail, description: d, source: s, at: [/*/id, /a/id], %[1]s: %s}"
	rules := fmt.Sprintf(rule, "newInRun", "true") + "," + fmt.Sprintf(rule, "notAnothers", "'{f}'")
	for name, extra := range map[string]string{"accepted": "", "explained": `,"\u0041":1`} {
		c := compileText(t, document(rules, "{properties: {a: {properties: {id: {}}}}}"))
		window := contract.NewWindow(100)
		check := func(body string) []string {
			ex := exchange(c, 200, body, "f=mine")
			ex.Window = window
			return outline(c.Check(ex, nil))
		}
		other := &contract.Exchange{}
		window.Enter(other, "theirs")
		for _, tt := range []struct{ body, want string }{
			{`{"b":{"id":"mine"},"a":{"id":"mine"}`, ""}, // twice in one response, and one place of two paths
			{`{"a":{"id":"x"},"b":{"id":"y"}`, ""},
			{`{"a":{"id":"z"},"b":{"id":"y"}`, "fail run.newInRun /*/id"},
			{`{"a":{"id":"v"},"b":{"id":"theirs"}`, "fail run.notAnothers /*/id"},
		} {
			if got := strings.Join(check(tt.body+extra+"}"), ","); got != tt.want {
				t.Errorf("%s %s: %s, want %s", name, tt.body, got, tt.want)
			}
		}
	}
}

// Random documents and responses: whatever a rule's place, word and condition,
// both paths come to the same, and responses in which the same facts are wrong have
// the same violations.
func TestBothPathsAgreeOnRandomDocuments(t *testing.T) {
	documents := 1000
	if testing.Short() {
		documents = 200
	}
	rng := rand.New(rand.NewPCG(17, 4))
	compiled, accepted, violations := 0, 0, 0
	for range documents {
		rules, schema, facts := randomDocument(rng)
		c, err := contract.Compile("c.yaml", []byte(document(rules, schema)), nil, "a")
		text, kinds := rules+"\n"+schema, map[string][]string{}
		if err != nil {
			continue // it has a rule at a place that does not go with its word
		}
		compiled++
		for range 40 {
			status, body := 200, randomBody(rng, 3)
			if rng.IntN(8) == 0 {
				status = 299
			}
			ex, want := exchange(c, status, body, facts...), exchange(c, status, body, facts...)
			explained := places(c.Explain(want, nil))
			isRight, facts := c.Accept(ex)
			switch before, known := kinds[facts]; {
			case isRight:
				accepted++
			case facts != "" && known && !slices.Equal(before, explained):
				t.Fatalf("body %s: the same facts are wrong as in a response with %v: %v\n%s", body, before,
					explained, text)
			}
			kinds[facts] = explained
			if diff := cmp.Diff(explained, places(c.Check(ex, nil))); diff != "" {
				t.Fatalf("status %d, body %s (-explained +checked):\n%s\n%s", status, body, diff, text)
			}
			if diff := cmp.Diff(want.Evaluated, ex.Evaluated); diff != "" {
				t.Fatalf("status %d, body %s: rules looked at (-explained +checked):\n%s\n%s", status, body,
					diff, text)
			}
			violations += len(explained)
		}
	}
	t.Logf("%d documents, %d responses accepted, %d violations", compiled, accepted, violations)
	if compiled < documents/2 || accepted < 5*documents || violations < 20*documents {
		t.Error("too few to say anything")
	}
}

func places(violations []contract.Violation) (list []string) {
	for _, v := range violations {
		list = append(list, fmt.Sprintf("%v %s %s", v.Level, v.Rule, v.At))
	}
	return list
}

// one is one of some texts.
func one(rng *rand.Rand, texts ...string) string { return texts[rng.IntN(len(texts))] }

var (
	randomNames  = []string{"a", "b", "c", "k.x"}
	randomValues = []string{"v", "w", "A", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00.5Z",
		"https://h.example/v", "https://h.example/w", "v*", "", "2024-02-30T10:00:00Z", "{}",
		"11111111-2222-3333-4444-55555555555a", "11111111-2222-3333-4444-55555555555A"}
)

// randomPlace is a place of at most three steps.
func randomPlace(rng *rand.Rand, wild bool) string {
	place := ""
	for range 1 + rng.IntN(3) {
		step := one(rng, randomNames...)
		if wild && rng.IntN(3) == 0 {
			step = one(rng, "*", "*", "*.x")
		}
		place += "/" + step
	}
	return place
}

func randomDocument(rng *rand.Rand) (text, schema string, facts []string) {
	var rules []string
	for i := range 1 + rng.IntN(6) {
		level := one(rng, "fail", "fail", "note", "off")
		rules = append(rules, fmt.Sprintf("{rule: r.r%d, level: %s, description: d, source: s, %s}", i, level,
			randomRule(rng)))
	}
	if rng.IntN(3) == 0 {
		rules = append(rules, "{rule: r.named, level: fail, description: d, source: s, namedOnly: true}")
	}
	if rng.IntN(2) == 0 {
		facts = []string{"f=v"}
	}
	return strings.Join(rules, ",\n  "), randomSchema(rng, 3), facts
}

func randomRule(rng *rand.Rand) string {
	wild := rng.IntN(3) > 0
	rule := "at: " + randomPlace(rng, wild)
	if rng.IntN(5) == 0 {
		rule = fmt.Sprintf("at: [%s, %s]", randomPlace(rng, wild), randomPlace(rng, wild))
	}
	if rng.IntN(4) == 0 {
		rule += fmt.Sprintf(", when: {%s: [v, A]}", randomPlace(rng, rng.IntN(2) == 0))
	}
	if rng.IntN(6) == 0 {
		rule += ", asked: f"
	}
	if !wild && rng.IntN(3) == 0 {
		rule += ", required: true"
		if rng.IntN(3) == 0 {
			rule += ", instead: " + randomPlace(rng, false)
		}
	}
	template := func() string {
		return one(rng, "v", "'{f}'", "'{f?}v'", "'{"+randomPlace(rng, false)+"}'", "'https://h.example/{f}'")
	}
	list := func() string {
		if rng.IntN(2) == 0 {
			return "[v, a]"
		}
		return "{v: [v, a], w: [b], '': [c]}, per: " + randomPlace(rng, rng.IntN(2) == 0)
	}
	words := []func() string{
		func() string { return "equals: " + template() },
		func() string { return "urlPath: " + one(rng, "/v", "'/{f}'") },
		func() string { return "urlOrigin: https://h.example" },
		func() string { return "in: " + randomPlace(rng, true) },
		func() string { return "lte: " + randomPlace(rng, false) },
		func() string { return "known: " + list() },
		func() string { return "members: " + list() },
		func() string { return "pattern: '^[v-z]'" },
		func() string { return "unique: true" },
		func() string { return "masked: [" + template() + "]" },
		func() string { return "holdsJSON: true" },
		func() string { return "notNull: true" },
	}
	return rule + ", " + words[rng.IntN(len(words))]()
}

func randomSchema(rng *rand.Rand, depth int) string {
	var words []string
	add := func(chance int, word func() string) {
		if rng.IntN(chance) == 0 {
			words = append(words, word())
		}
	}
	below := func() string { return randomSchema(rng, depth-1) }
	add(3, func() string {
		return "type: " + one(rng, "object", "object", "[object, array]", "[object, string]", "string",
			"array", "integer", "number", "[object, array, string, number, boolean, 'null']")
	})
	add(12, func() string { return "pattern: '^[v2]'" })
	add(20, func() string { return "format: date-time" })
	if depth == 0 {
		return "{" + strings.Join(words, ", ") + "}"
	}
	var members []string
	for _, name := range randomNames {
		if rng.IntN(3) == 0 {
			members = append(members, name+": "+below())
			add(8, func() string { return "required: [" + name + "]" })
		}
	}
	if members != nil {
		words = append(words, "properties: {"+strings.Join(members, ", ")+"}")
	}
	add(4, func() string { return "additionalProperties: " + below() })
	add(4, func() string { return "items: " + below() })
	add(10, func() string { return "allOf: [" + below() + ", " + below() + "]" })
	add(12, func() string { return one(rng, "anyOf", "oneOf") + ": [" + below() + ", " + below() + "]" })
	slices.Sort(words)
	words = slices.CompactFunc(words, func(a, b string) bool { return a[:4] == b[:4] }) // a keyword once
	return "{" + strings.Join(words, ", ") + "}"
}

func randomBody(rng *rand.Rand, depth int) string {
	if depth < 3 && (depth == 0 || rng.IntN(3) == 0) {
		if rng.IntN(3) > 0 {
			return strconv.Quote(one(rng, randomValues...))
		}
		return one(rng, "null", "true", "5", "5.0", "-1e3", "123456789012345678901234567890123456")
	}
	if depth < 3 && rng.IntN(4) == 0 {
		var items []string
		for range rng.IntN(4) {
			items = append(items, randomBody(rng, depth-1))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	var members []string
	for _, i := range rng.Perm(len(randomNames) + 1) {
		if rng.IntN(2) == 0 {
			name := append(randomNames, "d")[i]
			members = append(members, strconv.Quote(name)+":"+randomBody(rng, depth-1))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}
