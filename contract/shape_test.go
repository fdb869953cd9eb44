package contract

import (
	order "cmp"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// library is a JSON Schema library with a document's schemas: what the package
// finds in a response, the library finds too, and nothing else.
type library struct {
	validator *jsonschema.Schema
	compiler  *compiler
}

const libraryBase = "contract:///document"

func newLibrary(t testing.TB, file string, status int) (*library, *Contract) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := load(file, text)
	if err != nil {
		t.Fatal(err)
	}
	k := newCompiler(d)
	c, err := k.compile()
	if err != nil {
		t.Fatal(err)
	}
	c.arrange()
	compile := jsonschema.NewCompiler()
	compile.DefaultDraft(jsonschema.Draft2020)
	compile.AssertFormat()
	if err := compile.AddResource(libraryBase, d.toJSON(d.root, 0)); err != nil {
		t.Fatal(err)
	}
	validator, err := compile.Compile(libraryBase + c.responses.of(status).schema.pointer)
	if err != nil {
		t.Fatal(err)
	}
	return &library{validator, k}, c
}

// finds returns the keywords that a value breaks, with their places.
func (l *library) finds(v any) (all []string) {
	var invalid *jsonschema.ValidationError
	if errors.As(l.validator.Validate(v), &invalid) {
		l.collect(invalid, func(rule string, place []string) {
			escaped := make([]string, len(place))
			for i, step := range place {
				escaped[i] = escapePointer.Replace(step)
			}
			all = append(all, rule+" /"+strings.Join(escaped, "/"))
		})
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (l *library) collect(e *jsonschema.ValidationError, found func(rule string, place []string)) {
	s := l.compiler.schemas[strings.TrimPrefix(e.SchemaURL, libraryBase)]
	members := func(keyword string, names []string) {
		for _, name := range names {
			found(s.keyword(keyword).rule.Name, append(slices.Clone(e.InstanceLocation), name))
		}
	}
	switch cause := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, inner := range e.Causes {
			l.collect(inner, found)
		}
	case *kind.Required:
		members("required", cause.Missing)
	case *kind.AdditionalProperties:
		members("additionalProperties", cause.Properties)
	default:
		found(s.keyword(cause.KeywordPath()[0]).rule.Name, e.InstanceLocation)
	}
}

// schemaFindings are the violations of keywords, as library.finds has them.
func schemaFindings(c *Contract, status int, body []byte) (all []string) {
	for _, v := range c.Explain(&Exchange{Status: status, Body: body}, nil) {
		i := slices.IndexFunc(c.rules, func(ru *rule) bool { return ru.Name == v.Rule })
		if p := c.rules[i].predicate; p == predicateKeyword || p == predicateSchema {
			all = append(all, v.Rule+" "+order.Or(v.At, "/"))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// schemaValues are values that keywords tell apart.
var schemaValues = strings.Fields(`null true 0 5 5.0 5.5 -1 1e2 1e400 123456789012345678901 ""
	"x" "X" "xx" "a" [] {}
	[1] [1,1.0] ["a","a"] [1,2,3,4,5,6] {"a":1} {"a":[1,2.0]} {"a":"x","b":2} {"name":"x"} {"k":[1,"x"]}
	"2024-02-29" "2023-02-29" "2024-02-29T10:00:00Z" "2024-02-29T10:00:60Z" "2024-12-31T23:59:60Z"
	"2024-12-31T22:59:60-01:00" "2024-12-31t23:59:59.25z" "2024-12-31T23:59:59." "2024-12-31T25:00:00Z"
	"2024-12-31T10:00:00+24:00" "788d4931-6936-43f2-82ff-178f5762298A" "788d4931-6936-43f2-82ff"
	"https://x.example/a" "http://[::1]/a" "http://[zz]/" "/a" "::" "a@b" "\"q\"@b" "a..b@c" "a@[1.2.3.4]"
	"a@[IPv6:::1]" "a@-b" "ééééé" "éééééé"`)

// The keywords of schemas mean what the JSON Schema library takes them for.
func TestSchemasAgreeWithTheLibrary(t *testing.T) {
	for _, file := range []string{"testdata/keywords.yaml", "testdata/parcel.yaml",
		"../pingone/contract.yaml"} {
		status := map[bool]int{true: 201, false: 200}[strings.HasPrefix(file, "..")]
		l, c := newLibrary(t, file, status)
		rng := rand.New(rand.NewPCG(3, 4))
		broken := 0
		for range 2000 {
			value := randomValue(rng, c.responses.of(status).root, 0)
			body, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			decoder := json.NewDecoder(strings.NewReader(string(body)))
			decoder.UseNumber()
			var plain any
			if err := decoder.Decode(&plain); err != nil {
				t.Fatal(err)
			}
			want := l.finds(plain)
			if diff := cmp.Diff(want, schemaFindings(c, status, body)); diff != "" {
				t.Fatalf("%s: %s (-library +package):\n%s", file, body, diff)
			}
			broken += len(want)
		}
		if broken < 1000 {
			t.Errorf("%s: %d keywords broken; the values are too tame", file, broken)
		}
	}
}

// randomValue has the members that a place names, of values of any type.
func randomValue(rng *rand.Rand, p *schemaTree, depth int) any {
	one := func() any { return json.RawMessage(schemaValues[rng.IntN(len(schemaValues))]) }
	if p == nil || depth > 4 || depth > 0 && rng.IntN(3) == 0 {
		return one()
	}
	if p.items != nil && rng.IntN(4) > 0 {
		list := make([]any, rng.IntN(4))
		for i := range list {
			list[i] = randomValue(rng, p.items, depth+1)
		}
		return list
	}
	if len(p.members) == 0 && p.others == nil {
		return one()
	}
	object := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(p.members)) {
		if rng.IntN(5) > 0 {
			object[name] = randomValue(rng, p.members[name], depth+1)
		}
	}
	for i := range rng.IntN(3) {
		object["more"+strconv.Itoa(i)] = randomValue(rng, p.others, depth+1)
	}
	return object
}

// The formats are those of the library, too, for texts that nobody thought of.
func FuzzFormats(f *testing.F) {
	for _, text := range schemaValues {
		f.Add(text)
	}
	compile := jsonschema.NewCompiler()
	compile.AssertFormat()
	libraries := map[string]*jsonschema.Schema{}
	for name := range formats {
		if err := compile.AddResource("mem:///"+name, map[string]any{"format": name}); err != nil {
			f.Fatal(err)
		}
		libraries[name] = compile.MustCompile("mem:///" + name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasSuffix(text, "@[") {
			t.Skip("the library panics")
		}
		for name, holds := range formats {
			if want := libraries[name].Validate(text) == nil; holds(text) != want {
				t.Errorf("%s %q: the library says %v", name, text, want)
			}
		}
	})
}
