package capacity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/report/render/chart"
)

const pageStyle = ".pass { color: var(--good); } .break { color: var(--bad); } .inconclusive " +
	"{ color: var(--warn); }\n" +
	".found { font-size: 1.25rem; } td:last-child, th:last-child { text-align: left; }\n"

// HTML returns the result as a page of its own, which needs nothing else.
func (r *Result) HTML() ([]byte, error) {
	var drawn g.Group
	for i, c := range r.charts() {
		drawn = append(drawn, c.HTML(fmt.Sprintf("chart-%d", i+1)))
	}
	return chart.Page("mfaload capacity: "+r.Scenario, pageStyle, r.answer(),
		h.H1(g.Text("Capacity: "+r.Headline())), g.Text("\n"),
		h.P(g.Text("The highest rate at which the thresholds of "), h.B(g.Text(r.Scenario)),
			g.Text(" hold.")), g.Text("\n"),
		chart.List(r.notes()), g.Text("\n"),
		r.thresholds(), r.Soak.html(), drawn,
		h.H2(g.Text("Trials")), g.Text("\n"), r.trials(), g.Text("\n"),
		h.P(g.Textf("How sure a trial is comes from the number of independent requests that its requests "+
			"are worth; no trial counts for more than 19 to 1. Started %s UTC, mfaload %s.",
			r.Started.UTC().Format(time.DateTime), r.Version)))
}

// answer says whether what was found is enough, where that was asked.
func (r *Result) answer() g.Node {
	if r.Answer == nil {
		return nil
	}
	return g.Map(r.Answer.Sentences, func(s string) g.Node {
		return g.Group{h.P(h.Class("found"), g.Text(sentence(s))), g.Text("\n")}
	})
}

// thresholds says where each threshold is missed; nothing if there is only one.
func (r *Result) thresholds() g.Node {
	if len(r.Thresholds) < 2 {
		return nil
	}
	var lines []string
	for _, l := range r.Thresholds {
		lines = append(lines, l.Limit+": "+l.text())
	}
	return g.Group{h.H2(g.Text(sentence(thresholdsTitle))), g.Text("\n"), chart.List(lines), g.Text("\n")}
}

// html says what the soak found; nothing where there was none.
func (s *Soak) html() g.Node {
	if s == nil {
		return nil
	}
	found := slices.Clone(s.Reasons)
	for _, d := range s.Drifts {
		text := fmt.Sprintf("%s of the response time: %+.3g ms an hour, p = %.2g", d.Percentile, d.Slope, d.P)
		if d.Up {
			text += ": it drifts up"
		}
		found = append(found, text)
	}
	return g.Group{h.H2(g.Text("Soak: "), h.Span(h.Class(string(s.Verdict)), g.Text(string(s.Verdict)))),
		g.Text("\n"),
		h.P(g.Textf("%s for %s.", rateText(s.Rate), seconds(s.Duration))), g.Text("\n"), chart.List(found),
		g.Text("\n")}
}

func (r *Result) trials() g.Node {
	return chart.Scroll("trials",
		chart.Head("trial", "rate", "length", "verdict", "sent", "mean ms", "p95 ms", "p99 ms",
			"too high with", "closest to its limit"),
		g.Map(r.Trials, func(row TrialRow) g.Node {
			f, verdict := row.Figures, string(row.Verdict)
			return chart.Row(chart.Texts(strconv.Itoa(row.Number), rateText(row.Rate), seconds(row.Duration)),
				h.Td(h.Class(verdict), g.Text(verdict)),
				chart.Texts(fmt.Sprint(f.Requests.Sent), f.Response.Text("mean"), f.Response.Text("p95"),
					f.Response.Text("p99"), fmt.Sprintf("%.2f", row.Broken),
					strings.Join(append([]string{row.By}, row.Reasons...), "; ")))
		}))
}

// charts are the curve by the offered rate, and what the soak showed.
func (r *Result) charts() (all []*chart.Chart) {
	rows := slices.Clone(r.Trials)
	slices.SortStableFunc(rows, func(a, b TrialRow) int { return cmp.Compare(a.Rate, b.Rate) })
	rows = slices.DeleteFunc(rows, func(row TrialRow) bool { return row.Figures.Requests.Sent == 0 })
	if len(rows) > 1 {
		all = append(all, r.responseChart(rows), r.throughputChart(rows), r.errorChart(rows),
			r.flightChart(rows))
		if r.Curve.USL != nil {
			all = append(all, r.lawChart(rows))
		}
	}
	if r.Soak != nil && len(r.Soak.Drifts) > 0 && len(r.Soak.Drifts[0].Values) > 1 {
		all = append(all, r.Soak.chart())
	}
	return all
}

// column is a figure of each trial.
func column(rows []TrialRow, f func(TrialRow) float64) (values []float64) {
	for _, row := range rows {
		values = append(values, f(row))
	}
	return values
}

func offered(row TrialRow) float64 { return row.Rate }

// frame is a chart over the offered rate with the interval marked.
func (r *Result) frame(rows []TrialRow, title, summary string) *chart.Chart {
	c := &chart.Chart{Title: title, Summary: summary,
		X: chart.Linear(0, rows[len(rows)-1].Rate, "requests a second offered")}
	if r.Rate.Low != nil && r.Rate.High != nil {
		c.Marks = append(c.Marks, chart.Mark{From: *r.Rate.Low, To: *r.Rate.High, Name: "the limit",
			Look: chart.Warn})
	}
	if k := r.Curve.Knee; k != nil {
		c.Marks = append(c.Marks, chart.Mark{From: k.Rate, To: k.Rate, Name: "knee", Look: chart.Faint})
	}
	c.Table.At = column(rows, offered)
	return c
}

func (r *Result) responseChart(rows []TrialRow) *chart.Chart {
	c := r.frame(rows, "Response time by offered rate", "Each dot is a trial. Above the limit, the times "+
		"are those of a queue that grows as long as the trial lasts.")
	low, high := math.Inf(1), 0.0
	c.Table.Head = []string{"rate", "verdict", "mean ms", "p50 ms", "p95 ms", "p99 ms"}
	for _, q := range []struct {
		name string
		look chart.Look
		of   func(TrialRow) float64
	}{
		{"mean", chart.Faint, func(row TrialRow) float64 { return row.Figures.Response.Mean }},
		{"p50", chart.One, func(row TrialRow) float64 { return row.Figures.Response.P50 }},
		{"p95", chart.Two, func(row TrialRow) float64 { return row.Figures.Response.P95 }},
		{"p99", chart.Three, func(row TrialRow) float64 { return row.Figures.Response.P99 }},
	} {
		y := column(rows, q.of)
		low, high = min(low, slices.Min(y)), max(high, slices.Max(y))
		c.Series = append(c.Series, chart.Trace{Name: q.name, Kind: chart.Line, Look: q.look,
			X: column(rows, offered), Y: y},
			chart.Trace{Kind: chart.Dots, Look: q.look, X: column(rows, offered), Y: y})
	}
	c.Y = chart.Log(max(low, 0.001), max(high, 0.002), 0.001, "ms")
	for _, row := range rows {
		t := row.Figures.Response
		c.Table.Rows = append(c.Table.Rows, []string{rateText(row.Rate), string(row.Verdict), t.Text("mean"),
			t.Text("p50"), t.Text("p95"), t.Text("p99")})
	}
	return c
}

// good is the rate of responses as expected that were received while the trial
// lasted, not later.
func good(row TrialRow) float64 { return row.Served }

func (r *Result) throughputChart(rows []TrialRow) *chart.Chart {
	c := r.frame(rows, "Throughput by offered rate", "Responses as expected that were received a second "+
		"while the trial lasted. As long as the service keeps up, that is the dashed line.")
	top := rows[len(rows)-1].Rate
	c.Y = chart.Linear(0, top, "/s")
	c.Series = []chart.Trace{
		{Name: "offered", Kind: chart.Dashed, Look: chart.Faint, X: []float64{0, top}, Y: []float64{0, top}},
		{Name: "as expected", Kind: chart.Line, Look: chart.One, X: column(rows, offered),
			Y: column(rows, good)},
		{Kind: chart.Dots, Look: chart.One, X: column(rows, offered), Y: column(rows, good)},
	}
	c.Table.Head = []string{"rate", "achieved", "as expected a second", "in flight"}
	for _, row := range rows {
		c.Table.Rows = append(c.Table.Rows, []string{rateText(row.Rate), rateText(row.Figures.Rate.Achieved),
			rateText(good(row)), chart.Digits(inFlight(row))})
	}
	return c
}

func inFlight(row TrialRow) float64 {
	if row.Little != nil {
		return row.Little.Counted
	}
	return row.Figures.Rate.Achieved * row.Figures.Service.Mean / 1000
}

func (r *Result) errorChart(rows []TrialRow) *chart.Chart {
	c := r.frame(rows, "Errors by offered rate", "The share of requests without a response as expected.")
	share := func(row TrialRow) float64 {
		q := row.Figures.Requests
		return 100 * float64(q.Scheduled-q.AsExpected) / float64(max(q.Scheduled, 1))
	}
	y := column(rows, share)
	c.Y = chart.Linear(0, max(slices.Max(y), 0.1), "%")
	c.Series = []chart.Trace{{Name: "errors", Kind: chart.Line, Look: chart.Bad, X: column(rows, offered),
		Y: y},
		{Kind: chart.Dots, Look: chart.Bad, X: column(rows, offered), Y: y}}
	c.Table.Head = []string{"rate", "errors", "429", "failed"}
	for i, row := range rows {
		q := row.Figures.Requests
		c.Table.Rows = append(c.Table.Rows, []string{rateText(row.Rate), chart.Digits(y[i]) + " %",
			fmt.Sprint(q.RateLimited), fmt.Sprint(q.Failed)})
	}
	return c
}

// flightChart shows Little's law at work: what was counted, and rate × time.
func (r *Result) flightChart(rows []TrialRow) *chart.Chart {
	c := r.frame(rows, "Requests in flight by offered rate", "Counted while the trials ran, and by the "+
		"times that the requests took within them: by Little's law both are the same.")
	law := func(row TrialRow) float64 {
		if row.Little != nil {
			return row.Little.Expected
		}
		return inFlight(row)
	}
	counted, expected := column(rows, inFlight), column(rows, law)
	low, high := slices.Min(append(counted, expected...)), slices.Max(append(counted, expected...))
	c.Y = chart.Log(max(low, 0.01), max(high, 0.1), 0.01, "")
	c.Series = []chart.Trace{
		{Name: "by their times", Kind: chart.Dashed, Look: chart.Faint, X: column(rows, offered),
			Y: expected},
		{Name: "counted", Kind: chart.Line, Look: chart.Four, X: column(rows, offered), Y: counted},
		{Kind: chart.Dots, Look: chart.Four, X: column(rows, offered), Y: counted},
	}
	c.Table.Head = []string{"rate", "counted", "by their times"}
	for i, row := range rows {
		c.Table.Rows = append(c.Table.Rows, []string{rateText(row.Rate), chart.Digits(counted[i]),
			chart.Digits(expected[i])})
	}
	return c
}

// lawChart is the fit of the Universal Scalability Law.
func (r *Result) lawChart(rows []TrialRow) *chart.Chart {
	u := r.Curve.USL
	concurrency := func(row TrialRow) float64 { return row.Served * row.Figures.Response.Mean / 1000 }
	most := 0.0
	for _, row := range rows {
		if row.Verdict == Pass {
			most = max(most, concurrency(row))
		}
	}
	most = max(1.5*most, 2)
	c := &chart.Chart{Title: "Scalability law", Summary: "Throughput by the requests in flight: the " +
		"trials, and the fit of the Universal Scalability Law with its 95 % band.",
		X: chart.Linear(0, most, "in flight")}
	var n, fitted, low, high []float64
	for i := 1; i <= 60; i++ {
		x := most * float64(i) / 60
		l, h := u.Band(x)
		n, fitted, low, high = append(n, x), append(fitted, u.Throughput(x)), append(low, l),
			append(high, min(h, 2*u.Throughput(x)))
	}
	c.Y = chart.Linear(0, max(slices.Max(fitted)*1.2, good(rows[0])), "/s")
	var x, y []float64
	for _, row := range rows {
		if concurrency(row) <= most {
			x, y = append(x, concurrency(row)), append(y, row.Served)
			c.Table.Rows = append(c.Table.Rows, []string{chart.Digits(concurrency(row)), rateText(row.Served),
				rateText(u.Throughput(concurrency(row)))})
		}
	}
	c.Table.Head = []string{"in flight", "measured", "law"}
	c.Series = []chart.Trace{
		{Name: "95 % band", Kind: chart.Band, Look: chart.One, X: n, Y: high, Base: low},
		{Name: "law", Kind: chart.Line, Look: chart.One, X: n, Y: fitted},
		{Name: "trials", Kind: chart.Dots, Look: chart.Two, X: x, Y: y},
	}
	return c
}

func (s *Soak) chart() *chart.Chart {
	c := &chart.Chart{Title: "Soak: percentiles of the response time",
		Summary: fmt.Sprintf("At %s, by parts of %s.", rateText(s.Rate), seconds(s.Block)),
		X:       chart.Clock(0, s.Duration)}
	looks := []chart.Look{chart.One, chart.Two, chart.Three}
	low, high := math.Inf(1), 0.0
	c.Table.Head = []string{"at"}
	for i, d := range s.Drifts {
		var x []float64
		for k := range d.Values {
			x = append(x, (float64(k)+0.5)*s.Block)
		}
		low, high = min(low, slices.Min(d.Values)), max(high, slices.Max(d.Values))
		c.Series = append(c.Series, chart.Trace{Name: d.Percentile, Kind: chart.Line,
			Look: looks[i%len(looks)], X: x, Y: d.Values})
		c.Table.Head, c.Table.At = append(c.Table.Head, d.Percentile+" ms"), x
	}
	for k := range c.Table.At {
		line := []string{chart.ClockText(c.Table.At[k])}
		for _, d := range s.Drifts {
			line = append(line, chart.Digits(d.Values[k]))
		}
		c.Table.Rows = append(c.Table.Rows, line)
	}
	c.Y = chart.Log(max(low, 0.001), max(high, 0.002), 0.001, "ms")
	return c
}
