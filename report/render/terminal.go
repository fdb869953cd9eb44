package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report"
)

// Terminal is how a summary is drawn.
type Terminal struct {
	// Color allows ANSI colours.
	Color bool
	// Width is the number of columns in which lines are broken. 0 means no limit.
	Width int
	// Full shows everything; otherwise the summary fits a screen, [screenLines] at 80 columns.
	Full bool
	// Comparison is a text between the figures and the verdict that ends the summary.
	Comparison string
	// Path is where the report is; the last line names it. Empty for none.
	Path string
}

// screenLines is how many lines a summary has that is not full.
const screenLines = 30

// What bounds a full summary: reasons and their length, groups and thresholds, and
// other texts. The whole of it has at most 320 KiB.
const (
	maxShown        = 8 // of other lists
	maxReasonsShown = 20
	maxReasonsAgain = 5
	maxReason       = 1000
	maxRows         = 100
	longestName     = 120 // characters of a group's name; scenarios have up to 100
)

// summaryPart is a part of a summary with a list, of which not all items have to be shown.
type summaryPart struct {
	items int // that are shown
	write func(p *page, items int)
}

func (s summaryPart) lines(t Terminal) string {
	p := &page{Terminal: t}
	s.write(p, s.items)
	return p.String()
}

// The parts of a summary, in their order.
const (
	partVerdict = iota
	partLabels
	partRequests
	partTimes
	partGroups
	partSteps
	partThresholds
	partResponses
	partViolations
	partDetails
	partEnd
)

// shrinking says in which order the lists of a summary are cut to make it fit a screen, and to how
// many items.
var shrinking = []struct{ part, floor int }{
	{partTimes, 0}, {partEnd, 3}, {partGroups, 10}, {partSteps, 10}, {partResponses, 2}, {partVerdict, 6},
	{partViolations, 3}, {partThresholds, 5}, {partResponses, 1}, {partGroups, 5}, {partEnd, 1},
	{partViolations, 1}, {partThresholds, 3}, {partThresholds, 0}, {partLabels, 0}, {partGroups, 2},
	{partGroups, 0}, {partSteps, 3}, {partSteps, 0}, {partVerdict, 4}, {partViolations, 0}, {partVerdict, 1},
}

// Write writes the summary of a report: the verdict and its reasons first, and again at the end.
func (t Terminal) Write(w io.Writer, r *report.Report) error {
	groups := min(len(r.Groups), maxRows)
	if groups == 1 { // it is the whole run
		groups = 0
	}
	parts := []summaryPart{
		partVerdict:  {min(len(r.Reasons), maxReasonsShown), func(p *page, n int) { p.verdict(r, n) }},
		partLabels:   {min(len(r.Labels), 1), func(p *page, n int) { p.labels(r, n) }},
		partRequests: {0, func(p *page, _ int) { p.requests(r) }},
		partTimes:    {1, func(p *page, n int) { p.times(r, n > 0) }},
		partGroups:   {groups, func(p *page, n int) { p.groups("groups", r.Groups, n) }},
		partSteps: {min(len(sentSteps(r)), maxRows),
			func(p *page, n int) { p.groups("steps", sentSteps(r), n) }},
		partThresholds: {min(len(r.Thresholds), maxRows), func(p *page, n int) { p.thresholds(r, n) }},
		partResponses:  {maxShown, nil},
		partViolations: {min(len(r.Violations), maxShown), func(p *page, n int) { p.violations(r, n) }},
		partDetails:    {0, func(p *page, _ int) { p.details(r) }},
		partEnd:        {min(len(r.Reasons), maxReasonsAgain), func(p *page, n int) { p.end(r, n) }},
	}
	parts[partResponses].write = func(p *page, n int) {
		p.WriteString("\n")
		if len(r.Groups) > 1 && parts[partGroups].items == 0 {
			p.entry("groups", fmt.Sprintf("%d, in report.html", len(r.Groups)))
		}
		if len(r.Thresholds) > 0 && parts[partThresholds].items == 0 {
			p.entry("thresholds", stateCounts(r.Thresholds))
		}
		if len(sentSteps(r)) > 0 && parts[partSteps].items == 0 {
			p.entry("steps", fmt.Sprintf("%s sent: %s as expected; report.html has them",
				number.Count(r.Flow.Requests.Sent), number.Count(r.Flow.Requests.AsExpected)))
		}
		p.responses(r, n)
	}
	if !t.Full {
		t.shrink(parts)
	}
	for i, s := range parts {
		text := s.lines(t)
		if i == partEnd {
			text = t.Comparison + text
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// shrink takes items off until the summary fits a screen, and then gives back what there is room for.
func (t Terminal) shrink(parts []summaryPart) {
	all := make([]int, len(parts))
	for i := range parts {
		parts[i].items = min(parts[i].items, screenLines)
		all[i] = parts[i].items
	}
	for _, step := range shrinking {
		t.shrinkTo(parts, &parts[step.part], step.floor)
	}
	for i, step := range slices.Backward(shrinking) {
		shown, before := parts[step.part].items, all[step.part]
		for _, earlier := range shrinking[:i] {
			if earlier.part == step.part {
				before = min(before, earlier.floor)
			}
		}
		parts[step.part].items = max(shown, before)
		t.shrinkTo(parts, &parts[step.part], shown)
	}
}

// shrinkTo takes items off one part, down to a number, as long as the summary does not fit.
func (t Terminal) shrinkTo(parts []summaryPart, of *summaryPart, floor int) {
	for ; of.items > floor; of.items-- {
		lines := 0
		for _, part := range parts {
			lines += strings.Count(part.lines(t), "\n")
		}
		if lines <= screenLines {
			return
		}
	}
}

// page is a text that grows by lines.
type page struct {
	Terminal
	strings.Builder
}

func (p *page) paint(code, s string) string { return text.Paint(p.Color, code, s) }

// line writes a line, which is broken at the width.
func (p *page) line(s string) {
	p.WriteString(text.Wrap(strings.TrimRight(s, " "), p.Width) + "\n")
}

func (p *page) title(s string) { p.line("\n" + p.paint(text.Bold, s)) }

// entry writes a text with a name in its first columns, or none.
func (p *page) entry(name, s string) {
	const columns = 12
	beside := strings.Repeat(" ", columns)
	if p.Width > 0 {
		s = strings.ReplaceAll(text.Wrap(s, p.Width-columns), "\n", "\n"+beside)
	}
	p.WriteString(p.paint(text.Bold, name) + beside[len(name):] + s + "\n")
}

// table writes rows below a head, which is left out if it is nil. Its first cell is the title.
func (p *page) table(head []string, rows [][]string, left ...int) {
	if head != nil {
		painted := make([]string, len(head))
		for i, cell := range head {
			painted[i] = p.paint(text.Faint, cell)
		}
		painted[0] = p.paint(text.Bold, head[0])
		rows = append([][]string{painted}, rows...)
		p.WriteString("\n")
	}
	for _, line := range text.Table(rows, p.Width, append(left, 0)...) {
		p.WriteString(line + "\n")
	}
}

// more says how many of a list are not shown, and where they are.
func (p *page) more(n int, what string) {
	if n > 0 {
		p.line(fmt.Sprintf("  … %d more %s in report.html", n, what))
	}
}

var verdictColors = map[report.Verdict]string{report.Pass: text.Green, report.Fail: text.Red,
	report.Inconclusive: text.Yellow, report.Interrupted: text.Yellow}

func (p *page) verdictWord(r *report.Report) string {
	word := strings.ToUpper(string(r.Verdict)) + degraded(r)
	return p.paint(text.Bold+";"+verdictColors[r.Verdict], word) + "  "
}

func (p *page) verdict(r *report.Report, reasons int) {
	line := fmt.Sprintf("%s: %s requests in %s", text.Brief(r.Scenario, text.MaxName),
		number.Count(r.Requests.Sent), lengthText(r.Duration))
	if n := len(r.Shards); n > 0 {
		line += ", " + number.Plural(n, "shard")
	}
	p.line(p.verdictWord(r) + line)
	p.reasons(r, reasons)
	if c := r.Closed; c != nil {
		meaning := c.Meaning
		if first, _, more := strings.Cut(meaning, ". "); more && !p.Full {
			meaning = first
		}
		p.line(fmt.Sprintf("  CLOSED MODEL, %d users, think time %s ms. %s", c.Users, number.Plain(c.Think),
			meaning))
	}
}

// lengthText is how long a run was: short ones in seconds.
func lengthText(seconds float64) string {
	if seconds < 100 {
		return number.Significant(seconds) + " s"
	}
	return number.Length(seconds)
}

func (p *page) reasons(r *report.Report, n int) {
	for _, reason := range r.Reasons[:n] {
		p.line("  " + text.Brief(reason, maxReason))
	}
	p.more(len(r.Reasons)-n, "reasons")
}

// end says the verdict again, where a reader of a terminal looks.
func (p *page) end(r *report.Report, reasons int) {
	p.line("\n" + p.verdictWord(r) + text.Brief(r.Scenario, text.MaxName))
	for _, reason := range r.Reasons[:reasons] {
		p.line("  " + text.Brief(reason, maxReason))
	}
	if p.Path != "" {
		p.line("report: " + p.Path)
	}
}
