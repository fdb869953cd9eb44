package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// The rules of these variables are those of
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/:
// only "true", in any case, is true, and lists are separated by commas.

// OTLPWanted says whether the standard environment variables ask for an export,
// and refuses what can't be done.
func OTLPWanted(lookup func(string) (string, bool)) (bool, error) {
	// The first that is set, and its name. An empty one counts as not set.
	value := func(names ...string) (name, v string) {
		for _, name := range names {
			if v, _ := lookup(name); strings.TrimSpace(v) != "" {
				return name, strings.TrimSpace(v)
			}
		}
		return "", ""
	}
	_, exporters := value("OTEL_METRICS_EXPORTER")
	name, endpoint := value("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	_, disabled := value("OTEL_SDK_DISABLED")
	if strings.EqualFold(disabled, "true") || exporters != "" && !hasOTLP(exporters) || exporters == "" && endpoint == "" {
		return false, nil
	}
	if variable, protocol := value("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && !strings.EqualFold(protocol, "http/protobuf") {
		return false, fmt.Errorf("%s %.40q is not supported: use http/protobuf", variable, protocol)
	}
	if err := checkEndpoint(endpoint); err != nil {
		return false, fmt.Errorf("%s %w", name, err)
	}
	return true, nil
}

// hasOTLP says whether a list of exporters names this one: names are separated by
// commas, have no case, and empty ones are left out.
func hasOTLP(list string) bool {
	for name := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(name), "otlp") {
			return true
		}
	}
	return false
}

// checkEndpoint refuses what is no URL with a scheme and a host: the exporter would
// take "collector:4318" for the scheme "collector", and send to localhost. What a
// URL has beside them may be a key, so it is not shown.
func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil // the default: http://localhost:4318
	}
	u, err := url.Parse(endpoint)
	switch {
	case !strings.Contains(endpoint, "://"):
		return errors.New("has no scheme: write http:// or https:// in front, such as http://127.0.0.1:4318")
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("is not a URL with a host: write one such as http://127.0.0.1:4318")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("has the scheme %.20q: use http or https", u.Scheme)
	}
	return nil
}

// Export sends the figures of the sampler by OTLP over HTTP, as often as
// OTEL_METRIC_EXPORT_INTERVAL says, until end is called, which sends the last
// ones. Failures of an export are told to report; they never end a run.
func (s *Sampler) Export(ctx context.Context, version string, report func(error)) (end func(context.Context) error, err error) {
	// The SDK has one handler of errors for a process.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(report))
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up the OTLP export: %w: check the OTEL_EXPORTER_OTLP variables", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "mfaload"), attribute.String("service.version", version)), resource.WithFromEnv())
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
			Attributes: attribute.NewSet(scenario, attribute.String("outcome", o.name)), StartTime: p.started, Time: now, Value: int64(o.n)})
	}
	all := []metricdata.Metrics{{Name: "mfaload.requests", Description: requestsHelp, Unit: "{request}", Data: requests}}
	set := attribute.NewSet(scenario)
	for _, g := range f.gauges() {
		all = append(all, metricdata.Metrics{Name: "mfaload." + g.name, Description: g.help, Data: metricdata.Gauge[float64]{
			DataPoints: []metricdata.DataPoint[float64]{{Attributes: set, StartTime: p.started, Time: now, Value: g.value}}}})
	}
	for _, h := range []struct {
		name, help string
		of         exponential
	}{{"response", responseHelp, f.response}, {"service", serviceHelp, f.service}} {
		all = append(all, metricdata.Metrics{Name: "mfaload." + h.name, Description: h.help, Unit: "s", Data: metricdata.ExponentialHistogram[float64]{
			Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{h.of.point(set, p.started, now)}}})
	}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "mfaload"}, Metrics: all}}, nil
}

// point is the form of OTLP: its bucket i begins where that of Prometheus ends,
// one index lower, and the buckets are a list without gaps.
func (e exponential) point(set attribute.Set, started, now time.Time) metricdata.ExponentialHistogramDataPoint[float64] {
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
