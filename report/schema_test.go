package report_test

import (
	"bytes"
	"os"
	"testing"

	"mfaload/internal/schemagen"
	"mfaload/internal/schematest"
	"mfaload/measure"
	"mfaload/report"
)

// The schema is generated from the types: go test ./report -run Schema -update.
func TestSchemaIsGenerated(t *testing.T) {
	schema, err := schemagen.Generate(schemagen.Document{
		Root: report.Report{}, ID: "urn:mfaload:report:v1", Schema: report.Schema,
		Title: "The report of a run of mfaload",
		Description: "Times are in milliseconds, rates in requests a second. " +
			"Except in warmup, the warm-up counts nowhere.",
	})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("report.schema.json", schema, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(schema, report.JSONSchema()) {
		t.Error("report.schema.json is out of date: run go test ./report -run Schema -update")
	}
}

func TestSchemaIsThatOfTheFirstReport(t *testing.T) {
	first, err := os.ReadFile("testdata/first.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	schematest.Alike(t, first, report.JSONSchema(), fullDocuments(t)[3])
}

// Validators of others take report.json: of a run with something of everything, of
// one that sent nothing, of a closed one, and of one that leaves something out.
func TestReportFitsItsSchemaForOthers(t *testing.T) {
	schematest.Fits(t, report.JSONSchema(), fullDocuments(t)...)
}

func fullDocuments(t *testing.T) (documents [][]byte) {
	t.Helper()
	short := full(t)
	short.LeftOut = &report.LeftOut{Thresholds: 1, Reasons: 2, Causes: 3, ScenarioText: 4}
	labelled := full(t)
	labelled.Labels = measure.RunLabels{"commit": "4f2a1c", "empty": ""}
	for _, r := range []*report.Report{
		full(t), newRun(t).judge(p95, noErrors), newRun(t).send(3, ms, nil).judge(), short, labelled,
	} {
		data, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, data)
	}
	return documents
}
