package session_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"mfaload/internal/schemagen"
	"mfaload/internal/schematest"
	"mfaload/report"
	"mfaload/scenario"
	"mfaload/scenario/form"
	"mfaload/session"
)

var update = flag.Bool("update", false, "write validation.schema.json again")

// The schema is generated from the type: go test ./session -run SchemaIsGenerated -update.
func TestValidationSchemaIsGenerated(t *testing.T) {
	schema, err := schemagen.Generate(schemagen.Document{
		Root: session.Validation{}, ID: "urn:mfaload:validation:v1", Schema: session.ValidationSchema,
		Title: "What is wrong with scenario files, by mfaload",
	})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("validation.schema.json", schema, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(schema, session.ValidationJSONSchema()) {
		t.Error("validation.schema.json is out of date: go test ./session -run SchemaIsGenerated -update")
	}
}

// Problems have their place, value and remedy; a file that can't be read has a problem too, and validators
// of others take all of that.
func TestValidation(t *testing.T) {
	v := session.NewValidation()
	none, err := report.Encode(v)
	if err != nil || !strings.Contains(string(none), `"problems": []`) {
		t.Fatalf("%v: %s", err, none)
	}
	_, err = scenario.Parse("bad.yaml", []byte("name: bad\ntargt: {}\nload: {stages: [{rate: 10}]}\n"),
		func(string) (string, bool) { return "", false })
	v.Add("bad.yaml", err)
	v.Add("gone.yaml", errors.New("open gone.yaml: no such file\n  check the name"))
	if v.Valid {
		t.Error("valid")
	}
	for _, want := range []session.FileProblem{
		{File: "bad.yaml", Line: 2, Column: 1, Path: "targt", Message: `unknown key "targt"`},
		{File: "bad.yaml", Line: 3, Column: 24, Path: "load.stages[0].rate",
			Message: "load.stages[0].rate: 10 has no unit"},
		{File: "gone.yaml", Message: "open gone.yaml: no such file", Remedy: "check the name"},
	} {
		found := false
		for _, p := range v.Problems {
			same := p
			if want.Remedy == "" && p.Remedy != "" {
				same.Remedy = ""
			}
			found = found || same == want
		}
		if !found {
			t.Errorf("%+v is not in %+v", want, v.Problems)
		}
	}
	some, err := report.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	schematest.Fits(t, session.ValidationJSONSchema(), none, some)
}

// No text from a file ends an annotation, adds a property or begins another command.
func TestAnnotationsAreEscaped(t *testing.T) {
	v := session.NewValidation()
	v.Add("x", form.Problems{{Pos: form.Pos{File: "a,b:c%.yaml", Line: 3, Column: 7},
		Text: "100% wrong: ::set-env name=x::y\r\n::error::z", Remedy: "write 5/s"}})
	v.Add("gone.yaml", errors.New("can't be read"))
	want := "::error file=a%2Cb%3Ac%25.yaml,line=3,col=7::100%25 wrong: : :set-env name=x::y" +
		`\x0d` + "%0A: :error::z%0Awrite 5/s\n::error file=gone.yaml::can't be read\n"
	if got := v.GitHub(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
