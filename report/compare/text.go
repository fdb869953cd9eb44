package compare

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"mfaload/internal/number"
	"mfaload/internal/text"
)

// Terminal prints comparisons as text.
type Terminal struct {
	Color bool
	// Width is the number of columns in which lines are broken; 0 means no limit.
	Width int
	// All prints all figures and how they were compared; otherwise those that decide and what changed.
	All bool
}

var colors = map[Judgement]string{Worse: text.Red, Better: text.Green, Same: text.Faint, Unclear: text.Yellow,
	NotJudged: text.Faint}

func (t Terminal) paint(code, s string) string { return text.Paint(t.Color, code, s) }

// Write prints a comparison.
func (t Terminal) Write(w io.Writer, c *Comparison) error {
	var b strings.Builder
	t.verdict(&b, c.Verdict, fmt.Sprintf("%s against %s", c.New.text(), c.Base.text()))
	if c.Conclusion != "" {
		fmt.Fprintf(&b, "  %s\n", c.Conclusion)
	}
	if len(c.Obstacles) > 0 {
		title := "why they can't be compared"
		if c.Forced {
			title = "FORCED: they should not be compared"
		}
		fmt.Fprintf(&b, "\n%s\n", t.paint(text.Yellow, title))
		lines(&b, "  ", c.Obstacles)
	}
	b.WriteString("\nruns\n")
	lines(&b, "  ", []string{"base: " + c.Base.about(), "new:  " + c.New.about()})
	decisive, others := c.divided()
	if len(decisive) > 0 {
		b.WriteString("\n")
		t.rows(&b, decisive)
		lines(&b, "  ", notes(decisive))
	}
	if changed := c.changed(others, t.All); len(changed) > 0 {
		b.WriteString("\nwhat else changed\n")
		lines(&b, "  ", changed)
	}
	if len(c.Drift) > 0 {
		b.WriteString("\nresponses\n")
		lines(&b, "  ", c.driftTexts())
	}
	switch {
	case len(c.Rows) == 0:
	case t.All:
		if len(others) > 0 {
			b.WriteString("\nother figures, which do not decide\n")
			t.rows(&b, others)
		}
		if len(c.Drift) == 0 {
			fmt.Fprintf(&b, "\nresponses\n  %s\n", noDrift)
		}
		b.WriteString("\nhow it was compared\n")
		lines(&b, "  ", append([]string{c.method()}, c.Remarks...))
	default:
		fmt.Fprintf(&b, "\n%s\n", t.paint(text.Faint, c.folded(others)))
	}
	_, err := io.WriteString(w, text.Wrap(b.String(), t.Width))
	return err
}

const noDrift = "no difference in kinds, headers, members and codes"

// folded says what is not shown.
func (c *Comparison) folded(others []MetricRow) string {
	what := "how it was compared"
	if len(others) > 0 {
		what = number.Plural(len(others), "more figure") + " and " + what
	}
	return "  " + what + ": --all, --html FILE"
}

// divided are the rows that decide and the others; of figures that are not judged all are shown.
func (c *Comparison) divided() (decisive, others []MetricRow) {
	for _, r := range c.Rows {
		if r.Primary {
			decisive = append(decisive, r)
		} else {
			others = append(others, r)
		}
	}
	return decisive, others
}

// How many changes of figures that do not decide, and of shapes, fit on a screen of 24 lines.
const (
	changedMax = 4
	shapesMax  = 3
)

// changed says what got better or worse among figures that do not decide, and in the shape of the times:
// everything, or the first ones of both.
func (c *Comparison) changed(others []MetricRow, everything bool) []string {
	var rows, shapes []string
	for _, j := range []Judgement{Worse, Better} {
		for _, r := range others {
			if r.Judgement == j {
				rows = append(rows, r.String())
			}
		}
	}
	for _, s := range c.Shifts {
		shapes = append(shapes, s.findings()...)
	}
	if everything {
		return slices.Concat(rows, shapes)
	}
	return slices.Concat(firstOf(rows, changedMax), firstOf(shapes, shapesMax))
}

// firstOf are the first of the texts, with a line that counts the others.
func firstOf(texts []string, most int) []string {
	if more := len(texts) - most; more > 0 {
		return append(texts[:most:most], fmt.Sprintf("… and %d more", more))
	}
	return texts
}

// notes are what there is to say of rows in addition to their figures.
func notes(rows []MetricRow) (all []string) {
	for _, r := range rows {
		var about []string
		if r.Judgement == Unclear && r.Requests > 0 {
			about = append(about, fmt.Sprintf("needs %.0f requests a run without an event (3 divided by the "+
				"margin)", r.Requests))
		}
		if r.Judgement == Unclear && r.Needed > 0 {
			about = append(about, needs(r.Needed))
		}
		if r.Remark != "" {
			about = append(about, r.Remark)
		}
		if len(about) > 0 {
			all = append(all, r.name()+": "+strings.Join(about, "; "))
		}
	}
	return all
}

func (t Terminal) verdict(b *strings.Builder, j Judgement, about string) {
	fmt.Fprintf(b, "%s  %s\n", t.paint(text.Bold+";"+colors[j], strings.ToUpper(j.word())), about)
}

func lines(b *strings.Builder, indent string, list []string) {
	for _, l := range firstTexts(list) {
		fmt.Fprintf(b, "%s%s\n", indent, strings.ReplaceAll(l, "\n", "\n"+indent+"  "))
	}
}

func (s Side) runs() int { return len(s.Runs) }

func (s Side) text() string {
	if len(s.Runs) == 1 {
		return s.Runs[0].Name
	}
	return fmt.Sprintf("%d runs (%s … %s)", len(s.Runs), s.Runs[0].Name, s.Runs[len(s.Runs)-1].Name)
}

func (t Terminal) rows(b *strings.Builder, all []MetricRow) {
	table := [][]string{{"", "", "base", "new", "", "change", "95% interval", "margin"}}
	for i, cell := range table[0] {
		table[0][i] = t.paint(text.Faint, cell)
	}
	rows, more := firstRows(all, maxRows)
	for _, r := range rows {
		table = append(table, []string{"  " + r.name(), t.paint(colors[r.Judgement], r.Judgement.word()),
			r.baseText(), r.newText(), r.Unit, r.signed(r.Change), r.interval(),
			strings.TrimSuffix(r.margin(), " "+points)})
	}
	margins := ""
	if t.Width > 0 && text.TableWidth(table) > t.Width {
		margins = marginsText(rows)
		for i := range table {
			table[i] = table[i][:len(table[i])-1]
		}
	}
	for _, line := range text.Table(table, t.Width, 0, 1, 4) {
		b.WriteString(line + "\n")
	}
	b.WriteString(margins)
	if slices.ContainsFunc(rows, func(r MetricRow) bool { return r.points }) {
		b.WriteString("  changes and margins without % are in " + points + "\n")
	}
	if more > 0 {
		fmt.Fprintf(b, "  %s\n", moreText(more, "figures"))
	}
}

// marginsText lists margins with their figures, for where the table has no room for them.
func marginsText(rows []MetricRow) string {
	var order []string
	figures := map[string][]string{}
	for _, r := range rows {
		m := r.margin()
		if figures[m] == nil {
			order = append(order, m)
		}
		figures[m] = append(figures[m], r.name())
	}
	for i, m := range order {
		order[i] = m + " (" + strings.Join(figures[m], ", ") + ")"
	}
	return "  margins: " + strings.Join(order, "; ") + "\n"
}

// findings are what differs in the shape of the times, next to the figures.
func (s Shift) findings() (all []string) {
	name := MetricRow{Group: s.Group, Metric: s.Time}.name()
	if len(s.BaseModes) != len(s.NewModes) && len(s.BaseModes) > 0 && len(s.NewModes) > 0 {
		all = append(all, fmt.Sprintf("%s: modes at %s; before at %s", name, modesText(s.NewModes),
			modesText(s.BaseModes)))
	}
	if s.BaseStalls != s.NewStalls {
		all = append(all, fmt.Sprintf("%s: %d stalled seconds, before %d", name, s.NewStalls, s.BaseStalls))
	}
	for _, p := range s.Points {
		if (p.Low > 10 || p.High < -10) && p.Quantile > 99 {
			all = append(all, fmt.Sprintf("%s: p%g moved from %s to %s ms", name, p.Quantile,
				digits(p.Base), digits(p.New)))
		}
	}
	return all
}

func modesText(modes []Mode) string {
	var all []string
	for _, m := range modes {
		all = append(all, fmt.Sprintf("%s ms (%.0f%%)", digits(m.At), m.Share))
	}
	return strings.Join(all, ", ")
}

// method says what the units were, and how they are correlated.
func (c *Comparison) method() string {
	low, high, block := 1.0, -1.0, 0
	for _, r := range c.Rows {
		if !strings.HasSuffix(r.Metric, "Rate") {
			low, high, block = math.Min(low, r.Autocorrelation), math.Max(high, r.Autocorrelation),
				max(block, r.Block)
		}
	}
	text := fmt.Sprintf("units: %d and %d %s", c.Unit.Base, c.Unit.New, c.Unit.Kind)
	if c.Unit.Kind == "runs" {
		text += "; permutation test, intervals by Hodges and Lehmann; the figures that decide are " +
			"corrected for their number, the others for that of all (Westfall-Young step-down, maxT)"
	} else {
		if c.Unit.Seconds > 1 {
			text = fmt.Sprintf("units: %d and %d stretches of %d s", c.Unit.Base, c.Unit.New, c.Unit.Seconds)
		}
		text += fmt.Sprintf("; drawn in blocks of up to %d; the figures that decide are corrected for their "+
			"number, the others for that of all (Hochberg)", block)
		if c.Base.runs()+c.New.runs()-2 >= runsFreedomMin {
			text += "; no interval is narrower than what whole runs say (Student)"
		}
	}
	if high >= low {
		text += fmt.Sprintf("; autocorrelation of neighbors %.2f to %.2f", low, high)
	}
	return text
}

// WriteHistory prints a history.
func (t Terminal) WriteHistory(w io.Writer, h *History) error {
	var b strings.Builder
	t.verdict(&b, h.Verdict, number.Plural(len(h.Runs), "run"))
	lines(&b, "  ", h.Reasons)
	if len(h.Lines) > 0 {
		b.WriteString("\n")
		table := [][]string{}
		shown := h.Lines[:min(len(h.Lines), maxRows)]
		for _, l := range shown {
			first, last := l.Values[0], l.Values[len(l.Values)-1]
			table = append(table, []string{"  " + MetricRow{Group: l.Group, Metric: l.Metric}.name(),
				digits(first), digits(last), l.Unit, l.spark(), ""})
		}
		for _, line := range text.Table(table, t.Width, 0, 3) {
			b.WriteString(line + "\n")
		}
		if more := len(h.Lines) - len(shown); more > 0 {
			fmt.Fprintf(&b, "  %s\n", moreText(more, "figures"))
		}
		fmt.Fprintf(&b, "%s\n", t.paint(text.Faint, "  first and last run; | is where a change began"))
	}
	if len(h.Obstacles) > 0 {
		fmt.Fprintf(&b, "\n%s\n", t.paint(text.Yellow, "FORCED: they should not be compared"))
		lines(&b, "  ", h.Obstacles)
	}
	if len(h.LeftOut) > 0 {
		b.WriteString("\nleft out\n")
		lines(&b, "  ", h.LeftOut)
	}
	_, err := io.WriteString(w, text.Wrap(b.String(), t.Width))
	return err
}

// spark draws the values as bars, with a line before each change.
func (l MetricHistory) spark() string {
	low, high := l.Values[0], l.Values[0]
	for _, v := range l.Values {
		low, high = math.Min(low, v), math.Max(high, v)
	}
	var b strings.Builder
	bars := []rune("▁▂▃▄▅▆▇█")
	for i, v := range l.Values {
		for _, c := range l.Changes {
			if c.Run == i {
				b.WriteByte('|')
			}
		}
		k := 0
		if high > low {
			k = int((v - low) / (high - low) * float64(len(bars)-1))
		}
		b.WriteRune(bars[k])
	}
	return b.String()
}

// What bounds the texts and pages of comparisons. JSON has everything.
const (
	maxRows     = 200 // of the text
	maxPageRows = 1000
	maxCharts   = 60
	maxTexts    = 50
)

const elsewhere = "in the JSON of the comparison (--json, compare.json)"

// firstRows are the rows that there is room for, and how many are left out: those of
// the whole run and those in which something was found come first.
func firstRows(rows []MetricRow, n int) ([]MetricRow, int) {
	if len(rows) <= n {
		return rows, 0
	}
	rank := func(r MetricRow) int {
		if r.Group == "" || r.Primary {
			return -1
		}
		return slices.Index([]Judgement{Worse, Better, Unclear, NotJudged, Same}, r.Judgement)
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b MetricRow) int { return rank(a) - rank(b) })
	return rows[:n], len(rows) - n
}

// firstTexts are the texts that there is room for.
func firstTexts(texts []string) []string {
	if len(texts) <= maxTexts {
		return texts
	}
	return append(texts[:maxTexts:maxTexts], moreText(len(texts)-maxTexts, "lines"))
}

func moreText(n int, what string) string { return fmt.Sprintf("… %d more %s %s", n, what, elsewhere) }
