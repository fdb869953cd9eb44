package render

import (
	"iter"
	"math"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
)

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
	connect, tls, firstByte   *spread // of the requests that had these parts; nil for none
	inFlight                  float64 // at the end of a second, the most
	waiting                   float64 // due and not sent yet at the end of a second, the most
	due, sent, started, ended float64 // a second
	served, good              float64 // a second
	failed, unexpected        uint64
	violating, stalled        uint64
	ends                      map[string]uint64
	heat                      [heatRows]uint64 // response times of what was served, by bin
}

// percentiles are those that charts show, and a reader chooses from; the last is the max.
var percentiles = [...]struct {
	name string
	of   float64
}{{"p50", 50}, {"p90", 90}, {"p95", 95}, {"p99", 99}, {"p99.9", 99.9}, {"max", 100}}

// Their places in a [spread].
const (
	atP50, atP90, atP99, atMax = 0, 1, 3, 5
	atChosen                   = atP99 // until the reader chooses
)

// spread has the percentiles of some times, in milliseconds.
type spread [len(percentiles)]float64

// bins are n logarithmic bins of times; step is the logarithm of how
// much wider each is than the one before.
type bins struct {
	low, step float64
	n         int
}

func newBins(axis chart.Axis, n int) bins {
	return bins{axis.Low, math.Log(axis.High/axis.Low) / float64(n), n}
}

func (b bins) of(ms float64) int {
	return min(max(int(math.Log(max(ms, b.low)/b.low)/b.step), 0), b.n-1)
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
	c.follow(m)
	return c
}

// follow adds up what was due, sent and ended, which tells what was in flight and what
// waited when a second ended.
func (c *columns) follow(m *measure.Measurement) {
	at := func(counts []uint64, second int64) float64 {
		if second >= int64(len(counts)) {
			return 0
		}
		return float64(counts[second])
	}
	var due, sent, ended float64
	for i := range c.list {
		for second := int64(c.edges[i]); second < int64(c.edges[i+1]); second++ {
			due += at(m.Profile.Due, second) - at(m.Profile.Withheld, second)
			sent += at(m.Flow.Sent, second)
			ended += at(m.Flow.Ended, second)
			c.list[i].inFlight = max(c.list[i].inFlight, sent-ended)
			c.list[i].waiting = max(c.list[i].waiting, due-sent)
		}
	}
}

type aggregator struct {
	m       *measure.Measurement
	second  *measure.Second // the next one; nil behind the last
	next    func() (*measure.Second, bool)
	close   func()
	long    time.Duration
	bins    bins
	sums    [3]*measure.Histogram // response and service of what was served, lateness
	parts   measure.TransferTimes
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
	s.parts.Reset()
	for s.second != nil && s.second.Second < to {
		s.add(&c, s.second)
		s.second, _ = s.next()
	}
	length := float64(to - from)
	c.due, c.sent, c.served = mean(s.m.Profile.Due, from, to), float64(s.sums[2].Count())/length,
		float64(s.sums[0].Count())/length
	c.good /= length
	c.started, c.ended = mean(s.m.Flow.Sent, from, to), mean(s.m.Flow.Ended, from, to)
	c.response, c.service, c.lateness = spreadOf(s.sums[0]), spreadOf(s.sums[1]), spreadOf(s.sums[2])
	c.connect, c.tls = spreadOf(s.parts.Connect), spreadOf(s.parts.TLS)
	c.firstByte = spreadOf(s.parts.FirstByte)
	return c
}

func (s *aggregator) add(c *column, sec *measure.Second) {
	c.good += float64(sec.Good)
	response, service := sec.Of(sec.Response, sec.Service)
	for i, h := range []*measure.Histogram{response, service, sec.Lateness} {
		s.sums[i].Merge(h)
	}
	parts := sec.TransferTimes()
	s.parts.Merge(&parts)
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
	if h == nil || h.Count() == 0 {
		return nil
	}
	s := &spread{atMax: report.Milliseconds(h.Max())}
	for i, p := range percentiles[:atMax] {
		s[i] = report.Milliseconds(h.Percentile(p.of))
	}
	return s
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
