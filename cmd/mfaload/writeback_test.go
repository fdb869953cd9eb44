package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/session"
)

// A journal is removed only once what was written in its place can be read.
func TestJournalStaysWhereResultsCantBeReadBack(t *testing.T) {
	r := measure.NewRecorder(1, nil, 0)
	for range 2 {
		r.Record(0, &measure.Observation{Label: "201", AsExpected: true, Done: time.Millisecond})
	}
	m, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	m.Groups, m.Main.Scheduled = []string{"a"}, []uint64{2}
	m.Terms = []byte(`{"thresholds":[],"token":"given"}`)
	judged, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	dir := session.OpenFolder(t.TempDir())
	journal := filepath.Join(dir.Path(), session.JournalFile)
	if err := os.WriteFile(journal, []byte("the only copy"), 0o600); err != nil {
		t.Fatal(err)
	}
	slices.Collect(m.Seconds.All())[0].Failed = 3 // what no reader takes
	if err := dir.Write(judged, m, session.Formats{}); err == nil || !strings.Contains(err.Error(),
		"can't be read back") {
		t.Errorf("written with %v", err)
	}
	if _, err := os.Stat(journal); err != nil {
		t.Error("the journal is gone")
	}
	slices.Collect(m.Seconds.All())[0].Failed = 0
	if err := dir.Write(judged, m, session.Formats{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(journal); err == nil {
		t.Error("the journal is still there")
	}
}
