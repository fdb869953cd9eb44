package live

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"mfaload/measure"
)

// prometheusMetrics makes Prometheus metrics when they are asked for.
type prometheusMetrics struct {
	sampler *Sampler
	started time.Time
}

// Describe implements prometheus.Collector: the metrics are made as they come.
func (c *prometheusMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *prometheusMetrics) Collect(to chan<- prometheus.Metric) {
	f := c.sampler.figures()
	scenario := prometheus.Labels{"scenario": f.Scenario}
	requests := prometheus.NewDesc("mfaload_requests_total", requestsHelp, []string{"outcome"}, scenario)
	for outcome, n := range f.byOutcome {
		counter := prometheus.MustNewConstMetric(requests, prometheus.CounterValue, float64(n),
			exported(outcome))
		to <- f.exemplars.of(counter, f.exemplars.ended[outcome])
	}
	if f.exporting {
		traces := prometheus.NewDesc("mfaload_traces_total", tracesHelp, []string{"result"}, scenario)
		for result, n := range map[string]uint64{"exported": f.traces.Exported, "left_out": f.traces.LeftOut,
			"failed": f.traces.Failed} {
			to <- prometheus.MustNewConstMetric(traces, prometheus.CounterValue, float64(n), result)
		}
	}
	part := prometheus.NewDesc("mfaload_part_seconds", partHelp, []string{"part"}, scenario)
	for _, p := range f.parts {
		to <- p.metric(part, c.started, p.name)
	}
	steps := prometheus.NewDesc("mfaload_step_requests_total", stepRequestsHelp, []string{"step", "outcome"},
		scenario)
	stepResponse := prometheus.NewDesc("mfaload_step_response_seconds", stepResponseHelp, []string{"step"},
		scenario)
	for i, s := range f.Steps {
		for outcome, n := range s.byOutcome {
			to <- prometheus.MustNewConstMetric(steps, prometheus.CounterValue, float64(n), s.Step,
				exported(outcome))
		}
		to <- f.steps[i].metric(stepResponse, c.started, s.Step)
	}
	for _, g := range f.gauges() {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc("mfaload_"+g.name, g.help, nil, scenario),
			prometheus.GaugeValue, g.value)
	}
	for _, h := range []struct {
		name, help string
		all        exponential
		recent     Percentiles
		exemplars  []prometheus.Exemplar
	}{{"response", responseHelp, f.response, f.Response, f.exemplars.response()},
		{"service", serviceHelp, f.service, f.Service, nil}} {
		desc := prometheus.NewDesc("mfaload_"+h.name+"_seconds", h.help, nil, scenario)
		to <- f.exemplars.of(h.all.metric(desc, c.started), h.exemplars...)
		recent := prometheus.NewDesc("mfaload_recent_"+h.name+"_seconds", "Percentiles of the last 10 s: "+
			h.help, []string{"percentile"}, scenario)
		if h.recent.Count > 0 {
			to <- prometheus.MustNewConstMetric(recent, prometheus.GaugeValue, h.recent.P50/1000, "50")
			to <- prometheus.MustNewConstMetric(recent, prometheus.GaugeValue, h.recent.P99/1000, "99")
		}
	}
}

// metric is a native histogram with classic buckets for scrapers that know those only.
func (e *exponential) metric(desc *prometheus.Desc, started time.Time, labels ...string) prometheus.Metric {
	native := prometheus.MustNewConstNativeHistogram(desc, e.count, e.sum, e.buckets, nil, e.zeros, scale,
		smallest, started, labels...)
	return &histogramMetric{native, e.classic}
}

type histogramMetric struct {
	prometheus.Metric
	classic [len(classicEdges)]uint64
}

// Write implements [prometheus.Metric].
func (m *histogramMetric) Write(to *dto.Metric) error {
	err := m.Metric.Write(to)
	for i, n := range m.classic {
		to.Histogram.Bucket = append(to.Histogram.Bucket,
			&dto.Bucket{CumulativeCount: &n, UpperBound: &classicEdges[i]})
	}
	return err
}

// tracedExemplars name the traces of requests worth looking at: the last of each bucket of response times,
// and of each outcome.
type tracedExemplars struct {
	buckets [len(classicEdges) + 1]*prometheus.Exemplar
	ended   map[string]prometheus.Exemplar
}

func (x *tracedExemplars) add(started time.Time, all []measure.TracedRequest) {
	ended := map[string]prometheus.Exemplar{}
	maps.Copy(ended, x.ended) // whoever exports has the other
	for i := range all {
		r := &all[i]
		if r.TraceID == "" {
			continue
		}
		e := prometheus.Exemplar{Labels: prometheus.Labels{"trace_id": r.TraceID},
			Timestamp: started.Add(r.Done), Value: (r.Done - r.Intended).Seconds()}
		if r.Reason == measure.TracedFailed {
			ended["failed"] = e
			continue
		}
		if r.Reason == measure.TracedViolating {
			ended["violating"] = e
		}
		bucket, _ := slices.BinarySearch(classicEdges[:], e.Value)
		x.buckets[bucket] = &e
	}
	x.ended = ended
}

// response are those of response times.
func (x *tracedExemplars) response() (all []prometheus.Exemplar) {
	for _, e := range x.buckets {
		if e != nil {
			all = append(all, *e)
		}
	}
	return all
}

// of returns a metric with exemplars.
func (*tracedExemplars) of(m prometheus.Metric, exemplars ...prometheus.Exemplar) prometheus.Metric {
	exemplars = slices.DeleteFunc(exemplars, func(e prometheus.Exemplar) bool { return e.Labels == nil })
	if len(exemplars) == 0 {
		return m
	}
	return prometheus.MustNewMetricWithExemplars(m, exemplars...)
}
