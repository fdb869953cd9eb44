package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
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
func (r *Report) Markdown() ([]byte, error) {
	m := &markdown{}
	m.line("## %s %s: %s", marks[r.Verdict], strings.ToUpper(string(r.Verdict))+r.degraded(), code(r.Scenario))
	m.line("")
	m.line("%s requests in %s s, planned %s/s, achieved %s/s; started %s; mfaload %s", count(r.Requests.Sent), trim(r.Duration),
		significant(r.Rate.Planned), significant(r.Rate.Achieved), r.Started.UTC().Format("2006-01-02 15:04:05Z"), code(r.Version))
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

// foremost are the groups with those first that have most requests not as expected,
// where not all of them are shown.
func foremost(groups []Group, shown int) []Group {
	if len(groups) <= shown {
		return groups
	}
	groups = slices.Clone(groups)
	slices.SortStableFunc(groups, func(a, b Group) int {
		return cmp.Compare(b.Requests.Scheduled-b.Requests.AsExpected, a.Requests.Scheduled-a.Requests.AsExpected)
	})
	return groups
}

// missedFirst are the thresholds with those first that are not met, where not all of
// them are shown.
func missedFirst(all []Threshold, shown int) []Threshold {
	if len(all) <= shown {
		return all
	}
	order := []State{Missed, Undecided, NoData, Met}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Threshold) int { return slices.Index(order, a.State) - slices.Index(order, b.State) })
	return all
}

func (m *markdown) reasons(r *Report) {
	if r.Closed != nil {
		m.line("\n> **Closed model**, %d users, think time %s ms. %s", r.Closed.Users, trim(r.Closed.Think), r.Closed.Meaning)
	}
	if len(r.Reasons) > 0 {
		m.line("")
	}
	left := m.Len() + markdownBytes
	for i, reason := range r.Reasons {
		text := "- " + codeUpTo(reason, maxReason)
		if i == markdownRows || m.Len()+len(text) > left {
			m.line("- %d more reasons in report.json", len(r.Reasons)-i)
			break
		}
		m.line("%s", text)
	}
}

func (m *markdown) thresholds(r *Report) {
	if len(r.Thresholds) == 0 {
		return
	}
	m.title("Thresholds")
	m.head("threshold", "observed", "")
	all := missedFirst(r.Thresholds, markdownRows)
	m.rows(len(all), "thresholds", func(i int) []string {
		t := all[i]
		return []string{code(t.Expression), t.observed(), stateMarks[t.State] + " " + string(t.State)}
	})
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
		groups := foremost(r.Groups, markdownRows)
		m.rows(len(groups), "groups", func(i int) []string {
			return append([]string{"response, " + code(groups[i].Name)}, groups[i].Response.cells()[1:]...)
		})
	}
}

func (m *markdown) requests(r *Report) {
	m.title("Requests")
	m.head("", "scheduled", "sent", "as expected", "unexpected", "violating", "failed", "unsent", "of them 429")
	cells := func(name string, q Requests) []string {
		return []string{name, count(q.Scheduled), count(q.Sent), count(q.AsExpected), count(q.Unexpected), count(q.Violating), count(q.Failed), count(q.Unsent), count(q.RateLimited)}
	}
	m.row(cells("all", r.Requests)...)
	if len(r.Groups) > 1 {
		groups := foremost(r.Groups, markdownRows)
		m.rows(len(groups), "groups", func(i int) []string { return cells(code(groups[i].Name), groups[i].Requests) })
	}
}

func (m *markdown) answers(r *Report) {
	m.title("Answers")
	m.head("", "count")
	var rows [][]string
	for _, kinds := range []struct {
		of     map[string]uint64
		prefix string
	}{{r.Statuses, ""}, {r.Errors, "failed: "}} {
		for _, kind := range mostFirst(kinds.of) {
			rows = append(rows, []string{kinds.prefix + code(kind), count(kinds.of[kind])})
		}
	}
	m.rows(len(rows), "kinds", func(i int) []string { return rows[i] })
}

func (m *markdown) violations(r *Report) {
	if len(r.Violations) == 0 {
		return
	}
	m.title("Violations of the contract")
	m.line("| rule | place | level | count | expected | got |\n|:--|:--|:--|--:|:--|:--|")
	m.rows(len(r.Violations), "violations", func(i int) []string {
		v := r.Violations[i]
		return []string{code(v.Rule), code(place(v.Pointer)), v.Level, count(v.Count), code(v.Expected), code(v.Got)}
	})
}

func (m *markdown) rest(r *Report) {
	never := 0
	for _, c := range r.Coverage {
		if c.Evaluated == 0 {
			never++
		}
	}
	m.line("\n%d of %d rules of the contract exercised. mfaload's own lateness: p99 %s ms.",
		len(r.Coverage)-never, len(r.Coverage), digits3(r.Generator.OwnLateness.P99))
}

// longest is how much of a text from outside is shown.
const longest = 200

// plain makes a text from outside one line of bounded length that a page can
// show: nothing in it controls the page or its direction.
func plain(text string, most int) string {
	runes := []rune(strings.ToValidUTF8(text[:min(len(text), utf8.UTFMax*(most+1))], "\uFFFD"))
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
func code(text string) string { return codeUpTo(text, longest) }

func codeUpTo(text string, most int) string {
	text = strings.TrimSpace(plain(text, most))
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
