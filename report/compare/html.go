package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report/render/chart"
)

// pageStyle is what the page has beyond charts and tables.
const pageStyle = ".worse { color: var(--bad); } .better { color: var(--good); } .unclear { color: " +
	"var(--warn); } .same { color: var(--soft); }\n" +
	".figures th { white-space: normal; overflow-wrap: normal; vertical-align: bottom; }\n" +
	".runs th, .runs td { text-align: left; }\n"

// classes are the looks of a judgement.
var classes = map[Judgement]string{Worse: "worse", Better: "better", Same: "same", Unclear: "unclear",
	NotJudged: "same"}

// outcomeClasses are the looks of a verdict: that nothing was found is good.
var outcomeClasses = map[Judgement]string{Worse: "bad", Better: "good", Same: "good", Unclear: "warn",
	NotJudged: "warn"}

// What a page shows at once; the rest is folded.
const (
	openCharts = 2 // of a comparison: the shape of one time
	openLines  = 6 // of a history: the course of each figure
	openRuns   = 8
)

// comparisonPage is what the page of a comparison or of a history shows.
type comparisonPage struct {
	Title, Subject     string
	Verdict            Judgement
	Forced             bool
	Obstacles, Reasons []string
	Conclusion         string
	Rows, Others       []pageRow
	Charts             g.Group
	OpenCharts         int
	Responses, Notes   []string
	Changed            []string
	Runs               []sideRun
	UndrawnCharts      int
}

// sideRun is a run with the side that it is of.
type sideRun struct {
	side string
	RunInfo
}

func (s Side) named(name string) (all []sideRun) {
	for _, r := range s.Runs {
		all = append(all, sideRun{name, r})
	}
	return all
}

type pageRow struct {
	MetricRow
	Name, ChangeText, Interval, MarginText string
}

// HTML returns the comparison as a page of its own, which needs nothing else.
func (c *Comparison) HTML() ([]byte, error) {
	p := comparisonPage{Title: "mfaload compare: " + c.Verdict.word(), Subject: c.New.text() + " against " +
		c.Base.text(), Verdict: c.Verdict, Conclusion: c.Conclusion, OpenCharts: openCharts,
		Forced: c.Forced, Obstacles: c.Obstacles,
		Runs: slices.Concat(c.Base.named("base"), c.New.named("new"))}
	decisive, others := c.divided()
	p.Changed = c.changed(others, true)
	decisive, moreDecisive := firstRows(decisive, maxPageRows)
	others, moreOthers := firstRows(others, maxPageRows-len(decisive))
	more := moreDecisive + moreOthers
	p.Rows, p.Others = pageRows(decisive), pageRows(others)
	for _, s := range c.shapes() {
		if len(p.Charts) == maxCharts {
			p.UndrawnCharts++
			continue
		}
		for _, drawn := range s.charts(c.marginOf(s)) {
			p.draw(drawn)
		}
	}
	p.Responses = c.driftTexts()
	if len(c.Rows) > 0 {
		p.Notes = slices.Concat(notes(decisive), []string{c.method()}, c.Remarks)
		if more > 0 {
			p.Notes = slices.Insert(p.Notes, 0, moreText(more, "figures"))
		}
		if len(c.Drift) == 0 {
			p.Responses = []string{noDrift}
		}
	}
	return p.render()
}

// shapes are the shifts, that of the response time of the whole first, then those in which something was
// found.
func (c *Comparison) shapes() []Shift {
	rank := func(s Shift) int {
		switch {
		case s.Group == "" && s.Time == "response":
			return 0
		case len(s.findings()) > 0:
			return 1
		}
		return 2
	}
	all := slices.Clone(c.Shifts)
	slices.SortStableFunc(all, func(a, b Shift) int { return rank(a) - rank(b) })
	return all
}

func pageRows(rows []MetricRow) (all []pageRow) {
	for _, r := range rows {
		all = append(all, pageRow{r, r.name(), r.change(r.Change), r.interval(), r.margin()})
	}
	return all
}

// marginOf is the margin of a shift's row, in percent; 0 where it has none.
func (c *Comparison) marginOf(s Shift) float64 {
	for _, r := range c.Rows {
		if r.Group == s.Group && r.Metric == s.Time+".shape" {
			return r.Margin
		}
	}
	return 0
}

// driftTexts say what changed in the responses.
func (c *Comparison) driftTexts() (texts []string) {
	for _, d := range c.Drift {
		texts = append(texts, d.String())
	}
	return texts
}

// draw adds a chart where there is room for one.
func (p *comparisonPage) draw(c *chart.Chart) {
	if len(p.Charts) == maxCharts {
		p.UndrawnCharts++
		return
	}
	p.Charts = append(p.Charts, c.HTML(fmt.Sprintf("chart-%d", len(p.Charts)+1)))
}

func (p *comparisonPage) render() ([]byte, error) {
	why := "Why they can’t be compared"
	if p.Forced {
		why = "Forced: these runs should not be compared"
	}
	if p.UndrawnCharts > 0 {
		p.Notes = append(p.Notes, moreText(p.UndrawnCharts, "shapes are"))
	}
	shape := "From run to run"
	if len(p.Rows) > 0 {
		shape = "Shape of the times"
	}
	open := min(p.OpenCharts, len(p.Charts))
	more := len(p.Charts) - open
	return chart.Page(p.Title, pageStyle,
		h.H1(g.Text(p.Subject)), g.Text("\n"), p.outcome(), listed(why, p.Obstacles),
		g.If(len(p.Reasons) > 0, g.Group{chart.List(firstTexts(p.Reasons)), g.Text("\n")}),
		g.If(len(p.Runs) <= openRuns, p.runs()),
		g.If(len(p.Rows) > 0, g.Group{h.H2(g.Text("Figures that decide")), g.Text("\n"),
			figures("figures that decide", p.Rows)}),
		p.changed(), listed("Responses", p.Responses),
		g.If(open > 0, g.Group{h.H2(g.Text(shape)), g.Text("\n"),
			h.Div(h.Class("charts"), p.Charts[:open]), g.Text("\n")}),
		g.If(more > 0, folded(number.Plural(more, "more chart"), h.Div(h.Class("charts"), p.Charts[open:]))),
		g.If(len(p.Others) > 0, folded("Other figures, which do not decide", figures("other figures",
			p.Others))),
		g.If(len(p.Notes) > 0, folded("How it was compared", chart.List(firstTexts(p.Notes)))),
		g.If(len(p.Runs) > openRuns, folded(number.Plural(len(p.Runs), "run"), p.runs())))
}

// outcome is the verdict, in a word and in a sentence.
func (p *comparisonPage) outcome() g.Node {
	return g.Group{h.Div(h.Class("outcome "+outcomeClasses[p.Verdict]),
		h.P(h.Class("word"), g.Text(strings.ToUpper(p.Verdict.word()))),
		g.If(p.Conclusion != "", h.P(h.Class("found"), g.Text(capital(p.Conclusion))))), g.Text("\n")}
}

func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// changed lists what changed among figures that do not decide, the first ones at once.
func (p *comparisonPage) changed() g.Node {
	first := min(len(p.Changed), changedMax+shapesMax)
	rest := p.Changed[first:]
	return g.Group{listed("What else changed", p.Changed[:first]),
		g.If(len(rest) > 0, folded(number.Plural(len(rest), "more change"), chart.List(firstTexts(rest))))}
}

// listed is a list under a heading, and nothing where the list is empty.
func listed(title string, texts []string) g.Node {
	return g.If(len(texts) > 0, g.Group{h.H2(g.Text(title)), chart.List(firstTexts(texts)), g.Text("\n")})
}

// folded is what few want to see, under its title.
func folded(title string, content g.Node) g.Node {
	return g.Group{h.Details(h.Summary(g.Text(title)), g.Text("\n"), content), g.Text("\n")}
}

func figures(label string, rows []pageRow) g.Node {
	return h.Div(h.Class("figures"), chart.Scroll(label, chart.Head("figure", "judgement", "base", "new",
		"unit", "change", "95% interval of the change", "margin", "probability by chance, corrected"),
		g.Map(rows, func(r pageRow) g.Node {
			return chart.Row(chart.Texts(r.Name),
				h.Td(h.Class(classes[r.Judgement]), g.Text(r.Judgement.word())),
				chart.Texts(r.baseText(), r.newText(), r.Unit, r.ChangeText, r.Interval, r.MarginText,
					digits(r.Corrected)))
		})))
}

// runs are the runs that were compared, with what tells one from another.
func (p *comparisonPage) runs() g.Node {
	columns := []struct {
		name string
		of   func(sideRun) string
	}{
		{"side", func(r sideRun) string { return r.side }},
		{"run", func(r sideRun) string { return r.Name }},
		{"started (UTC)", func(r sideRun) string { return r.Started.UTC().Format(time.DateTime) }},
		{"judged for", func(r sideRun) string { return digits(r.Duration) + " s" }},
		{"requests", func(r sideRun) string { return number.Count(r.Sent) }},
		{"target", func(r sideRun) string { return r.Target }},
		{"labels", func(r sideRun) string {
			return text.Brief(strings.Join(r.Labels.List(), ", "), maxLabelText)
		}},
		{"mfaload", func(r sideRun) string { return r.Version }},
	}
	var head []string
	for i := 0; i < len(columns); i++ {
		of := columns[i].of
		if !slices.ContainsFunc(p.Runs, func(r sideRun) bool { return of(r) != "" }) {
			columns = slices.Delete(columns, i, i+1)
			i--
			continue
		}
		head = append(head, columns[i].name)
	}
	return g.Group{h.Div(h.Class("runs"), chart.Scroll("runs", chart.Head(head...),
		g.Map(p.Runs[:min(len(p.Runs), maxPageRows)], func(r sideRun) g.Node {
			var cells []string
			for _, column := range columns {
				cells = append(cells, column.of(r))
			}
			return chart.Row(chart.Texts(cells...))
		}))), g.Text("\n")}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// HTML returns the history as a page of its own.
func (h *History) HTML() ([]byte, error) {
	p := comparisonPage{Title: "mfaload history: " + h.Verdict.word(), Subject: "History of " +
		number.Plural(len(h.Runs), "run"), Verdict: h.Verdict, Reasons: h.Reasons,
		Runs: Side{h.Runs}.named(""), OpenCharts: openLines,
		Forced: len(h.Obstacles) > 0, Obstacles: h.Obstacles}
	if len(p.Reasons) == 1 {
		p.Conclusion, p.Reasons = p.Reasons[0], nil
	}
	for _, l := range h.Lines {
		p.draw(l.chart(h.Runs))
	}
	for _, why := range h.LeftOut {
		p.Notes = append(p.Notes, "left out: "+why)
	}
	return p.render()
}

// charts are the shift function and the quantiles of both sides.
func (s Shift) charts(margin float64) []*chart.Chart {
	if len(s.Points) < 2 {
		return nil
	}
	name := MetricRow{Group: s.Group, Metric: s.Time}.name() + " time"
	return []*chart.Chart{s.shiftChart(name, margin), s.quantileChart(name)}
}

func (s Shift) shiftChart(name string, margin float64) *chart.Chart {
	low, high := -1.5*margin, 1.5*margin
	band := chart.Trace{Name: "95% band", Kind: chart.Band, Look: chart.One}
	line := chart.Trace{Name: "change", Kind: chart.Line, Look: chart.One}
	c := &chart.Chart{Title: name + ": shift function", X: s.axis(), Y: chart.Axis{},
		Summary: "How much longer each quantile takes, in percent: above 0 is slower. The band holds the " +
			"whole line with 95%; dotted is the margin.",
		Levels: []chart.HorizontalLine{{At: 0, Look: chart.Faint}},
		Table: chart.Table{Head: []string{"quantile", "base ms", "new ms", "change", "band"},
			At: s.places()},
	}
	for _, p := range s.Points {
		line.Y, band.Y, band.Base = append(line.Y, p.Change), append(band.Y, p.High), append(band.Base, p.Low)
		low, high = math.Min(low, math.Max(p.Low, 2*p.Change-50)), math.Max(high, math.Min(p.High, 2*p.Change+
			50))
		r := MetricRow{}
		c.Table.Rows = append(c.Table.Rows, []string{fmt.Sprintf("%g%%", p.Quantile), digits(p.Base),
			digits(p.New), r.change(p.Change), r.change(p.Low) + " … " + r.change(p.High)})
	}
	if margin > 0 {
		c.Levels = append(c.Levels, chart.HorizontalLine{At: margin, Look: chart.Warn},
			chart.HorizontalLine{At: -margin, Look: chart.Warn})
	}
	line.X, band.X = s.places(), s.places()
	c.Y, c.Series = chart.Linear(low, high, "%"), []chart.Trace{band, line}
	return c
}

func (s Shift) quantileChart(name string) *chart.Chart {
	low, high := math.Inf(1), 0.0
	base := chart.Trace{Name: "base", Kind: chart.Dashed, Look: chart.Faint, X: s.places()}
	fresh := chart.Trace{Name: "new", Kind: chart.Line, Look: chart.One, X: s.places()}
	c := &chart.Chart{Title: name + ": quantiles", X: s.axis(),
		Summary: fmt.Sprintf("Modes: base at %s; new at %s. Stalled seconds: %d and %d.",
			orNone(modesText(s.BaseModes)), orNone(modesText(s.NewModes)), s.BaseStalls, s.NewStalls),
		Table: chart.Table{Head: []string{"quantile", "base ms", "new ms"}, At: s.places()},
	}
	for _, p := range s.Points {
		base.Y, fresh.Y = append(base.Y, p.Base), append(fresh.Y, p.New)
		low, high = math.Min(low, math.Min(p.Base, p.New)), math.Max(high, math.Max(p.Base, p.New))
		c.Table.Rows = append(c.Table.Rows, []string{fmt.Sprintf("%g%%", p.Quantile), digits(p.Base),
			digits(p.New)})
	}
	c.Y, c.Series = chart.Log(low, high, timeMin, "ms"), []chart.Trace{base, fresh}
	return c
}

// places are the quantiles' places on the axis, from 0 to 1: by the logarithm of
// the odds, so that both ends have room.
func (s Shift) places() []float64 {
	odds := func(p QuantileShift) float64 { return math.Log(p.Quantile / (100 - p.Quantile)) }
	first, last := odds(s.Points[0]), odds(s.Points[len(s.Points)-1])
	var xs []float64
	for _, p := range s.Points {
		xs = append(xs, (odds(p)-first)/(last-first))
	}
	return xs
}

// named are the quantiles whose names fit below the axis.
var named = []float64{5, 25, 50, 75, 90, 95, 99, 99.9}

func (s Shift) axis() chart.Axis {
	a := chart.Axis{High: 1}
	for i, x := range s.places() {
		if q := s.Points[i].Quantile; slices.Contains(named, q) {
			a.Ticks = append(a.Ticks, chart.AxisTick{At: x, Text: fmt.Sprintf("p%g", q)})
		}
	}
	return a
}

// chart draws a line of a history, with a mark where a change begins.
func (l MetricHistory) chart(runs []RunInfo) *chart.Chart {
	last := float64(max(len(l.Values)-1, 1))
	c := &chart.Chart{Title: MetricRow{Group: l.Group, Metric: l.Metric}.name(),
		Summary: "From run to run, in " + l.Unit + ". ",
		X: chart.Axis{High: last, Ticks: []chart.AxisTick{
			{At: 0, Text: runs[0].Started.UTC().Format("2006-01-02")},
			{At: last, Text: runs[len(runs)-1].Started.UTC().Format("2006-01-02")},
		}},
		Y:     chart.Linear(slices.Min(l.Values), slices.Max(l.Values), l.Unit),
		Table: chart.Table{Head: []string{"run", l.Unit, ""}},
	}
	marks := map[int]string{}
	for _, change := range l.Changes {
		c.Summary += l.text(change, runs[change.Run].Started) + ". "
		at := float64(change.Run) - 0.5
		c.Marks = append(c.Marks, chart.Mark{From: at, To: at, Look: chart.Bad})
		marks[change.Run] = "a change begins"
	}
	if len(l.Changes) == 0 {
		c.Summary += "No change."
	}
	line := chart.Trace{Kind: chart.Line, Look: chart.One, Y: l.Values}
	for i, v := range l.Values {
		line.X = append(line.X, float64(i))
		c.Table.Rows = append(c.Table.Rows, []string{runs[i].Name, digits(v), marks[i]})
	}
	dots := line
	dots.Kind = chart.Dots
	c.Table.At, c.Series = line.X, []chart.Trace{line, dots}
	return c
}
