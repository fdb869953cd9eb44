package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"mfaload/report"
)

// traceCollector counts what a process exports by OTLP.
type traceCollector struct {
	t       *testing.T
	mu      sync.Mutex
	roots   map[string]uint64 // by reason
	clients map[string]string // traceparent without flags, to these
	spans   map[string]int    // by name
	bytes   []byte
}

func (c *traceCollector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		packed, failed := gzip.NewReader(bytes.NewReader(body))
		if failed != nil {
			c.t.Error(failed)
			return
		}
		body, err = io.ReadAll(packed)
	}
	var data spans.TracesData // a request to export has its form
	if r.URL.Path != "/v1/traces" {
		return
	}
	if err != nil || proto.Unmarshal(body, &data) != nil {
		c.t.Errorf("%v: %d bytes", err, len(body))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes = append(c.bytes, body...)
	for _, of := range data.GetResourceSpans() {
		for _, s := range of.GetScopeSpans()[0].GetSpans() {
			c.spans[s.GetName()]++
			if s.GetEndTimeUnixNano() <= s.GetStartTimeUnixNano() {
				c.t.Errorf("%v takes no time", s)
			}
			for _, a := range s.GetAttributes() {
				if a.GetKey() == "mfaload.reason" {
					c.roots[a.GetValue().GetStringValue()]++
				}
			}
			if s.GetKind() == spans.Span_SPAN_KIND_CLIENT {
				c.clients[hex.EncodeToString(s.GetTraceId())+"-"+hex.EncodeToString(s.GetSpanId())] = "0" +
					string('0'+rune(s.GetFlags()&1))
			}
		}
	}
}

// Spans are exported of slow, violating and failed requests only, and belong to the traces that the requests
// began.
func TestTracesAreOfWhatIsWorthLookingAt(t *testing.T) {
	t.Parallel()
	c := &traceCollector{t: t, roots: map[string]uint64{}, clients: map[string]string{},
		spans: map[string]int{}}
	collector := httptest.NewServer(c)
	defer collector.Close()
	var mu sync.Mutex
	sent, number := map[string]string{}, 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		parent := r.Header.Get("Traceparent")
		mu.Lock()
		number++
		n := number
		sent[strings.TrimPrefix(parent[:52], "00-")] = parent[53:]
		mu.Unlock()
		switch {
		case n%25 == 0:
			panic(http.ErrAbortHandler) // the connection ends
		case n%20 == 0:
			respond(w) // breaks rules
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"id":"3f9a4b0c-1d2e-4f5a-8b6c-%012d","code":"INVALID_DATA",`+
				`"message":"The request is invalid."}`, n)
		}
	}))
	defer service.Close()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "traced.yaml"), filepath.Join(dir, "out")
	text := "name: traced\ntarget: {authPath: '" + service.URL + "', envID: " + envID + ", accessToken: any" +
		", trace: slow}\nusers: [{name: all, ids: [" + userID + "], maxPerUser: 1000/d}]\n" +
		"load: {stages: [{rate: 100/s, duration: 2s}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program(t), "run", "--yes", "--out", out, file)
	run.Dir = dir // with a ledger of its own
	run.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	said, _ := run.CombinedOutput()
	written, err := os.ReadFile(filepath.Join(out, "report.json"))
	var rep report.Report
	if err != nil || json.Unmarshal(written, &rep) != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	q := rep.Requests
	if q.Failed == 0 || q.Violating == 0 || c.roots["failed"] != q.Failed ||
		c.roots["violating"] != q.Violating ||
		uint64(c.spans["POST"]) != q.Failed+q.Violating+c.roots["slow"] || c.roots["slow"] > q.Sent/4 {
		t.Errorf("%v of %+v, spans %v\n%s", c.roots, q, c.spans, said)
	}
	for id, flags := range c.clients {
		if sent[id] != "00" || flags != "00" {
			t.Errorf("a span is of %s, flags %s; the service was sent %q", id, flags, sent[id])
		}
	}
	if c.spans["first byte"] == 0 || bytes.Contains(c.bytes, []byte(userID)) {
		t.Errorf("spans %v, or a user's ID in them", c.spans)
	}
	if !strings.Contains(string(said), "traces: spans of requests exported by OTLP: ") {
		t.Errorf("%s", said)
	}
}
