package dossier_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfaload/capacity"
	"mfaload/internal/schemagen"
	"mfaload/internal/schematest"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/report/render/chart/charttest"
	"mfaload/runner/plan"
	"mfaload/session/check"
	"mfaload/session/dossier"
)

var update = flag.Bool("update", false, "rewrite goldens and the schema")

// measured is when the recorded run was, whose results stand for all runs.
var measured = time.Date(2026, 11, 30, 21, 17, 40, 0, time.UTC)

const (
	recorded = "../../cmd/mfaload/testdata/frozen/input/results/"
	target   = "embedded simulator"
	version  = "v0.0.0-frozen"
	// recordedHash is of the scenario of the recorded run that passed.
	recordedHash = "5b6268bc67440b2dfb1f3424061e10c494db3b748f635dadd98e0dc5db931a6d"
)

func write(t *testing.T, value any, path ...string) {
	t.Helper()
	data, err := report.Encode(value)
	file := filepath.Join(path...)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

type rollout = dossier.RolloutDemand

// resultsSet are the results of everything that a rollout takes.
type resultsSet struct {
	run        string // of the recorded ones
	check      check.Record
	capacity   capacity.Result
	comparison compare.Comparison
	plan       plan.RunPlan
}

func passing() *resultsSet {
	low, high := 130.0, 150.0
	return &resultsSet{run: "pass",
		check: check.Record{Schema: "mfaload/check/v1", Scenario: "conformance", Hash: "c", Target: target,
			Version: version, Started: measured, Sent: 309, Tried: 98, Keywords: 100, Verdict: report.Pass},
		capacity: capacity.Result{Schema: capacity.Schema, Scenario: "capacity", Hash: "k", Version: version,
			Started: measured, Complete: true, Settled: true, LimitedBy: "response p99 <= 500ms",
			Rate: capacity.RateInterval{Low: &low, High: &high, Confidence: 0.95}, Reasons: []string{},
			Trials: []capacity.TrialRow{}, Soak: &capacity.Soak{Rate: 104, Share: 0.8, Duration: 3600,
				Verdict: capacity.Pass, Reasons: []string{}, Drifts: []capacity.Trend{{Percentile: "p95",
					P: 0.4, Slope: 1.25, Values: []float64{1}}}}},
		plan: plan.RunPlan{Scenario: "pass", Requests: 210, Peak: 40, Limits: []plan.PlannedLimit{
			{Name: "rate.license", Scope: "license", Unit: "requests", Allowed: 100, Planned: 40}}},
		comparison: compare.Comparison{Schema: compare.Schema, Verdict: compare.Same,
			Conclusion: "no regression beyond the margins: response p95 at most +2.0%",
			New: compare.Side{Runs: []compare.RunInfo{{Scenario: "pass", Target: target, Version: version,
				Started: measured}}},
			Rows: []compare.MetricRow{{Metric: "response.p95", Primary: true, Unit: "ms", Base: 250.5,
				New: 251.75, Change: 0.5, Low: -1, High: 2, Judgement: compare.Same},
				{Metric: "goodput", Primary: true, Unit: "%", Base: 99.5, New: 99.25, Change: -0.25,
					Low: -0.5, High: 0.1, Judgement: compare.Same}}},
	}
}

// folders writes the results, and returns the folder that has them.
func (s *resultsSet) folders(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, s.check, dir, "check", "check.json")
	write(t, s.capacity, dir, "capacity", "capacity.json")
	write(t, s.comparison, dir, "release", "compare.json")
	write(t, s.plan, dir, "plan", "plan.json")
	if s.run != "" {
		if err := os.CopyFS(filepath.Join(dir, "run"), os.DirFS(recorded+s.run)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func demand() dossier.RolloutDemand {
	return dossier.RolloutDemand{Peak: 120, MaxAge: 30 * 24 * time.Hour, Now: measured.Add(time.Hour)}
}

func (s *resultsSet) dossier(t *testing.T, d dossier.RolloutDemand) *dossier.Dossier {
	t.Helper()
	found, err := dossier.Read([]string{s.folders(t)})
	if err != nil {
		t.Fatal(err)
	}
	return dossier.New(found, d)
}

// The rule: a part that fails is no-go; one that is missing, undecided, old or of something else is
// undecided; the reason is named.
func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*resultsSet, *rollout)
		answer dossier.Answer
		reason string
	}{
		"all passed": {func(*resultsSet, *rollout) {}, dossier.Go, ""},
		"failed run": {func(s *resultsSet, _ *rollout) { s.run = "slow" }, dossier.NoGo, "load ("},
		"inconclusive run": {func(s *resultsSet, _ *rollout) { s.run = "timeouts" },
			dossier.Undecided, "load ("},
		"no run": {func(s *resultsSet, _ *rollout) { s.run = "" }, dossier.Undecided,
			"load: no result; measure it, or leave it out with --without load"},
		"no run needed": {func(s *resultsSet, d *rollout) {
			s.run, d.Without = "", []dossier.PartName{dossier.Load}
		}, dossier.Go, ""},
		"failed check": {func(s *resultsSet, _ *rollout) {
			s.check.Verdict, s.check.Failed = report.Fail, 3
		}, dossier.NoGo, "3 of 309 requests failed the check"},
		"untold": {func(s *resultsSet, _ *rollout) {
			s.check.Verdict, s.check.Untold = report.Inconclusive, 2
		}, dossier.Undecided, "2 violations of an earlier check"},
		"capacity below": {func(_ *resultsSet, d *rollout) { d.Peak = 200 }, dossier.NoGo,
			"200/s is not enough"},
		"capacity unclear": {func(_ *resultsSet, d *rollout) { d.Peak = 140 }, dossier.Undecided,
			"can't tell whether 140/s is enough"},
		"not sure enough": {func(s *resultsSet, _ *rollout) { s.capacity.Rate.Confidence = 0.8 },
			dossier.Undecided, "can't tell whether 120/s is enough"},
		"no peak": {func(_ *resultsSet, d *rollout) { d.Peak = 0 }, dossier.Undecided,
			"write --peak"},
		"peak of the search": {func(s *resultsSet, d *rollout) {
			d.Peak = 0
			s.capacity.Answer = &capacity.TargetCheck{TargetRate: 100, Enough: "yes",
				Sentences: []string{"100/s is enough"}}
		}, dossier.Go, ""},
		"search that says nothing": {func(s *resultsSet, d *rollout) {
			d.Peak, s.capacity.Answer = 0, &capacity.TargetCheck{}
		}, dossier.Undecided, "capacity ("},
		"search cut off": {func(s *resultsSet, _ *rollout) { s.capacity.Complete = false },
			dossier.Undecided, "the search is not complete"},
		"soak drifts": {func(s *resultsSet, _ *rollout) {
			s.capacity.Soak.Verdict, s.capacity.Soak.Reasons = capacity.Break, []string{"p95 drifts up"}
		}, dossier.NoGo, "p95 drifts up"},
		"no soak": {func(s *resultsSet, _ *rollout) { s.capacity.Soak = nil },
			dossier.Undecided, "soak: no result"},
		"worse": {func(s *resultsSet, _ *rollout) {
			s.comparison.Verdict, s.comparison.Conclusion = compare.Worse, "worse: response p95 +12.0%"
		}, dossier.NoGo, "worse: response p95 +12.0%"},
		"limit passed": {func(s *resultsSet, _ *rollout) {
			at := 5.0
			s.plan.Limits[0].PassedAt = &at
		}, dossier.NoGo, "the run passes rate.license first"},
		"limit that may be passed": {func(s *resultsSet, _ *rollout) {
			at := 5.0
			s.plan.Limits[0].PassedAt, s.plan.Limits[0].May = &at, true
		}, dossier.Undecided, "the run passes rate.license first"},
		"no limits known": {func(s *resultsSet, _ *rollout) { s.plan.Limits = nil }, dossier.Undecided,
			"the plan knows no limits of its target"},
		"can't tell": {func(s *resultsSet, _ *rollout) { s.comparison.Verdict = compare.Unclear },
			dossier.Undecided, "comparison ("},
		"old": {func(_ *resultsSet, d *rollout) { d.Now = measured.Add(31 * 24 * time.Hour) },
			dossier.Undecided, "is 31 days old, and --max-age allows 30 days"},
		"target": {func(s *resultsSet, _ *rollout) { s.check.Target = "https://auth.pingone.eu/e" },
			dossier.Undecided, "different targets"},
		"contract": {func(s *resultsSet, _ *rollout) {
			s.check.Scenario, s.check.Hash, s.check.Contract = "pass", recordedHash, "another"
		}, dossier.Undecided, "different versions of the contract, for the scenario pass"},
		"version": {func(s *resultsSet, _ *rollout) { s.check.Version = "v9" },
			dossier.Undecided, "different versions of mfaload"},
		"scenario": {func(s *resultsSet, _ *rollout) { s.check.Scenario = "capacity" },
			dossier.Undecided, "different versions of the scenario capacity"},
		"failed and old": {func(s *resultsSet, d *rollout) {
			s.check.Verdict, d.Now = report.Fail, measured.Add(90*24*time.Hour)
		}, dossier.NoGo, "90 days old"},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := passing(), demand()
			c.change(s, &d)
			got := s.dossier(t, d)
			said := strings.Join(got.Reasons, "\n")
			if got.Answer != c.answer || !strings.Contains(said, c.reason) ||
				(c.answer == dossier.Go) != (said == "") {
				t.Errorf("%s: %s", got.Answer, said)
			}
		})
	}
}

// The newest result of a scenario counts, whatever an older one says.
func TestNewestCounts(t *testing.T) {
	s := passing()
	dir := s.folders(t)
	s.check.Verdict, s.check.Started = report.Fail, measured.Add(-time.Hour)
	write(t, s.check, dir, "earlier", "check.json")
	found, err := dossier.Read([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if d := dossier.New(found, demand()); d.Answer != dossier.Go || len(d.Parts[0].Older) != 1 {
		t.Errorf("%s %v, older %v", d.Answer, d.Reasons, d.Parts[0].Older)
	}
}

// Each figure is in its source, where its pointer says, and its text has that number.
func TestFiguresAreOfTheirSources(t *testing.T) {
	d := passing().dossier(t, demand())
	checked := 0
	for _, part := range d.Parts {
		for _, e := range part.Results {
			data, err := os.ReadFile(filepath.Join(e.Folder, e.Source))
			var document any
			if err == nil {
				err = json.Unmarshal(data, &document)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range e.Figures {
				checked++
				value := document
				for _, name := range strings.Split(f.Pointer, "/")[1:] {
					if list, ok := value.([]any); ok {
						i, _ := strconv.Atoi(name)
						value = list[i]
						continue
					}
					value = value.(map[string]any)[name]
				}
				if !shows(f.Text, value) {
					t.Errorf("%s %s: %q, and %s has %v", part.Name, f.Name, f.Text, f.Pointer, value)
				}
			}
		}
	}
	if checked < 25 {
		t.Errorf("%d figures", checked)
	}
}

var numbers = regexp.MustCompile(`[0-9][0-9,.]*`)

// shows says whether a text has a value, rounded to no less than three digits; of an object, its numbers.
func shows(text string, value any) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(text, v)
	case map[string]any:
		return shows(text, v["low"]) && shows(text, v["high"])
	case float64:
		for _, n := range numbers.FindAllString(text, -1) {
			x, err := strconv.ParseFloat(strings.Trim(strings.ReplaceAll(n, ",", ""), "."), 64)
			for _, unit := range []float64{1, 60, 3600} { // of lengths
				if err == nil && x*unit <= v*1.0051 && x*unit >= v*0.9949 {
					return true
				}
			}
		}
	}
	return false
}

// Texts of a service or of a file name no markup in a page.
func TestHostileTexts(t *testing.T) {
	s, d := passing(), demand()
	const hostile = "x|`<script>alert(1)</script>\n# [a](javascript:b)\x1b[31m"
	s.comparison.Conclusion, s.comparison.Verdict = hostile, compare.Worse
	s.comparison.Obstacles, s.check.Scenario, s.check.Target = []string{hostile}, hostile, hostile
	got := s.dossier(t, d)
	page, err := got.HTML(".")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"page": page, "markdown": got.Markdown(".")} {
		if bytes.Contains(text, []byte("\x1b")) || bytes.Contains(text, []byte("\n# [a]")) ||
			name == "page" && bytes.Contains(text, []byte("<script>alert")) {
			t.Errorf("%s has markup of a text", name)
		}
	}
	if n := strings.Count(string(got.Markdown(".")), "\n| "); n < 10 {
		t.Errorf("a text breaks a table: %d rows", n)
	}
}

func TestMarkdownIsFrozen(t *testing.T) {
	s := passing()
	dir := s.folders(t)
	t.Chdir(dir)
	found, err := dossier.Read([]string{"check", "plan", "run", "capacity", "release"})
	if err != nil {
		t.Fatal(err)
	}
	text := dossier.New(found, demand()).Markdown("pages")
	golden := filepath.Join(home, "testdata", "dossier.md")
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(text, want) {
		t.Errorf("it is not %s: %v\n%s", golden, err, text)
	}
}

var home, _ = os.Getwd()

func TestSchemaIsGenerated(t *testing.T) {
	schema, err := schemagen.Generate(schemagen.Document{Root: dossier.Dossier{},
		ID: "urn:mfaload:dossier:v1", Schema: dossier.Schema, Title: "Whether a rollout may go ahead",
		Description: "What mfaload dossier --format json prints. Each figure is in its source, where its " +
			"pointer says."})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("dossier.schema.json", schema, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(schema, dossier.JSONSchema()) {
		t.Error("dossier.schema.json is out of date: run go test ./session/dossier -run Schema -update")
	}
	data, err := passing().dossier(t, demand()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	schematest.Fits(t, dossier.JSONSchema(), data)
}

// A damaged file, and a folder without results, name themselves and what to do.
func TestUnreadable(t *testing.T) {
	for _, file := range []string{"check.json", "capacity.json", "compare.json", "plan.json", "report.json",
		"other.json"} {
		dir := t.TempDir()
		write(t, map[string]string{"schema": "x"}, dir, file)
		if _, err := dossier.Read([]string{dir}); err == nil || !strings.Contains(err.Error(), dir) ||
			!strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// Whatever a file of a results folder says, reading it is an error or makes a dossier.
func FuzzRead(f *testing.F) {
	s := passing()
	kinds := []string{"check.json", "capacity.json", "compare.json", "plan.json"}
	for i, value := range []any{s.check, s.capacity, s.comparison, s.plan} {
		data, err := report.Encode(value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), data)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		file := filepath.Join(dir, kinds[int(kind)%len(kinds)])
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(file)
		found, err := dossier.Read([]string{dir})
		if err != nil {
			return
		}
		d := dossier.New(found, demand())
		if _, err := d.JSON(); err != nil {
			t.Fatal(err)
		}
		d.Markdown(dir)
		if _, err := d.HTML(dir); err != nil {
			t.Fatal(err)
		}
	})
}

// The page is read by a browser, and by who can't see it.
func TestPageInTheBrowser(t *testing.T) {
	s := passing()
	s.run, s.capacity.Soak = "slow", nil
	file := filepath.Join(t.TempDir(), "dossier.html")
	if err := s.dossier(t, demand()).WriteFiles(file); err != nil {
		t.Fatal(err)
	}
	charttest.Pages(t, file)
}
