package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
)

// measured is what the run that [full] judges measured.
func measured(t testing.TB) *measure.Measurement {
	t.Helper()
	r := newRun(t).send(60, 50*ms, nil).send(20, 120*ms, violating).send(10, 9*ms, unexpected)
	m, err := r.recorder.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	m.Started = time.Date(2026, 11, 23, 12, 0, 0, 250e6, time.UTC)
	m.Groups, m.Main.Planned = []string{"email", "sms"}, 10*time.Second
	m.Main.Start = time.Second
	for i := range 100 {
		m.Profile.Add(time.Duration(i)*100*ms, false)
	}
	m.Profile.Stages = []measure.StageSpan{{Name: "warm-up", Warmup: true, End: time.Second},
		{Name: "10/s, then on", Start: time.Second, End: 10 * time.Second}}
	m.Main.Scheduled = []uint64{50, 50}
	return m
}

func TestGoldenFormats(t *testing.T) {
	r := full(t)
	for name, format := range map[string]func(*report.Report) ([]byte, error){
		"report.md": render.Markdown, "junit.xml": render.JUnit,
		"series.csv": func(*report.Report) ([]byte, error) { return series(measured(t)) },
	} {
		data, err := format(r)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, data)
	}
}

func TestReportIsReadAsItWasWritten(t *testing.T) {
	data, err := full(t).JSON()
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, again) {
		t.Error("what was read is written otherwise")
	}
	for name, bad := range map[string]string{
		"empty": "", "cut off": string(data[:len(data)/2]), "two": string(data) + string(data),
		"unknown member": strings.Replace(string(data), `"verdict"`, `"new": 1, "verdict"`, 1),
		"other schema":   strings.Replace(string(data), "report/v1", "report/v2", 1),
		"no verdict":     strings.Replace(string(data), `"verdict": "fail"`, `"verdict": "good"`, 1),
	} {
		if _, err := report.Decode([]byte(bad)); err == nil ||
			!strings.HasPrefix(err.Error(), "read report: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// hostile texts come from responses.
var hostile = []string{
	"]]><failure/>", "\x00\x01\x1b[31m", "\xff\xfe", "a|b`c``d\\|e", "\r\n# title\n| x |",
	"<script>alert(1)</script>",
	"@admin https://evil.example [x](y)", "\u202ertl", `"'&amp;`, "\uFFFE", strings.Repeat("x", 5000),
}

func hostileReport(t *testing.T) *report.Report {
	r := full(t)
	r.Violations = nil
	for i, text := range hostile {
		r.Violations = append(r.Violations,
			report.Violation{Rule: fmt.Sprint("rule.", i, text), Pointer: text, Level: "fail", Count: 1,
				Expected: text, Got: text})
		r.Statuses[text] = 1
	}
	r.Reasons = append(r.Reasons, hostile...)
	return r
}

// JUnit's readers fall over what is no XML, and show a test with two failures
// as passed.
func TestJUnitWithHostileTexts(t *testing.T) {
	for name, r := range map[string]*report.Report{"full": full(t), "hostile": hostileReport(t)} {
		data, err := render.JUnit(r)
		if err != nil {
			t.Fatal(err)
		}
		failed, cases := parseJUnit(t, data)
		broken := 0
		for _, threshold := range r.Thresholds {
			if failed["mfaload.friday.thresholds "+threshold.Expression] == threshold.Passed {
				t.Errorf("%s: %s", name, threshold.Expression)
			}
			if !threshold.Passed {
				broken++
			}
		}
		rules := map[string]bool{}
		for _, v := range r.Violations {
			rules[v.Rule] = true
		}
		for _, c := range r.Coverage {
			delete(rules, c.Rule)
		}
		if want := 1 + len(r.Thresholds) + len(r.Groups) + len(r.Coverage) + len(rules); cases != want ||
			broken == 0 {
			t.Errorf("%s: %d testcases, want %d", name, cases, want)
		}
		if !failed["mfaload.friday.verdict verdict"] {
			t.Errorf("%s: the verdict is no failure", name)
		}
	}
}

// parseJUnit reads the file as any XML reader does. It wants at most one result
// a testcase and the numbers to be right.
func parseJUnit(t *testing.T, data []byte) (failed map[string]bool, cases int) {
	t.Helper()
	failed = map[string]bool{}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	var name string
	results, failures, said := 0, 0, ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		start, isStart := token.(xml.StartElement)
		if !isStart {
			continue
		}
		switch attr := attributes(start); start.Name.Local {
		case "testsuites":
			said = attr["failures"]
		case "testcase":
			name, results = attr["classname"]+" "+attr["name"], 0
			cases++
		case "failure", "error", "skipped":
			if results++; results > 1 {
				t.Errorf("%s has several results", name)
			}
			if start.Name.Local != "skipped" {
				failed[name] = true
			}
			if start.Name.Local == "failure" {
				failures++
			}
		}
	}
	if fmt.Sprint(failures) != said {
		t.Errorf("%d failures, and it says %s", failures, said)
	}
	return failed, cases
}

func attributes(e xml.StartElement) map[string]string {
	all := map[string]string{}
	for _, a := range e.Attr {
		all[a.Name.Local] = a.Value
	}
	return all
}

// An inconclusive run is not green anywhere, and a group is judged by its own
// thresholds.
func TestJUnitOfRunsThatSayNothing(t *testing.T) {
	for _, verdict := range []report.Verdict{report.Inconclusive, report.Interrupted} {
		r := full(t)
		r.Verdict = verdict
		data, err := render.JUnit(r)
		if err != nil {
			t.Fatal(err)
		}
		if failed, _ := parseJUnit(t, data); !failed["mfaload.friday.verdict verdict"] ||
			!bytes.Contains(data, []byte(`errors="1"`)) {
			t.Errorf("%s is no error", verdict)
		}
	}
	email, sms := p95, p95
	email.Group, sms.Group = "email", "sms"
	r := newRun(t).send(100, 50*ms, func(o *measure.Observation) {
		if o.Group == 1 {
			o.Done += time.Second
		}
	}).judge(email, sms)
	data, err := render.JUnit(r)
	if err != nil {
		t.Fatal(err)
	}
	if failed, _ := parseJUnit(t, data); failed["mfaload.friday.groups email"] ||
		!failed["mfaload.friday.groups sms"] {
		t.Errorf("failed: %v", failed)
	}
}

// Texts from outside stay in the cell they belong to, as code.
func TestMarkdownWithHostileTexts(t *testing.T) {
	r := hostileReport(t)
	data, err := render.Markdown(r)
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(data) || len(data) > 60_000 {
		t.Errorf("%d bytes, UTF-8: %v", len(data), utf8.Valid(data))
	}
	rows := 0
	for line := range strings.Lines(string(data)) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"),
			func(c rune) bool { return c < ' ' || c == '\u202e' }) {
			t.Errorf("control characters in %q", line)
		}
		if strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "| x") {
			t.Errorf("markup of others: %q", line)
		}
		if strings.HasPrefix(line, "| `") && strings.Contains(line, "rule.") {
			rows++
			if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 7 {
				t.Errorf("%d bars in %q", n, line)
			}
		}
	}
	if rows == 0 || rows != strings.Count(string(data), "| fail |") {
		t.Errorf("%d rows", rows)
	}
}

func TestCSVAddsUp(t *testing.T) {
	m := measured(t)
	data, err := series(m)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	sums := map[string]int{}
	for _, row := range rows[1:] {
		for _, name := range []string{"due", "sent", "as_expected", "unexpected", "violating", "failed"} {
			var n int
			if _, err := fmt.Sscan(row[column[name]], &n); err != nil {
				t.Fatalf("%s of %v: %v", name, row, err)
			}
			sums[name] += n
		}
	}
	want := map[string]int{"due": 100, "sent": 90, "as_expected": 60, "unexpected": 10, "violating": 20,
		"failed": 0}
	if fmt.Sprint(sums) != fmt.Sprint(want) || len(rows) != 11 {
		t.Errorf("%v in %d rows, want %v in 11", sums, len(rows), want)
	}
	if last := rows[10]; last[column["response_p50_ms"]] != "" || last[column["sent"]] != "0" {
		t.Errorf("a second without a request: %v", last)
	}
}

// What is read is written and read again without a change.
func FuzzDecode(f *testing.F) {
	data, err := os.ReadFile("testdata/report.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"schema":"mfaload/report/v1","verdict":"pass","degraded":true,"shards":[{"shard":1},` +
		`{"shard":-1,"lost":"x","doubts":["y"]}]}`))
	f.Add([]byte(`{"schema":"mfaload/report/v1","verdict":"pass","groups":[{}],` +
		`"violations":[{"got":"\u0000"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := report.Decode(data)
		if err != nil {
			return
		}
		first, err := r.JSON()
		if err != nil {
			t.Skip() // a time that JSON can't write
		}
		read, err := report.Decode(first)
		if err != nil {
			t.Fatalf("what was read and written is refused: %v", err)
		}
		if again, err := read.JSON(); err != nil || !bytes.Equal(first, again) {
			t.Errorf("%v: written otherwise:\n%s\n%s", err, first, again)
		}
		for _, format := range []func(*report.Report) ([]byte, error){render.JUnit, render.Markdown} {
			if _, err := format(r); err != nil {
				t.Error(err)
			}
		}
		junit, _ := render.JUnit(r)
		parseJUnit(t, junit)
	})
}

// series is a run second by second.
func series(m *measure.Measurement) ([]byte, error) {
	var b bytes.Buffer
	err := render.CSV(&b, m)
	return b.Bytes(), err
}
