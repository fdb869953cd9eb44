package report_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/report/render/chart/charttest"
	"mfaload/scenario"
)

// story is a run that was never run.
type story struct {
	seconds, rate int
	warmup        int         // seconds
	stalls        map[int]int // second to how many it lasts
	violating     float64     // share
	failing       float64     // share, in the second half
	late          time.Duration
	closed        bool
	interrupted   bool
	thresholds    []scenario.Threshold
}

// stories are the pages that a browser looks at.
var stories = map[string]story{
	"pass": {seconds: 120, rate: 50, warmup: 10,
		thresholds: []scenario.Threshold{p95, p99, noErrors, noViolations, achieved}},
	"fail": {seconds: 180, rate: 60, stalls: map[int]int{70: 1, 120: 4}, violating: 0.01,
		failing: 0.01, thresholds: []scenario.Threshold{p95, p99, noErrors, noViolations, achieved}},
	"inconclusive": {seconds: 30, rate: 50, late: 80 * ms, thresholds: []scenario.Threshold{p95, noErrors}},
	"closed": {seconds: 60, rate: 40, closed: true,
		thresholds: []scenario.Threshold{p95, noErrors, noViolations}},
	"one-second":  {seconds: 1, rate: 30, thresholds: []scenario.Threshold{p95, noErrors}},
	"interrupted": {seconds: 2, rate: 1, interrupted: true, thresholds: []scenario.Threshold{p95}},
}

var p99 = limit(scenario.Response, "p99", 99, 0.8, "800ms")

const storyText = `name: friday
description: Friday's peak, before the roll-out
target:
  authPath: https://auth.pingone.eu
  envID: abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6
  accessToken: '***'
users:
  - name: email
    ids: [788d4931-6936-43f2-82ff-178f5762298a]
load:
  stages:
    - {rate: 50/s, duration: 2m}
`

func (s story) measurement(t testing.TB) *measure.Measurement {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	rules := []string{"status.201", "echo.user", "links.self", "time.order", "field.unknown", "otp.attempts"}
	r := measure.NewRecorder(2, rules, 0)
	m := &measure.Measurement{}
	var scheduled, warm [2]uint64
	total := s.warmup + s.seconds
	for i := range total * s.rate {
		at := time.Duration(i) * time.Second / time.Duration(s.rate)
		o := s.observation(i, at, random)
		if o.Warmup {
			warm[o.Group]++
		} else {
			scheduled[o.Group]++
		}
		if !s.closed {
			m.Profile.Add(at, false)
		}
		r.Record(i, exercised(o))
	}
	measured, err := r.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	profile := m.Profile
	m = measured
	m.Profile = profile
	m.Scenario, m.Hash, m.Version, m.Groups = "friday", strings.Repeat("0123456789abcdef", 4), "v0.9.0",
		[]string{"email", "sms"}
	m.Started = time.Date(2026, 11, 27, 16, 30, 0, 0, time.UTC)
	warmup, length := time.Duration(s.warmup)*time.Second, time.Duration(s.seconds)*time.Second
	m.Main.Start, m.Main.Planned, m.Main.Scheduled = warmup, length, scheduled[:]
	m.Warmup.Planned, m.Warmup.Scheduled = warmup, warm[:]
	if s.warmup > 0 {
		m.Profile.Stages = append(m.Profile.Stages,
			measure.StageSpan{Name: "warm-up", Warmup: true, End: warmup})
	}
	if s.seconds > 10 {
		m.Profile.Stages = append(m.Profile.Stages,
			measure.StageSpan{Name: "steady", Start: warmup, End: warmup + length/2},
			measure.StageSpan{Name: fmt.Sprintf("%d/s to the end", s.rate), Start: warmup + length/2,
				End: warmup + length})
	}
	m.Interrupted = s.interrupted
	m.Generator = measure.Generator{CPU: length / 20, Cores: 4, Platform: "linux/amd64", Elapsed: length,
		PeakRSS: 61e6, MaxGCPause: 200 * time.Microsecond,
		Hiccups: measure.NewSparse(), BusyWorkersMax: 23, Workers: 64}
	terms := report.Terms{Description: "Friday's peak, before the roll-out",
		Target:   "https://auth.pingone.eu/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
		Scenario: storyText, Thresholds: s.thresholds, Token: report.GivenToken}
	if s.closed {
		terms.Closed = &report.ClosedTerms{Users: 50, Think: time.Second}
	}
	m.Terms = terms.Encode()
	return m
}

// observation is what became of a request: log-normal times, two kinds of
// answers, and stalls in which all wait for the end of it.
func (s story) observation(i int, at time.Duration, random *rand.Rand) *measure.Observation {
	o := &measure.Observation{Group: i % 3 % 2, Intended: at, Label: "201 OTP_REQUIRED", AsExpected: true,
		Evaluated: []uint64{0b011111},
		Warmup:    at < time.Duration(s.warmup)*time.Second}
	if o.Group == 1 && i%4 == 1 {
		o.Label = "201 PUSH_CONFIRMATION_REQUIRED"
	}
	o.Own = time.Duration(random.ExpFloat64()*60) * time.Microsecond
	if s.late > 0 && i%3 == 0 {
		o.Own += s.late
	}
	o.Sent = at + o.Own
	took := time.Duration(60e6 * math.Exp(0.35*random.NormFloat64()+0.4*float64(o.Group)))
	for second, length := range s.stalls {
		begin, end := time.Duration(second)*time.Second, time.Duration(second+length)*time.Second
		if o.Sent >= begin && o.Sent < end {
			took += end - o.Sent
		}
	}
	o.Done = o.Sent + took
	if random.Float64() < s.violating {
		violating(o)
	}
	if s.failing > 0 && at > time.Duration(s.seconds/2)*time.Second && random.Float64() < s.failing {
		*o = measure.Observation{Group: o.Group, Intended: at, Sent: o.Sent, Done: o.Sent + 2*time.Second,
			Label: "timeout", Failed: true, Own: o.Own}
		if i%2 == 0 {
			o.Label, o.Failed, o.Done = "503", false, o.Sent+5*ms
		}
	}
	return o
}

func (s story) page(t testing.TB) (*report.Report, []byte) {
	t.Helper()
	m := s.measurement(t)
	r, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	page, err := render.HTML(r, m)
	if err != nil {
		t.Fatal(err)
	}
	return r, page
}

var chartTitles = []string{"Response time", "What went wrong when", "Service time",
	"Planned and achieved rate", "Percentile spectrum",
	"Response times over time", "Statuses by second", "Lateness of the generator"}

// A browser looks at the pages of all kinds of runs.
func TestHTMLInABrowser(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for name, s := range stories {
		_, page := s.page(t)
		file := filepath.Join(dir, name+".html")
		if err := os.WriteFile(file, page, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	slices.Sort(files)
	for _, l := range charttest.Pages(t, files...) {
		var titles []string
		for _, c := range l.Charts {
			titles = append(titles, c.Title)
			if quiet := c.Title == "What went wrong when"; c.Drawn == 0 && !quiet {
				t.Errorf("%s at %d px: nothing is drawn in %q", filepath.Base(l.Page), l.Width, c.Title)
			}
		}
		if !slices.Equal(titles, chartTitles) {
			t.Errorf("%s: charts %q", filepath.Base(l.Page), titles)
		}
		if l.Media == "screen" && !strings.HasPrefix(l.Read, "time") {
			t.Errorf("%s: the keyboard reads %q", filepath.Base(l.Page), l.Read)
		}
	}
}

func TestHTMLSaysWhatItIs(t *testing.T) {
	for name, want := range map[string]struct {
		verdict report.Verdict
		texts   []string
	}{
		"pass": {report.Pass,
			[]string{"Every threshold was met", "accessToken: &#39;***&#39;", "% below",
				"warm-up, not judged", "Not exercised: <code>otp.attempts</code>"}},
		"fail": {report.Fail,
			[]string{"5 seconds in which half of the requests", "at 1:10, 2:00 to 2:04", "echo.user",
				"failed: timeout", "✕ missed", "curl "}},
		"inconclusive": {report.Inconclusive, []string{"mfaload itself was late"}},
		"closed":       {report.Pass, []string{"Closed model", "A closed load plans no rate"}},
		"one-second":   {report.Pass, []string{"30 of 30 arrivals were sent"}},
		"interrupted":  {report.Interrupted, []string{"stopped 2.0 s into the schedule"}},
	} {
		r, data := stories[name].page(t)
		page := string(data)
		if r.Verdict != want.verdict {
			t.Errorf("%s: %s %q", name, r.Verdict, r.Reasons)
		}
		for _, text := range append(want.texts, "<title>"+strings.ToUpper(string(r.Verdict))+": friday") {
			if !strings.Contains(page, text) {
				t.Errorf("%s lacks %q", name, text)
			}
		}
		if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") ||
			strings.Contains(page, "<no value>") || strings.Contains(page, "%!") {
			t.Errorf("%s has what is not a number: %s", name,
				regexp.MustCompile(`.{0,60}(NaN|Inf|<no value>|%!).{0,60}`).FindString(page))
		}
	}
}

// A run of nothing has a page too, and so has one of a version that counted
// less.
func TestHTMLOfAlmostNothing(t *testing.T) {
	m := story{seconds: 1, rate: 1, interrupted: true, thresholds: []scenario.Threshold{}}.measurement(t)
	m.Seconds, m.Main.Cells, m.Main.Own, m.Profile, m.Flow = measure.Seconds{}, nil, measure.NewSparse(),
		measure.LoadProfile{}, measure.Flow{}
	old := story{seconds: 5, rate: 10, thresholds: []scenario.Threshold{}}.measurement(t)
	old.Flow, old.Profile = measure.Flow{}, measure.LoadProfile{}
	for s := range old.Seconds.All() {
		s.Ends = nil
	}
	for want, m := range map[string]*measure.Measurement{"nothing to draw": m,
		"did not count answers by second": old} {
		r, err := report.Judge(m)
		if err != nil {
			t.Fatal(err)
		}
		page, err := render.HTML(r, m)
		if err != nil || !strings.Contains(string(page), want) || strings.Contains(string(page), "NaN") {
			t.Errorf("%v: lacks %q", err, want)
		}
	}
}

// Texts that come from responses stay texts.
func TestHTMLWithHostileTexts(t *testing.T) {
	r := hostileReport(t)
	m := measured(t)
	for s := range m.Seconds.All() {
		s.Ends = []measure.End{{Label: "<script>alert(1)</script>", Count: 5},
			{Label: "\u202e\x00\"'", Failed: true, Count: 5}}
	}
	m.Profile.Stages[0].Name = "</svg><script>alert(1)</script>"
	r.ScenarioText, r.Target = hostile[5], hostile[8]
	page, err := render.HTML(r, m)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	if strings.Count(text, "<script") != 1 || strings.Contains(text, "<failure") ||
		strings.ContainsAny(text, "\x00\x1b\u202e") ||
		regexp.MustCompile(`(src|href)="?[^#"]|url\(`).MatchString(text) {
		t.Error("a text got out of its place")
	}
	if len(page) > 400_000 {
		t.Errorf("%d bytes", len(page))
	}
}

// The page comes from the two files alone, and the same ones give the same
// bytes.
func TestHTMLIsMadeFromFiles(t *testing.T) {
	m := stories["fail"].measurement(t)
	r, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	before, err := render.HTML(r, m)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	m, err = measure.Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = report.Decode(text); err != nil {
		t.Fatal(err)
	}
	after, err := render.HTML(r, m)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("another page: %v", err)
	}
}

// hour is an hour with one second that stood still.
func hour(t testing.TB) (*report.Report, *measure.Measurement) {
	m := story{seconds: 3600, rate: 100, stalls: map[int]int{1807: 1}, failing: 0.001, violating: 0.001,
		thresholds: []scenario.Threshold{p95, p99}}.measurement(t)
	r, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	return r, m
}

// A second that stood still is seen in the page of an hour, whose size is
// bounded.
func TestHTMLOfAnHour(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it takes seconds")
	}
	r, m := hour(t)
	data, err := render.HTML(r, m)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	if len(data) > 1_500_000 {
		t.Errorf("%d bytes", len(data))
	}
	if !strings.Contains(page, "at 30:07)") || !strings.Contains(page, "Each point has 12 seconds") {
		t.Error("the stall is not told")
	}
	row := regexp.MustCompile(`<td>30:00<td>100<td>[0-9.]+<td>[0-9.]+<td>[0-9]{3}<td>1[0-9]{3}\n`)
	if rows := row.FindAllString(page, -1); len(rows) != 2 {
		t.Errorf("its longest time is averaged away: %q", rows)
	}
}

// However often a long run stands still, its page stays small.
func TestHTMLOfManyStalls(t *testing.T) {
	stalls := map[int]int{}
	for second := 0; second < 1200; second += 3 {
		stalls[second] = 1
	}
	_, page := story{seconds: 1200, rate: 6, stalls: stalls, thresholds: []scenario.Threshold{p95}}.page(t)
	if n := bytes.Count(page, []byte(`class="span k-bad"`)); n == 0 || n > 300 || len(page) > 500_000 {
		t.Errorf("%d marks, %d bytes", n, len(page))
	}
	if !bytes.Contains(page, []byte("and 1")) {
		t.Error("it does not say how many stalls there are")
	}
}

// BenchmarkHTML makes the page of an hour at 100/s.
func BenchmarkHTML(b *testing.B) {
	r, m := hour(b)
	b.ResetTimer()
	for b.Loop() {
		page, err := render.HTML(r, m)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(page))/1e6, "MB")
	}
}
