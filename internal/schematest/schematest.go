// Package schematest lets tests hold what mfaload writes against its schemas with
// validators of others, as its readers do.
package schematest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// Fits holds documents against a schema with the library and, but for -short, with
// ajv and with cfworker's validator (tools/schemas.sh). Where these can't be had the
// test is skipped, except in CI.
func Fits(t *testing.T, schema []byte, documents ...[]byte) {
	t.Helper()
	portable(t, schema)
	Valid(t, schema, documents...)
	if testing.Short() {
		return
	}
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	var args []string
	for i, document := range documents {
		args = append(args, write("schema.json", schema), write(fmt.Sprintf("document-%d.json", i), document))
	}
	var out, said bytes.Buffer
	command := exec.Command(filepath.Join(root(t), "tools", "schemas.sh"), args...)
	command.Stdout, command.Stderr = &out, &said
	err := command.Run()
	var exit *exec.ExitError
	if cannot := errors.Is(err, exec.ErrNotFound) || errors.As(err, &exit) && exit.ExitCode() == 3; cannot &&
		os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED, no validator of others read the documents: %v %s", err, said.String())
	}
	if err != nil {
		t.Fatalf("validate: %v: %s", err, said.String())
	}
	found := 0
	for d := json.NewDecoder(&out); d.More(); found++ {
		var result struct {
			Validator, Document string
			Errors              []string
		}
		if err := d.Decode(&result); err != nil {
			t.Fatal(err)
		}
		for _, e := range result.Errors {
			t.Errorf("%s, %s: %s", result.Validator, filepath.Base(result.Document), e)
		}
	}
	if found != 2*len(documents) {
		t.Errorf("%d verdicts on %d documents by two validators", found, len(documents))
	}
}

// portable refuses what some validators misread: with an empty pattern Python's
// jsonschema overlooks patternProperties and calls every member an additional one.
func portable(t *testing.T, schema []byte) {
	t.Helper()
	var tree any
	if err := json.Unmarshal(schema, &tree); err != nil {
		t.Fatal(err)
	}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				walk(fmt.Sprintf("%s/%d", at, i), item)
			}
		case map[string]any:
			for name, item := range v {
				if name == "" || name == "pattern" && item == "" {
					t.Errorf("%s has an empty pattern", at)
				}
				walk(at+"/"+name, item)
			}
		}
	}
	walk("#", tree)
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "tools", "schemas.sh")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("tools/schemas.sh is nowhere above this folder")
		}
		dir = filepath.Dir(dir)
	}
}

// Alike holds a schema against the one that was published first: both take the
// documents, and both refuse or take each document that differs from one of them in
// one place, where a member is missing, unknown or of another type.
func Alike(t *testing.T, first, now []byte, documents ...[]byte) {
	t.Helper()
	was, is := Compiled(t, first), Compiled(t, now)
	tried := 0
	for i, text := range documents {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range map[string]*jsonschema.Schema{"first": was, "present": is} {
			if err := s.Validate(document); err != nil {
				t.Errorf("the %s schema refuses document %d: %v", name, i, err)
			}
		}
		document = shortened(document)
		changes(document, func(what string) {
			tried++
			before, after := was.Validate(document), is.Validate(document)
			if (before == nil) != (after == nil) {
				t.Errorf("document %d with %s: the first schema says %v, the present one %v", i, what, before,
					after)
			}
		})
	}
	if tried < 100 {
		t.Errorf("only %d changes of documents were tried", tried)
	}
}

// Component compiles a schema of an OpenAPI document's components.
func Component(t testing.TB, document []byte, name string) *jsonschema.Schema {
	t.Helper()
	var tree map[string]any
	if err := yaml.Unmarshal(document, &tree); err != nil {
		t.Fatal(err)
	}
	schema, err := json.Marshal(map[string]any{"$ref": "#/components/schemas/" + name,
		"components": tree["components"]})
	if err != nil {
		t.Fatal(err)
	}
	return Compiled(t, schema)
}

// Compiled is a schema that the library has read, formats included.
func Compiled(t testing.TB, schema []byte) *jsonschema.Schema {
	t.Helper()
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", tree); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Valid holds documents against a schema with the library.
func Valid(t testing.TB, schema []byte, documents ...[]byte) {
	t.Helper()
	library := Compiled(t, schema)
	for _, document := range documents {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
		if err != nil {
			t.Fatal(err)
		}
		if err := library.Validate(value); err != nil {
			t.Errorf("it does not fit its schema: %v\n%s", err, document)
		}
	}
}

// shortened leaves one item of each list, so that there is less to validate.
func shortened(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = shortened(v[i])
		}
		return v[:min(len(v), 1)]
	case map[string]any:
		for name := range v {
			v[name] = shortened(v[name])
		}
	}
	return v
}

// changes makes one change after the other to a value, and takes it back after try.
func changes(v any, try func(what string)) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			v[i] = map[string]any{"unknown": true}
			try(fmt.Sprintf("an unknown object as item %d", i))
			v[i] = item
			changes(item, try)
		}
	case map[string]any:
		for name, value := range v {
			delete(v, name)
			try("no " + name)
			for _, other := range []any{nil, "x", json.Number("-1"), json.Number("0.5"), []any{}} {
				v[name] = other
				try(fmt.Sprintf("%s: %v", name, other))
			}
			v[name] = value
			changes(value, try)
		}
		v["unknown"] = true
		try("an unknown member")
		delete(v, "unknown")
	}
}
