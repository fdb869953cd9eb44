package render

import (
	"fmt"
	"math"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/report"
	"mfaload/report/render/chart"
)

// tile is a figure that is read from afar.
func tile(name, value, unit, class string) g.Node {
	return h.Div(g.If(class != "", h.Class(class)), h.Dt(g.Text(name)),
		h.Dd(g.Text(value), g.If(unit != "", g.Group{g.Text(" "), h.Small(g.Text(unit))})))
}

// tiles are the times, and what became of all requests: a sum.
func (p *htmlPage) tiles() g.Node {
	achieved := "achieved"
	if p.Rate.Planned != 0 {
		achieved += " of " + number.Fixed(p.Rate.Planned) + "/s"
	}
	ms := func(stat string) g.Node { return tile("response "+stat, p.Response.Text(stat), "ms", "") }
	expected, unexpected, violating := p.rateLimited()
	counted := func(name string, n, limited uint64, class string) g.Node {
		if n == 0 {
			class = ""
		}
		note := percentOf(n, p.Requests.Scheduled)
		if limited > 0 {
			note += ", " + number.Count(limited) + " of them 429"
		}
		return tile(name, number.Count(n), note, "part "+class)
	}
	q := p.Requests
	return g.Group{
		h.Dl(h.Class("tiles"), ms("p50"), ms("p95"), ms("p99"), ms("max"),
			tile(achieved, number.Fixed(p.Rate.Achieved), "/s", ""), goodputTile(p.Goodput)), g.Text("\n"),
		h.Dl(h.Class("tiles sum"), tile("scheduled", number.Count(q.Scheduled), "", ""),
			counted("as expected", q.AsExpected, expected, ""),
			counted("unexpected", q.Unexpected, unexpected, "bad"),
			counted("violating", q.Violating, violating, "bad"), counted("failed", q.Failed, 0, "bad"),
			counted("unsent", q.Unsent, 0, "warn")), g.Text("\n"),
	}
}

// rateLimited are the 429s by what the scenario makes of them.
func (p *htmlPage) rateLimited() (expected, unexpected, violating uint64) {
	for _, c := range p.m.Main.Cells {
		if c.RateLimited == 0 {
			continue
		}
		clean := min(c.Clean, c.RateLimited)
		broken := min(c.Violating, c.RateLimited-clean)
		expected, violating = expected+clean, violating+broken
		unexpected += c.RateLimited - clean - broken
	}
	return expected, unexpected, violating
}

func heading(name, class string) g.Node {
	return h.Th(h.Scope("col"), g.If(class != "", h.Class(class)), g.Text(name))
}

// gaugeMax is how many times the limit a bar shows; what is beyond leaves it.
const gaugeMax = 5

// thresholds lists the thresholds, those not met first. All bars have one scale.
func (p *htmlPage) thresholds() g.Node {
	all := report.MissedFirst(p.Thresholds, htmlThresholds)
	if len(all) == 0 {
		return nil
	}
	shown, scale := all[:min(len(all), htmlThresholds)], 4/3.
	for _, t := range shown {
		if t.Limit > 0 && t.State != report.NoData {
			scale = max(scale, min(1.05*t.Observed/t.Limit, gaugeMax))
		}
	}
	return g.Group{chart.Scroll("thresholds", h.Class("judged"),
		h.THead(h.Tr(heading("threshold", "text"), heading("judged", "text"), heading("observed", ""),
			heading("of the limit", ""), heading("the mark is the limit", "text gauge"))),
		h.TBody(g.Map(shown, func(t report.Threshold) g.Node { return thresholdRow(t, scale) }))),
		moreIn(len(all)-len(shown), "thresholds")}
}

func thresholdRow(t report.Threshold, scale float64) g.Node {
	look, word := "warn", h.Strong(h.Class("warn"), g.Text("? "+string(t.State)))
	switch t.State {
	case report.Met:
		look, word = "good", h.Span(h.Class("good"), g.Text("✓ met"))
	case report.Missed:
		look, word = "bad", h.Strong(h.Class("bad"), g.Text("✕ missed"))
	}
	return chart.Row(h.Td(h.Class("text"), brief(inequality(t.Expression))), h.Td(h.Class("word"), word),
		h.Td(g.Text(t.NoisyText())), h.Td(g.Text(ofLimit(t))), h.Td(h.Class("gauge"), gauge(t, look,
			scale)))
}

// goodputTile shows the rate of good responses; nothing if they were not counted.
func goodputTile(of *report.Goodput) g.Node {
	if of == nil {
		return nil
	}
	name := "goodput"
	if of.Within > 0 {
		name += " within " + msText(of.Within)
	}
	return tile(name, number.Fixed(of.Rate), "/s", "")
}

// ofLimit is what was observed as a share of the limit.
func ofLimit(t report.Threshold) string {
	switch {
	case t.State == report.NoData:
		return "–"
	case t.Limit == 0:
		return "limit 0"
	case t.ObservedAtLeast:
		return "≥ " + number.Significant(100*t.Observed/t.Limit) + "%"
	}
	return number.Significant(100*t.Observed/t.Limit) + "%"
}

// gauge is a bar as long as what was observed, with a mark at the limit. A bar of so many
// times the limit that it has no room ends in an arrow.
func gauge(t report.Threshold, look string, scale float64) g.Node {
	fill, beyond := 0.0, false
	switch {
	case t.State == report.NoData:
	case t.Limit > 0:
		fill = t.Observed / t.Limit / scale
		beyond = fill > 1
	case t.Observed > 0:
		fill, beyond = 1, true
	}
	mark := 1 / scale
	if t.Limit == 0 {
		mark = 0
	}
	percent := func(x float64) string { return number.Plain(math.Round(min(1, x)*1000)/10) + "%" }
	return h.Span(h.Class("bar "+look), hidden(), h.I(g.If(beyond, h.Class("beyond")),
		h.Style("width:"+percent(fill))), h.B(h.Style("left:"+percent(mark))))
}

// baseline sets the figures that decide next to those of the baseline.
func (p *htmlPage) baseline() g.Node {
	b := p.Baseline
	if b == nil {
		return nil
	}
	shown := b.Changes[:min(len(b.Changes), htmlChanges)]
	return g.Group{h.P(g.Text("Compared with "), h.Code(brief(b.Run)), g.Text(": "),
		h.Strong(brief(b.Judgement)),
		g.Text(". "), h.A(h.Href("compare.html"), g.Text("compare.html")),
		g.Text(" has the whole comparison.")),
		g.If(len(shown) > 0, chart.Scroll("changes", h.THead(chart.Head("figure", "baseline", "this run",
			"change",
			"95% interval", "judgement")), h.TBody(g.Map(shown, changeRow)))),
		moreIn(len(b.Changes)-len(shown), "figures")}
}

func changeRow(c report.BaselineChange) g.Node {
	look := map[string]string{"worse": "bad", "better": "good"}[c.Judgement]
	return chart.Row(h.Td(brief(changeName(c))), chart.Texts(changeFigure(c, c.Base), changeFigure(c, c.New),
		changeText(c), signed(c.Low)+" to "+signed(c.High)), h.Td(g.If(look != "", h.Class(look)),
		brief(c.Judgement)))
}

func changeName(c report.BaselineChange) string {
	name := strings.Replace(c.Metric, ".", " ", 1)
	if c.Group != "" {
		name = c.Group + " " + name
	}
	return name
}

func changeFigure(c report.BaselineChange, x float64) string {
	return number.WithUnit(number.Significant(x), c.Unit)
}

func changeText(c report.BaselineChange) string {
	if c.Points {
		return signed(c.Change) + " percentage points"
	}
	return signed(c.Change) + "%"
}

func signed(x float64) string {
	text := number.Significant(number.RoundTo(x, 3))
	if x > 0 {
		text = "+" + text
	}
	return text
}

func (p *htmlPage) overTime() g.Node {
	if p.drawing == nil {
		return h.P(g.Text("mfaload sent nothing, so there is nothing to draw."))
	}
	return p.drawing.overTime()
}

// times are all times, as a table and as distributions.
func (p *htmlPage) times() g.Node {
	row := func(name string, t report.Times) g.Node {
		return chart.Row(h.Th(h.Scope("row"), g.Text(name)), chart.Texts(timeCells(&t)...))
	}
	table := chart.Scroll("times in milliseconds",
		h.THead(chart.Head("ms", "min", "mean", "p50", "p90", "p95", "p99", "p99.9", "max")),
		h.TBody(row("response time", p.Response), row("service time", p.Service), row("lateness", p.Lateness),
			g.Map(outcomes(p.Report), func(o namedOutcome) g.Node {
				return row("service time, "+o.name,
					o.Service)
			})))
	meaning := soft(g.Text("Response time runs from the time at which a request was due to its last " +
		"byte, service " +
		"time from the actual send. Lateness is the time between the two."))
	if p.drawing == nil {
		return table
	}
	return g.Group{table, meaning, p.drawing.distribution()}
}

// groups are the figures of each group, which add up to those of all.
func (p *htmlPage) groups() g.Node {
	few := foremost(p.Groups, htmlGroups)
	few = few[:min(len(few), htmlGroups)]
	table := chart.Scroll("requests by group",
		h.THead(chart.Head("group", "scheduled", "as expected", "unexpected", "violating", "failed",
			"unsent", "429",
			"p50 ms", "p95 ms", "p99 ms", "max ms")),
		h.TBody(g.Map(few, func(one report.Group) g.Node {
			return chart.Row(h.Td(brief(one.Name)), requestCells(one.Requests), timesOf(&one.Figures))
		}), g.Iff(len(few) < len(p.Groups), func() g.Node {
			return chart.Row(h.Td(g.Textf("%d others", len(p.Groups)-len(few))), requestCells(p.others(few)),
				chart.Texts("", "", "", ""))
		})),
		h.TFoot(chart.Row(h.Th(h.Scope("row"), g.Text("all")), requestCells(p.Requests), timesOf(&p.Figures)),
			g.Iff(p.Warmup != nil, func() g.Node {
				return chart.Row(h.Class("soft"), h.Td(g.Text("warm-up, not judged")),
					requestCells(p.Warmup.Requests), timesOf(p.Warmup))
			})))
	if p.drawing == nil {
		return table
	}
	return g.Group{table, soft(g.Text("Scheduled is the sum of as expected, unexpected, violating, " +
		"failed and unsent. " +
		"429s are in one of them, too.")), p.drawing.groups()}
}

// others are the requests of the groups that are not listed.
func (p *htmlPage) others(listed []report.Group) report.Requests {
	left := p.Requests
	for _, one := range listed {
		q := one.Requests
		left.Scheduled -= q.Scheduled
		left.AsExpected -= q.AsExpected
		left.Unexpected -= q.Unexpected
		left.Violating -= q.Violating
		left.Failed -= q.Failed
		left.Unsent -= q.Unsent
		left.RateLimited -= q.RateLimited
	}
	return left
}

func requestCells(q report.Requests) g.Node {
	return chart.Texts(number.Count(q.Scheduled), number.Count(q.AsExpected), number.Count(q.Unexpected),
		number.Count(q.Violating), number.Count(q.Failed), number.Count(q.Unsent),
		number.Count(q.RateLimited))
}

func timesOf(f *report.Figures) g.Node {
	t := f.Response
	return chart.Texts(t.Text("p50"), t.Text("p95"), t.Text("p99"), t.Text("max"))
}

// responses are the responses by status, which add up.
func (p *htmlPage) responses() g.Node {
	if p.Requests.Answered == 0 {
		return h.P(g.Text("There was no response."))
	}
	of := map[string]*[4]uint64{}
	for _, c := range p.m.Main.Cells {
		if c.Failed {
			continue
		}
		counts := of[c.Label]
		if counts == nil {
			counts = &[4]uint64{}
			of[c.Label] = counts
		}
		n := c.Response.Count()
		for i, x := range []uint64{n, c.Clean, n - c.Clean - c.Violating, c.Violating} {
			counts[i] += x
		}
	}
	labels := mostFirst(totals(of))
	more := max(0, len(labels)-htmlKinds)
	row := func(name g.Node, counts [4]uint64) g.Node {
		return chart.Row(name, chart.Texts(number.Count(counts[0]), percentOf(counts[0], p.Requests.Answered),
			number.Count(counts[1]), number.Count(counts[2]), number.Count(counts[3])))
	}
	var rows g.Group
	rest := [4]uint64{p.Requests.Answered, p.Requests.AsExpected, p.Requests.Unexpected, p.Requests.Violating}
	all := rest
	for _, label := range labels[:len(labels)-more] {
		for i, n := range of[label] {
			rest[i] -= n
		}
		rows = append(rows, row(h.Td(brief(label)), *of[label]))
	}
	if more > 0 {
		rows = append(rows, row(h.Td(g.Text(fmt.Sprintf("%d others", more))), rest))
	}
	return chart.Scroll("responses", h.THead(chart.Head("response", "count", "share", "as expected",
		"unexpected",
		"violating")), h.TBody(rows), h.TFoot(row(h.Th(h.Scope("row"), g.Text("all")), all)))
}

func totals(of map[string]*[4]uint64) map[string]uint64 {
	all := map[string]uint64{}
	for label, counts := range of {
		all[label] = counts[0]
	}
	return all
}
