package capacity

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"mfaload/internal/text"
	"mfaload/report/render/chart"
)

// TerminalText prints results as text, with its lines broken at a width; 0 means no limit.
type TerminalText struct {
	Color bool
	Width int
}

var colors = map[TrialVerdict]string{Pass: text.Green, Break: text.Red, Inconclusive: text.Yellow}

func (t TerminalText) paint(code, s string) string { return text.Paint(t.Color, code, s) }

// Write prints a result.
func (t TerminalText) Write(w io.Writer, r *Result) error {
	var b strings.Builder
	if r.Answer != nil {
		for _, s := range r.Answer.Sentences {
			fmt.Fprintf(&b, "%s\n", sentence(s))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%s  %s\n", t.paint(text.Bold, "CAPACITY"), r.Headline())
	for _, s := range r.notes() {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	t.thresholds(&b, r)
	t.trials(&b, r)
	if s := r.Soak; s != nil {
		fmt.Fprintf(&b, "\nsoak\n  %s  %s\n", t.paint(colors[s.Verdict], string(s.Verdict)), s.Length())
		for _, reason := range s.Reasons {
			fmt.Fprintf(&b, "  %s\n", reason)
		}
		for _, d := range s.Drifts {
			fmt.Fprintf(&b, "  %s\n", d.Text())
		}
	}
	_, err := io.WriteString(w, text.Wrap(b.String(), t.Width))
	return err
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return strings.ToUpper(string(first)) + s[size:] + "."
}

// Headline is the interval in words.
func (r *Result) Headline() string { return r.Rate.text() }

// text is the interval in words.
func (r RateInterval) text() string {
	f := SearchResult{}
	if r.Low != nil {
		f.Low = *r.Low
	}
	if r.High != nil {
		f.High = *r.High
	}
	if r.Confidence == 0 {
		return f.Interval()
	}
	return fmt.Sprintf("%s, with %.0f%% confidence", f.Interval(), 100*r.Confidence)
}

// thresholdsTitle is above the intervals of the thresholds.
const thresholdsTitle = "thresholds, in the order in which they are missed as the rate goes up"

// thresholds prints where each threshold is missed; nothing if there is only one.
func (t TerminalText) thresholds(b *strings.Builder, r *Result) {
	if len(r.Thresholds) < 2 {
		return
	}
	var table [][]string
	for _, l := range r.Thresholds {
		table = append(table, []string{"  " + l.Limit, l.text()})
	}
	text.Align(table, 0, 1)
	fmt.Fprintf(b, "\n%s\n", thresholdsTitle)
	for _, row := range table {
		fmt.Fprintf(b, "%s\n", strings.Join(row, "  "))
	}
}

// notes are what belongs below the headline.
func (r *Result) notes() (all []string) {
	by := "limited by " + r.LimitedBy
	switch {
	case r.LimitedBy == LimitedByMaxRate && r.Rate.Low == nil:
		by = "nothing broke, and nothing was found to hold"
	case r.LimitedBy == LimitedByUnknown && r.Rate.Low == nil:
		by = "nothing broke, and nothing was found to hold; maxRate was not tried"
	case r.LimitedBy == LimitedByMaxRate, r.LimitedBy == LimitedByUnknown:
		by = "nothing broke up to " + rateText(r.highest()) + ", the highest rate that was tried"
	}
	all = append(all, by)
	if len(r.Labels) > 0 {
		all = append(all, "labels: "+strings.Join(r.Labels.List(), ", "))
	}
	text := strings.Join(r.Reasons, "; ")
	if !r.Settled {
		text = "stopped before the requested width and confidence: " + text
	}
	all = append(all, text)
	if !r.Complete {
		all = append(all, "the search is not complete: continue it with --resume")
	}
	for _, folder := range r.Cut {
		all = append(all, folder+" was interrupted and is discarded")
	}
	if k := r.Curve.Knee; k != nil {
		all = append(all, fmt.Sprintf("knee at %s: %s", rateText(k.Rate), k.Method))
	}
	if u := r.Curve.USL; u != nil {
		all = append(all, u.text())
	}
	for _, row := range r.Trials {
		if row.Little != nil && !row.Little.Agrees {
			all = append(all, fmt.Sprintf("trial %d: Little's law does not hold, so its measurement is wrong",
				row.Number))
		}
	}
	return all
}

// highest is the highest rate that was tried.
func (r *Result) highest() (rate float64) {
	for _, row := range r.Trials {
		rate = max(rate, row.Rate)
	}
	return rate
}

func (u *USL) text() string {
	text := fmt.Sprintf("scalability law: λ %.4g/s, σ %.2g (%.2g … %.2g), κ %.2g (%.2g … %.2g)",
		u.Lambda.Value, u.Sigma.Value, u.Sigma.Low, u.Sigma.High, u.Kappa.Value, u.Kappa.Low, u.Kappa.High)
	if u.Peak > 0 {
		text += ", max " + rateText(u.Peak)
	}
	return text + fmt.Sprintf("; off by %.0f%% on average", 100*u.Error)
}

func seconds(s float64) string { return (time.Duration(s) * time.Second).String() }

// trials prints a line for each trial.
func (t TerminalText) trials(b *strings.Builder, r *Result) {
	if len(r.Trials) == 0 {
		return
	}
	table := [][]string{{"", "rate", "length", "verdict", "sent", "as expected", "mean ms", "p95 ms",
		"p99 ms", "in flight", "closest to its limit"}}
	for _, row := range r.Trials {
		inFlight := ""
		if row.Little != nil {
			inFlight = chart.Digits(row.Little.Counted)
		}
		f := row.Figures
		table = append(table, []string{fmt.Sprintf("%5d", row.Number), rateText(row.Rate),
			seconds(row.Duration),
			t.paint(colors[row.Verdict], string(row.Verdict)), fmt.Sprint(f.Requests.Sent),
			fmt.Sprint(f.Requests.AsExpected), f.Response.Text("mean"), f.Response.Text("p95"),
			f.Response.Text("p99"), inFlight, row.By})
	}
	b.WriteString("\ntrials\n")
	for _, line := range text.Table(table, t.Width, 3, len(table[0])-1) {
		b.WriteString(line + "\n")
	}
}
