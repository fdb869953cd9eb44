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
	"strconv"
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
	groups        int // 2 if 0
	baseline      bool
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
	"one-second": {seconds: 1, rate: 30, thresholds: []scenario.Threshold{p95, noErrors}},
	"twenty": {seconds: 40, rate: 100, groups: 20, violating: 0.02, baseline: true,
		thresholds: []scenario.Threshold{p95, noErrors, noViolations}},
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
	names := []string{"email", "sms"}
	for len(names) < s.groups {
		names = append(names, fmt.Sprintf("group-%d", len(names)+1))
	}
	r := measure.NewRecorder(len(names), rules, 0)
	m := &measure.Measurement{}
	scheduled, warm := make([]uint64, len(names)), make([]uint64, len(names))
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
		names
	m.Started = time.Date(2026, 11, 27, 16, 30, 0, 0, time.UTC)
	warmup, length := time.Duration(s.warmup)*time.Second, time.Duration(s.seconds)*time.Second
	m.Main.Start, m.Main.Planned, m.Main.Scheduled = warmup, length, scheduled
	m.Warmup.Planned, m.Warmup.Scheduled = warmup, warm
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
	if s.groups > 0 {
		o.Group = i % s.groups
	}
	if o.Group == 1 && i%4 == 1 {
		o.Label = "201 PUSH_CONFIRMATION_REQUIRED"
	}
	o.Own = time.Duration(random.ExpFloat64()*60) * time.Microsecond
	if s.late > 0 && i%3 == 0 {
		o.Own += s.late
	}
	o.Sent = at + o.Own
	took := time.Duration(60e6 * math.Exp(0.35*random.NormFloat64()+0.4*float64(o.Group%5)))
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
	if s.baseline {
		r.HoldAgainst("results/main", "worse", true, false, []string{"response p95 worse"},
			report.BaselineChange{Metric: "response.p95", Unit: "ms", Base: 100, New: 129.2, Change: 29.2,
				Low: 21, High: 38, Judgement: "worse"},
			report.BaselineChange{Group: "sms", Metric: "errorRate", Unit: "%", Base: 1, New: 0.98,
				Change: -0.02, Low: -0.2, High: 0.16, Points: true, Judgement: "no difference found"})
	}
	page, err := render.HTML(r, m)
	if err != nil {
		t.Fatal(err)
	}
	return r, page
}

// chartTitles are the charts of each page; those of groups follow.
var chartTitles = []string{"Response time", "Planned and achieved rate", "Requests in flight",
	"Responses by status", "Spread of response times", "Service time", "Lateness of the generator",
	"Histogram of response times", "Percentile spectrum"}

// looked are the stories whose pages have what no other has.
var looked = []string{"fail", "interrupted", "one-second", "pass", "twenty"}

// A browser looks at pages of runs of every verdict.
func TestHTMLInABrowser(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for _, name := range looked {
		_, page := stories[name].page(t)
		file := filepath.Join(dir, name+".html")
		if err := os.WriteFile(file, page, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	for _, l := range charttest.Pages(t, files...) {
		story := stories[strings.TrimSuffix(filepath.Base(l.Page), ".html")]
		var titles []string
		for _, c := range l.Charts {
			if c.Drawn == 0 {
				t.Errorf("%s at %d px: nothing is drawn in %q", filepath.Base(l.Page), l.Width, c.Title)
			}
			if c.Title != "What went wrong when" { // only where something did
				titles = append(titles, c.Title)
			}
		}
		groups := max(2, story.groups)
		if len(titles) != len(chartTitles)+groups || !slices.Equal(titles[:len(chartTitles)], chartTitles) {
			t.Errorf("%s: charts %q", filepath.Base(l.Page), titles)
		}
		// A second or two have nothing to zoom into.
		if u := l.Used; u != nil && (u.Hidden != 1 || u.Left != 0 ||
			story.seconds > 2 && (u.Zoomed < 6 || u.Chosen != "0")) {
			t.Errorf("%s: hiding, zooming and choosing did %+v", filepath.Base(l.Page), *u)
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
			[]string{"every threshold was met", "accessToken: &#39;***&#39;", "of the limit",
				"warm-up, not judged", "Not exercised: <code>otp.attempts</code>"}},
		"fail": {report.Fail,
			[]string{"5 seconds in which at least half of the requests", "at 1:10, 2:00 to 2:04", "echo.user",
				"timeout", "✕ missed", "curl "}},
		"inconclusive": {report.Inconclusive, []string{"mfaload itself was late"}},
		"closed":       {report.Pass, []string{"Closed model", "A closed load plans no rate"}},
		"one-second":   {report.Pass, []string{"30 of 30 scheduled requests were sent"}},
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
		"did not count responses by second": old} {
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
		regexp.MustCompile(`src=|url\(`).MatchString(text) {
		t.Error("a text got out of its place")
	}
	for _, link := range regexp.MustCompile(`href=("[^"]*"|[^">]*)`).FindAllString(text, -1) {
		if !regexp.MustCompile(`^href="(#[a-z]+|[a-z]+\.[a-z.]+)"$`).MatchString(link) {
			t.Errorf("a link %s", link)
		}
	}
	if len(page) > 400_000 {
		t.Errorf("%d bytes", len(page))
	}
}

// All figures of a page add up: they are read back from its HTML.
func TestHTMLAddsUp(t *testing.T) {
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			r, page := s.page(t)
			p := charttest.Read(t, page)
			q := r.Requests
			var sum []uint64
			for _, name := range []string{"scheduled", "as expected", "unexpected", "violating", "failed",
				"unsent"} {
				sum = append(sum, counts(t, strings.Fields(p.Facts[name])[:1])...)
			}
			of := []uint64{q.Scheduled, q.AsExpected, q.Unexpected, q.Violating, q.Failed, q.Unsent}
			if !slices.Equal(sum, of) || sum[0] != total(sum[1:]) {
				t.Errorf("tiles %d, want %d", sum, of)
			}
			groups := p.Tables["requests by group"]
			addsUp(t, groups, 1, 8)
			for _, row := range groups[:len(r.Groups)+1] {
				if figures := counts(t, row[1:7]); figures[0] != total(figures[1:]) {
					t.Errorf("group %q does not add up", row)
				}
			}
			if all := counts(t, groups[len(r.Groups)][1:7]); !slices.Equal(all, of) {
				t.Errorf("all groups %d, want %d", all, of)
			}
			responses := p.Tables["responses"]
			addsUp(t, responses, 3, 6)
			for _, row := range responses {
				if n := counts(t, row[3:6]); counts(t, row[1:2])[0] != total(n) {
					t.Errorf("response %q does not add up", row)
				}
			}
			byOutcome := map[string]uint64{}
			errors := p.Tables["errors"]
			for _, row := range errors {
				byOutcome[row[0]] += counts(t, row[2:3])[0]
			}
			want := map[string]uint64{"unexpected": q.Unexpected, "violating": q.Violating,
				"failed": q.Failed,
				"unsent": q.Unsent, "all": q.Scheduled - q.AsExpected}
			for outcome, n := range want {
				if byOutcome[outcome] != n {
					t.Errorf("errors: %d %s, want %d", byOutcome[outcome], outcome, n)
				}
			}
			chartsAddUp(t, p, r)
		})
	}
}

// chartsAddUp adds up what the tables of charts count.
func chartsAddUp(t *testing.T, p *charttest.PageText, r *report.Report) {
	t.Helper()
	sent, served := r.Requests.Sent, r.Requests.Sent-r.Requests.Failed
	if w := r.Warmup; w != nil {
		sent += w.Requests.Sent
	}
	all := uint64(0)
	for _, row := range p.Tables["Responses by status, as a table"] {
		all += total(counts(t, row[1:]))
	}
	if all != sent {
		t.Errorf("%d responses by status and failures, and %d were sent", all, sent)
	}
	var histogram [2]uint64
	for _, row := range p.Tables["Histogram of response times, as a table"] {
		for k, n := range counts(t, row[1:3]) {
			histogram[k] += n
		}
	}
	if histogram != [2]uint64{served, served} {
		t.Errorf("the histogram counts %d, and %d were served", histogram, served)
	}
	for _, title := range []string{"Histogram of response times", "Spread of response times"} {
		extremes(t, p.Tables[title+", as a table"], r)
	}
	flying := p.Tables["Requests in flight, as a table"]
	if last := flying[len(flying)-1]; !r.Started.IsZero() && r.Verdict == report.Pass && len(flying) > 1 &&
		counts(t, last[1:2])[0] > uint64(r.Generator.BusyWorkersMax) {
		t.Errorf("%s requests in flight at the end", last[1])
	}
}

// extremes checks that the first and the last row with response times hold the min and max.
func extremes(t *testing.T, rows [][]string, r *report.Report) {
	t.Helper()
	var low, high []float64 // the bounds of the first and the last such row
	for _, row := range rows {
		var from, to float64
		if _, err := fmt.Sscanf(strings.ReplaceAll(row[0], ",", ""), "%g to %g", &from, &to); err != nil {
			t.Fatalf("%q: %v", row[0], err)
		}
		if row[1] != "0" {
			low, high = append(low, from), append(high, to)
		}
	}
	if len(low) == 0 || r.Response.Max == 0 {
		return
	}
	const rounded = 1.01
	if lowest, highest := slices.Min(low), slices.Max(high); r.Response.Min*rounded < lowest ||
		r.Response.Max > highest*rounded {
		t.Errorf("bins from %g to %g ms, and times from %g to %g ms", lowest, highest, r.Response.Min,
			r.Response.Max)
	}
}

// addsUp says where columns of a table do not add up to the row "all".
func addsUp(t *testing.T, rows [][]string, from, to int) {
	t.Helper()
	sums := make([]uint64, to-from)
	for _, row := range rows {
		figures := counts(t, row[from:to])
		if row[0] == "all" {
			if !slices.Equal(figures, sums) {
				t.Errorf("columns add up to %d, and all are %d", sums, figures)
			}
			return
		}
		for k, n := range figures {
			sums[k] += n
		}
	}
	t.Error("no row of all")
}

func counts(t *testing.T, texts []string) (all []uint64) {
	t.Helper()
	for _, s := range texts {
		n, err := strconv.ParseUint(strings.ReplaceAll(s, ",", ""), 10, 64)
		if err != nil {
			t.Errorf("%q is no count", s)
		}
		all = append(all, n)
	}
	return all
}

func total(all []uint64) (n uint64) {
	for _, one := range all {
		n += one
	}
	return n
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
	if !strings.Contains(page, "at 30:07)") || !strings.Contains(page, "Each point covers 12 seconds") {
		t.Error("the stall is not told")
	}
	row := regexp.MustCompile(`<td>30:00<td>100(<td>[0-9.]+){3}<td>[0-9]{3}<td>[0-9]+<td>1[0-9]{3}\n`)
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
	marks := regexp.MustCompile(`class="span k-bad" d="([^"]*)"`).FindSubmatch(page)
	if marks == nil || bytes.Count(marks[1], []byte("M")) > 300 || len(page) > 600_000 {
		t.Errorf("%d bytes, marks %s", len(page), marks)
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
