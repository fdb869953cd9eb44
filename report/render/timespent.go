package render

import (
	"fmt"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
)

// slowText says what the requests above p99 spent their time on; "" where that is not known.
func slowText(t *report.TimeSpent) string {
	if t == nil || t.Slow.Requests == 0 || t.Slow.Text() == "" {
		return ""
	}
	return fmt.Sprintf("of the time above p99: %s", t.Slow.Text())
}

// slowHead are the columns of the slowest requests.
var slowHead = []string{"slowest", "ms", "cause", "at s", "its time went to", "response", "correlation ID",
	"trace ID"}

// slowRow has the cells of one of them.
func slowRow(place int, s *report.SlowRequest) []string {
	var spent []string
	for _, c := range measure.Causes() {
		if ms := s.Spent[c.String()]; ms >= s.Response/100 {
			spent = append(spent, fmt.Sprintf("%s %s", report.CauseName(c.String()), number.Significant(ms)))
		}
	}
	return []string{fmt.Sprint(place), number.Significant(s.Response), report.CauseName(s.Cause),
		number.Significant(s.At), strings.Join(spent, ", "), s.Label, s.CorrelationID, s.TraceID}
}

// slow says why the slow requests were slow.
func (p *htmlPage) slow() g.Node {
	t := p.TimeSpent
	if t == nil {
		return nil
	}
	head := g.Map(slowHead, func(s string) g.Node { return h.Th(h.Scope("col"), g.Text(s)) })
	rows := g.Group{chart.Row(head)}
	for i := range t.Slowest {
		rows = append(rows, chart.Row(g.Map(slowRow(i+1, &t.Slowest[i]), func(s string) g.Node {
			return h.Td(brief(s))
		})))
	}
	var why g.Node
	if line := slowText(t); line != "" {
		why = h.P(g.Textf("%s%s (%s requests from %s ms on).", strings.ToUpper(line[:1]), line[1:],
			number.Count(t.Slow.Requests), number.Significant(t.Slow.From)))
	}
	return g.Group{why,
		soft(g.Text("The shares are of the time that these requests took beyond typical ones, which " +
			"take no longer than the median.")),
		p.parts(),
		h.H3(g.Text("The slowest requests")),
		chart.Scroll("slowest requests", rows)}
}

// parts are the times of requests' parts on the network, of all and of each group if there are several.
func (p *htmlPage) parts() g.Node {
	rows := g.Group{chart.Row(g.Map([]string{"part", "requests", "p50 ms", "p90 ms", "p99 ms", "max ms"},
		func(s string) g.Node { return h.Th(h.Scope("col"), g.Text(s)) }))}
	add := func(group string, parts *report.TransferParts) {
		for name, t := range parts.All() {
			cells := []string{number.Count(t.Requests), number.Fixed(t.P50), number.Fixed(t.P90),
				number.Fixed(t.P99), number.Fixed(t.Max)}
			rows = append(rows, chart.Row(append(g.Group{h.Td(brief(group + name))},
				g.Map(cells, func(s string) g.Node { return h.Td(g.Text(s)) })...)))
		}
	}
	add("", &p.TimeSpent.TransferParts)
	for i := range p.Groups {
		if of := p.Groups[i].Transfer; of != nil && len(p.Groups) > 1 && i < groupCharts {
			add(p.Groups[i].Name+": ", of)
		}
	}
	return chart.Scroll("parts of requests", rows)
}

// slowest lists the slowest requests.
func (p *page) slowest(t *report.TimeSpent) {
	if t == nil || len(t.Slowest) == 0 {
		return
	}
	var rows [][]string
	for i := range t.Slowest {
		row := slowRow(i+1, &t.Slowest[i])
		row[0] = "  " + row[0]
		for cell := range row {
			row[cell] = text.Brief(row[cell], text.MaxName)
		}
		rows = append(rows, row)
	}
	p.table(slowHead, rows, 2, 4, 5, 6, 7)
}
