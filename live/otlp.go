package live

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"golang.org/x/net/http/httpguts"

	"mfaload/internal/disk"
	"mfaload/measure"
)

// Export sends the figures of the sampler by OTLP over HTTP, as often as
// OTEL_METRIC_EXPORT_INTERVAL says, until end is called, which sends the last
// ones. Failures of an export are told to report; they never end a run.
func (s *Sampler) Export(ctx context.Context, version string,
	report func(error)) (end func(context.Context) error, err error) {
	setUpSDK(report)
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up the OTLP export: %w: check the OTEL_EXPORTER_OTLP variables", err)
	}
	about, err := describe(ctx, version)
	if err != nil {
		return nil, err
	}
	reader := metric.NewPeriodicReader(exporter, metric.WithProducer(&producer{s, time.Now()}))
	return metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(about)).Shutdown, nil
}

// setUpSDK has errors of exports told to report. The SDK has one handler of them and one log for a process.
// The log shows the values of variables, keys among them; what can be wrong with those is checked before.
func setUpSDK(report func(error)) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(report))
	otel.SetLogger(logr.Discard())
}

// describe says what exports are of.
func describe(ctx context.Context, version string) (*resource.Resource, error) {
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "mfaload"),
			attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("set up the OTLP export: %w: check OTEL_RESOURCE_ATTRIBUTES", err)
	}
	return about, nil
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
	var all []metricdata.Metrics
	counter := func(name, help string, points []metricdata.DataPoint[int64]) {
		all = append(all, metricdata.Metrics{Name: "mfaload." + name, Description: help, Unit: "{request}",
			Data: metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
				DataPoints: points}})
	}
	counts := func(e EndedCounts, of ...attribute.KeyValue) (points []metricdata.DataPoint[int64]) {
		for outcome, n := range e.byOutcome {
			set := attribute.NewSet(append(of, scenario, attribute.String("outcome", exported(outcome)))...)
			points = append(points, metricdata.DataPoint[int64]{Attributes: set, StartTime: p.started,
				Time: now, Value: int64(n)})
		}
		return points
	}
	counter("requests", requestsHelp, counts(f.EndedCounts))
	set := attribute.NewSet(scenario)
	for _, g := range f.gauges() {
		all = append(all, metricdata.Metrics{Name: "mfaload." + g.name, Description: g.help,
			Data: metricdata.Gauge[float64]{
				DataPoints: []metricdata.DataPoint[float64]{{Attributes: set, StartTime: p.started, Time: now,
					Value: g.value}}}})
	}
	histogram := func(name, help string, points ...metricdata.ExponentialHistogramDataPoint[float64]) {
		all = append(all, metricdata.Metrics{Name: "mfaload." + name, Description: help, Unit: "s",
			Data: metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality,
				DataPoints: points}})
	}
	histogram("response", responseHelp, f.response.point(set, p.started, now))
	histogram("service", serviceHelp, f.service.point(set, p.started, now))
	points := func(label string, of []namedHistogram) (
		points []metricdata.ExponentialHistogramDataPoint[float64]) {
		for _, h := range of {
			points = append(points, h.point(attribute.NewSet(scenario, attribute.String(label, h.name)),
				p.started, now))
		}
		return points
	}
	if len(f.parts) > 0 {
		histogram("part", partHelp, points("part", f.parts)...)
	}
	if len(f.Steps) > 0 {
		var ended []metricdata.DataPoint[int64]
		for _, s := range f.Steps {
			ended = append(ended, counts(s.EndedCounts, attribute.String("step", s.Step))...)
		}
		counter("step_requests", stepRequestsHelp, ended)
		histogram("step_response", stepResponseHelp, points("step", f.steps)...)
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

// The rules of these variables are those of
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/:
// only "true", in any case, is true, and lists are separated by commas.

// Signal is what is exported, by its name in environment variables.
type Signal string

// The signals of mfaload.
const (
	Metrics Signal = "METRICS"
	Traces  Signal = "TRACES"
)

// OTLPWanted says whether the standard environment variables ask for an export of a signal,
// and refuses what can't be done.
func OTLPWanted(lookup func(string) (string, bool), signal Signal) (bool, error) {
	value := firstSet(lookup)
	_, exporters := value("OTEL_" + string(signal) + "_EXPORTER")
	name, endpoint := value(signal.variables("ENDPOINT")...)
	_, disabled := value("OTEL_SDK_DISABLED")
	if strings.EqualFold(disabled, "true") || exporters != "" && !hasOTLP(exporters) || exporters == "" &&
		endpoint == "" {
		return false, nil
	}
	if variable, protocol := value(signal.variables("PROTOCOL")...); protocol != "" &&
		!strings.EqualFold(protocol, "http/protobuf") {
		return false, fmt.Errorf("%s %.40q is not supported: use http/protobuf", variable, protocol)
	}
	if err := checkEndpoint(endpoint); err != nil {
		return false, fmt.Errorf("%s %w", name, err)
	}
	if err := checkSettings(value, signal); err != nil {
		return false, err
	}
	return true, nil
}

// firstSet returns the first of several variables that is set, and its name. An empty
// one counts as not set.
func firstSet(lookup func(string) (string, bool)) func(names ...string) (name, v string) {
	return func(names ...string) (name, v string) {
		for _, name := range names {
			if v, _ := lookup(name); strings.TrimSpace(v) != "" {
				return name, strings.TrimSpace(v)
			}
		}
		return "", ""
	}
}

// variables are those of a setting: the signal's own, then that of all.
func (s Signal) variables(setting string) []string {
	return []string{"OTEL_EXPORTER_OTLP_" + string(s) + "_" + setting, "OTEL_EXPORTER_OTLP_" + setting}
}

// checkSettings refuses what the SDK would log, with its value, and leave out.
func checkSettings(value func(names ...string) (name, v string), signal Signal) error {
	for _, setting := range []struct {
		names []string
		check func(string) error
	}{
		{signal.variables("HEADERS"), checkHeaders},
		{signal.variables("TIMEOUT"), checkMilliseconds},
		{[]string{"OTEL_RESOURCE_ATTRIBUTES"}, checkAttributes},
		{[]string{"OTEL_METRIC_EXPORT_INTERVAL"}, checkMilliseconds},
		{[]string{"OTEL_METRIC_EXPORT_TIMEOUT"}, checkMilliseconds},
		{signal.variables("COMPRESSION"), checkCompression},
		{signal.variables("CERTIFICATE"), checkFile},
		{signal.variables("CLIENT_CERTIFICATE"), checkFile},
		{signal.variables("CLIENT_KEY"), checkFile},
	} {
		name, v := value(setting.names...)
		if name == "" {
			continue
		}
		if err := setting.check(v); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	}
	return nil
}

// Both are lists of key=value, with values percent-encoded:
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
// https://opentelemetry.io/docs/specs/otel/resource/sdk/.
func checkHeaders(list string) error { return checkPairs(list, httpguts.ValidHeaderFieldName) }
func checkAttributes(list string) error {
	return checkPairs(list, func(key string) bool { return key != "" })
}

// checkPairs shows no part of the list: any may be a key to the collector.
func checkPairs(list string, valid func(key string) bool) error {
	for i, one := range strings.Split(list, ",") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		key, v, found := strings.Cut(one, "=")
		if _, err := url.PathUnescape(v); err != nil || !found || !valid(strings.TrimSpace(key)) {
			return fmt.Errorf("has no key=value in entry %d: write for example x-key=VALUE, with %%2C "+
				"for a comma", i+1)
		}
	}
	return nil
}

func checkMilliseconds(v string) error {
	if n, err := strconv.ParseInt(v, 10, 32); err != nil || n <= 0 {
		return fmt.Errorf("%.20q is not a number of milliseconds above 0: write for example 10000", v)
	}
	return nil
}

func checkCompression(v string) error {
	if v != "gzip" && v != "none" {
		return fmt.Errorf("%.20q is not supported: use gzip or none", v)
	}
	return nil
}

func checkFile(path string) error {
	text, err := disk.Read(path, disk.MaxCredentials)
	if err != nil {
		return fmt.Errorf("names a file that can't be read: %w: check the path", errors.Unwrap(err))
	}
	if block, _ := pem.Decode(text); block == nil {
		return errors.New("names a file without PEM: write the path of one with -----BEGIN")
	}
	return nil
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

// checkEndpoint refuses what is not a URL with a scheme and a host: the exporter would
// take "collector:4318" for the scheme "collector", and send to localhost. What a
// URL has apart from them may be a key, so it is not shown.
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

// Exponential buckets as Prometheus (native histograms) and OTLP know them: the
// base is 2^(2^-scale), 2.2 % wide.
const (
	scale = 5
	// smallest is the upper edge of the bucket of zeros, in seconds.
	smallest = 1e-6
)

// classicEdges are the buckets that scrapers without native histograms see, in seconds.
var classicEdges = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

// exponential counts times in exponential buckets: index i has those above
// base^(i-1) up to base^i seconds.
type exponential struct {
	buckets map[int]int64
	classic [len(classicEdges)]uint64 // up to each edge
	zeros   uint64
	count   uint64
	sum     float64 // in seconds
}

func newExponential(h *measure.Histogram) exponential {
	e := exponential{buckets: map[int]int64{}, sum: h.Sum()}
	for value, n := range h.Buckets {
		e.count += n
		for i, edge := range classicEdges {
			if value.Seconds() <= edge {
				e.classic[i] += n
			}
		}
		if value.Seconds() <= smallest {
			e.zeros += n
			continue
		}
		e.buckets[int(math.Ceil(math.Log2(value.Seconds())*(1<<scale)))] += int64(n)
	}
	return e
}

type exportedSample struct {
	Status
	response, service exponential
	parts             []namedHistogram // those that requests had
	steps             []namedHistogram
	exemplars         tracedExemplars
	traces            TraceCounts
	exporting         bool // of spans
}

type namedHistogram struct {
	name string
	exponential
}

func (s *Sampler) figures() exportedSample {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := exportedSample{Status: s.status, response: newExponential(s.response),
		service: newExponential(s.service), steps: s.steps.histograms(),
		exemplars: s.exemplars, traces: s.traceCounts, exporting: s.spans != nil}
	for name, h := range s.parts.All() {
		if h.Count() > 0 {
			f.parts = append(f.parts, namedHistogram{name, newExponential(h)})
		}
	}
	return f
}

// exported is an outcome as exports name it.
func exported(outcome string) string { return strings.ReplaceAll(outcome, " ", "_") }

func (f *exportedSample) gauges() []struct {
	name, help string
	value      float64
} {
	return []struct {
		name, help string
		value      float64
	}{
		{"requests_in_flight", "Requests that wait for their response.", float64(f.InFlight)},
		{"workers", "The most requests in flight.", float64(f.Workers)},
		{"rate_planned", "Requests a second that were due in the last 10 s.", f.Planned},
		{"rate_achieved", "Requests a second that were sent in the last 10 s.", f.Achieved},
		{"goodput", "Good responses a second of the last 10 s.", f.Goodput},
		{"elapsed_seconds", "Time since the start of the run.", f.Elapsed},
		{"left_seconds", "Time until the end of the last stage.", f.Left},
	}
}

const (
	responseHelp = "Time from the intended send to the last byte of requests that were served, in seconds."
	serviceHelp  = "Time from the actual send to the last byte of requests that were served, in seconds."
	partHelp     = "Times of the parts that requests had on the network, in seconds."
	requestsHelp = "Requests that came to an end, by outcome."
	tracesHelp   = "Slow, violating and failed requests, by what became of their spans."

	stepRequestsHelp = "Steps that followed requests and came to an end, by step and outcome."
	stepResponseHelp = "Time from when they were due to the last byte of steps that were served, in seconds."
)
