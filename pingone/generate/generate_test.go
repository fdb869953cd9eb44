package generate_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mfaload/internal/schematest"
	"mfaload/pingone"
	"mfaload/pingone/generate"
)

const (
	envID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
	user  = "788d4931-6936-43f2-82ff-178f5762298a"
	other = "991776fd-145b-499e-8237-2c62aef35b2c"
	known = "9761c24a-208d-0499-1bf6-39905184a4e1"
)

func schema(t testing.TB) *generate.Schema {
	t.Helper()
	s, err := generate.ReadSchema(pingone.Document())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func input(t testing.TB, seed uint64, max int) generate.Input {
	return generate.Input{Schema: schema(t), Path: "/" + envID + "/deviceAuthentications", EnvID: envID,
		Users: []string{user, other}, Seed: seed, Max: max, Transaction: known,
		Known: map[string]string{"policy.id": `"` + known + `"`, "selectedDevice.id": `"` + known + `"`,
			"application.id": `"` + known + `"`},
		Identities: []generate.OtherToken{{Name: "foreign", Kind: "foreign"}}}
}

// The same input makes the same requests, byte for byte, and another seed others.
func TestSameSeedSameRequests(t *testing.T) {
	encode := func(seed uint64) []byte {
		text, err := json.Marshal(generate.Cases(input(t, seed, 300)))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := encode(7)
	for range 3 {
		if !bytes.Equal(first, encode(7)) {
			t.Fatal("the same seed makes other requests")
		}
	}
	if bytes.Equal(first, encode(8)) {
		t.Fatal("another seed makes the same requests")
	}
}

// What a validator of others says of each body is what the case says: valid, or with a fault.
func TestBodiesAgainstAnotherValidator(t *testing.T) {
	compiled := schematest.Component(t, pingone.Document(), "Initialization")
	counts := map[string]int{}
	for _, c := range generate.Cases(input(t, 1, 100_000)) {
		var body any
		readable := json.Unmarshal(c.Request.Body, &body) == nil
		member := !strings.HasPrefix(c.Place, "(")
		switch {
		case c.Expect == generate.Valid && c.Request.Method == "POST":
			if !readable || compiled.Validate(body) != nil {
				t.Errorf("%s is not valid: %s", c.Name(), c.Request.Body)
			}
			counts["valid"]++
		case c.Expect == generate.Refused && member && c.Keyword != "exists" && c.Keyword != "unique":
			if c.Variant == "@example.com" {
				continue // the library takes an address without a name
			}
			if readable && compiled.Validate(body) == nil {
				t.Errorf("%s has no fault: %s", c.Name(), c.Request.Body)
			}
			counts["wrong"]++
		case c.Expect == generate.Refused && c.Keyword == "exists":
			if !readable || compiled.Validate(body) != nil {
				t.Errorf("%s has another fault: %s", c.Name(), c.Request.Body)
			}
		case c.Place == "(body)" && (c.Keyword == "json" || c.Keyword == "type"):
			if readable && compiled.Validate(body) == nil {
				t.Errorf("%s has no fault: %s", c.Name(), c.Request.Body)
			}
		}
	}
	if counts["valid"] < 50 || counts["wrong"] < 150 {
		t.Errorf("too few cases: %v", counts)
	}
}

// Each fault is alone: the body is valid once the value at its place is that of some valid request.
func TestOneFaultEach(t *testing.T) {
	compiled := schematest.Component(t, pingone.Document(), "Initialization")
	var valid []map[string]any
	for _, c := range generate.Cases(input(t, 1, 100_000)) {
		var body map[string]any
		if c.Expect != generate.Refused && json.Unmarshal(c.Request.Body, &body) == nil {
			valid = append(valid, body)
		}
	}
	for _, c := range generate.Cases(input(t, 1, 100_000)) {
		if strings.HasPrefix(c.Place, "(") || c.Expect != generate.Refused || c.Keyword == "exists" {
			continue
		}
		path := strings.Split(c.Place, ".")
		repaired := func(with map[string]any) bool {
			var body map[string]any
			value := at(with, path)
			if value == nil || json.Unmarshal(c.Request.Body, &body) != nil {
				return false
			}
			set(body, path, value)
			return compiled.Validate(any(body)) == nil
		}
		var body map[string]any
		readable := json.Unmarshal(c.Request.Body, &body) == nil // not so with a number beyond all
		if readable && !slices.ContainsFunc(valid, repaired) {
			t.Errorf("%s has a second fault: %s", c.Name(), c.Request.Body)
		}
	}
}

func at(v any, path []string) any {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

func set(body map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		inner, is := body[name].(map[string]any)
		if !is {
			inner = map[string]any{}
			body[name] = inner
		}
		body = inner
	}
	body[path[len(path)-1]] = value
}

func TestCostIsBounded(t *testing.T) {
	for _, max := range []int{1, 2, 17, 100, 300, 100_000} {
		cases := generate.Cases(input(t, 3, max))
		if b := generate.Costs(cases); b.Requests > max || max < 500 && b.Requests < max-1 {
			t.Errorf("at most %d: %+v", max, b)
		}
	}
	// With room for 300 every keyword of every member is tried, except where one member is as good as
	// another; what is not tried is said.
	s := schema(t)
	every := generate.Cases(input(t, 3, 100_000))
	for _, max := range []int{1, 300, 100_000} {
		var tried []generate.Tried
		cases := generate.Cases(input(t, 3, max))
		for i := range cases {
			tried = append(tried, generate.Tried{Case: &cases[i], Status: 400})
		}
		c := generate.Cover(s, every, tried)
		n, all := c.Share()
		if all < 140 || max == 1 && n > 4 || max == 100_000 && n != all {
			t.Errorf("at most %d: %d of %d keywords tried", max, n, all)
		}
		for _, r := range c.Rows {
			if max == 300 && r.Tried == 0 && r.Keyword != "unique" && r.Keyword != "nesting" {
				t.Errorf("%s: %s was never tried", r.Place, r.Keyword)
			}
		}
	}
}

func TestSchemaProblems(t *testing.T) {
	for old, changed := range map[string]string{
		"      requestBody:": "      x-nothing:",
		"x-quiet: true\n":    "if: {}\n",
		"#/components/schemas/ID'\n        selectedDevice:": "#/x'\n        selectedDevice:",
		"format: email": "minLength: -1",
	} {
		document := bytes.Replace(pingone.Document(), []byte(old), []byte(changed), 1)
		if bytes.Equal(document, pingone.Document()) {
			t.Fatalf("%q is not there", old)
		}
		if s, err := generate.ReadSchema(document); err == nil {
			t.Errorf("%q: no error, %v", changed, s)
		}
	}
	if _, err := generate.ReadSchema(nil); err == nil {
		t.Error("an empty document is read")
	}
}

// FuzzCases makes requests of any users, values and bounds: they can be sent, cost what they may,
// and are the same again.
func FuzzCases(f *testing.F) {
	f.Add(uint64(1), 300, user, `"x"`, envID)
	f.Add(uint64(2), 0, "", ``, "")
	f.Add(uint64(3), 50, "\xff\x00", `{"a":`, "e/../\r\n")
	s := schema(f)
	f.Fuzz(func(t *testing.T, seed uint64, max int, user, value, env string) {
		max %= 2000
		in := generate.Input{Schema: s, Path: "/" + known + "/deviceAuthentications", Users: []string{user},
			Seed: seed, Max: max, Known: map[string]string{"policy.id": value, "rp.id": value}}
		if json.Valid([]byte(env)) {
			in.Known["selectedDevice.id"] = env
		}
		cases := generate.Cases(in)
		if b := generate.Costs(cases); b.Requests > max && max >= 0 {
			t.Fatalf("%d requests, at most %d", b.Requests, max)
		}
		if !reflect.DeepEqual(cases, generate.Cases(in)) {
			t.Fatal("the same input makes other cases")
		}
		for i := range cases {
			failure := generate.FailedCase{Rule: "request.valid", Case: cases[i]}
			var line bytes.Buffer
			if err := failure.Write(&line); err != nil {
				t.Fatal(err)
			}
			if _, err := generate.ReadFailures(&line); err != nil {
				t.Fatalf("%s: %v", cases[i].Name(), err)
			}
		}
	})
}

// FuzzReadFailures reads files of violations: what is read can be written and read again.
func FuzzReadFailures(f *testing.F) {
	cases := generate.Cases(input(f, 1, 40))
	var file bytes.Buffer
	for i := range cases {
		failure := generate.FailedCase{Rule: "request.refused", Level: "fail", Fault: "F102", Case: cases[i],
			Smallest: &cases[i].Request, Others: cases[:1]}
		if err := failure.Write(&file); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(file.Bytes())
	f.Add([]byte(`{"rule":"request.valid","case":{"expect":"valid","request":{"method":"POST","path":"/"}}}`))
	f.Add([]byte(`{"rule":"x","case":{"expect":"valid","request":{"method":"A B","path":"/\r\n"}}}`))
	f.Add([]byte("{}\n\n[]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := generate.ReadFailures(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		for i := range all {
			for _, line := range slices.Concat(all[i].Case.Request.Headers,
				[]string{all[i].Case.Request.Path}) {
				if strings.ContainsAny(line, "\r\n") {
					t.Fatalf("%q can be sent", line)
				}
			}
			if err := all[i].Write(&again); err != nil {
				t.Fatal(err)
			}
		}
		second, err := generate.ReadFailures(&again)
		if err != nil || !reflect.DeepEqual(all, second) {
			t.Fatalf("read again: %v", err)
		}
	})
}
