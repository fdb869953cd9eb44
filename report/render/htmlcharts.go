package render

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
	"mfaload/scenario"
)

// drawing makes the charts of a page.
type drawing struct {
	r       *report.Report
	m       *measure.Measurement
	columns *columns
	time    chart.Axis // of the run
	latency chart.Axis // in ms, the same for response and service time
	marks   []chart.Mark
	limits  []drawnLimit
	drawn   int // charts so far, whose IDs are numbers
}

// drawnLimit is a threshold of response times that the charts have room for.
type drawnLimit struct {
	scenario.Threshold
	at    float64 // in ms
	state report.State
}

// timeMin is what times below are drawn at, in milliseconds.
const timeMin = 0.01

// Bounds on what charts show.
const (
	mostLevels = 40
	mostStages = 40
	mostSpans  = 8
)

// newDrawing returns nil if there is nothing to draw.
func newDrawing(r *report.Report, m *measure.Measurement) *drawing {
	if m.Seconds.Empty() {
		return nil
	}
	d := &drawing{r: r, m: m}
	low, high := r.Response.Min, r.Response.Max
	if s := r.Service; s.Max > 0 {
		low, high = min(low, s.Min), max(high, s.Max)
	}
	if w := r.Warmup; w != nil && w.Requests.Sent > 0 {
		low, high = min(low, w.Service.Min), max(high, w.Response.Max)
	}
	d.findLimits()
	for _, l := range d.limits {
		high = max(high, l.at)
	}
	d.latency = chart.Log(low, high, timeMin, "ms")
	long := time.Duration(report.StallFactor * r.Response.P50 * float64(time.Millisecond))
	d.columns = newColumns(m, long, newBins(d.latency, heatRows))
	if n := len(d.columns.edges); n > 0 {
		d.time = chart.Clock(0, d.columns.edges[n-1])
		d.time.Shared = "time"
	}
	d.marks = slices.Concat(d.stages(), d.stalls())
	return d
}

// findLimits takes what a judged threshold is about from the measurement's terms: the
// report has it as a text only. Without terms that can be read no limit is drawn.
func (d *drawing) findLimits() {
	for i, t := range thresholdTerms(d.r, d.m) {
		judged := d.r.Thresholds[i]
		if t != nil && t.Metric == scenario.Response && judged.Limit >= timeMin &&
			judged.Limit <= 10*d.r.Response.Max {
			d.limits = append(d.limits, drawnLimit{*t, judged.Limit, judged.State})
		}
	}
}

// thresholdTerms are what the judged thresholds are about, in their order; nil if the
// measurement's terms do not say it.
func thresholdTerms(r *report.Report, m *measure.Measurement) []*scenario.Threshold {
	all := make([]*scenario.Threshold, len(r.Thresholds))
	terms, err := report.DecodeTerms(m)
	if err != nil {
		return all
	}
	of := map[string]*scenario.Threshold{}
	for i := range terms.Thresholds {
		of[text.Escape(terms.Thresholds[i].String())] = &terms.Thresholds[i]
	}
	for i, t := range r.Thresholds {
		all[i] = of[t.Expression]
	}
	return all
}

// stages are the parts of the schedule, every other one shaded, and the pauses.
func (d *drawing) stages() (marks []chart.Mark) {
	if len(d.m.Profile.Stages) <= mostStages {
		for i, s := range d.m.Profile.Stages {
			mark := chart.Mark{From: s.Start.Seconds(), To: s.End.Seconds(), Name: text.Brief(s.Name, 60),
				Look: "none"}
			if i%2 == 0 {
				mark.Look = chart.Faint
			}
			marks = append(marks, mark)
		}
	}
	for _, p := range d.m.Pauses[:min(len(d.m.Pauses), mostColumns)] {
		marks = append(marks, chart.Mark{From: p.Start.Seconds(), To: p.End.Seconds(), Name: "paused",
			Look: chart.Warn})
	}
	return marks
}

// html draws a chart.
func (d *drawing) html(c *chart.Chart) g.Node {
	d.drawn++
	return c.HTML(fmt.Sprintf("chart-%d", d.drawn))
}

// overTime are the charts that have one axis of time, with what their marks mean.
func (d *drawing) overTime() g.Node {
	all := []*chart.Chart{
		d.times("Response time", "From the time at which a request was due to its last byte: what users "+
			"waited.",
			func(c column) *spread { return c.response }, true),
		d.events(), d.rates(), d.inFlight(), d.statuses(), d.heat(),
		d.times("Service time", "From the actual send to the last byte.",
			func(c column) *spread { return c.service }, false),
		d.parts(), d.late(),
	}
	var names []string
	for _, p := range percentiles {
		names = append(names, p.name)
	}
	var charts g.Group
	for _, c := range all {
		if c != nil {
			charts = append(charts, d.html(c))
		}
	}
	return g.Group{d.key(), chart.Chooser("Percentile", names, atChosen), h.Div(h.Class("timeline"), charts)}
}

// key says what the charts over time have in common.
func (d *drawing) key() g.Node {
	texts := []string{"All charts have the same time axis; times count from the start of the run."}
	if d.columns.seconds > 1 {
		texts = append(texts, fmt.Sprintf("Each point covers %g seconds: percentiles of all their requests, "+
			"and their max.", d.columns.seconds))
	}
	if d.r.Warmup != nil {
		texts = append(texts, "The charts show the warm-up; the figures leave it out.")
	}
	if len(d.m.Pauses) > 0 {
		texts = append(texts, "Shaded yellow: mfaload paused after a 429.")
	}
	if n := len(d.columns.stalled); n > 0 {
		texts = append(texts, fmt.Sprintf("Shaded red: %s in which at least half of the requests took "+
			"more than "+
			"three times the run's median (%s).", number.Plural(n, "second"), spansText(d.columns.stalled)))
	} else {
		texts = append(texts, "The service stalled in no second.")
	}
	return soft(g.Text(strings.Join(texts, " ")))
}

func msText(x float64) string { return number.Fixed(x) + " ms" }

// spansOf are seconds in order, those that follow one another together.
func spansOf(seconds []int64) (all [][2]int64) {
	for _, s := range seconds {
		if n := len(all); n > 0 && all[n-1][1] == s-1 {
			all[n-1][1] = s
			continue
		}
		all = append(all, [2]int64{s, s})
	}
	return all
}

// spansText says when that was: at 1:10, 2:00 to 2:04.
func spansText(seconds []int64) string {
	spans := spansOf(seconds)
	var all []string
	for _, s := range spans[:min(len(spans), mostSpans)] {
		text := chart.ClockText(float64(s[0]))
		if s[1] > s[0] {
			text += " to " + chart.ClockText(float64(s[1]+1))
		}
		all = append(all, text)
	}
	if n := len(spans) - mostSpans; n > 0 {
		all = append(all, fmt.Sprintf("and %d more", n))
	}
	return "at " + strings.Join(all, ", ")
}

// stalls marks the stalled seconds, or the columns of many that have one.
func (d *drawing) stalls() (marks []chart.Mark) {
	spans := spansOf(d.columns.stalled)
	if len(spans) <= mostColumns {
		for _, s := range spans {
			marks = append(marks, chart.Mark{From: float64(s[0]), To: float64(s[1] + 1), Look: chart.Bad})
		}
		return marks
	}
	for i, col := range d.columns.list {
		if col.stalled > 0 {
			marks = append(marks, chart.Mark{From: d.columns.edges[i], To: d.columns.edges[i+1],
				Look: chart.Bad})
		}
	}
	return marks
}

// stretch draws the only second of a run over all of its width: a line of one
// point is hardly seen.
func (d *drawing) stretch(c *chart.Chart) {
	if len(d.columns.list) != 1 {
		return
	}
	for _, s := range slices.Concat(seriesOf(c.Series), seriesOf(c.Choices...)) {
		s.X, s.Y = d.columns.edges, []float64{s.Y[0], s.Y[0]}
		if s.Base != nil {
			s.Base = []float64{s.Base[0], s.Base[0]}
		}
	}
}

func seriesOf(all ...[]chart.Trace) (series []*chart.Trace) {
	for _, traces := range all {
		for i := range traces {
			series = append(series, &traces[i])
		}
	}
	return series
}

func cell(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return number.Fixed(x)
}

func (d *drawing) clock(i int) string { return chart.ClockText(d.columns.edges[i]) }

func unnamed(marks []chart.Mark) []chart.Mark {
	marks = slices.Clone(marks)
	for i := range marks {
		marks[i].Name = ""
	}
	return marks
}
