package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Export sends the figures of the sampler by OTLP over HTTP, as often as
// OTEL_METRIC_EXPORT_INTERVAL says, until end is called, which sends the last
// ones. Failures of an export are told to report; they never end a run.
func (s *Sampler) Export(ctx context.Context, version string,
	report func(error)) (end func(context.Context) error, err error) {
	// The SDK has one handler of errors and one log for a process. The log shows the
	// values of variables, keys among them; what can be wrong with those is checked before.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(report))
	otel.SetLogger(logr.Discard())
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up the OTLP export: %w: check the OTEL_EXPORTER_OTLP variables", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "mfaload"),
			attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("set up the OTLP export: %w: check OTEL_RESOURCE_ATTRIBUTES", err)
	}
	reader := metric.NewPeriodicReader(exporter, metric.WithProducer(&producer{s, time.Now()}))
	return metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(about)).Shutdown, nil
}

// producer makes OTLP metrics when they are asked for: what is measured has been
// summed up already.
type producer struct {
	sampler *Sampler
	started time.Time
}

// Produce implements metric.Producer.
func (p *producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	f := p.sampler.figures()
	now := time.Now()
	scenario := attribute.String("mfaload.scenario", f.Scenario)
	requests := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for _, o := range f.outcomes() {
		requests.DataPoints = append(requests.DataPoints, metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(scenario, attribute.String("outcome", o.name)), StartTime: p.started,
			Time: now, Value: int64(o.n)})
	}
	all := []metricdata.Metrics{{Name: "mfaload.requests", Description: requestsHelp, Unit: "{request}",
		Data: requests}}
	set := attribute.NewSet(scenario)
	for _, g := range f.gauges() {
		all = append(all, metricdata.Metrics{Name: "mfaload." + g.name, Description: g.help,
			Data: metricdata.Gauge[float64]{
				DataPoints: []metricdata.DataPoint[float64]{{Attributes: set, StartTime: p.started, Time: now,
					Value: g.value}}}})
	}
	for _, h := range []struct {
		name, help string
		of         exponential
	}{{"response", responseHelp, f.response}, {"service", serviceHelp, f.service}} {
		all = append(all, metricdata.Metrics{Name: "mfaload." + h.name, Description: h.help, Unit: "s",
			Data: metricdata.ExponentialHistogram[float64]{
				Temporality: metricdata.CumulativeTemporality,
				DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{h.of.point(set, p.started,
					now)}}})
	}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "mfaload"}, Metrics: all}}, nil
}

// point is the form of OTLP: its bucket i begins where that of Prometheus ends,
// one index lower, and the buckets are a list without gaps.
func (e exponential) point(set attribute.Set, started,
	now time.Time) metricdata.ExponentialHistogramDataPoint[float64] {
	p := metricdata.ExponentialHistogramDataPoint[float64]{Attributes: set, StartTime: started, Time: now,
		Count: e.count, Sum: e.sum, Scale: scale, ZeroCount: e.zeros, ZeroThreshold: smallest}
	if len(e.buckets) == 0 {
		return p
	}
	indices := slices.Sorted(maps.Keys(e.buckets))
	first, last := indices[0], indices[len(indices)-1]
	p.PositiveBucket.Offset, p.PositiveBucket.Counts = int32(first-1), make([]uint64, last-first+1)
	for i, n := range e.buckets {
		p.PositiveBucket.Counts[i-first] = uint64(n)
	}
	return p
}
