package render

import (
	"fmt"
	"slices"
	"strings"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report"
)

func (p *page) labels(r *report.Report, n int) {
	if n > 0 {
		p.line("  labels: " + strings.Join(labels(r), ", "))
	}
}

// requests shows how the requests add up, from the schedule down.
func (p *page) requests(r *report.Report) {
	q := r.Requests
	bad := func(n uint64, name string) string {
		s := number.Count(n) + " " + name
		if n > 0 {
			s = p.paint(text.Red, s)
		}
		return s
	}
	sums := [][]string{
		{number.Count(q.Scheduled), "scheduled", number.Count(q.Sent) + " sent + " + bad(q.Unsent, "unsent")},
		{number.Count(q.Sent), "sent", number.Count(q.Answered) + " received + " + bad(q.Failed, "failed")},
		{number.Count(q.Answered), "received", fmt.Sprintf("%s as expected + %s + %s",
			number.Count(q.AsExpected), bad(q.Unexpected, "unexpected"), bad(q.Violating, "violating"))},
	}
	text.Align(sums, 1, 2)
	name := "requests"
	p.WriteString("\n")
	for _, row := range sums {
		p.entry(name, row[0]+" "+row[1]+" = "+row[2])
		name = ""
	}
	planned := number.Significant(r.Rate.Planned) + "/s planned"
	if r.Closed != nil {
		planned = "none planned"
	}
	rate := fmt.Sprintf("%s, %s/s achieved", planned, number.Significant(r.Rate.Achieved))
	if r.Goodput != nil {
		rate += ", " + r.Goodput.Text()
	}
	p.entry("rate", rate)
	if w := r.Warmup; w != nil {
		p.entry("warm-up", fmt.Sprintf("%s sent before that, not judged: %s as expected",
			number.Count(w.Requests.Sent), number.Count(w.Requests.AsExpected)))
	}
	if r.WarmupEnd != nil && p.Full {
		p.line("  " + r.WarmupEnd.Text())
	}
}

func (p *page) times(r *report.Report, explained bool) {
	head := []string{"times in ms", "min", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"}
	var rows [][]string
	add := func(name string, t *report.Times) { rows = append(rows, append([]string{name}, timeCells(t)...)) }
	add("  response", &r.Response)
	add("  service", &r.Service)
	add("  lateness", &r.Lateness)
	if p.Full {
		for _, o := range outcomes(r) {
			add("  service, "+o.name, &o.Service)
		}
	}
	if t := r.TimeSpent; p.Full && t != nil {
		for name, times := range t.TransferParts.All() {
			add("  "+name, &times.Times)
		}
	}
	p.table(head, rows)
	if why := slowText(r.TimeSpent); why != "" {
		p.line("  " + why)
	}
	if explained {
		p.line(p.paint(text.Faint,
			"  response: since the scheduled time; service: since the send; lateness: between"))
	}
}

// groupCounts are the columns of counts of the groups. They add up to what was scheduled.
var groupCounts = []struct {
	name   string
	always bool
	of     func(*report.Requests) uint64
}{
	{"scheduled", true, func(q *report.Requests) uint64 { return q.Scheduled }},
	{"as expected", true, func(q *report.Requests) uint64 { return q.AsExpected }},
	{"unexpected", false, func(q *report.Requests) uint64 { return q.Unexpected }},
	{"violating", false, func(q *report.Requests) uint64 { return q.Violating }},
	{"failed", false, func(q *report.Requests) uint64 { return q.Failed }},
	{"unsent", false, func(q *report.Requests) uint64 { return q.Unsent }},
}

// groups has a row for each of so many groups, or steps. What none of them has is no column.
func (p *page) groups(name string, listed []report.Group, n int) {
	if n == 0 {
		return
	}
	all := foremost(listed, n)
	head, rows := []string{name}, make([][]string, n)
	for i, g := range all[:n] {
		rows[i] = []string{"  " + text.Brief(g.Name, longestName)}
	}
	for _, column := range groupCounts {
		some := slices.ContainsFunc(listed, func(g report.Group) bool { return column.of(&g.Requests) > 0 })
		if !some && !column.always {
			continue
		}
		head = append(head, column.name)
		for i := range rows {
			rows[i] = append(rows[i], number.Count(column.of(&all[i].Requests)))
		}
	}
	head = append(head, "p50", "p95", "p99 ms")
	for i := range rows {
		t := &all[i].Response
		rows[i] = append(rows[i], t.Text("p50"), t.Text("p95"), t.Text("p99"))
	}
	p.table(head, rows)
	right := !slices.ContainsFunc(all[n:], func(g report.Group) bool {
		return g.Requests.AsExpected < g.Requests.Scheduled
	})
	if len(all) > n && right {
		p.more(len(all)-n, name+", all as expected,")
	} else {
		p.more(len(all)-n, name)
	}
}

var stateColors = map[report.State]string{report.Met: text.Green, report.Missed: text.Red,
	report.NoData: text.Yellow, report.Undecided: text.Yellow}

func (p *page) thresholds(r *report.Report, n int) {
	if n == 0 {
		return
	}
	p.title("thresholds")
	all := report.MissedFirst(r.Thresholds, n)
	rows := make([][]string, n)
	for i, t := range all[:n] {
		rows[i] = []string{"  " + p.paint(stateColors[t.State], fmt.Sprintf("%-9s", t.State)),
			text.Brief(t.Expression, text.MaxName)}
		if t.State != report.NoData {
			rows[i] = append(rows[i], "observed "+t.NoisyText())
		}
	}
	text.Align(rows, 0, 1, 2)
	for _, row := range rows {
		p.line(strings.Join(row, "  "))
	}
	if len(all) > n {
		p.more(len(all)-n, "thresholds ("+stateCounts(all[n:])+")")
	}
}

// stateCounts says how many thresholds came to what.
func stateCounts(all []report.Threshold) string {
	counts, texts := map[report.State]int{}, []string{}
	for _, t := range all {
		counts[t.State]++
	}
	for _, state := range []report.State{report.Missed, report.Undecided, report.NoData, report.Met} {
		if n := counts[state]; n > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(texts, ", ")
}

// responses lists what was received and why requests failed, with its share of what was sent.
func (p *page) responses(r *report.Report, n int) {
	var kinds []string
	for _, list := range []struct {
		of     map[string]uint64
		prefix string
	}{{r.Statuses, ""}, {r.Errors, "failed: "}} {
		for _, kind := range mostFirst(list.of) {
			count := list.of[kind]
			kinds = append(kinds, fmt.Sprintf("%s%s %s (%s%%)", list.prefix, text.Brief(kind, text.MaxName),
				number.Count(count), number.Significant(100*float64(count)/float64(r.Requests.Sent))))
		}
	}
	if rest := len(kinds) - n; rest > 0 {
		kinds = append(kinds[:n:n], fmt.Sprintf("… %d more kinds in report.html", rest))
	}
	if len(kinds) > 0 {
		p.entry("responses", strings.Join(kinds, ", "))
	}
}

// violations shows those that fail with what was expected and received, and the others by name.
func (p *page) violations(r *report.Report, n int) {
	all := len(r.Violations)
	switch {
	case all == 0:
	case n < all:
		p.title(fmt.Sprintf("violations: %d of %d, all in report.html", n, all))
	default:
		p.title("violations")
	}
	for i := range n {
		p.violation(&r.Violations[i])
	}
}

func (p *page) violation(v *report.Violation) {
	mark := p.paint(text.Red, "fail")
	if v.Level != "fail" {
		mark = p.paint(text.Yellow, v.Level)
	}
	times := number.Count(v.Count) + " ×"
	if v.Explained < v.Count && p.Full {
		times += fmt.Sprintf(" (%s analyzed; the rest failed identically)", number.Count(v.Explained))
	}
	p.line(fmt.Sprintf("  %s  %s  %s  %s", mark, text.Brief(v.Rule, text.MaxName),
		text.Brief(place(v.Pointer), text.MaxName), times))
	if v.Level != "fail" && !p.Full {
		return
	}
	expected, received := text.Brief(v.Expected, maxReason), text.Brief(v.Got, maxReason)
	const indent = "        "
	p.line(indent + "expected " + expected)
	p.line(indent + "received " + received)
	if marks := text.Difference(v.Expected, v.Got); marks != "" {
		if marks = indent + "         " + marks; p.Width <= 0 || len(marks) <= p.Width {
			p.line(strings.Replace(marks, strings.TrimLeft(marks, " "),
				p.paint(text.Red, strings.TrimLeft(marks, " ")), 1))
		}
	}
	if id := v.Example.CorrelationID; id != "" && p.Full {
		p.line(indent + "first correlation-id " + text.Brief(id, text.MaxName) + "; curl in report.json")
	}
}
