package render

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
)

// foremost are the groups with those first that have most requests not as expected,
// where not all of them are shown.
func foremost(groups []report.Group, shown int) []report.Group {
	if len(groups) <= shown {
		return groups
	}
	groups = slices.Clone(groups)
	slices.SortStableFunc(groups, func(a, b report.Group) int {
		return cmp.Compare(b.Requests.Scheduled-b.Requests.AsExpected,
			a.Requests.Scheduled-a.Requests.AsExpected)
	})
	return groups
}

func mostFirst(counts map[string]uint64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

type namedOutcome struct {
	name string
	report.OutcomeTimes
}

func outcomes(r *report.Report) (all []namedOutcome) {
	for _, name := range []string{"refused", "failed"} {
		if o, some := r.ByOutcome[name]; some {
			all = append(all, namedOutcome{name, o})
		}
	}
	return all
}

func timeCells(t *report.Times) (cells []string) {
	for _, name := range []string{"min", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"} {
		cells = append(cells, t.Text(name))
	}
	return cells
}

func (m *markdown) shards(r *report.Report) {
	if len(r.Shards) == 0 {
		return
	}
	m.title("Shards of the run " + code(r.Run))
	rows := shardRows("", r.Shards)
	m.head(rows[0]...)
	m.rows(len(rows)-1, "shards", func(i int) []string { return rows[i+1] })
}

// junitShards has a testcase for each: a machine that could not keep up is an
// error, and no failure of the service.
func junitShards(r *report.Report) (cases []junitCase) {
	for _, s := range r.Shards {
		c := junitCase{Name: "shard " + strconv.Itoa(s.Index)}
		if why := slices.Concat(s.Doubts, lostWhy(s.Lost)); len(why) > 0 {
			c.Error = &junitResult{Message: text.Clip(why[0], report.MaxText), Type: "shard",
				Text: lines(why)}
			if s.Lost != "" && r.Degraded {
				c.Skipped, c.Error = c.Error, nil
			}
		}
		cases = append(cases, c)
	}
	return cases
}

func lostWhy(why string) []string {
	if why == "" {
		return nil
	}
	return []string{"lost: " + why}
}

// degraded stands by the verdict of a run that was judged without some shards.
func degraded(r *report.Report) string {
	if r.Degraded {
		return " (DEGRADED)"
	}
	return ""
}

func shardRows(indent string, shards []report.Shard) [][]string {
	rows := [][]string{{"", "sent", "as expected", "unexpected", "violating", "failed", "unsent",
		"response p50", "p99 ms", "own lateness p99", "hiccups p99 ms", "CPU"}}
	for _, s := range shards {
		if s.Lost != "" || s.ShardFigures == nil {
			rows = append(rows, []string{indent + strconv.Itoa(s.Index), "lost"})
			continue
		}
		g, q := &s.Generator, &s.Requests
		cpu := "-"
		if g.Cores > 0 && g.Elapsed > 0 {
			cpu = fmt.Sprintf("%.0f %%", 100*g.CPU/(g.Elapsed*float64(g.Cores)))
		}
		mark := ""
		if len(s.Doubts) > 0 {
			mark = " !"
		}
		rows = append(rows, []string{indent + strconv.Itoa(s.Index) + mark, number.Count(q.Sent),
			number.Count(q.AsExpected), number.Count(q.Unexpected), number.Count(q.Violating),
			number.Count(q.Failed), number.Count(q.Unsent),
			s.Response.Text("p50"), s.Response.Text("p99"), number.Fixed(g.OwnLateness.P99),
			number.Fixed(g.Hiccups.P99), cpu})
	}
	return rows
}

// maxLabel is how many characters of a label are shown: all of them, but for what was escaped.
const maxLabel = 300

// labels are the labels of a run as texts key=value, each a line that a page can show.
func labels(r *report.Report) (texts []string) {
	for _, label := range r.Labels.List() {
		texts = append(texts, text.Brief(label, maxLabel))
	}
	return texts
}

// mostColumns is how many columns a chart over time has at most: a column is a
// second, or several seconds of a long run.
const mostColumns = 300

const heatRows = 40

type columns struct {
	seconds float64   // that a column has
	edges   []float64 // in seconds since the start; one more than there are columns
	list    []column
	stalled []int64 // seconds in which half of the requests took long
}

// column sums up some seconds. Percentiles are of all their requests together;
// the longest time is never averaged away, nor is a count.
type column struct {
	at                        float64 // the middle
	response, service         *spread // of what was served; nil where nothing was
	lateness                  *spread // nil where nothing was sent
	due, sent, started, ended float64 // a second
	served                    float64 // a second
	failed, unexpected        uint64
	violating, stalled        uint64
	ends                      map[string]uint64
	heat                      [heatRows]uint64 // response times of what was served, by bin
}

// spread is what charts show of times, in milliseconds.
type spread struct{ p50, p90, p99, max float64 }

// bins are the logarithmic bins of a map of times; step is the logarithm of how
// much wider each is than the one before.
type bins struct{ low, step float64 }

func (b bins) of(ms float64) int {
	return min(max(int(math.Log(max(ms, b.low)/b.low)/b.step), 0), heatRows-1)
}

func (b bins) edge(i int) float64 { return b.low * math.Exp(b.step*float64(i)) }

// newColumns sums up a run. Long is the time that stalled seconds exceed.
func newColumns(m *measure.Measurement, long time.Duration, b bins) *columns {
	n := seconds(m)
	width := max(1, (n+mostColumns-1)/mostColumns)
	c := &columns{seconds: float64(width)}
	s := newAggregator(m, long, b)
	defer s.close()
	for from := int64(0); from < n; from += width {
		to := min(from+width, n)
		c.list, c.edges = append(c.list, s.column(from, to)), append(c.edges, float64(from))
		if to == n {
			c.edges = append(c.edges, float64(to))
		}
	}
	c.stalled = s.stalled
	return c
}

type aggregator struct {
	m       *measure.Measurement
	second  *measure.Second // the next one; nil behind the last
	next    func() (*measure.Second, bool)
	close   func()
	long    time.Duration
	bins    bins
	sums    [3]*measure.Histogram // response and service of what was served, lateness
	stalled []int64
}

func newAggregator(m *measure.Measurement, long time.Duration, b bins) *aggregator {
	s := &aggregator{m: m, long: long, bins: b}
	for i := range s.sums {
		s.sums[i] = measure.NewHistogram()
	}
	s.next, s.close = iter.Pull(m.Seconds.All())
	s.second, _ = s.next()
	return s
}

func (s *aggregator) column(from, to int64) column {
	c := column{at: float64(from+to) / 2, ends: map[string]uint64{}}
	for _, h := range s.sums {
		h.Reset()
	}
	for s.second != nil && s.second.Second < to {
		s.add(&c, s.second)
		s.second, _ = s.next()
	}
	length := float64(to - from)
	c.due, c.sent, c.served = mean(s.m.Profile.Due, from, to), float64(s.sums[2].Count())/length,
		float64(s.sums[0].Count())/length
	c.started, c.ended = mean(s.m.Flow.Sent, from, to), mean(s.m.Flow.Ended, from, to)
	c.response, c.service, c.lateness = spreadOf(s.sums[0]), spreadOf(s.sums[1]), spreadOf(s.sums[2])
	return c
}

func (s *aggregator) add(c *column, sec *measure.Second) {
	response, service := sec.Of(sec.Response, sec.Service)
	for i, h := range []*measure.Histogram{response, service, sec.Lateness} {
		s.sums[i].Merge(h)
	}
	sent := sec.Response.Count()
	c.failed += sec.Failed
	c.violating += sec.Violating
	c.unexpected += sent - sec.Failed - sec.Expected
	for _, e := range sec.Ends {
		c.ends[e.Label] += e.Count
	}
	above := sec.Unserved // slower than any limit
	for value, n := range response.Buckets {
		if value > s.long {
			above += n
		}
		c.heat[s.bins.of(report.Milliseconds(value))] += n
	}
	if report.Stalled(response.Count()+sec.Unserved, above) {
		c.stalled++
		s.stalled = append(s.stalled, sec.Second)
	}
}

// mean is the mean of the counts of some seconds; those beyond are 0.
func mean(counts []uint64, from, to int64) float64 {
	sum := uint64(0)
	for i := from; i < min(to, int64(len(counts))); i++ {
		sum += counts[i]
	}
	return float64(sum) / float64(to-from)
}

func spreadOf(h *measure.Histogram) *spread {
	if h.Count() == 0 {
		return nil
	}
	return &spread{report.Milliseconds(h.Percentile(50)), report.Milliseconds(h.Percentile(90)),
		report.Milliseconds(h.Percentile(99)), report.Milliseconds(h.Max())}
}

// row returns a value of each column; not a number where it has none.
func (c *columns) row(value func(column) *float64) []float64 {
	all := make([]float64, len(c.list))
	for i, col := range c.list {
		all[i] = math.NaN()
		if v := value(col); v != nil {
			all[i] = *v
		}
	}
	return all
}

func (c *columns) middles() []float64 {
	all := make([]float64, len(c.list))
	for i, col := range c.list {
		all[i] = col.at
	}
	return all
}
