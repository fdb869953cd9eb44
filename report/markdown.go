package report

import (
	"fmt"
	"strings"
	"unicode"
)

// markdownRows bounds the tables, so that a report fits a comment on a pull
// request.
const markdownRows = 20

// Markdown returns the report as report.md, for a comment on a pull request or
// the summary of a CI job: GitHub's dialect, which GitLab reads too. Texts that
// came from outside are code and never markup.
func (r *Report) Markdown() ([]byte, error) {
	m := &markdown{}
	m.line("## %s %s: %s", marks[r.Verdict], strings.ToUpper(string(r.Verdict))+r.degraded(), code(r.Scenario))
	m.line("")
	m.line("%s requests in %s s, planned %s/s, achieved %s/s; started %s; mfaload %s", count(r.Requests.Sent), trim(r.Duration),
		trim(r.Rate.Planned), trim(r.Rate.Achieved), r.Started.UTC().Format("2006-01-02 15:04:05Z"), code(r.Version))
	m.reasons(r)
	m.thresholds(r)
	m.times(r)
	m.requests(r)
	m.answers(r)
	m.violations(r)
	m.shards(r)
	m.rest(r)
	return []byte(m.String()), nil
}

var marks = map[Verdict]string{Pass: "✅", Fail: "❌", Inconclusive: "❔", Interrupted: "⏹️"}

var stateMarks = map[State]string{Met: "✅", Missed: "❌", NoData: "➖", Undecided: "❔"}

type markdown struct{ strings.Builder }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

func (m *markdown) title(text string) { m.line("\n### %s\n", text) }

// row writes a row of a table; the first also its rule, numbers to the right.
func (m *markdown) head(cells ...string) {
	m.row(cells...)
	m.line("|:--|%s", strings.Repeat("--:|", len(cells)-1))
}

func (m *markdown) row(cells ...string) { m.line("| %s |", strings.Join(cells, " | ")) }

func (m *markdown) reasons(r *Report) {
	if r.Closed != nil {
		m.line("\n> **Closed model**, %d users, think time %s ms. %s", r.Closed.Users, trim(r.Closed.Think), r.Closed.Meaning)
	}
	if len(r.Reasons) > 0 {
		m.line("")
	}
	for _, reason := range r.Reasons {
		m.line("- %s", code(reason))
	}
}

func (m *markdown) thresholds(r *Report) {
	if len(r.Thresholds) == 0 {
		return
	}
	m.title("Thresholds")
	m.head("threshold", "observed", "")
	for _, t := range r.Thresholds {
		m.row(code(t.Expression), t.observed(), stateMarks[t.State]+" "+string(t.State))
	}
}

func (m *markdown) times(r *Report) {
	m.title("Times in ms")
	m.head("", "mean", "p50", "p90", "p95", "p99", "p99.9", "max")
	row := func(name string, t Times) {
		m.row(append([]string{name}, t.cells()[1:]...)...)
	}
	row("response", r.Response)
	row("service", r.Service)
	row("lateness", r.Lateness)
	for _, o := range r.outcomes() {
		row("service, "+o.name, o.Service)
	}
	if len(r.Groups) > 1 {
		for _, g := range r.Groups {
			row("response, "+code(g.Name), g.Response)
		}
	}
}

func (m *markdown) requests(r *Report) {
	m.title("Requests")
	m.head("", "scheduled", "sent", "as expected", "unexpected", "violating", "failed", "unsent", "of them 429")
	row := func(name string, q Requests) {
		m.row(name, count(q.Scheduled), count(q.Sent), count(q.AsExpected), count(q.Unexpected), count(q.Violating), count(q.Failed), count(q.Unsent), count(q.RateLimited))
	}
	row("all", r.Requests)
	if len(r.Groups) > 1 {
		for _, g := range r.Groups {
			row(code(g.Name), g.Requests)
		}
	}
}

func (m *markdown) answers(r *Report) {
	m.title("Answers")
	m.head("", "count")
	left := markdownRows
	for _, kinds := range []struct {
		of     map[string]uint64
		prefix string
	}{{r.Statuses, ""}, {r.Errors, "failed: "}} {
		for _, kind := range mostFirst(kinds.of) {
			if left--; left >= 0 {
				m.row(kinds.prefix+code(kind), count(kinds.of[kind]))
			}
		}
	}
	if left < 0 {
		m.row(fmt.Sprintf("%d more in report.json", -left), "")
	}
}

func (m *markdown) violations(r *Report) {
	if len(r.Violations) == 0 {
		return
	}
	m.title("Violations of the contract")
	m.line("| rule | place | level | count | expected | got |\n|:--|:--|:--|--:|:--|:--|")
	for i, v := range r.Violations {
		if i == markdownRows {
			m.line("\n%d more in report.json", len(r.Violations)-i)
			break
		}
		m.row(code(v.Rule), code(place(v.Pointer)), v.Level, count(v.Count), code(v.Expected), code(v.Got))
	}
}

func (m *markdown) rest(r *Report) {
	never := 0
	for _, c := range r.Coverage {
		if c.Evaluated == 0 {
			never++
		}
	}
	m.line("\n%d of %d rules of the contract were looked at. mfaload's own lateness: p99 %s ms.",
		len(r.Coverage)-never, len(r.Coverage), digits3(r.Generator.OwnLateness.P99))
}

// longest is how much of a text from outside is shown.
const longest = 200

// plain makes a text from outside one line of bounded length that a page can
// show: nothing in it controls the page or its direction.
func plain(text string, most int) string {
	runes := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	if len(runes) > most {
		runes = append(runes[:most:most], '…')
	}
	for i, c := range runes {
		switch {
		case unicode.IsSpace(c):
			runes[i] = ' '
		case unicode.IsControl(c) || unicode.Is(unicode.Cf, c):
			runes[i] = '\uFFFD'
		}
	}
	return string(runes)
}

// code makes a text a code span, in a table too: nothing in it is markup, a
// link or a mention, and it stays on its line.
func code(text string) string {
	text = strings.TrimSpace(plain(text, longest))
	if text == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	text = strings.ReplaceAll(text, "|", `\|`)
	if fence != "`" {
		text = " " + text + " "
	}
	return fence + text + fence
}
