package live

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resources "go.opentelemetry.io/proto/otlp/resource/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"

	"mfaload/measure"
	"mfaload/scenario"
)

// TraceCounts say of the requests worth looking at whether their spans were exported.
type TraceCounts struct {
	Exported uint64
	// LeftOut were more than the bounds of a second, of the run or of the queue; Failed are those that the
	// collector did not take.
	LeftOut, Failed uint64
}

const (
	// maxTraces bounds the requests of a run with spans. A second has at most those that
	// [measure.TracedRequests] keeps.
	maxTraces = 10_000
	// queuedTraces is how many seconds of them wait while the collector is slow.
	queuedTraces = 10
	// uploadTime bounds how long the collector may take for those of a second.
	uploadTime = 10 * time.Second
)

// spanExport sends the spans of requests worth looking at.
type spanExport struct {
	client otlptrace.Client
	about  *resources.Resource
	target targetAttributes
	flags  uint32 // of the spans, as traceparent had them
	queue  chan []*spans.Span
	taken  uint64 // requests so far
	counts func(func(*TraceCounts))
	report func(error)
}

// ExportTraces sends the spans of slow, violating and failed requests by OTLP over HTTP, once a second, until
// end is called. Failures are told to report; they never end a run.
func (s *Sampler) ExportTraces(ctx context.Context, version string,
	report func(error)) (end func(context.Context) TraceCounts, err error) {
	setUpSDK(report)
	about, err := describe(ctx, version)
	if err != nil {
		return nil, err
	}
	client := otlptracehttp.NewClient()
	if err := client.Start(ctx); err != nil {
		return nil, fmt.Errorf("set up the OTLP export of traces: %w: check the OTEL_EXPORTER_OTLP "+
			"variables", err)
	}
	x := &spanExport{client: client, about: &resources.Resource{}, target: targetOf(s.runner.Scenario()),
		queue: make(chan []*spans.Span, queuedTraces), counts: s.countTraces, report: report}
	if s.runner.Scenario().Target.Trace == scenario.TraceAll {
		x.flags = 1
	}
	for _, a := range about.Attributes() {
		x.about.Attributes = append(x.about.Attributes, text(string(a.Key), a.Value.String()))
	}
	s.mu.Lock()
	s.spans = x
	s.mu.Unlock()
	uploads, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for batch := range x.queue {
			x.upload(uploads, batch)
		}
	}()
	return func(ctx context.Context) (counts TraceCounts) {
		close(x.queue)
		select {
		case <-over:
		case <-ctx.Done():
		}
		cancel()
		<-over
		_ = client.Stop(ctx)
		s.countTraces(func(c *TraceCounts) { counts = *c })
		return counts
	}, nil
}

func (s *Sampler) countTraces(change func(*TraceCounts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.traceCounts)
}

// add takes requests for export as far as there is room, and returns how many it left out.
func (x *spanExport) add(f *Status, started time.Time, groups []scenario.Group,
	all []measure.TracedRequest) (left uint64) {
	room := min(uint64(len(all)), maxTraces-x.taken)
	left = uint64(len(all)) - room
	if room == 0 {
		return left
	}
	var batch []*spans.Span
	for i := range all[:room] {
		batch = append(batch, x.spansOf(f.Scenario, groups[all[i].Group].Name, started, &all[i])...)
	}
	select {
	case x.queue <- batch:
		x.taken += room
		return left
	default:
		return left + room
	}
}

func (x *spanExport) upload(ctx context.Context, batch []*spans.Span) {
	n := uint64(0)
	for _, s := range batch {
		if len(s.ParentSpanId) == 0 {
			n++
		}
	}
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	err := x.client.UploadTraces(ctx, []*spans.ResourceSpans{{Resource: x.about,
		ScopeSpans: []*spans.ScopeSpans{{Scope: &common.InstrumentationScope{Name: "mfaload"},
			Spans: batch}}}})
	if err != nil {
		x.report(fmt.Errorf("traces: %w", err))
		x.counts(func(c *TraceCounts) { c.Failed += n })
		return
	}
	x.counts(func(c *TraceCounts) { c.Exported += n })
}

// spanTree makes the spans of a request.
type spanTree struct {
	trace   []byte
	flags   uint32
	started time.Time
	spans   []*spans.Span
}

// spansOf are those of a request: one from the intended time to the last byte, in it the wait until the send
// and the HTTP request, which the service's own spans belong to, and in that its parts on the network.
func (x *spanExport) spansOf(name, group string, started time.Time, r *measure.TracedRequest) []*spans.Span {
	trace, err := hex.DecodeString(r.TraceID)
	client, failed := hex.DecodeString(r.SpanID)
	if err != nil || failed != nil || len(trace) != 16 || len(client) != 8 {
		return nil // the request began no trace
	}
	t := &spanTree{trace: trace, started: started,
		flags: x.flags | uint32(spans.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)}
	root := newSpanID()
	about := t.add("initialize device authentication", root, nil, r.Intended, r.Done)
	about.Attributes = []*common.KeyValue{text("mfaload.scenario", name), text("mfaload.group", group),
		text("mfaload.reason", r.Reason.String()), text("mfaload.response", r.Label),
		number("mfaload.request", int64(r.Index))}
	if r.CorrelationID != "" {
		about.Attributes = append(about.Attributes, text("mfaload.correlation_id", r.CorrelationID))
	}
	if len(r.Rules) > 0 {
		about.Attributes = append(about.Attributes, text("mfaload.rules", strings.Join(r.Rules, " ")))
	}
	if r.Sent > r.Intended {
		t.add("wait to send", newSpanID(), root, r.Intended, r.Sent)
	}
	x.target.describe(t.add("POST", client, root, r.Sent, r.Done), r)
	t.addParts(client, r)
	return t.spans
}

func (t *spanTree) add(name string, id, parent []byte, from, to time.Duration) *spans.Span {
	s := &spans.Span{TraceId: t.trace, SpanId: id, ParentSpanId: parent, Name: name, Flags: t.flags,
		Kind:              spans.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: uint64(t.started.Add(from).UnixNano()),
		EndTimeUnixNano:   uint64(t.started.Add(to).UnixNano())}
	t.spans = append(t.spans, s)
	return s
}

// addParts adds the parts of a request on the network, one after the other.
func (t *spanTree) addParts(parent []byte, r *measure.TracedRequest) {
	at := r.Sent
	for _, part := range []struct {
		name string
		to   time.Duration
	}{{"connect", r.Sent + r.Dial}, {"TLS handshake", r.Sent + r.Dial + r.Handshake},
		{"first byte", r.Sent + r.FirstByte}, {"body", r.Done}} {
		if part.to > at && (part.name != "body" || r.FirstByte > 0) {
			t.add(part.name, newSpanID(), parent, at, part.to)
			at = part.to
		}
	}
}

func newSpanID() []byte {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // it never fails
	return id
}

// targetAttributes say where requests go, by the semantic conventions of OpenTelemetry for HTTP clients:
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/.
type targetAttributes []*common.KeyValue

func targetOf(s *scenario.Scenario) targetAttributes {
	all := targetAttributes{text("http.request.method", "POST")}
	u, err := url.Parse(s.Target.AuthPath)
	if err != nil || u.Host == "" {
		return append(all, text("server.address", "embedded simulator"))
	}
	port := map[string]int{"http": 80, "https": 443}[u.Scheme]
	if n, err := strconv.Atoi(u.Port()); err == nil {
		port = n
	}
	path := "/deviceAuthentications"
	if !s.Target.CustomDomain {
		path = "/" + s.Target.EnvID + path
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + path
	return append(all, text("server.address", u.Hostname()), number("server.port", int64(port)),
		text("url.full", u.Redacted()))
}

// describe makes a span that of a request's HTTP.
func (t targetAttributes) describe(s *spans.Span, r *measure.TracedRequest) {
	s.Kind, s.Attributes = spans.Span_SPAN_KIND_CLIENT, slices.Clone(t)
	set := func(a *common.KeyValue) { s.Attributes = append(s.Attributes, a) }
	failed := r.Reason == measure.TracedFailed
	status, _ := strconv.Atoi(r.Label[:min(len(r.Label), 3)])
	switch {
	case failed:
		set(text("error.type", r.Label))
	case status >= 400:
		set(text("error.type", strconv.Itoa(status)))
	}
	if failed || status >= 400 {
		s.Status = &spans.Status{Code: spans.Status_STATUS_CODE_ERROR}
	}
	if !failed {
		set(number("http.response.status_code", int64(status)))
	}
	if r.Connection > 0 {
		set(number("mfaload.connection", int64(r.Connection)))
	}
	if r.Service > 0 {
		set(number("mfaload.told_service_us", r.Service.Microseconds()))
	}
	if r.Network > 0 {
		set(number("mfaload.network_us", r.Network.Microseconds()))
	}
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key,
		Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *common.KeyValue {
	return &common.KeyValue{Key: key,
		Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: value}}}
}
