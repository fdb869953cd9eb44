package live

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mfaload/measure"
)

// Exponential buckets as Prometheus (native histograms) and OTLP know them: the
// base is 2^(2^-scale), 2.2 % wide.
const (
	scale = 5
	// smallest is the upper edge of the bucket of zeros, in seconds.
	smallest = 1e-6
)

// exponential counts times in exponential buckets: index i has those above
// base^(i-1) up to base^i seconds.
type exponential struct {
	buckets map[int]int64
	zeros   uint64
	count   uint64
	sum     float64 // in seconds
}

func newExponential(h *measure.Histogram) exponential {
	e := exponential{buckets: map[int]int64{}, sum: h.Sum()}
	for value, n := range h.Buckets {
		e.count += n
		if value.Seconds() <= smallest {
			e.zeros += n
			continue
		}
		e.buckets[int(math.Ceil(math.Log2(value.Seconds())*(1<<scale)))] += int64(n)
	}
	return e
}

// exportedSample is what the exporters tell, taken in one moment.
type exportedSample struct {
	Status
	response, service exponential
}

func (s *Sampler) figures() exportedSample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return exportedSample{s.status, newExponential(s.response), newExponential(s.service)}
}

// outcomes are the ends of requests, by the name of the label.
func (f *exportedSample) outcomes() []struct {
	name string
	n    uint64
} {
	return []struct {
		name string
		n    uint64
	}{{"as_expected", f.AsExpected}, {"unexpected", f.Unexpected}, {"violating", f.Violating},
		{"rate_limited", f.Refused}, {"failed", f.Failed}}
}

// gauges are the figures of the moment, by name, with what they mean.
func (f *exportedSample) gauges() []struct {
	name, help string
	value      float64
} {
	return []struct {
		name, help string
		value      float64
	}{
		{"requests_in_flight", "Requests that wait for their answer.", float64(f.InFlight)},
		{"workers", "The most requests in flight.", float64(f.Workers)},
		{"rate_planned", "Requests a second that were due in the last 10 s.", f.Planned},
		{"rate_achieved", "Requests a second that were sent in the last 10 s.", f.Achieved},
		{"elapsed_seconds", "Time since the start of the run.", f.Elapsed},
		{"left_seconds", "Time until the end of the last stage.", f.Left},
	}
}

const (
	responseHelp = "Time from the intended send to the last byte of requests that were served, in seconds."
	serviceHelp  = "Time from the actual send to the last byte of requests that were served, in seconds."
	requestsHelp = "Requests that came to an end, by outcome."
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
	for _, o := range f.outcomes() {
		to <- prometheus.MustNewConstMetric(requests, prometheus.CounterValue, float64(o.n), o.name)
	}
	for _, g := range f.gauges() {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc("mfaload_"+g.name, g.help, nil, scenario),
			prometheus.GaugeValue, g.value)
	}
	for _, h := range []struct {
		name, help string
		all        exponential
		recent     Percentiles
	}{{"response", responseHelp, f.response, f.Response}, {"service", serviceHelp, f.service, f.Service}} {
		desc := prometheus.NewDesc("mfaload_"+h.name+"_seconds", h.help, nil, scenario)
		e := h.all
		to <- prometheus.MustNewConstNativeHistogram(desc, e.count, e.sum, e.buckets, nil, e.zeros, scale,
			smallest, c.started)
		// Scrapers without native histograms see no bucket of those.
		recent := prometheus.NewDesc("mfaload_recent_"+h.name+"_seconds", "Percentiles of the last 10 s: "+
			h.help, []string{"percentile"}, scenario)
		if h.recent.Count > 0 {
			to <- prometheus.MustNewConstMetric(recent, prometheus.GaugeValue, h.recent.P50/1000, "50")
			to <- prometheus.MustNewConstMetric(recent, prometheus.GaugeValue, h.recent.P99/1000, "99")
		}
	}
}
