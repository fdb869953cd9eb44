package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
)

// Texts of responses and of the scenario are cut to these.
const (
	htmlText = 400
	htmlLong = 8000
)

func brief(s string) g.Node { return g.Text(text.Brief(s, htmlText)) }

func (p *htmlPage) body() g.Group {
	return g.Group{p.header(), p.tiles(), p.judged(), p.overTime(), p.broken(), p.figures(), p.machines(),
		p.scenario(), p.generator()}
}

func section(title string, children ...g.Node) g.Node {
	return g.Group{h.Section(h.H2(g.Text(title)), g.Group(children)), g.Text("\n")}
}

func soft(children ...g.Node) g.Node { return h.P(h.Class("soft"), g.Group(children)) }

func more(n int, what string) g.Node {
	return g.If(n > 0, h.P(g.Textf("%d more %sare in report.json.", n, what)))
}

func hidden() g.Node { return h.Aria("hidden", "true") }

func (p *htmlPage) header() g.Node {
	degraded := ""
	if p.Degraded {
		degraded = " (DEGRADED)"
	}
	return g.Group{h.Header(h.Class("verdict "+string(p.Verdict)),
		h.P(h.Class("word"), h.Span(h.Class("sign"), hidden(), g.Text(htmlMarks[p.Verdict])),
			g.Text(strings.ToUpper(string(p.Verdict))+degraded)),
		h.H1(brief(p.Scenario)),
		g.If(p.Description != "", h.P(brief(p.Description))),
		p.when(), p.warmupEnd(), p.labels(), p.why(), p.model(), p.ending(),
	), g.Text("\n")}
}

func (p *htmlPage) when() g.Node {
	started := p.Started.UTC()
	return soft(
		g.If(p.Target != "", g.Group{brief(p.Target), g.Text(" · ")}),
		h.Time(h.DateTime(started.Format(time.RFC3339)),
			g.Text(started.Format("2 January 2006, 15:04:05 UTC"))),
		g.Text(" · "+chart.ClockText(p.Duration)),
		g.If(p.Warmup != nil, g.Text(" after a warm-up")))
}

func (p *htmlPage) warmupEnd() g.Node {
	if p.WarmupEnd == nil {
		return nil
	}
	return soft(brief(p.WarmupEnd.Text()))
}

func (p *htmlPage) labels() g.Node {
	var shown g.Group
	for i, label := range labels(p.Report) {
		shown = append(shown, g.If(i > 0, g.Text(" · ")), h.Code(g.Text(label)))
	}
	return g.If(len(shown) > 0, soft(shown...))
}

func (p *htmlPage) why() g.Node {
	if len(p.Reasons) > 0 {
		shown := p.Reasons[:min(len(p.Reasons), htmlReasons)]
		return g.Group{h.Ul(h.Class("reasons"),
			g.Map(shown, func(reason string) g.Node { return h.Li(brief(reason)) })),
			more(len(p.Reasons)-len(shown), "reasons ")}
	}
	return g.If(len(p.Thresholds) > 0, h.P(g.Text("Every threshold was met.")))
}

func (p *htmlPage) model() g.Node {
	c := p.Closed
	if c == nil {
		return nil
	}
	return h.P(h.Class("note"), h.Strong(g.Text("Closed model")), g.Textf(", %d users, think time %s ms. %s",
		c.Users, number.Plain(c.Think), c.Meaning))
}

func (p *htmlPage) ending() g.Node {
	s := p.Stopped
	if s == nil {
		return nil
	}
	return h.P(h.Class("note"), h.Strong(g.Text("Ended early")), g.Text(" after "+chart.ClockText(s.At)+": "),
		brief(s.Condition), g.Text(", "), brief(s.Observed), g.Text("."))
}

// tile is a figure that is read from afar.
func tile(name, value, unit, class string) g.Node {
	return h.Div(g.If(class != "", h.Class(class)), h.Dt(g.Text(name)),
		h.Dd(g.Text(value), g.If(unit != "", g.Group{g.Text(" "), h.Small(g.Text(unit))})))
}

func (p *htmlPage) tiles() g.Node {
	achieved := "achieved"
	if p.Rate.Planned != 0 {
		achieved += " of " + number.Fixed(p.Rate.Planned) + "/s"
	}
	ms := func(name, stat string) g.Node { return tile(name, p.Response.Text(stat), "ms", "") }
	counted := func(name string, n uint64, class string) g.Node {
		if n == 0 {
			class = ""
		}
		return tile(name, number.Count(n), "", class)
	}
	q := p.Requests
	return g.Group{
		h.Dl(h.Class("tiles"), ms("response p50", "p50"), ms("response p95", "p95"),
			ms("response p99", "p99"),
			ms("max", "max"), tile(achieved, number.Fixed(p.Rate.Achieved), "/s", "")), g.Text("\n"),
		h.Dl(h.Class("tiles"), counted("as expected of "+number.Count(q.Scheduled), q.AsExpected, ""),
			counted("unexpected", q.Unexpected, "bad"),
			counted("violating", q.Violating, "bad"), counted("failed", q.Failed, "bad"),
			g.If(q.RateLimited > 0, counted("of them 429", q.RateLimited, "warn")),
			g.If(q.Unsent > 0, counted("unsent", q.Unsent, "warn"))), g.Text("\n"),
	}
}

func (p *htmlPage) judged() g.Node {
	if len(p.Judged) == 0 {
		return nil
	}
	th := func(class, name string) g.Node {
		return h.Th(h.Scope("col"), g.If(class != "", h.Class(class)), g.Text(name))
	}
	return section("Thresholds", chart.Scroll("thresholds", h.Class("judged"),
		h.THead(h.Tr(th("", "threshold"), th("text", "judged"), th("", "observed"), th("", "how close"),
			th("text gauge", "the mark is the limit"))),
		h.TBody(g.Map(p.Judged, htmlThreshold.row))), more(p.MoreThresholds, "thresholds "))
}

func (t htmlThreshold) row() g.Node {
	look, word := "warn", h.Strong(h.Class("warn"), g.Text("? "+string(t.State)))
	switch t.State {
	case report.Met:
		look, word = "good", h.Span(h.Class("good"), g.Text("✓ met"))
	case report.Missed:
		look, word = "bad", h.Strong(h.Class("bad"), g.Text("✕ missed"))
	}
	return chart.Row(h.Td(h.Class("text"), brief(t.Expression)), h.Td(h.Class("word"), word),
		h.Td(g.Text(t.NoisyText())), h.Td(g.Text(t.Close)),
		h.Td(h.Class("gauge"), h.Span(h.Class("bar "+look), hidden(),
			h.I(h.Style("width:"+number.Plain(t.Fill)+"%")))))
}

func (p *htmlPage) overTime() g.Node {
	if len(p.Wide) == 0 {
		return section("Over the run", h.P(g.Text("Nothing was sent, so there is nothing to draw.")))
	}
	return section("Over the run",
		h.Div(h.Class("charts"), g.Map(p.Wide, func(c g.Node) g.Node { return h.Div(h.Class("wide"), c) }),
			p.Charts))
}

func fact(name string, children ...g.Node) g.Node {
	return g.Group{h.Dt(g.Text(name)), h.Dd(children...), g.Text("\n")}
}

// known is a fact in the form of code, and nothing where it is empty.
func known(name, value string) g.Node {
	return g.If(value != "", fact(name, h.Code(brief(value))))
}

func (p *htmlPage) broken() g.Node {
	var all g.Group
	for i, v := range p.Shown {
		all = append(all, violationDetails(v, i < p.Open), g.Text("\n"))
	}
	all = append(all, more(p.MoreViolations, ""))
	if len(p.Shown) == 0 {
		all = append(all, h.P(g.Text("No contract violations after the warm-up.")))
	}
	return section("Violations of the contract", all, p.rules())
}

func violationDetails(v report.Violation, open bool) g.Node {
	class := "warn"
	if v.Level == "fail" {
		class = "bad"
	}
	e := v.Example
	return h.Details(h.Class("violation"), g.If(open, g.Attr("open")),
		h.Summary(h.Strong(h.Class(class), brief(v.Rule)), g.Text(" "), h.Code(brief(place(v.Pointer))),
			g.Text(" "), h.Span(g.Text(number.Count(v.Count)+" × "+v.Level))),
		h.Dl(h.Class("facts"), fact("expected", h.Code(brief(v.Expected))),
			fact("came", h.Code(brief(v.Got))), known("correlation ID", e.CorrelationID),
			known("transaction ID", e.TransactionID), known("user", e.UserID),
			fact("again", h.Pre(h.TabIndex("0"), g.Text(text.Brief(e.Curl, htmlLong))))))
}

func (p *htmlPage) rules() g.Node {
	broken := ""
	if n := len(p.BrokenRules); n > 0 {
		broken = fmt.Sprintf(", and %d broken", n)
	}
	var never g.Group
	shown, moreRules := text.First(p.Rules, htmlRules)
	neverShown, moreNever := text.First(p.NeverRules, htmlRules)
	for i, rule := range neverShown {
		never = append(never, g.If(i > 0, g.Text(", ")), h.Code(brief(rule)))
	}
	return g.Group{h.H3(g.Text("Rule coverage")),
		h.P(g.Textf("%d of %d rules were exercised%s. A rule that was not exercised was not passed.",
			p.Evaluated, len(p.Rules), broken)),
		g.If(len(never) > 0, soft(g.Text("Not exercised: "), never, g.Text("."))),
		more(int(moreNever), "rules "),
		g.If(len(p.Rules) > 0, h.Details(h.Summary(g.Text("All rules")), chart.Scroll("coverage of the rules",
			h.THead(chart.Head("rule", "exercised", "broken")),
			h.TBody(g.Map(shown, func(c report.Coverage) g.Node {
				return chart.Row(h.Td(brief(c.Rule)), h.Td(g.Text(number.Count(c.Evaluated))),
					h.Td(g.If(c.Violated > 0, h.Class("bad")), g.Text(number.Count(c.Violated))))
			}))), more(int(moreRules), "rules ")))}
}

func (p *htmlPage) figures() g.Node {
	return section("Figures", h.Div(h.Class("columns"), h.Div(p.times()), h.Div(p.answers())),
		h.H3(g.Text("Requests")), p.requests(), more(p.MoreGroups, "groups "))
}

func (p *htmlPage) times() g.Node {
	row := func(name string, t report.Times) g.Node {
		return chart.Row(h.Th(h.Scope("row"), g.Text(name)), chart.Texts(timeCells(&t)[1:]...))
	}
	outcomes := g.Map(outcomes(p.Report), func(o namedOutcome) g.Node {
		return row("service, "+o.name, o.Service)
	})
	names := g.Map([]string{"mean", "p50", "p90", "p95", "p99", "p99.9", "max"},
		func(name string) g.Node { return h.Th(h.Scope("col"), g.Text(name)) })
	return g.Group{h.H3(g.Text("Times in ms")), chart.Scroll("times in milliseconds",
		h.THead(h.Tr(h.Td(), names)),
		h.TBody(row("response", p.Response), row("service", p.Service), row("lateness", p.Lateness),
			outcomes))}
}

func (p *htmlPage) answers() g.Node {
	return g.Group{h.H3(g.Text("Answers")),
		chart.Scroll("answers", h.THead(chart.Head("answer", "count", "share")),
			h.TBody(g.Map(p.Answers, func(a htmlAnswer) g.Node {
				name := brief(a.Name)
				if a.Missing {
					name = h.Span(h.Class("bad"), g.Text("failed: "), name)
				}
				share := number.Percent(measure.Share{N: a.Count, Of: p.Requests.Sent}.Value())
				return chart.Row(h.Td(name), chart.Texts(number.Count(a.Count), number.Plain(share)+" %"))
			}))), more(p.MoreAnswers, "")}
}

func (p *htmlPage) requests() g.Node {
	return chart.Scroll("requests by group",
		h.THead(chart.Head("group", "scheduled", "sent", "as expected", "unexpected", "violating", "failed",
			"unsent", "p50 ms", "p95 ms", "p99 ms", "max ms")),
		h.TBody(g.Map(p.Few, func(one report.Group) g.Node {
			return chart.Row(h.Td(brief(one.Name)), requestCells(&one.Figures))
		}),
			chart.Row(h.Th(h.Scope("row"), g.Text("all")), requestCells(&p.Figures)),
			g.Iff(p.Warmup != nil, func() g.Node {
				return chart.Row(h.Class("soft"), h.Td(g.Text("warm-up, not judged")), requestCells(p.Warmup))
			})))
}

func requestCells(f *report.Figures) g.Node {
	q, t := f.Requests, f.Response
	return chart.Texts(number.Count(q.Scheduled), number.Count(q.Sent), number.Count(q.AsExpected),
		number.Count(q.Unexpected), number.Count(q.Violating), number.Count(q.Failed), number.Count(q.Unsent),
		t.Text("p50"), t.Text("p95"), t.Text("p99"), t.Text("max"))
}

func (p *htmlPage) machines() g.Node {
	if len(p.Machines) == 0 {
		return nil
	}
	var rows g.Group
	for i, row := range p.Machines {
		rows = append(rows, chart.Row(g.Map(row, func(s string) g.Node {
			if i == 0 {
				return h.Th(h.Scope("col"), brief(s))
			}
			return h.Td(brief(s))
		})))
	}
	return section("Machines", soft(g.Text("The run "), brief(p.Run),
		g.Textf(" was shared among %d machines.", len(p.Shards))), chart.Scroll("machines", rows),
		more(len(p.Shards)-htmlMachines, "shards "))
}

func (p *htmlPage) scenario() g.Node {
	if p.ScenarioText == "" {
		return section("The scenario as it ran", h.P(g.Text("The report does not hold it.")))
	}
	shown := len(p.ScenarioText)
	if shown > htmlScenario {
		shown = strings.LastIndexByte(p.ScenarioText[:htmlScenario], '\n') + 1
	}
	return section("The scenario as it ran",
		soft(g.Text("Variables are filled in and defaults added; secrets and personal data are ***.")),
		h.Pre(h.TabIndex("0"), g.Text(p.ScenarioText[:shown])),
		g.If(shown < len(p.ScenarioText), h.P(g.Text("The rest of it is in report.json."))))
}

func (p *htmlPage) generator() g.Node {
	m, c := p.Generator, p.Connections
	on, opened, workers := "", "", fmt.Sprintf("%d of %d in flight at most", m.BusyWorkersMax, m.Workers)
	if m.Platform != "" {
		on = " on " + m.Platform
	}
	if m.AllBusy != 0 {
		workers += "; all of them while arrivals waited for " + number.Plain(m.AllBusy) + " s"
	}
	if m.WorkersNeeded != 0 {
		workers += "; the load needs about " + strconv.Itoa(m.WorkersNeeded)
	}
	if c.Opened > 0 {
		opened = fmt.Sprintf(" (dialled in %s ms, TLS in %s ms, medians)", number.Fixed(c.Dial.P50),
			number.Fixed(c.Handshake.P50))
	}
	if c.Successors > 0 {
		opened += fmt.Sprintf(", %s of them to replace one", number.Count(c.Successors))
	}
	spoken := report.ProtocolNames(c.Protocols)
	return section("How it was measured", h.Dl(h.Class("facts"),
		fact("mfaload", brief(p.Version), brief(on), g.Textf(", %d processors", m.Cores)),
		fact("processor time", g.Textf("%s s used, %s s waited for", number.Plain(m.CPU),
			number.Plain(m.CPUWait))),
		fact("memory", g.Textf("%s MB at most; longest pause of its garbage collector %s ms",
			number.Plain(m.PeakRSS), number.Plain(m.MaxGCPause))),
		fact("workers", g.Text(workers)),
		fact("own lateness", g.Textf("p50 %s ms, p99 %s ms, at most %s ms", number.Fixed(m.OwnLateness.P50),
			number.Fixed(m.OwnLateness.P99), number.Fixed(m.OwnLateness.Max))),
		fact("hiccups", g.Textf("p99 %s ms, at most %s ms", number.Fixed(m.Hiccups.P99),
			number.Fixed(m.Hiccups.Max))),
		g.If(spoken != "", fact("protocol", g.Text(spoken))),
		fact("connections", g.Textf("%s opened ahead, %s in the judged part%s", number.Count(c.Ahead),
			number.Count(c.Opened), opened)),
		fact("scenario", h.Code(brief(p.Hash)))),
		soft(g.Text("Response time runs from the time at which the schedule wanted a request to be sent to "+
			"its last byte, service time from the actual send. Lateness lies between the two.")))
}
