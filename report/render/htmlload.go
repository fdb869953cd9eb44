package render

import (
	"fmt"
	"math"
	"slices"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report/render/chart"
)

// events marks the seconds in which something went wrong; nil if there is none.
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
	any := false
	for k, kind := range kinds {
		base := float64(k)
		s := chart.Trace{Kind: chart.Bars, Look: kind.look, X: d.columns.edges}
		for _, col := range d.columns.list {
			n, top := kind.of(col), math.NaN()
			if n > 0 {
				top, any = base+0.85, true
			}
			s.Y, s.Base = append(s.Y, top), append(s.Base, base+0.15)
		}
		c.Series = append(c.Series, s)
		c.Y.Ticks = append(c.Y.Ticks, chart.AxisTick{At: base + 0.5, Text: kind.name})
		c.Table.Head = append(c.Table.Head, kind.name)
	}
	if !any {
		return nil
	}
	c.Summary = "By the second in which a request was due."
	for i, col := range d.columns.list {
		row := []string{d.clock(i)}
		for _, kind := range kinds {
			row = append(row, number.Count(kind.of(col)))
		}
		c.Table.Rows = append(c.Table.Rows, row)
	}
	return c
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
	c := &chart.Chart{Title: "Planned and achieved rate", X: d.time, Marks: unnamed(d.marks), Height: 150,
		Table: chart.Table{Head: []string{"time"}, At: d.columns.middles()},
		Summary: fmt.Sprintf("Planned %s/s, achieved %s/s: %s of %s scheduled requests were sent. Gaps "+
			"below "+
			"planned: mfaload was late. Gaps below sent: the service was slow.",
			number.Fixed(d.r.Rate.Planned),
			number.Fixed(d.r.Rate.Achieved), number.Count(d.r.Requests.Sent),
			number.Count(d.r.Requests.Scheduled))}
	if len(d.m.Flow.Ended) > 0 {
		c.Series = append(c.Series, chart.Trace{Name: "ended", Kind: chart.Steps, Look: chart.Two, X: edges,
			Y: row(func(c column) float64 { return c.ended })})
	}
	if d.r.Goodput != nil {
		c.Series = append(c.Series, chart.Trace{Name: "good", Kind: chart.Steps, Look: chart.Three, X: edges,
			Y: row(func(c column) float64 { return c.good })})
		c.Summary += " Gaps below sent that good has too: responses were late, wrong or missing."
	}
	c.Series = append(c.Series, chart.Trace{Name: "sent", Kind: chart.Steps, Look: chart.One, X: edges,
		Y: sent})
	if len(d.m.Profile.Due) > 0 {
		c.Series = append(c.Series, chart.Trace{Name: "planned", Kind: chart.DashedSteps, Look: chart.Faint,
			X: edges, Y: row(func(c column) float64 { return c.due })})
	} else {
		c.Summary = fmt.Sprintf("A closed load plans no rate; it achieved %s/s.",
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

// inFlight counts requests that were sent and had not ended; nil if the measurement does not
// tell.
func (d *drawing) inFlight() *chart.Chart {
	if len(d.m.Flow.Sent) == 0 || len(d.m.Flow.Ended) == 0 {
		return nil
	}
	row := func(of func(column) float64) []float64 {
		return d.columns.row(func(c column) *float64 {
			v := of(c)
			return &v
		})
	}
	flying, waiting := row(func(c column) float64 { return c.inFlight }),
		row(func(c column) float64 { return c.waiting })
	c := &chart.Chart{Title: "Requests in flight", X: d.time, Marks: unnamed(d.marks), Height: 150,
		Summary: fmt.Sprintf("Sent and not ended when a second ended. At any moment there were at most %s.",
			number.Count(uint64(d.r.Generator.BusyWorkersMax))),
		Series: []chart.Trace{{Name: "in flight", Kind: chart.Steps, Look: chart.Four, X: d.columns.edges,
			Y: flying}},
		Table: chart.Table{Head: []string{"time", "in flight"}, At: d.columns.middles()}}
	for i := range d.columns.list {
		c.Table.Rows = append(c.Table.Rows, []string{d.clock(i), number.Plain(flying[i])})
	}
	high := slices.Max(flying)
	if late := slices.Max(waiting); late > 0 && len(d.m.Profile.Due) > 0 {
		high = max(high, late)
		c.Series = append(c.Series, chart.Trace{Name: "due and not sent yet", Kind: chart.DashedSteps,
			Look: chart.Two, X: d.columns.edges, Y: waiting})
		c.Table.Head = append(c.Table.Head, "due and not sent yet")
		for i := range c.Table.Rows {
			c.Table.Rows[i] = append(c.Table.Rows[i], number.Plain(waiting[i]))
		}
	}
	if limit := float64(d.m.Generator.Workers); d.m.Generator.WorkersBy == measure.ByScenario &&
		limit <= 4*high {
		high = max(high, limit)
		c.Levels = []chart.HorizontalLine{{At: limit, Name: "workers", Look: chart.Warn}}
	}
	c.Y = chart.Linear(0, high, "requests")
	return c
}

// statusLooks are the looks of kinds of responses, the most frequent first.
var statusLooks = []chart.Look{chart.One, chart.Five, chart.Three, chart.Four, chart.Two}

// statuses stacks the kinds of responses, failed requests on top.
func (d *drawing) statuses() *chart.Chart {
	kinds, most := d.kinds(), 0.0
	c := &chart.Chart{Title: "Responses by status", X: d.time, Marks: unnamed(d.marks), Height: 150,
		Table:   chart.Table{Head: []string{"time"}, At: d.columns.middles()},
		Summary: "By the second in which a request was due, failed requests on top."}
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
		c.Summary = "The measurement is of a version that did not count responses by second."
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

// kinds are the most frequent kinds of responses, the others together, and failed requests.
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

func (d *drawing) late() *chart.Chart {
	high := d.r.Lateness.Max
	if d.r.Warmup != nil {
		high = max(high, d.r.Warmup.Lateness.Max)
	}
	x, own := d.columns.middles(), d.r.Generator.OwnLateness
	c := &chart.Chart{Title: "Lateness of the generator", X: d.time, Y: chart.Log(timeMin, high,
		timeMin, "ms"), Marks: unnamed(d.marks), Height: 150,
		Summary: fmt.Sprintf("Actual send after intended time: p99 %s, max %s. Of it mfaload's own "+
			"lateness: "+
			"p99 %s, max %s. The rest waited for a free worker.",
			msText(d.r.Lateness.P99), msText(d.r.Lateness.Max), msText(own.P99), msText(own.Max)),
		Table: chart.Table{Head: []string{"time", "p50 ms", "p99 ms", "max ms"}, At: x}}
	rows := make([][]float64, 3)
	for k, at := range []int{atP50, atP99, atMax} {
		rows[k] = d.columns.row(func(c column) *float64 {
			if c.lateness == nil {
				return nil
			}
			return &c.lateness[at]
		})
	}
	for i := range d.columns.list {
		c.Table.Rows = append(c.Table.Rows, []string{d.clock(i), cell(rows[0][i]), cell(rows[1][i]),
			cell(rows[2][i])})
	}
	c.Series = []chart.Trace{
		{Name: "max", Kind: chart.Line, Look: chart.Faint, X: x, Y: rows[2]},
		{Name: "p99", Kind: chart.Line, Look: chart.Two, X: x, Y: rows[1]},
		{Name: "p50", Kind: chart.Dashed, Look: chart.One, X: x, Y: rows[0]},
	}
	d.stretch(c)
	return c
}

// parts draws what requests waited for on the network; nil if the measurement does not tell.
func (d *drawing) parts() *chart.Chart {
	x := d.columns.middles()
	c := &chart.Chart{Title: "First byte, connect and TLS", X: d.time, Marks: unnamed(d.marks), Height: 180,
		Summary: "The wait for the first byte of the response, and of the requests that waited for a new " +
			"connection the times to connect and for the TLS handshake.",
		Table: chart.Table{Head: []string{"time"}, At: x}}
	low, high := math.Inf(1), 0.0
	for _, part := range []struct {
		name string
		look chart.Look
		of   func(column) *spread
	}{{"first byte", chart.One, func(c column) *spread { return c.firstByte }},
		{"connect", chart.Two, func(c column) *spread { return c.connect }},
		{"TLS", chart.Four, func(c column) *spread { return c.tls }}} {
		if !slices.ContainsFunc(d.columns.list, func(col column) bool { return part.of(col) != nil }) {
			continue
		}
		for _, line := range []struct {
			at   int
			kind chart.TraceStyle
		}{{atP99, chart.Line}, {atP50, chart.Dashed}} {
			y := d.columns.row(func(col column) *float64 {
				s := part.of(col)
				if s == nil {
					return nil
				}
				low, high = min(low, s[line.at]), max(high, s[line.at])
				return &s[line.at]
			})
			name := part.name + " " + percentiles[line.at].name
			c.Series = append(c.Series, chart.Trace{Name: name, Kind: line.kind, Look: part.look, X: x, Y: y})
			c.Table.Head = append(c.Table.Head, name+" ms")
		}
	}
	if len(c.Series) == 0 {
		return nil
	}
	for i := range d.columns.list {
		row := []string{d.clock(i)}
		for _, s := range c.Series {
			row = append(row, cell(s.Y[i]))
		}
		c.Table.Rows = append(c.Table.Rows, row)
	}
	c.Y = chart.Log(low, high, timeMin, "ms")
	d.stretch(c)
	return c
}
