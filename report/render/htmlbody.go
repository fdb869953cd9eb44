package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report"
	"mfaload/report/render/chart"
)

// Texts of responses and of the scenario are cut to these.
const (
	htmlText = 400
	htmlLong = 8000
)

func brief(s string) g.Node { return g.Text(text.Brief(s, htmlText)) }

func soft(children ...g.Node) g.Node { return h.P(h.Class("soft"), g.Group(children)) }

// moreIn says how many are not listed, and where they are.
func moreIn(n int, what string) g.Node {
	return g.If(n > 0, soft(g.Textf("%s more %s in ", number.Count(uint64(max(n, 0))), what),
		h.A(h.Href("report.json"), g.Text("report.json")), g.Text(".")))
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
		p.about(), p.warmupEnd(), p.model(), p.ending(),
	), g.Text("\n")}
}

// about says what was run, when, from where and against what.
func (p *htmlPage) about() g.Node {
	started := p.Started.UTC()
	length := chart.ClockText(p.Duration)
	if p.Warmup != nil {
		length += " after a warm-up"
	}
	load := "a closed load"
	if p.Closed == nil {
		load = number.Fixed(p.Rate.Planned) + "/s on average"
	}
	facts := g.Group{}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, h.Div(h.Dt(g.Text(name)), h.Dd(brief(value))))
		}
	}
	add("target", p.Target)
	add("protocol", report.ProtocolNames(p.Connections.Protocols))
	facts = append(facts, h.Div(h.Dt(g.Text("started")), h.Dd(h.Time(h.DateTime(started.Format(time.RFC3339)),
		g.Text(started.Format("2 January 2006, 15:04:05 UTC"))))))
	add("length", length)
	add("load", load)
	add("from", strings.Trim(p.Generator.Host+", "+p.Generator.Platform, ", "))
	add("mfaload", p.Version)
	if p.Baseline != nil {
		add("baseline", p.Baseline.Run+": "+p.Baseline.Judgement)
	}
	for _, label := range labels(p.Report) {
		name, value, _ := strings.Cut(label, "=")
		add(name, value)
	}
	return h.Dl(h.Class("about"), facts)
}

func (p *htmlPage) warmupEnd() g.Node {
	if p.WarmupEnd == nil {
		return nil
	}
	return soft(brief(p.WarmupEnd.Text()))
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

func fact(name string, children ...g.Node) g.Node {
	return g.Group{h.Dt(g.Text(name)), h.Dd(children...), g.Text("\n")}
}

// known is a fact in the form of code, and nothing where it is empty.
func known(name, value string) g.Node {
	return g.If(value != "", fact(name, h.Code(brief(value))))
}

// contract lists what responses broke, and which rules were exercised.
func (p *htmlPage) contract() g.Node {
	const open = 3 // whose example is open
	shown := p.Violations[:min(len(p.Violations), htmlViolations)]
	var all g.Group
	for i, v := range shown {
		all = append(all, violationDetails(v, i < open), g.Text("\n"))
	}
	all = append(all, moreIn(len(p.Violations)-len(shown), "violations"))
	switch {
	case len(shown) > 0:
	case p.Requests.Answered == 0:
		all = append(all, h.P(g.Text("There was no response to check.")))
	default:
		all = append(all, h.P(g.Text("Nothing went wrong: no response broke a rule.")))
	}
	return g.Group{all, p.rules()}
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
			fact("received", h.Code(brief(v.Got))), known("step", e.Step),
			known("correlation ID", e.CorrelationID), known("transaction ID", e.TransactionID),
			known("user", e.UserID),
			fact("reproduce", h.Pre(h.TabIndex("0"), g.Text(text.Brief(e.Curl, htmlLong))))))
}

// rules lists the rules, those that were broken first, and those not exercised next.
func (p *htmlPage) rules() g.Node {
	if len(p.Coverage) == 0 {
		return nil
	}
	order := func(c report.Coverage) int {
		switch {
		case c.Violated > 0:
			return 0
		case c.Evaluated == 0:
			return 1
		}
		return 2
	}
	rules := slices.Clone(p.Coverage)
	slices.SortStableFunc(rules, func(a, b report.Coverage) int { return cmp.Compare(order(a), order(b)) })
	var never g.Group
	exercised, broken := 0, 0
	for _, c := range rules {
		if c.Violated > 0 {
			broken++
		}
		if c.Evaluated > 0 {
			exercised++
		} else if len(never) < 2*htmlRules {
			never = append(never, g.If(len(never) > 0, g.Text(", ")), h.Code(brief(c.Rule)))
		}
	}
	shown, moreRules := text.First(rules, htmlRules)
	return g.Group{h.H3(g.Text("Rule coverage")),
		h.P(g.Textf("%d of %d rules exercised, %d broken. A rule that no response exercised was not passed.",
			exercised, len(rules), broken)),
		g.If(len(never) > 0, h.Details(h.Summary(g.Text(number.Plural(len(rules)-exercised,
			"rule")+" not exercised")),
			soft(g.Text("Not exercised: "), never, g.Text(".")))),
		h.Details(h.Summary(g.Text("All rules")), chart.Scroll("rule coverage",
			h.THead(chart.Head("rule", "exercised", "broken")),
			h.TBody(g.Map(shown, func(c report.Coverage) g.Node {
				return chart.Row(h.Td(brief(c.Rule)), h.Td(g.Text(number.Count(c.Evaluated))),
					h.Td(g.If(c.Violated > 0, h.Class("bad")), g.Text(number.Count(c.Violated))))
			}))), moreIn(int(moreRules), "rules"))}
}

func (p *htmlPage) machines() g.Node {
	if len(p.Shards) == 0 {
		return nil
	}
	var rows g.Group
	for i, row := range shardRows("", p.Shards[:min(len(p.Shards), htmlMachines)]) {
		rows = append(rows, chart.Row(g.Map(row, func(s string) g.Node {
			if i == 0 {
				return h.Th(h.Scope("col"), brief(s))
			}
			return h.Td(brief(s))
		})))
	}
	return g.Group{soft(g.Textf("%d machines shared the run ", len(p.Shards)), brief(p.Run), g.Text(".")),
		chart.Scroll("machines", rows), moreIn(len(p.Shards)-htmlMachines, "shards")}
}

func (p *htmlPage) scenario() g.Node {
	if p.ScenarioText == "" {
		return nil
	}
	shown := len(p.ScenarioText)
	if shown > htmlScenario {
		shown = strings.LastIndexByte(p.ScenarioText[:htmlScenario], '\n') + 1
	}
	return g.Group{
		soft(g.Text("As it ran, with variables filled in and defaults added. Secrets and personal data " +
			"are ***.")),
		h.Pre(h.TabIndex("0"), g.Text(p.ScenarioText[:shown])),
		g.If(shown < len(p.ScenarioText), soft(g.Text("The rest is in report.json.")))}
}

func (p *htmlPage) generator() g.Node {
	m, c := p.Generator, p.Connections
	on, opened, workers := "", "", fmt.Sprintf("at most %d of %d in flight", m.BusyWorkersMax, m.Workers)
	if m.Platform != "" {
		on = " on " + m.Platform
	}
	if m.Host != "" {
		on += ", " + m.Host
	}
	if m.AllBusy != 0 {
		workers += "; requests waited for a free one for " + number.Plain(m.AllBusy) + " s"
	}
	if m.WorkersNeeded != 0 {
		workers += "; the load needs about " + strconv.Itoa(m.WorkersNeeded)
	}
	if c.Opened > 0 {
		opened = fmt.Sprintf(" (medians: TCP %s ms, TLS %s ms)", number.Fixed(c.Dial.P50),
			number.Fixed(c.Handshake.P50))
	}
	if c.Successors > 0 {
		opened += fmt.Sprintf(", %s of them to replace one", number.Count(c.Successors))
	}
	return h.Dl(h.Class("facts"),
		fact("mfaload", brief(p.Version), brief(on), g.Textf(", %d processors", m.Cores)),
		fact("processor time", g.Textf("%s s used, %s s waited", number.Plain(m.CPU),
			number.Plain(m.CPUWait))),
		fact("memory", g.Textf("at most %s MB; max pause of the garbage collector %s ms",
			number.Plain(m.PeakRSS), number.Plain(m.MaxGCPause))),
		fact("workers", g.Text(workers)),
		fact("own lateness", g.Textf("p50 %s ms, p99 %s ms, max %s ms", number.Fixed(m.OwnLateness.P50),
			number.Fixed(m.OwnLateness.P99), number.Fixed(m.OwnLateness.Max))),
		fact("hiccups", g.Textf("p99 %s ms, max %s ms", number.Fixed(m.Hiccups.P99),
			number.Fixed(m.Hiccups.Max))),
		fact("connections", g.Textf("%s opened ahead, %s in the judged part%s", number.Count(c.Ahead),
			number.Count(c.Opened), opened)),
		fact("scenario hash", h.Code(brief(p.Hash))))
}

// files are those next to the page.
func (p *htmlPage) files() g.Node {
	files := [][2]string{{"report.json", "all figures, for programs"},
		{"measurement.json.gz", "all that was measured"}, {"report.md",
			"a summary for a comment or a CI job"},
		{"junit.xml", "for CI"}, {"latency.hlog", "times by second, for HdrHistogram"},
		{"violations.ndjson", "the first violations of each kind"}}
	if p.Baseline != nil {
		files = append(files, [2]string{"compare.html", "the comparison with the baseline"})
	}
	return g.Group{soft(g.Text("They are next to this page in the results folder.")),
		h.Ul(g.Map(files, func(file [2]string) g.Node {
			return h.Li(h.A(h.Href(file[0]), g.Text(file[0])), g.Text(": "+file[1]))
		}))}
}
