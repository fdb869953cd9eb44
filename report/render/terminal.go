package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report"
)

// Terminal is how a summary is drawn.
type Terminal struct {
	// Color allows ANSI colours.
	Color bool
	// Width is the number of columns; longer texts are cut. 0 means no limit.
	Width int
}

// maxShown bounds the lists of the summary, so that it stays one screen.
const maxShown = 8

// What bounds the rest of it: reasons and their length, groups and thresholds, and
// other texts. The whole of it has at most 256 KiB.
const (
	maxReasonsShown = 20
	maxReason       = 1000
	maxRows         = 100
	longestName     = 120 // characters of a group's name; scenarios have up to 100
)

// Write writes the summary of a report: the verdict and its reasons first.
func (t Terminal) Write(w io.Writer, r *report.Report) error {
	p := &page{Terminal: t}
	p.verdict(r)
	p.labels(r)
	p.closed(r.Closed)
	p.requests(r)
	p.times(r)
	p.groups(r)
	p.users(r)
	p.answers(r)
	p.thresholds(r)
	p.violations(r)
	p.coverage(r)
	p.generator(r)
	p.shards(r)
	_, err := io.WriteString(w, p.String())
	return err
}

type page struct {
	Terminal
	strings.Builder
}

func (p *page) paint(code, s string) string { return text.Paint(p.Color, code, s) }

func (p *page) line(text string) { p.WriteString(strings.TrimRight(text, " ") + "\n") }

func (p *page) title(s string) { p.line("\n" + p.paint(text.Bold, s)) }

// fit cuts a text that takes more than what is left of a line.
func (p *page) fit(used int, text string) string {
	room := p.Width - used
	if p.Width <= 0 || utf8.RuneCountInString(text) <= room {
		return text
	}
	if room < 2 {
		return ""
	}
	return string([]rune(text)[:room-1]) + "…"
}

var verdictColors = map[report.Verdict]string{report.Pass: text.Green, report.Fail: text.Red,
	report.Inconclusive: text.Yellow, report.Interrupted: text.Yellow}

func (p *page) verdict(r *report.Report) {
	p.line(p.paint(text.Bold+";"+verdictColors[r.Verdict], strings.ToUpper(string(r.Verdict))+degraded(r)) +
		"  " +
		fmt.Sprintf("%s: %s requests in %s s", text.Brief(r.Scenario, text.MaxName),
			number.Count(r.Requests.Sent), number.Plain(r.Duration)))
	for i, reason := range r.Reasons {
		if i == maxReasonsShown {
			p.line(fmt.Sprintf("  … %d more reasons in report.json", len(r.Reasons)-i))
			break
		}
		p.wrap("  ", text.Brief(reason, maxReason))
	}
}

func (p *page) wrap(indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if p.Width > 0 && len(line) > len(indent) && utf8.RuneCountInString(line+word) > p.Width {
			p.line(line)
			line = indent + "  "
		}
		line += word + " "
	}
	p.line(line)
}

func (p *page) requests(r *report.Report) {
	q := r.Requests
	p.title("requests")
	rows := [][]string{
		{"", "scheduled", "sent", "answered", "as expected", "unexpected", "violating", "failed", "unsent"},
		{"  count", number.Count(q.Scheduled), number.Count(q.Sent), number.Count(q.Answered),
			number.Count(q.AsExpected), number.Count(q.Unexpected), number.Count(q.Violating),
			number.Count(q.Failed), number.Count(q.Unsent)},
	}
	if q.RateLimited > 0 {
		rows[0], rows[1] = append(rows[0], "of them 429"), append(rows[1], number.Count(q.RateLimited))
	}
	p.table(rows)
	planned := fmt.Sprintf("planned %s/s", number.Significant(r.Rate.Planned))
	if r.Closed != nil {
		planned = "none planned"
	}
	p.line(fmt.Sprintf("  rate    %s, achieved %s/s", planned, number.Significant(r.Rate.Achieved)))
	if r.WarmupEnd != nil {
		p.wrap("  ", r.WarmupEnd.Text())
	}
	if w := r.Warmup; w != nil {
		p.wrap("  ", fmt.Sprintf("warm-up %s requests before, not judged: %s as expected",
			number.Count(w.Requests.Sent), number.Count(w.Requests.AsExpected)))
	}
}

func (p *page) times(r *report.Report) {
	p.title("times in ms")
	rows := [][]string{{"", "min", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"}}
	for _, t := range []struct {
		name string
		report.Times
	}{{"response", r.Response}, {"service", r.Service}, {"lateness", r.Lateness}} {
		rows = append(rows, append([]string{"  " + t.name}, timeCells(&t.Times)...))
	}
	for _, o := range outcomes(r) {
		rows = append(rows, append([]string{"  service, " + o.name}, timeCells(&o.Service)...))
	}
	p.table(rows)
	p.line(p.paint(text.Faint, p.fit(0, "  response: since the intended time; service: since the send; "+
		"lateness: between")))
}

func (p *page) groups(r *report.Report) {
	if len(r.Groups) < 2 {
		return
	}
	p.title("groups")
	rows := [][]string{{"", "sent", "as expected", "unexpected", "violating", "failed", "p50", "p95",
		"p99 ms"}}
	all := foremost(r.Groups, maxRows)
	for _, g := range all[:min(len(all), maxRows)] {
		q := g.Requests
		rows = append(rows, []string{"  " + text.Brief(g.Name, longestName), number.Count(q.Sent),
			number.Count(q.AsExpected), number.Count(q.Unexpected), number.Count(q.Violating),
			number.Count(q.Failed),
			g.Response.Text("p50"), g.Response.Text("p95"), g.Response.Text("p99")})
		if r.Requests.RateLimited > 0 {
			rows[len(rows)-1] = slices.Insert(rows[len(rows)-1], 6, number.Count(q.RateLimited))
		}
	}
	if r.Requests.RateLimited > 0 {
		rows[0] = slices.Insert(rows[0], 6, "of them 429")
	}
	p.table(rows)
	p.more(len(all)-maxRows, "groups")
}

func (p *page) answers(r *report.Report) {
	p.title("answers")
	rows := [][]string{}
	for _, kinds := range []struct {
		of     map[string]uint64
		prefix string
	}{{r.Statuses, "  "}, {r.Errors, "  failed: "}} {
		for _, kind := range mostFirst(kinds.of) {
			n := kinds.of[kind]
			rows = append(rows, []string{kinds.prefix + text.Brief(kind, text.MaxName), number.Count(n),
				fmt.Sprintf("%.1f %%", 100*float64(n)/float64(r.Requests.Sent))})
		}
	}
	p.table(p.most(rows, "kinds"))
}

func (p *page) more(n int, what string) {
	if n > 0 {
		p.line(fmt.Sprintf("  … %d more %s in report.json", n, what))
	}
}

func (p *page) most(rows [][]string, what string) [][]string {
	if len(rows) > maxShown+1 {
		more := len(rows) - maxShown
		rows = append(rows[:maxShown:maxShown], []string{fmt.Sprintf("  … %d more %s in report.json", more,
			what)})
	}
	return rows
}

var stateColors = map[report.State]string{report.Met: text.Green, report.Missed: text.Red,
	report.NoData: text.Yellow, report.Undecided: text.Yellow}

func (p *page) thresholds(r *report.Report) {
	p.title("thresholds")
	width, all := 0, report.MissedFirst(r.Thresholds, maxRows)
	more := len(all) - maxRows
	all = all[:min(len(all), maxRows)]
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = text.Brief(t.Expression, text.MaxName)
		width = max(width, utf8.RuneCountInString(names[i]))
	}
	for i, t := range all {
		p.line(fmt.Sprintf("  %s  %-*s  observed %s", p.paint(stateColors[t.State],
			fmt.Sprintf("%-9s", t.State)), width, names[i], t.NoisyText()))
	}
	p.more(more, "thresholds")
}

func (p *page) violations(r *report.Report) {
	if len(r.Violations) == 0 {
		return
	}
	p.title("violations by rule")
	for i, v := range r.Violations {
		if i == maxShown {
			p.line(fmt.Sprintf("  … %d more in report.json", len(r.Violations)-i))
			break
		}
		mark := p.paint(text.Red, "fail")
		if v.Level != "fail" {
			mark = p.paint(text.Yellow, v.Level)
		}
		times := number.Count(v.Count) + " ×"
		if v.Explained < v.Count {
			times += fmt.Sprintf(" (%s analyzed; the rest failed identically)",
				number.Count(v.Explained))
		}
		p.line(fmt.Sprintf("  %s  %s  %s  %s", mark, text.Brief(v.Rule, text.MaxName),
			text.Brief(place(v.Pointer), text.MaxName), times))
		p.line("        " + p.fit(8, "expected "+text.Brief(v.Expected, maxReason)))
		p.line("        " + p.fit(8, "got      "+text.Brief(v.Got, maxReason)))
		if marks := text.Difference(v.Expected, v.Got); marks != "" {
			p.line("        " + p.paint(text.Red, p.fit(8, "         "+marks)))
		}
		if id := v.Example.CorrelationID; id != "" {
			p.wrap("        ", "first correlation-id "+text.Brief(id, text.MaxName)+"; curl in report.json")
		}
	}
}

func (p *page) coverage(r *report.Report) {
	var never []string
	for _, c := range r.Coverage {
		if c.Evaluated == 0 {
			never = append(never, c.Rule)
		}
	}
	p.title("rules")
	p.wrap("  ", fmt.Sprintf("%d of %d rules exercised", len(r.Coverage)-len(never), len(r.Coverage)))
	if len(never) > 0 {
		p.wrap("  ", text.Brief("not exercised: "+strings.Join(never, ", "), maxReason))
	}
}

func (p *page) generator(r *report.Report) {
	g := r.Generator
	p.title("mfaload itself")
	p.wrap("  ", fmt.Sprintf("own lateness p99 %s ms; hiccups p99 %s ms; CPU %s s on %d cores; memory %s "+
		"MB; at most %s of %s workers in flight",
		number.Fixed(g.OwnLateness.P99), number.Fixed(g.Hiccups.P99), number.Fixed(g.CPU), g.Cores,
		number.Fixed(g.PeakRSS), number.Count(uint64(g.BusyWorkersMax)), number.Count(uint64(g.Workers))))
	p.wrap("  ", connectionsText(r.Connections))
}

func connectionsText(c report.Connections) string {
	text := "connections: "
	if spoken := report.ProtocolNames(c.Protocols); spoken != "" {
		text += spoken + "; "
	}
	if c.Ahead > 0 {
		text += number.Count(c.Ahead) + " opened in the warm-up, "
	}
	text += number.Count(c.Opened) + " in the run"
	if c.Opened > 0 {
		text += fmt.Sprintf(" (p99 %s ms)", number.Fixed(c.Dial.P99))
	}
	if c.Successors > 0 {
		text += fmt.Sprintf(", %s of them to replace one", number.Count(c.Successors))
	}
	if c.Handshake.Max > 0 {
		text += fmt.Sprintf(", TLS p99 %s ms, %s resumed", number.Fixed(c.Handshake.P99),
			number.Count(c.Resumed))
	}
	return text
}

// table writes rows with the first column to the left and the others to the right.
// What is wider than the terminal goes on below, with the first column again.
// Names are cut to what the other columns leave, or to half of the terminal.
func (p *page) table(rows [][]string) {
	head := len(rows) > 0 && rows[0][0] == ""
	widths := text.Widths(rows)
	others := 0
	for _, width := range widths[min(1, len(widths)):] {
		others += 2 + width
	}
	if room := max(p.Width-others, p.Width/2, 20); p.Width > 0 && len(widths) > 1 && widths[0] > room {
		for _, row := range rows {
			row[0] = p.fit(p.Width-room, row[0])
		}
	}
	widths = text.Align(rows, 0)
	for from := 1; from == 1 || from < len(widths); {
		to, used := from, 0
		if len(widths) > 0 {
			used = widths[0]
		}
		for to < len(widths) && (to == from || p.Width <= 0 || used+2+widths[to] <= p.Width) {
			used += 2 + widths[to]
			to++
		}
		p.part(rows, head, from, to)
		from = max(to, 2)
	}
}

// part writes the first column of a table, and those of a range. Its head is faint.
func (p *page) part(rows [][]string, head bool, from, to int) {
	for n, row := range rows {
		if from > 1 && len(row) <= from {
			continue // it ended above
		}
		line := strings.Join(append([]string{row[0]}, row[min(from, len(row)):min(to, len(row))]...), "  ")
		if n == 0 && head {
			line = p.paint(text.Faint, line)
		}
		p.line(line)
	}
}
