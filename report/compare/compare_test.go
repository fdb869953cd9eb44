package compare_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/schematest"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
)

// calm is a service without stalls, fast to simulate.
var calm = model{seconds: 120, rate: 50, phi: 0.5, sd: 0.01}

func runs(m model, name string, seeds ...uint64) (all []compare.Run) {
	for _, s := range seeds {
		all = append(all, m.run(rand.New(rand.NewPCG(s, 9)), name))
	}
	return all
}

func mustCompare(t *testing.T, base, fresh []compare.Run, o compare.Options) *compare.Comparison {
	t.Helper()
	c, err := compare.Compare(base, fresh, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func row(t *testing.T, c *compare.Comparison, metric string) compare.MetricRow {
	t.Helper()
	for _, r := range c.Rows {
		if r.Metric == metric && r.Group == "" {
			return r
		}
	}
	t.Fatalf("there is no row %s", metric)
	return compare.MetricRow{}
}

func TestSwappingSidesSwapsTheAnswer(t *testing.T) {
	a, b := runs(calm, "a", 1), runs(with(calm, slower), "b", 2)
	there, back := mustCompare(t, a, b, compare.Options{}), mustCompare(t, b, a, compare.Options{})
	if there.Verdict != compare.Worse || back.Verdict != compare.Better {
		t.Errorf("there %s, back %s", there.Verdict, back.Verdict)
	}
	x, y := row(t, there, "response.p90"), row(t, back, "response.p90")
	if x.Base != y.New || x.New != y.Base || math.Abs((1+x.Change/100)*(1+y.Change/100)-1) > 1e-9 {
		t.Errorf("there %+v, back %+v", x, y)
	}
	if again := mustCompare(t, a, b, compare.Options{}); cmp.Diff(there.Rows, again.Rows,
		cmp.AllowUnexported(compare.MetricRow{})) != "" {
		t.Error("the same runs give another response")
	}
}

// The interval has to tell that nothing regressed; that nothing was found is
// not enough.
func TestWhatWasNotFoundIsNotRuledOut(t *testing.T) {
	few := with(calm, func(m *model) { m.rate, m.sd = 5, 0.1 })
	c := mustCompare(t, runs(few, "a", 1), runs(few, "b", 2),
		compare.Options{Metrics: []string{"response.p95"}})
	r := row(t, c, "response.p95")
	if r.Judgement != compare.Unclear || r.RuledOut || r.P < 0.05 || r.High < r.Margin || r.Needed <= 120 ||
		c.Verdict != compare.Unclear {
		t.Errorf("few requests: %+v", r)
	}
	c = mustCompare(t, runs(calm, "a", 1), runs(calm, "b", 2),
		compare.Options{Metrics: []string{"response.p95"}})
	if r = row(t, c, "response.p95"); r.Judgement != compare.Same || !r.RuledOut || r.High > r.Margin ||
		r.Needed != 0 || c.Verdict != compare.Same {
		t.Errorf("many requests: %+v", r)
	}
}

func TestChangesBelowTheMarginAreNone(t *testing.T) {
	slow := with(calm, func(m *model) { m.scale = 1.05 })
	a, b := runs(calm, "a", 1), runs(slow, "b", 2)
	for margin, want := range map[float64]compare.Judgement{0.01: compare.Worse, 0.10: compare.Same} {
		c := mustCompare(t, a, b, compare.Options{Metrics: []string{"response.p50"},
			Margins: compare.Margins{{Name: "p50", Share: margin}}})
		if r := row(t, c, "response.p50"); r.Judgement != want || r.Corrected > 0.01 {
			t.Errorf("margin %v: %+v", margin, r)
		}
	}
}

// A second mode between the percentiles, and a stall beyond them.
func TestShapesThatPercentilesHide(t *testing.T) {
	m := with(calm, func(m *model) { m.rate, m.seconds = 100, 200 })
	modes := with(m, func(m *model) { m.slowShare, m.slowTimes = 0.025, 12 })
	c := mustCompare(t, runs(m, "a", 1), runs(modes, "b", 2),
		compare.Options{Metrics: []string{"response.p50", "response.p90", "response.shape"}})
	if r := row(t, c, "response.p90"); r.Judgement == compare.Worse {
		t.Errorf("the percentiles show it too: %+v", r)
	}
	if r := row(t, c, "response.shape"); r.Judgement != compare.Worse || !strings.Contains(r.Remark,
		"of the requests") {
		t.Errorf("shape: %+v", r)
	}
	s := c.Shifts[0]
	if len(s.BaseModes) != 1 || len(s.NewModes) != 2 || math.Abs(s.NewModes[1].At-960) > 200 ||
		math.Abs(s.NewModes[1].Share-2.5) > 0.8 {
		t.Errorf("modes %v and %v", s.BaseModes, s.NewModes)
	}
	stalls := with(m, func(m *model) { m.stalls, m.stall = 3, 4 })
	c = mustCompare(t, runs(m, "a", 1), runs(stalls, "b", 4),
		compare.Options{Metrics: []string{"response.shape"}})
	if s := c.Shifts[0]; s.BaseStalls != 0 || s.NewStalls < 3 {
		t.Errorf("stalled seconds: %d and %d", s.BaseStalls, s.NewStalls)
	}
	page, err := c.HTML()
	if err != nil || !strings.Contains(string(page), "shift function") {
		t.Errorf("page: %v", err)
	}
	if same := mustCompare(t, runs(m, "a", 1), runs(m, "b", 3),
		compare.Options{Metrics: []string{"response.shape"}}); same.Verdict != compare.Same {
		t.Errorf("alike: %v", same.Reasons)
	}
}

func TestErrorRates(t *testing.T) {
	bad := with(calm, func(m *model) { m.errors = 0.02 })
	o := compare.Options{Metrics: []string{"errorRate", "achievedRate"}}
	c := mustCompare(t, runs(calm, "a", 1), runs(bad, "b", 2), o)
	r := row(t, c, "errorRate")
	if r.Judgement != compare.Worse || r.Base != 0 || math.Abs(r.New-2) > 0.6 ||
		math.Abs(r.Change-r.New) > 1e-9 || r.Low <= 0 {
		t.Errorf("%+v", r)
	}
	if r := row(t, c, "achievedRate"); r.Judgement != compare.Same || r.Base != 100 || r.Unit != "%" ||
		r.Change != 0 {
		t.Errorf("%+v", r)
	}
	c = mustCompare(t, runs(calm, "a", 1), runs(calm, "b", 2), o)
	// Three in 6,000 may have been missed, or a bit less.
	if r := row(t, c, "errorRate"); r.Judgement != compare.Same || math.Abs(r.High-0.05) > 1e-3 {
		t.Errorf("none at all: %+v", r)
	}
}

// Arrivals that were not to be sent, requests that the service can't have got, and
// those in flight when a journal ends are no errors, as in a report.
func TestWhatSaysNothingOfTheServiceIsNoError(t *testing.T) {
	held := func(name string, seed uint64) compare.Run {
		r := runs(calm, name, seed)[0]
		m := r.Measurement
		for second := 40; second < 60; second++ { // as many again in a pause
			m.Profile.Withheld = append(m.Profile.Withheld, make([]uint64, second+
				1-len(m.Profile.Withheld))...)
			m.Profile.Withheld[second] = 50
			m.Profile.Due[second] += 50
			m.Main.Scheduled[0] += 50
		}
		m.Main.Withheld = []measure.Withheld{{Reason: measure.Paused, Count: 1000}}
		idle := &measure.Cell{Label: measure.IdleClosed, Failed: true, Response: measure.NewSparse(),
			Service: measure.NewSparse(), Lateness: measure.NewSparse()}
		for _, s := range slices.Collect(m.Seconds.All())[70:80] {
			for _, h := range []*measure.Histogram{s.Response, idle.Response} {
				h.Record(time.Millisecond)
			}
			s.Failed++
			s.Ends = append(s.Ends, measure.End{Label: measure.IdleClosed, Failed: true, Count: 1})
			m.Profile.Due[s.Second]++
			m.Main.Scheduled[0]++
		}
		last := len(m.Profile.Due) - 1
		m.Profile.Due[last] += 20
		m.Main.Scheduled[0] += 20
		m.Main.InFlight = make([]uint64, len(m.Main.Scheduled)) // a killed run's
		m.Main.InFlight[0] = 20
		idle.Service, idle.Lateness = idle.Response, idle.Response
		m.Main.Cells = append(m.Main.Cells, idle)
		return r
	}
	o := compare.Options{Metrics: []string{"errorRate"}}
	for _, sides := range [][2][]compare.Run{
		{runs(calm, "a", 1), {held("b", 2)}},
		{runs(calm, "a", 1, 2, 3, 4), {held("b", 5), held("b", 6), held("b", 7), held("b", 8)}},
	} {
		r := row(t, mustCompare(t, sides[0], sides[1], o), "errorRate")
		if r.Base != 0 || r.New != 0 || r.Change != 0 || r.Judgement == compare.Worse {
			t.Errorf("%+v", r)
		}
	}
}

func TestRunsAsUnits(t *testing.T) {
	a, b := runs(calm, "a", 1, 2, 3, 4), runs(with(calm, slower), "b", 5, 6, 7, 8)
	c := mustCompare(t, a, b, compare.Options{})
	r := row(t, c, "response.p95")
	if c.Unit.Kind != "runs" || r.Judgement != compare.Worse || r.Block != 0 || r.Low < 5 || r.High > 15 ||
		len(c.Shifts) != 2 {
		t.Errorf("%+v of %+v", r, c.Unit)
	}
	// What differs between the runs of a side is no difference between the sides.
	mixed := append(runs(calm, "a", 11, 12), runs(with(calm, slower), "a", 13, 14)...)
	also := append(runs(calm, "b", 15, 16), runs(with(calm, slower), "b", 17, 18)...)
	if c := mustCompare(t, mixed, also, compare.Options{}); c.Verdict != compare.Unclear {
		t.Errorf("mixed: %s %v", c.Verdict, c.Reasons)
	}
	two := mustCompare(t, mixed[1:3], also[1:3], compare.Options{Metrics: []string{"response.p50"}})
	if r := row(t, two, "response.p50"); two.Unit.Kind != "seconds" || r.Judgement != compare.Unclear ||
		r.High-r.Low < 10 {
		t.Errorf("two runs a side that differ: %+v", r)
	}
	uneven := mustCompare(t, a[:1], b[:3], compare.Options{Metrics: []string{"response.p50"}})
	if r := row(t, uneven, "response.p50"); !uneven.Unit.Paired || uneven.Unit.New != 120 ||
		r.Judgement != compare.Worse {
		t.Errorf("one against three: %+v %+v", uneven.Unit, r)
	}
}

func TestWhatCannotBeComparedIsRefused(t *testing.T) {
	for want, change := range map[string]func(*measure.Measurement){
		"had a different load": func(m *measure.Measurement) { m.Parts["load"] = "other" },
		"had a different set of users": func(m *measure.Measurement) {
			m.Parts["users"] = "other"
		},
		"had a different contract": func(m *measure.Measurement) {
			m.Parts["contract"] = "other"
		},
		"do not both say which contract they had": func(m *measure.Measurement) {
			m.Parts = map[string]string{"load": "l", "users": "u"}
		},
		"are not the same part of a run": func(m *measure.Measurement) {
			m.Shard = &measure.Shard{Run: "r", Count: 8}
		},
		"lacks 7 of its 8 shards": func(m *measure.Measurement) {
			m.Merged = &measure.Merged{Count: 8, TolerateLost: 0.9, Parts: []*measure.Part{{Own: m.Main.Own,
				Response: m.Main.Own, Service: m.Main.Own, Generator: m.Generator}}}
		},
		"have different groups": func(m *measure.Measurement) { m.Groups = []string{"others"} },
		"lasted 2m0s and 1m0s":  func(m *measure.Measurement) { m.Main.Planned = time.Minute },
		"b was interrupted":     func(m *measure.Measurement) { m.Interrupted = true },
		"b was ended early by its scenario": func(m *measure.Measurement) {
			m.Stopped = &measure.Stop{Early: true}
		},
		"b is inconclusive: mfaload itself": func(m *measure.Measurement) {
			for range 1000 {
				m.Main.Own.Record(time.Second)
			}
		},
		"b sent no request": func(m *measure.Measurement) { m.Main.Cells = nil },
		"b has lost its seconds,": func(m *measure.Measurement) {
			m.Seconds, m.SecondsLost = measure.Seconds{}, "the disk"
		},
	} {
		a, b := runs(calm, "a", 1), runs(calm, "b", 2)
		change(b[0].Measurement)
		c := mustCompare(t, a, b, compare.Options{})
		if c.Verdict != compare.Unclear || len(c.Rows) > 0 || !strings.Contains(strings.Join(c.Obstacles,
			"\n"), want) {
			t.Errorf("want %q; %s, %d rows, %v", want, c.Verdict, len(c.Rows), c.Obstacles)
		}
		if len(b[0].Measurement.Main.Cells) == 0 || b[0].Measurement.Seconds.Empty() {
			if _, err := compare.Compare(a, b, compare.Options{Force: true}); err == nil {
				t.Error("nothing is compared with something by force")
			}
			continue
		}
		if forced := mustCompare(t, a, b, compare.Options{Force: true,
			Metrics: []string{"response.p50"}}); len(forced.Rows) == 0 || !forced.Forced ||
			len(forced.Obstacles) == 0 {
			t.Errorf("%s: forced %+v", want, forced)
		}
	}
	if c := mustCompare(t, runs(calm, "a", 1), runs(calm, "a", 1), compare.Options{}); len(
		c.Obstacles) != 1 || c.Obstacles[0] != "a and a are the same run" {
		t.Errorf("the same run: %v", c.Obstacles)
	}
}

// Where all requests were refused there are no times: they can't be told, and the rest
// is compared.
func TestNobodyWasServed(t *testing.T) {
	sides := [2][]compare.Run{{refused(1)}, {refused(2)}}
	c := mustCompare(t, sides[0], sides[1], compare.Options{})
	if r := row(t, c, "response.p95"); r.Judgement != compare.Unclear || r.Base != 0 || r.New != 0 ||
		r.Remark != "too few requests" {
		t.Errorf("%+v", r)
	}
	if r := row(t, c, "achievedRate"); r.Judgement != compare.Same {
		t.Errorf("%+v", r)
	}
}

// Few seconds tell nothing of how long runs have to be, but that they were too few.
func TestShortRunsNeedAtLeastTwentySeconds(t *testing.T) {
	short := with(calm, func(m *model) { m.seconds = 1 })
	c := mustCompare(t, runs(short, "a", 1), runs(short, "b", 2), compare.Options{})
	for _, r := range c.Rows {
		if r.Judgement == compare.Unclear && r.Needed < 20 {
			t.Errorf("runs of %v s would tell: %s", r.Needed, r.String())
		}
	}
}

// refused is a run whose requests were all refused, as its scenario expects.
func refused(seed uint64) compare.Run {
	r := newRun("refused", 120, 1)
	r.cell.Label, r.cell.Refused = "429 REQUEST_LIMITED", true
	for s := range r.seconds {
		r.record(s, time.Millisecond, true)
		r.seconds[s].Refused = 1
		r.seconds[s].Served = &measure.RequestTimes{Response: measure.NewSparse(),
			Service: measure.NewSparse()}
	}
	return r.finish(rand.New(rand.NewPCG(seed, 9)))
}

// A run that served nothing has no time of 0 ms in a history, and hides no change.
func TestHistoryOfARunThatServedNothing(t *testing.T) {
	all := append(runs(calm, "a", 1, 2, 3, 4, 5, 6, 7), refused(8))
	h, err := compare.Follow(all, compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if h.Verdict != compare.Unclear || len(h.Lines) != 3 ||
		!slices.Contains(h.LeftOut, "the times of all runs: refused served no request") {
		t.Errorf("%s, %v, left out %v, %d lines", h.Verdict, h.Reasons, h.LeftOut, len(h.Lines))
	}
	h, err = compare.Follow(all, compare.Options{Metrics: []string{"errorRate"}})
	if err != nil || h.Verdict != compare.Same || len(h.LeftOut) > 0 {
		t.Errorf("errorRate: %+v, %v", h, err)
	}
}

// Runs without a whole second can't be compared by their seconds; four a side can be.
func TestRunsWithoutAWholeSecond(t *testing.T) {
	short := func(m model, name string, seeds ...uint64) []compare.Run {
		all := runs(m, name, seeds...)
		for _, r := range all {
			r.Measurement.Main.Start = 100 * time.Millisecond
			r.Measurement.Main.Planned = time.Second
		}
		return all
	}
	c := mustCompare(t, short(calm, "a", 1), short(calm, "b", 2), compare.Options{})
	if c.Verdict != compare.Unclear || len(c.Obstacles) != 2 ||
		!strings.Contains(c.Obstacles[1], "b has no whole second") {
		t.Errorf("%s, %v", c.Verdict, c.Obstacles)
	}
	c = mustCompare(t, short(calm, "a", 1, 2, 3, 4), short(calm, "b", 5, 6, 7, 8), compare.Options{})
	if len(c.Obstacles) > 0 || len(c.Rows) == 0 {
		t.Errorf("%v, %d rows", c.Obstacles, len(c.Rows))
	}
}

func TestDriftOfAnswers(t *testing.T) {
	shaped := func(name string, seed uint64, answers int, facts map[string]int) compare.Run {
		r := runs(calm, name, seed)[0]
		for i := range answers {
			var has []string
			for f, n := range facts {
				if i < n {
					has = append(has, f)
				}
			}
			r.Measurement.Shapes.Learn("201 OTP_REQUIRED", has)
		}
		return r
	}
	a := shaped("a", 1, 100, map[string]int{"/user is object": 100, "/user/id is string": 100,
		"/id is string": 100, "/rare is string": 1})
	b := shaped("b", 2, 100, map[string]int{"/id is string": 60, "/new is object": 100,
		"/new/id is string": 100})
	c := mustCompare(t, []compare.Run{a}, []compare.Run{b}, compare.Options{Metrics: []string{"errorRate"}})
	var got []string
	for _, d := range c.Drift {
		got = append(got, d.String())
	}
	want := []string{
		"201 OTP_REQUIRED without /id is string appeared: in 0 of 100, now in 40 of 100",
		"201 OTP_REQUIRED: /new is object appeared: in 0 of 100, now in 100 of 100",
		"201 OTP_REQUIRED: /rare is string vanished: in 1 of 100, now in 0 of 100 (too few seconds to tell)",
		"201 OTP_REQUIRED: /user is object vanished: in 100 of 100, now in 0 of 100",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c.Verdict != compare.Worse {
		t.Errorf("verdict %s", c.Verdict)
	}
}

func TestHistoryFindsTheRun(t *testing.T) {
	var all []compare.Run
	for i := range 16 {
		m := calm
		if i >= 9 {
			m = with(calm, slower)
		}
		r := runs(m, string(rune('a'+i)), uint64(i))[0]
		r.Measurement.Started = time.Unix(int64(1_800_000_000+3600*i), 0)
		r.Measurement.Labels = measure.RunLabels{"commit": fmt.Sprint("c", i/3), "night": "yes"}
		if i >= 9 {
			r.Measurement.Labels["flag"] = "<on>"
		}
		all = append(all, r)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	h, err := compare.Follow(all, compare.Options{Metrics: []string{"response.p50", "response.p9[05]"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range h.Lines {
		if len(l.Changes) != 1 || l.Changes[0].Name != "j" || l.Changes[0].Judgement != compare.Worse ||
			math.Abs(l.Changes[0].Change-10) > 4 {
			t.Errorf("%s: %+v", l.Metric, l.Changes)
		}
	}
	if h.Verdict != compare.Worse || len(h.Lines) != 3 {
		t.Errorf("%s: %d lines", h.Verdict, len(h.Lines))
	}
	const began = "; the change began with commit=c3 (before: c2), flag=<on> (before: none)"
	if !strings.HasSuffix(h.Reasons[0], began) || h.Runs[9].Labels["commit"] != "c3" {
		t.Errorf("%q lacks %q", h.Reasons[0], began)
	}
	if page, err := h.HTML(); err != nil || strings.Count(string(page), `class="mark k-bad"`) != 3 {
		t.Errorf("page: %v", err)
	}
	if h, err = compare.Follow(all[:5], compare.Options{}); err != nil || h.Verdict != compare.Unclear {
		t.Errorf("five runs: %+v, %v", h, err)
	}
}

// Names go to pages and JSON as they are, and nothing becomes a tag.
func TestPagesEscapeNames(t *testing.T) {
	a, b := runs(calm, "<script>alert(1)</script>", 1), runs(calm, "b", 2)
	c := mustCompare(t, a, b, compare.Options{})
	page, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script>alert", "http:", "https:", "src=", "href="} {
		if strings.Contains(string(page), bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	if got := strings.Count(string(page), "<svg"); got != 4 {
		t.Errorf("%d charts", got)
	}
	text, err := report.Encode(c)
	if err != nil || !json.Valid(text) {
		t.Errorf("JSON: %v", err)
	}
}

// Validators of others take comparisons and histories too.
func TestResultsFitTheirSchemas(t *testing.T) {
	a, b := runs(calm, "a", 1, 2, 3, 4), runs(with(calm, slower), "b", 5, 6, 7, 8)
	b[0].Measurement.Shapes.Learn("201 OTP_REQUIRED", []string{"/id is string"})
	a[0].Measurement.Shapes.Learn("201 OTP_REQUIRED", nil)
	h, err := compare.Follow(slices.Concat(a[1:], b), compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	schematest.Fits(t, compare.HistoryJSONSchema(), encoded(t, h))
	many := encoded(t, mustCompare(t, a, b, compare.Options{}))
	few := encoded(t, mustCompare(t, a[:1], b[:1], compare.Options{}))
	a[0].Measurement.Interrupted = true
	refused := encoded(t, mustCompare(t, a[:1], b[:1], compare.Options{}))
	forced := encoded(t, mustCompare(t, a[:1], b[:1], compare.Options{Force: true}))
	schematest.Fits(t, compare.JSONSchema(), many, few, refused, forced)
}

func encoded(t *testing.T, result any) []byte {
	t.Helper()
	text, err := report.Encode(result)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMarginsNeedPercent(t *testing.T) {
	for text, want := range map[string]string{
		"p95=0": "", "p95=5%": "", "p95 = 5 %": "", "errorRate=0.1%": "", "p95=1000%": "",
		"p95=0.05":  `margin "p95=0.05": "0.05" has no %: write 0.05% or 5%`,
		"p95=1":     `margin "p95=1": "1" has no %: write 1% or 100%`,
		"p95=20":    `margin "p95=20": "20" has no %: write 20%`,
		"p95=1001%": `margin "p95=1001%": "1001%" is above 1000%: write at most 1000%`,
		"p95=0x1p%": `margin "p95=0x1p%": "0x1p%" has an unknown unit: write a percentage, for example 0.1%`,
	} {
		got := ""
		if _, err := compare.ParseMargin(text); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func FuzzParseMargin(f *testing.F) {
	for _, s := range []string{"p95=5%", "response.p99 = 10 %", "errorRate=0.1%", "*=0%", "p95", "p95=NaN%",
		"[=1%", "x=1%", "p95=-1%", "p95=0.05", "p95=0", "p95=20"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := compare.ParseMargin(text)
		if err == nil && !(m.Share >= 0 && m.Share <= 10) {
			t.Errorf("%q is %v", text, m)
		}
	})
}

// Runs that spoke different protocols may differ for that; what did not tell is no difference.
func TestProtocolsThatDiffer(t *testing.T) {
	spoke := func(name string, seed uint64, protocols ...string) compare.Run {
		r := gate(name, seed, 60, 20, 0)
		for _, protocol := range protocols {
			c := &r.Measurement.Main.Connections
			c.Opened++
			c.Dial.Record(time.Millisecond)
			if c.Protocols == nil {
				c.Protocols = map[string]uint64{}
			}
			c.Protocols[protocol]++
		}
		return r
	}
	const advice = ": the protocol may be why they differ; set target.protocol to compare one protocol"
	one, two := measure.HTTP1, measure.HTTP2
	for _, test := range []struct {
		base, fresh [][]string // of each run
		want        string
	}{
		{[][]string{{one}}, [][]string{{two}}, "base 0 spoke http/1.1, new 0 h2"},
		{[][]string{{two}}, [][]string{{two, one, two}}, "base 0 spoke h2, new 0 h2 and http/1.1"},
		{[][]string{{two}, {one}}, [][]string{{one}, {one}}, "base 0 spoke h2, base 1 http/1.1"},
		{[][]string{{two, two}}, [][]string{{two}}, ""},
		{[][]string{nil}, [][]string{{two}}, ""},
	} {
		sides := [2][]compare.Run{}
		for i, runs := range [][][]string{test.base, test.fresh} {
			for j, protocols := range runs {
				name := fmt.Sprintf("%s %d", []string{"base", "new"}[i], j)
				sides[i] = append(sides[i], spoke(name, uint64(10*i+j), protocols...))
			}
		}
		remarks := mustCompare(t, sides[0], sides[1], compare.Options{}).Remarks
		if test.want == "" && strings.Contains(strings.Join(remarks, "\n"), advice) ||
			test.want != "" && !slices.Contains(remarks, test.want+advice) {
			t.Errorf("want %q: %q", test.want, remarks)
		}
	}
}
