package render

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
	"mfaload/scenario"
)

type drawing struct {
	r       *report.Report
	m       *measure.Measurement
	columns *columns
	time    chart.Axis // of the run
	latency chart.Axis // in ms, the same for response and service time
	marks   []chart.Mark
	limits  []drawnLimit
}

// drawnLimit is a threshold of the response times of all groups that the charts have room for.
type drawnLimit struct {
	scenario.Threshold
	at    float64 // in ms
	state report.State
}

// leastShown is what times below are drawn at, in milliseconds.
const leastShown = 0.01

func newDrawing(r *report.Report, m *measure.Measurement) *drawing {
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
	d.latency = chart.Log(low, high, leastShown, "ms")
	long := time.Duration(report.StallFactor * r.Response.P50 * float64(time.Millisecond))
	d.columns = newColumns(m, long, d.bins())
	if n := len(d.columns.edges); n > 0 {
		d.time = chart.Clock(0, d.columns.edges[n-1])
	}
	d.marks = d.stages()
	return d
}

// findLimits takes what a judged threshold is about from the measurement's terms: the
// report has it as a text only. Without terms that can be read no limit is drawn.
func (d *drawing) findLimits() {
	terms, err := report.DecodeTerms(d.m)
	if err != nil {
		return
	}
	of := map[string]scenario.Threshold{}
	for _, t := range terms.Thresholds {
		if t.Group == "" && t.Metric == scenario.Response {
			of[text.Escape(t.String())] = t
		}
	}
	for _, t := range d.r.Thresholds {
		if about, is := of[t.Expression]; is && t.Limit >= leastShown && t.Limit <= 10*d.r.Response.Max {
			d.limits = append(d.limits, drawnLimit{about, t.Limit, t.State})
		}
	}
}

func (d *drawing) bins() bins {
	return bins{d.latency.Low, math.Log(d.latency.High/d.latency.Low) / heatRows}
}

const mostLevels = 40

const mostStages = 40

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

// all are the charts in the order of the page. Those that are wide come first.
func (d *drawing) all() (wide, others []*chart.Chart) {
	wide = []*chart.Chart{d.times("Response time", "intended time to last byte: what users waited", false,
		func(c column) *spread { return c.response }, true),
		d.events()}
	others = []*chart.Chart{
		d.times("Service time", "actual send to last byte", true, func(c column) *spread { return c.service },
			false),
		d.rates(), d.spectrum(), d.heat(), d.statuses(), d.late(),
	}
	return wide, others
}

func msText(x float64) string { return number.Fixed(x) + " ms" }

func (d *drawing) times(title, meaning string, service bool, of func(column) *spread,
	judged bool) *chart.Chart {
	pick := func(p func(*spread) *float64) []float64 {
		return d.columns.row(func(c column) *float64 {
			if s := of(c); s != nil {
				return p(s)
			}
			return nil
		})
	}
	p50, p90 := pick(func(s *spread) *float64 { return &s.p50 }),
		pick(func(s *spread) *float64 { return &s.p90 })
	p99, longest := pick(func(s *spread) *float64 { return &s.p99 }),
		pick(func(s *spread) *float64 { return &s.max })
	x := d.columns.middles()
	c := &chart.Chart{Title: title, X: d.time, Y: d.latency, Marks: d.marks,
		Summary: fmt.Sprintf("From %s. %s%s", meaning, d.servedText(service), d.width()),
		Series: []chart.Trace{
			{Name: "longest", Kind: chart.Line, Look: chart.Faint, X: x, Y: longest},
			{Name: "p90 to p99", Kind: chart.Band, Look: chart.One, X: x, Y: p99, Base: p90},
			{Name: "p50 to p90", Kind: chart.DeepBand, Look: chart.One, X: x, Y: p90, Base: p50},
			{Name: "p50", Kind: chart.Line, Look: chart.One, X: x, Y: p50},
		},
		Table: chart.Table{Head: []string{"time", "served/s", "p50 ms", "p90 ms", "p99 ms", "longest ms"},
			At: x},
	}
	d.stretch(c)
	for i, col := range d.columns.list {
		c.Table.Rows = append(c.Table.Rows, []string{d.clock(i), number.Fixed(col.served), cell(p50[i]),
			cell(p90[i]), cell(p99[i]), cell(longest[i])})
	}
	if judged {
		c.Height = 300
		d.judge(c)
	}
	return c
}

func (d *drawing) servedText(service bool) string {
	w := d.m.Main.Waits(-1, service)
	w = *w.Joined()
	text := "No request was served."
	if t := report.TimesOf(w.Served[0]); w.Served[0].Count() > 0 {
		text = fmt.Sprintf("Of the requests that were served half took %s or less, 99 %% %s or less, the "+
			"longest %s.",
			msText(t.P50), msText(t.P99), msText(t.Max))
	}
	if n := w.Unserved(); n > 0 {
		text += fmt.Sprintf(" %s more were never served and are in no line.", number.Count(n))
	}
	return text
}

// stretch draws the only second of a run over all of its width: a line of one
// point is hardly seen.
func (d *drawing) stretch(c *chart.Chart) {
	if len(d.columns.list) != 1 {
		return
	}
	for i := range c.Series {
		s := &c.Series[i]
		s.X, s.Y = d.columns.edges, []float64{s.Y[0], s.Y[0]}
		if s.Base != nil {
			s.Base = []float64{s.Base[0], s.Base[0]}
		}
	}
}

func (d *drawing) judge(c *chart.Chart) {
	c.Marks = slices.Concat(c.Marks, d.stalls())
	for _, l := range d.limits[:min(len(d.limits), mostLevels)] {
		look := chart.Good
		if l.state == report.Missed {
			look = chart.Bad
		}
		name := text.Brief(text.Escape(l.Stat+" <= "+l.Written), 60)
		c.Levels = append(c.Levels, chart.HorizontalLine{At: l.at, Name: name, Look: look})
	}
	bad := chart.Trace{Name: "failed, or unexpected", Kind: chart.Dots, Look: chart.Bad,
		X: d.columns.middles(), Y: d.columns.row(func(col column) *float64 {
			if col.failed+col.unexpected == 0 {
				return nil
			}
			return &d.latency.Low
		})}
	c.Series = append(c.Series, bad)
	if n := len(d.columns.stalled); n > 0 {
		c.Summary += fmt.Sprintf(" Shaded red: %s in which half of the requests took more than three times "+
			"the median (%s).", number.Plural(n, "second"), d.spanText())
	}
}

func (d *drawing) width() string {
	if d.columns.seconds <= 1 {
		return ""
	}
	return fmt.Sprintf(" Each point has %g seconds and their longest time.", d.columns.seconds)
}

// spans are the stalled seconds, those that follow one another together.
func (d *drawing) spans() (all [][2]int64) {
	for _, s := range d.columns.stalled {
		if n := len(all); n > 0 && all[n-1][1] == s-1 {
			all[n-1][1] = s
			continue
		}
		all = append(all, [2]int64{s, s})
	}
	return all
}

// stalls marks the stalled seconds, or the columns of many that have one.
func (d *drawing) stalls() (marks []chart.Mark) {
	spans := d.spans()
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

const mostSpans = 8

func (d *drawing) spanText() string {
	spans := d.spans()
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

func cell(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return number.Fixed(x)
}

func (d *drawing) clock(i int) string { return chart.ClockText(d.columns.edges[i]) }

func (d *drawing) events() *chart.Chart {
	kinds := []struct {
		name string
		look chart.Look
		of   func(column) uint64
	}{
		{"violating", chart.Four, func(c column) uint64 { return c.violating }},
		{"unexpected", chart.Two, func(c column) uint64 { return c.unexpected }},
		{"failed", chart.Bad, func(c column) uint64 { return c.failed }},
		{"stalled", chart.Faint, func(c column) uint64 { return c.stalled }},
	}
	c := &chart.Chart{Title: "What went wrong when", Height: 96, X: d.time,
		Y: chart.Axis{High: float64(len(kinds))}, Marks: unnamed(d.marks),
		Table: chart.Table{Head: []string{"time"}, At: d.columns.middles()}}
	totals := make([]string, len(kinds))
	for k, kind := range kinds {
		base, total := float64(k), uint64(0)
		s := chart.Trace{Kind: chart.Bars, Look: kind.look, X: d.columns.edges}
		for _, col := range d.columns.list {
			n, top := kind.of(col), math.NaN()
			if total += n; n > 0 {
				top = base + 0.85
			}
			s.Y, s.Base = append(s.Y, top), append(s.Base, base+0.15)
		}
		c.Series = append(c.Series, s)
		c.Y.Ticks = append(c.Y.Ticks, chart.AxisTick{At: base + 0.5, Text: kind.name})
		totals[len(kinds)-1-k] = fmt.Sprintf("%s: %s", kind.name, number.Count(total))
		c.Table.Head = append(c.Table.Head, kind.name)
	}
	c.Summary = "Requests by the second that they were due in, and stalled seconds, the warm-up included. " +
		strings.Join(totals, "; ") + "."
	for i, col := range d.columns.list {
		row := []string{d.clock(i)}
		for _, kind := range kinds {
			row = append(row, number.Count(kind.of(col)))
		}
		c.Table.Rows = append(c.Table.Rows, row)
	}
	return c
}

func unnamed(marks []chart.Mark) []chart.Mark {
	marks = slices.Clone(marks)
	for i := range marks {
		marks[i].Name = ""
	}
	return marks
}

func (d *drawing) rates() *chart.Chart {
	edges, high := d.columns.edges, 0.0
	row := func(of func(column) float64) []float64 {
		return d.columns.row(func(c column) *float64 {
			v := of(c)
			high = max(high, v)
			return &v
		})
	}
	sent := row(func(c column) float64 { return c.started })
	if len(d.m.Flow.Sent) == 0 { // of a version that did not tell
		sent = row(func(c column) float64 { return c.sent })
	}
	c := &chart.Chart{Title: "Planned and achieved rate", X: d.time, Marks: d.marks,
		Table: chart.Table{Head: []string{"time"}, At: d.columns.middles()},
		Summary: fmt.Sprintf("Planned %s/s, achieved %s/s over the judged part: %s of %s arrivals were "+
			"sent. What falls short of the plan was late; what ends behind what is sent was slow.",
			number.Fixed(d.r.Rate.Planned), number.Fixed(d.r.Rate.Achieved), number.Count(d.r.Requests.Sent),
			number.Count(d.r.Requests.Scheduled))}
	if len(d.m.Flow.Ended) > 0 {
		c.Series = append(c.Series, chart.Trace{Name: "ended", Kind: chart.Steps, Look: chart.Two, X: edges,
			Y: row(func(c column) float64 { return c.ended })})
	}
	c.Series = append(c.Series, chart.Trace{Name: "sent", Kind: chart.Steps, Look: chart.One, X: edges,
		Y: sent})
	if len(d.m.Profile.Due) > 0 {
		c.Series = append(c.Series, chart.Trace{Name: "planned", Kind: chart.DashedSteps, Look: chart.Faint,
			X: edges, Y: row(func(c column) float64 { return c.due })})
	} else {
		c.Summary = fmt.Sprintf("A closed load plans no rate; %s/s were achieved over the judged part.",
			number.Fixed(d.r.Rate.Achieved))
	}
	for _, s := range c.Series {
		c.Table.Head = append(c.Table.Head, s.Name+"/s")
	}
	for i := range d.columns.list {
		row := []string{d.clock(i)}
		for _, s := range c.Series {
			row = append(row, cell(s.Y[i]))
		}
		c.Table.Rows = append(c.Table.Rows, row)
	}
	c.Y = chart.Linear(0, high, "requests a second")
	return c
}

func (d *drawing) late() *chart.Chart {
	high := d.r.Lateness.Max
	if d.r.Warmup != nil {
		high = max(high, d.r.Warmup.Lateness.Max)
	}
	x, own := d.columns.middles(), d.r.Generator.OwnLateness
	c := &chart.Chart{Title: "Lateness of the generator", X: d.time, Y: chart.Log(leastShown, high,
		leastShown, "ms"), Marks: d.marks,
		Summary: fmt.Sprintf("Actual send after intended time, waiting for a free worker included: p99 %s, "+
			"at most %s. Of it mfaload's own: p99 %s, at most %s.",
			msText(d.r.Lateness.P99), msText(d.r.Lateness.Max), msText(own.P99), msText(own.Max)),
		Table: chart.Table{Head: []string{"time", "p50 ms", "p99 ms", "longest ms"}, At: x}}
	rows := make([][]float64, 3)
	for k, of := range []func(*spread) *float64{func(s *spread) *float64 { return &s.p50 },
		func(s *spread) *float64 { return &s.p99 }, func(s *spread) *float64 { return &s.max }} {
		rows[k] = d.columns.row(func(c column) *float64 {
			if c.lateness == nil {
				return nil
			}
			return of(c.lateness)
		})
	}
	for i := range d.columns.list {
		c.Table.Rows = append(c.Table.Rows, []string{d.clock(i), cell(rows[0][i]), cell(rows[1][i]),
			cell(rows[2][i])})
	}
	c.Series = []chart.Trace{
		{Name: "longest", Kind: chart.Line, Look: chart.Faint, X: x, Y: rows[2]},
		{Name: "p99", Kind: chart.Line, Look: chart.Two, X: x, Y: rows[1]},
		{Name: "p50", Kind: chart.Dashed, Look: chart.One, X: x, Y: rows[0]},
	}
	d.stretch(c)
	return c
}

// statusLooks are the looks of kinds of responses, the most frequent first.
var statusLooks = []chart.Look{chart.One, chart.Five, chart.Three, chart.Four, chart.Two}

// statuses stacks the kinds of responses, those without one on top.
func (d *drawing) statuses() *chart.Chart {
	kinds, most := d.kinds(), 0.0
	c := &chart.Chart{Title: "Statuses by second", X: d.time, Marks: unnamed(d.marks),
		Table: chart.Table{Head: []string{"time"}, At: d.columns.middles()},
		Summary: "Responses by the second that their request was due in, requests without a response on " +
			"top. " +
			d.kindsText(kinds)}
	base := make([]float64, len(d.columns.list))
	for k, kind := range kinds {
		s := chart.Trace{Name: kind.name, Kind: chart.Bars, Look: kind.look, X: d.columns.edges,
			Base: slices.Clone(base)}
		for i, col := range d.columns.list {
			n := uint64(0)
			for _, label := range kind.labels {
				n += col.ends[label]
			}
			length := d.columns.edges[i+1] - d.columns.edges[i]
			base[i] += float64(n) / length
			most = max(most, base[i])
			if k == 0 {
				c.Table.Rows = append(c.Table.Rows, []string{d.clock(i)})
			}
			c.Table.Rows[i] = append(c.Table.Rows[i], number.Count(n))
		}
		s.Y = slices.Clone(base)
		c.Series, c.Table.Head = append(c.Series, s), append(c.Table.Head, kind.name)
	}
	c.Y = chart.Linear(0, most, "requests a second")
	if len(kinds) == 0 {
		c.Summary = "The measurement is of a version that did not count answers by second."
	}
	return c
}

// responseKind is a kind of response in a chart; the last one may be several.
type responseKind struct {
	name   string
	labels []string
	count  uint64
	look   chart.Look
}

// kinds are the most frequent kinds of responses, the others together, and the
// requests without one.
func (d *drawing) kinds() (all []responseKind) {
	total, failed := map[string]uint64{}, map[string]bool{}
	for s := range d.m.Seconds.All() {
		for _, e := range s.Ends {
			total[e.Label] += e.Count
			failed[e.Label] = failed[e.Label] || e.Failed
		}
	}
	others := responseKind{name: "others", look: chart.Faint}
	none := responseKind{name: "failed", look: chart.Bad}
	for _, label := range mostFirst(total) {
		switch {
		case failed[label]:
			none.labels, none.count = append(none.labels, label), none.count+total[label]
		case len(all) < len(statusLooks):
			all = append(all, responseKind{text.Brief(label, 60), []string{label}, total[label],
				statusLooks[len(all)]})
		default:
			others.labels, others.count = append(others.labels, label), others.count+total[label]
		}
	}
	for _, k := range []responseKind{others, none} {
		if k.count > 0 {
			all = append(all, k)
		}
	}
	return all
}

func (d *drawing) kindsText(kinds []responseKind) string {
	var parts []string
	for _, k := range kinds {
		parts = append(parts, k.name+": "+number.Count(k.count))
	}
	return strings.Join(parts, "; ") + "."
}

// spectrum draws percentiles against times, the rarer the more room.
func (d *drawing) spectrum() *chart.Chart {
	response, service := d.m.Main.Waits(-1, false), d.m.Main.Waits(-1, true)
	waits := [2]*measure.Waits{response.Joined(), service.Joined()}
	nines := math.Max(1, math.Log10(float64(max(response.Count(), 1))))
	c := &chart.Chart{Title: "Percentile spectrum",
		X: chart.Axis{High: nines, Unit: "percent of the arrivals"}, Y: d.latency,
		Summary: fmt.Sprintf("How long the slowest took: one in ten %s or more, one in a hundred %s, one "+
			"in a thousand %s. Where response time leaves service time, requests waited before they were "+
			"sent. Arrivals that were never served stand at what they waited at least; refusals are in "+
			"neither line.",
			d.r.Response.Text("p90")+" ms", d.r.Response.Text("p99")+" ms", d.r.Response.Text("p99.9")+" ms"),
		Table: chart.Table{Head: []string{"percentile", "response ms", "service ms"}},
	}
	if response.Count() == 0 {
		c.Summary = "No request was served."
	}
	lines := [2]chart.Trace{{Name: "response", Kind: chart.Line, Look: chart.One},
		{Name: "service", Kind: chart.Dashed, Look: chart.Two}}
	const steps = 120
	for i := range steps + 1 {
		x := nines * float64(i) / steps
		p := 100 - 100*math.Pow(10, -x)
		if i == steps {
			p = 100
		}
		p = max(p, 0.0001)
		row := []string{percentile(p)}
		for k := range lines {
			bound := waits[k].Percentile(p)
			lines[k].X, lines[k].Y = append(lines[k].X, x),
				append(lines[k].Y, report.Milliseconds(bound.Time))
			row = append(row, boundText(bound))
		}
		c.Table.At = append(c.Table.At, x)
		c.Table.Rows = append(c.Table.Rows, row)
	}
	for k := 0; k <= int(nines); k++ {
		c.X.Ticks = append(c.X.Ticks,
			chart.AxisTick{At: float64(k), Text: percentile(100-100*math.Pow(10, -float64(k))) + " %"})
	}
	c.Series = lines[:]
	c.Series = append(c.Series, d.limitDots(nines)...)
	return c
}

// boundText is a time as tables show it, in ms.
func boundText(b measure.Bound) string {
	if b.AtLeast {
		return "≥" + number.Fixed(report.Milliseconds(b.Time))
	}
	return number.Fixed(report.Milliseconds(b.Time))
}

// limitDots are the thresholds of percentiles, at their places in the spectrum.
func (d *drawing) limitDots(nines float64) []chart.Trace {
	s := chart.Trace{Name: "limits of the response time", Kind: chart.Dots, Look: chart.Bad}
	for _, l := range d.limits {
		if len(s.X) == mostLevels || l.Quantile == 0 || l.Quantile >= 100 {
			continue
		}
		if x := -math.Log10(1 - l.Quantile/100); x <= nines {
			s.X, s.Y = append(s.X, x), append(s.Y, l.at)
		}
	}
	if len(s.X) == 0 {
		return nil
	}
	return []chart.Trace{s}
}

// percentile writes a percentile without noise: 0, 90, 99, 99.9.
func percentile(p float64) string {
	if p < 0.01 {
		return "0"
	}
	decimals := max(2, int(math.Ceil(-math.Log10(1-min(p, 99.9999999)/100)))-1)
	text := fmt.Sprintf("%.*f", decimals, p)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func (d *drawing) heat() *chart.Chart {
	b := d.bins()
	cells := &chart.Cells{X: d.columns.edges}
	for i := range heatRows + 1 {
		cells.Y = append(cells.Y, b.edge(i))
	}
	sums := make([]uint64, heatRows)
	for _, col := range d.columns.list {
		row := make([]float64, heatRows)
		for bin, n := range col.heat {
			row[bin] += float64(n)
			sums[bin] += n
		}
		cells.Count = append(cells.Count, row)
	}
	c := &chart.Chart{Title: "Response times over time", X: d.time, Y: d.latency, Cells: cells,
		Marks: unnamed(d.marks),
		Summary: "Each cell has the served requests of some seconds that took about as long; the shade " +
			"goes by the logarithm of their number, so that one alone is still seen. Two bands are two " +
			"kinds of responses, a column upwards is a stall.",
		Table: chart.Table{Head: []string{"response time ms", "requests"}}}
	for i, n := range sums {
		if n > 0 {
			c.Table.Rows = append(c.Table.Rows, []string{number.Fixed(b.edge(i)) + " to " +
				number.Fixed(b.edge(i+1)), number.Count(n)})
		}
	}
	return c
}
