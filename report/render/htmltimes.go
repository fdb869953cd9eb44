package render

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
)

// times draws a time over the run: bands, the max, and the percentile that the reader chooses.
func (d *drawing) times(title, meaning string, of func(column) *spread, judged bool) *chart.Chart {
	var rows [len(percentiles)][]float64
	for i := range rows {
		rows[i] = d.columns.row(func(c column) *float64 {
			if s := of(c); s != nil {
				return &s[i]
			}
			return nil
		})
	}
	x := d.columns.middles()
	c := &chart.Chart{Title: title, X: d.time, Y: d.latency, Marks: d.marks, Height: 180, Summary: meaning,
		Series: []chart.Trace{
			{Name: "max", Kind: chart.Line, Look: chart.Faint, X: x, Y: rows[atMax]},
			{Name: "p90 to p99", Kind: chart.Band, Look: chart.One, X: x, Y: rows[atP99], Base: rows[atP90]},
			{Name: "p50 to p90", Kind: chart.DeepBand, Look: chart.One, X: x, Y: rows[atP90],
				Base: rows[atP50]},
		},
		Table: chart.Table{Head: []string{"time", "served/s"}, At: x},
	}
	for i, p := range percentiles {
		c.Choices = append(c.Choices, []chart.Trace{{Name: p.name, Kind: chart.Line, Look: chart.One, X: x,
			Y: rows[i]}})
		c.Table.Head = append(c.Table.Head, p.name+" ms")
	}
	d.stretch(c)
	for i, col := range d.columns.list {
		row := []string{d.clock(i), number.Fixed(col.served)}
		for _, values := range rows {
			row = append(row, cell(values[i]))
		}
		c.Table.Rows = append(c.Table.Rows, row)
	}
	if judged {
		if n := d.m.Main.Waits(-1, false); n.Unserved() > 0 {
			c.Summary += fmt.Sprintf(" %s requests were never served and are in no line.",
				number.Count(n.Unserved()))
		}
		c.Height = 300
		c.Levels = d.levels("")
		c.Series = append(c.Series, chart.Trace{Name: "failed or unexpected", Kind: chart.Dots,
			Look: chart.Bad,
			X:    x, Y: d.columns.row(func(col column) *float64 {
				if col.failed+col.unexpected == 0 {
					return nil
				}
				return &d.latency.Low
			})})
	}
	return c
}

// levels are the limits of a group's response times, or of all if it is "".
func (d *drawing) levels(group string) (levels []chart.HorizontalLine) {
	for _, l := range d.limits {
		if l.Group != group || len(levels) == mostLevels {
			continue
		}
		look := chart.Good
		if l.state == report.Missed {
			look = chart.Bad
		}
		name := text.Brief(text.Escape(l.Stat+" ≤ "+l.Written), 60)
		levels = append(levels, chart.HorizontalLine{At: l.at, Name: name, Look: look})
	}
	return levels
}

// distribution are the charts of all response times of the judged part.
func (d *drawing) distribution() g.Node {
	return h.Div(h.Class("charts"), d.html(d.histogram()), d.html(d.spectrum()))
}

// histogramBins is how many bars the histogram has.
const histogramBins = 60

// histogram counts requests by how long they took.
func (d *drawing) histogram() *chart.Chart {
	response, service := d.m.Main.Waits(-1, false), d.m.Main.Waits(-1, true)
	b := newBins(d.latency, histogramBins)
	c := &chart.Chart{Title: "Histogram of response times", X: d.latency,
		Summary: "Served requests by how long they took. Bars have the same width on the logarithmic " +
			"axis. Two " +
			"hills are two kinds of responses or a stall.",
		Table: chart.Table{Head: []string{"ms", "response time", "service time"}}}
	edges := make([]float64, histogramBins+1)
	for i := range edges {
		edges[i] = b.edge(i)
	}
	counts, most := [2][]float64{}, 1.0
	for k, w := range []*measure.Waits{&response, &service} {
		counts[k] = make([]float64, histogramBins)
		for _, times := range w.Served {
			for value, n := range times.Buckets {
				i := b.of(report.Milliseconds(value))
				counts[k][i] += float64(n)
				most = max(most, counts[k][i])
			}
		}
	}
	for i := range histogramBins {
		if counts[0][i]+counts[1][i] > 0 {
			c.Table.At = append(c.Table.At, math.Sqrt(edges[i]*edges[i+1]))
			c.Table.Rows = append(c.Table.Rows, []string{number.Fixed(edges[i]) + " to " +
				number.Fixed(edges[i+1]),
				number.Count(uint64(counts[0][i])), number.Count(uint64(counts[1][i]))})
		}
	}
	c.Y = chart.Linear(0, most, "requests")
	c.Series = []chart.Trace{
		{Name: "response time", Kind: chart.Bars, Look: chart.One, X: edges, Y: counts[0]},
		{Name: "service time", Kind: chart.Steps, Look: chart.Two, X: edges, Y: counts[1]},
	}
	for _, l := range d.limits {
		if l.Group == "" && len(c.Marks) < mostLevels {
			c.Marks = append(c.Marks, chart.Mark{From: l.at, To: l.at, Look: chart.Bad,
				Name: text.Brief(text.Escape(l.Stat+" ≤ "+l.Written), 60)})
		}
	}
	return c
}

// spectrum draws percentiles against times, the rarer the more room.
func (d *drawing) spectrum() *chart.Chart {
	response, service := d.m.Main.Waits(-1, false), d.m.Main.Waits(-1, true)
	waits := [2]*measure.Waits{response.Joined(), service.Joined()}
	nines := math.Max(1, math.Log10(float64(max(response.Count(), 1))))
	c := &chart.Chart{Title: "Percentile spectrum",
		X: chart.Axis{High: nines, Unit: "percentile, each nine with the same room"}, Y: d.latency,
		Summary: fmt.Sprintf("One request in ten took %s ms or more, one in a hundred %s ms, one in a "+
			"thousand "+
			"%s ms. A gap between the lines is time that requests waited before they were sent. Unserved "+
			"requests count with the time that they waited; neither line has refusals.",
			d.r.Response.Text("p90"), d.r.Response.Text("p99"), d.r.Response.Text("p99.9")),
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
		row := []string{percentileText(p)}
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
			chart.AxisTick{At: float64(k), Text: percentileText(100-100*math.Pow(10, -float64(k))) + "%"})
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
	s := chart.Trace{Name: "limits", Kind: chart.Dots, Look: chart.Bad}
	for _, l := range d.limits {
		if l.Group != "" || len(s.X) == mostLevels || l.Quantile == 0 || l.Quantile >= 100 {
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

// percentileText writes a percentile without noise: 0, 90, 99, 99.9.
func percentileText(p float64) string {
	if p < 0.01 {
		return "0"
	}
	decimals := max(2, int(math.Ceil(-math.Log10(1-min(p, 99.9999999)/100)))-1)
	text := fmt.Sprintf("%.*f", decimals, p)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func (d *drawing) heat() *chart.Chart {
	b := newBins(d.latency, heatRows)
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
	c := &chart.Chart{Title: "Spread of response times", X: d.time, Y: d.latency, Cells: cells,
		Marks: unnamed(d.marks),
		Summary: "How many served requests took how long, by the time at which they were due: the " +
			"darker, the " +
			"more (log scale). Two bands are two kinds of responses, a column upwards is a stall.",
		Table: chart.Table{Head: []string{"response time ms", "requests"}}}
	for i, n := range sums {
		if n > 0 {
			c.Table.Rows = append(c.Table.Rows, []string{number.Fixed(b.edge(i)) + " to " +
				number.Fixed(b.edge(i+1)), number.Count(n)})
		}
	}
	return c
}

// Bounds on the charts of groups.
const (
	groupCharts  = 24
	groupColumns = 100
)

// groups draws a small chart of each group, the ones with most requests not as expected
// first if there are too many.
func (d *drawing) groups() g.Node {
	if len(d.m.Groups) < 2 {
		return nil
	}
	shown := map[int]bool{}
	order := make([]int, len(d.r.Groups))
	for i := range order {
		order[i] = i
	}
	bad := func(i int) uint64 { return d.r.Groups[i].Requests.Scheduled - d.r.Groups[i].Requests.AsExpected }
	if len(order) > groupCharts {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(bad(b), bad(a)) })
		order = order[:groupCharts]
	}
	for _, i := range order {
		shown[i] = true
	}
	x, rows := d.groupRows(shown)
	var charts g.Group
	for _, i := range order {
		charts = append(charts, d.html(d.group(i, x, rows[i])))
	}
	left := len(d.r.Groups) - len(order)
	return g.Group{h.H3(g.Text("Response time by group")),
		soft(g.Text("The percentile that you chose above, on the axes of the charts over the run. A red " +
			"dot marks " +
			"requests that failed or got an unexpected response.")),
		h.Div(h.Class("small"), charts), g.If(left > 0, soft(g.Textf("%d more groups have no chart.", left)))}
}

// groupPoint is what a group's chart shows of some seconds.
type groupPoint struct {
	times *spread
	bad   bool
}

func (d *drawing) groupRows(shown map[int]bool) (x []float64, rows map[int][]groupPoint) {
	end := int64(d.columns.edges[len(d.columns.edges)-1])
	width := max(1, (end+groupColumns-1)/groupColumns)
	rows = map[int][]groupPoint{}
	times := map[int]*measure.Histogram{}
	for i := range shown {
		times[i] = measure.NewHistogram()
	}
	for from := int64(0); from < end; from += width {
		to := min(from+width, end)
		x = append(x, float64(from+to)/2)
		bad := map[int]bool{}
		for sec := range d.m.Seconds.Between(from, to) {
			for _, part := range sec.Groups {
				if !shown[part.Group] {
					continue
				}
				w := sec.Waits(part.Group, false)
				for _, served := range w.Served {
					times[part.Group].Merge(served)
				}
				bad[part.Group] = bad[part.Group] || part.Expected < part.Response.Count()
			}
		}
		for i, all := range times {
			rows[i] = append(rows[i], groupPoint{spreadOf(all), bad[i]})
			all.Reset()
		}
	}
	return x, rows
}

func (d *drawing) group(i int, x []float64, points []groupPoint) *chart.Chart {
	of := &d.r.Groups[i]
	q := of.Requests
	summary := fmt.Sprintf("p50 %s ms, p99 %s ms; %s of %s as expected", of.Response.Text("p50"),
		of.Response.Text("p99"), number.Count(q.AsExpected), number.Count(q.Scheduled))
	c := &chart.Chart{Title: text.Brief(of.Name, 60), Summary: summary, X: d.time, Y: d.latency, Height: 110,
		Marks: unnamed(d.marks), Levels: d.levels(of.Name),
		Table: chart.Table{Head: []string{"time"}, At: x}}
	for k, p := range percentiles {
		line := chart.Trace{Kind: chart.Line, Look: chart.One, X: x}
		for _, point := range points {
			y := math.NaN()
			if point.times != nil {
				y = point.times[k]
			}
			line.Y = append(line.Y, y)
		}
		c.Choices = append(c.Choices, []chart.Trace{line})
		c.Table.Head = append(c.Table.Head, p.name+" ms")
	}
	dots := chart.Trace{Kind: chart.Dots, Look: chart.Bad, X: x}
	for j, point := range points {
		row, y := []string{chart.ClockText(math.Floor(x[j]))}, math.NaN()
		for _, choice := range c.Choices {
			row = append(row, cell(choice[0].Y[j]))
		}
		if point.bad {
			y = d.latency.Low
		}
		dots.Y = append(dots.Y, y)
		c.Table.Rows = append(c.Table.Rows, row)
	}
	c.Series = []chart.Trace{dots}
	return c
}
