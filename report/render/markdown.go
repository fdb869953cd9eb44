package render

import (
	"fmt"
	"strings"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report"
)

// What bounds report.md, so that it fits a comment on a pull request: GitHub refuses
// more than 64 KiB. Each of its lists has so many rows, and so many bytes; what is
// beyond is said, and is in report.json.
const (
	markdownRows  = 20
	markdownBytes = 7 << 10
)

// Markdown returns the report as report.md, for a comment on a pull request or
// the summary of a CI job: GitHub's dialect, which GitLab reads too. Texts that
// came from outside are code and never markup.
func Markdown(r *report.Report) ([]byte, error) {
	m := &markdown{}
	m.line("## %s %s: %s", marks[r.Verdict], strings.ToUpper(string(r.Verdict))+degraded(r), code(r.Scenario))
	m.line("")
	m.line("%s requests in %s s, planned %s/s, achieved %s/s; started %s; mfaload %s",
		number.Count(r.Requests.Sent), number.Plain(r.Duration), number.Significant(r.Rate.Planned),
		number.Significant(r.Rate.Achieved), r.Started.UTC().Format("2006-01-02 15:04:05Z"), code(r.Version))
	if r.Goodput != nil {
		m.line("\nGoodput: %s", r.Goodput.Text())
	}
	if r.WarmupEnd != nil {
		m.line("\n%s", r.WarmupEnd.Text())
	}
	m.labels(r)
	m.reasons(r)
	m.thresholds(r)
	m.times(r)
	m.requests(r)
	m.answers(r)
	m.violations("Violations of the contract", r.Violations)
	m.flow(r)
	m.shards(r)
	m.rest(r)
	return []byte(m.String()), nil
}

var marks = map[report.Verdict]string{report.Pass: "✅", report.Fail: "❌", report.Inconclusive: "❔",
	report.Interrupted: "⏹️"}

var stateMarks = map[report.State]string{report.Met: "✅", report.Missed: "❌", report.NoData: "➖",
	report.Undecided: "❔"}

type markdown struct{ strings.Builder }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

func (m *markdown) title(text string) { m.line("\n### %s\n", text) }

// row writes a row of a table; the first also its rule, numbers to the right.
func (m *markdown) head(cells ...string) {
	m.row(cells...)
	m.line("|:--|%s", strings.Repeat("--:|", len(cells)-1))
}

func (m *markdown) row(cells ...string) { m.line("| %s |", strings.Join(cells, " | ")) }

// rows writes as many rows of a table as there is room for, and says below it how
// many of what are left out.
func (m *markdown) rows(n int, what string, row func(i int) []string) {
	left := m.Len() + markdownBytes
	for i := range n {
		text := "| " + strings.Join(row(i), " | ") + " |"
		if i == markdownRows || m.Len()+len(text) > left {
			m.line("\n%d more %s in report.json", n-i, what)
			return
		}
		m.line("%s", text)
	}
}

func (m *markdown) labels(r *report.Report) {
	all := labels(r)
	for i := range all {
		all[i] = Code(all[i], maxLabel)
	}
	if len(all) > 0 {
		m.line("\nlabels: %s", strings.Join(all, ", "))
	}
}

func (m *markdown) reasons(r *report.Report) {
	if r.Closed != nil {
		m.line("\n> **Closed model**, %d users, think time %s ms. %s", r.Closed.Users,
			number.Plain(r.Closed.Think), r.Closed.Meaning)
	}
	if len(r.Reasons) > 0 {
		m.line("")
	}
	left := m.Len() + markdownBytes
	for i, reason := range r.Reasons {
		text := "- " + Code(reason, maxReason)
		if i == markdownRows || m.Len()+len(text) > left {
			m.line("- %d more reasons in report.json", len(r.Reasons)-i)
			break
		}
		m.line("%s", text)
	}
}

func (m *markdown) thresholds(r *report.Report) {
	if len(r.Thresholds) == 0 {
		return
	}
	m.title("Thresholds")
	m.head("threshold", "observed", "")
	all := report.MissedFirst(r.Thresholds, markdownRows)
	m.rows(len(all), "thresholds", func(i int) []string {
		t := all[i]
		return []string{code(t.Expression), t.NoisyText(), stateMarks[t.State] + " " + string(t.State)}
	})
}

func (m *markdown) times(r *report.Report) {
	m.title("Times in ms")
	m.head("", "mean", "p50", "p90", "p95", "p99", "p99.9", "max")
	row := func(name string, t report.Times) {
		m.row(append([]string{name}, timeCells(&t)[1:]...)...)
	}
	row("response", r.Response)
	row("service", r.Service)
	row("lateness", r.Lateness)
	for _, o := range outcomes(r) {
		row("service, "+o.name, o.Service)
	}
	if len(r.Groups) > 1 {
		groups := foremost(r.Groups, markdownRows)
		m.rows(len(groups), "groups", func(i int) []string {
			return append([]string{"response, " + code(groups[i].Name)},
				timeCells(&groups[i].Response)[1:]...)
		})
	}
}

func (m *markdown) requests(r *report.Report) {
	m.title("Requests")
	m.head("", "scheduled", "sent", "as expected", "unexpected", "violating", "failed", "unsent",
		"of them 429")
	cells := func(name string, q report.Requests) []string {
		return []string{name, number.Count(q.Scheduled), number.Count(q.Sent), number.Count(q.AsExpected),
			number.Count(q.Unexpected), number.Count(q.Violating), number.Count(q.Failed),
			number.Count(q.Unsent), number.Count(q.RateLimited)}
	}
	m.row(cells("all", r.Requests)...)
	if len(r.Groups) > 1 {
		groups := foremost(r.Groups, markdownRows)
		m.rows(len(groups), "groups", func(i int) []string {
			return cells(code(groups[i].Name), groups[i].Requests)
		})
	}
}

func (m *markdown) answers(r *report.Report) {
	m.title("Responses")
	m.head("", "count")
	var rows [][]string
	for _, kinds := range []struct {
		of     map[string]uint64
		prefix string
	}{{r.Statuses, ""}, {r.Errors, "failed: "}} {
		for _, kind := range mostFirst(kinds.of) {
			rows = append(rows, []string{kinds.prefix + code(kind), number.Count(kinds.of[kind])})
		}
	}
	m.rows(len(rows), "kinds", func(i int) []string { return rows[i] })
}

func (m *markdown) violations(title string, all []report.Violation) {
	if len(all) == 0 {
		return
	}
	m.title(title)
	m.line("| rule | place | level | count | expected | got |\n|:--|:--|:--|--:|:--|:--|")
	m.rows(len(all), "violations", func(i int) []string {
		v := all[i]
		return []string{code(v.Rule), code(place(v.Pointer)), v.Level, number.Count(v.Count),
			code(v.Expected), code(v.Got)}
	})
}

func (m *markdown) rest(r *report.Report) {
	never := 0
	for _, c := range r.Coverage {
		if c.Evaluated == 0 {
			never++
		}
	}
	m.line("\n%d of %d rules of the contract exercised. mfaload's own lateness: p99 %s ms.",
		len(r.Coverage)-never, len(r.Coverage), number.Fixed(r.Generator.OwnLateness.P99))
	if spoken := report.ProtocolNames(r.Connections.Protocols); spoken != "" {
		m.line("Protocol: %s.", spoken)
	}
}

func code(s string) string { return Code(s, text.MaxName) }

// Code makes a text a code span of so many characters at most, in a table too: nothing in it is markup, a
// link or a mention, and it stays on its line.
func Code(s string, maxRunes int) string {
	s = strings.TrimSpace(text.Brief(s, maxRunes))
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	s = strings.ReplaceAll(s, "|", `\|`)
	if fence != "`" {
		s = " " + s + " "
	}
	return fence + s + fence
}
