package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	collector "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/internal/testkit"
	"mfaload/live"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
)

const ms = time.Millisecond

// service answers after a time; every fifth request gets no response, and every
// twentieth a 429.
type service struct {
	takes    time.Duration
	violates bool // in all responses, by two rules
	mu       sync.Mutex
	n, reads int
}

func (s *service) Send(ctx context.Context, _ scenario.User, ex *contract.Exchange) error {
	s.mu.Lock()
	s.n++
	fails := s.n%5 == 0
	ex.Status = 201
	if s.n%20 == 7 {
		ex.Status = http.StatusTooManyRequests
	}
	s.mu.Unlock()
	ex.Transfer.Connection = 1
	ex.TraceParent = fmt.Appendf(ex.TraceParent[:0], "00-%032x-%016x-00", ex.Number+1, ex.Number+1)
	time.Sleep(s.takes) // on the bubble's clock
	ex.Transfer.First = time.Now()
	if fails {
		return &contract.Failure{Kind: "timeout"}
	}
	return nil
}

func (s *service) Check(_ scenario.User, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	ex.Label, ex.AsExpected = strconv.Itoa(ex.Status), ex.Status == http.StatusCreated
	if s.violates {
		dst = append(dst, contract.Violation{Rule: "echo.user", Level: contract.Fail},
			contract.Violation{Rule: "field.unknown", Level: contract.Note})
	}
	return dst
}

func (s *service) Open(context.Context, int) error { return nil }

func (s *service) Watch(func(contract.Connection)) {}

func (s *service) Mask(text string) string { return text }

func (s *service) CorrelationID(*contract.Exchange) (string, bool) { return "", false }

func newRunner(takes time.Duration, stages ...scenario.Stage) *runner.Runner {
	s := testkit.OneGroup(testkit.Load(stages...))
	s.Name, s.Load.Drain = "friday", time.Second
	s.Groups[0].Then = []scenario.FlowStep{{Action: scenario.Abandon, Share: 1e-9},
		{Action: scenario.ReadStep, Share: 1}}
	return runner.New(runner.Config{Wait: machine.TimerWait, Operation: &service{takes: takes}, Scenario: s})
}

// finished is a sampler that looked at a whole run of 20 s at 10/s, which takes
// no time: its clock is not the wall's.
func finished(t *testing.T) (s *live.Sampler) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(100*ms, testkit.Constant(10, 20*time.Second))
		s = live.New(r, func() string { return "10/s" })
		sampled(t, s, r, 25*time.Second, nil)
	})
	return s
}

// sampled runs and looks once a second.
func sampled(t *testing.T, s *live.Sampler, r *runner.Runner, d time.Duration,
	look func(second int, st live.Status)) (m *measure.Measurement) {
	t.Helper()
	over := make(chan error)
	go func() {
		var err error
		m, err = r.Run(t.Context(), runner.Start{})
		over <- err
	}()
	time.Sleep(510 * ms) // never when a request is due
	for second := 0; time.Duration(second)*time.Second < d; second++ {
		s.Sample()
		if look != nil {
			look(second, s.Status())
		}
		time.Sleep(time.Second)
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
	s.Finish()
	return m
}

// Rates and percentiles are those of the last 10 s, so a stage that is over is
// forgotten; counts are those of the whole run. Times are of the three quarters that were
// served.
func TestStatusLooksBackTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(100*ms, testkit.Constant(10, 15*time.Second), testkit.Constant(40, 15*time.Second))
		s := live.New(r, func() string { return "" })
		var before, mixed, after live.Status
		sampled(t, s, r, 31*time.Second, func(second int, st live.Status) {
			switch second {
			case 12:
				before = st
			case 20: // 5.5 s of the last ten at the second rate
				mixed = st
			case 28:
				after = st
			}
		})
		for name, test := range map[string]struct {
			st   live.Status
			rate float64
		}{"before": {before, 10}, "mixed": {mixed, 4.5 + 22}, "after": {after, 40}} {
			if st := test.st; math.Abs(st.Achieved-test.rate) > 0.2 || math.Abs(st.Planned-test.rate) > 0.2 {
				t.Errorf("%s: achieved %v, planned %v, want %v", name, st.Achieved, st.Planned, test.rate)
			}
			if p := test.st.Response; p.P50 < 100 || p.P50 > 101 || p.P99 > 101 ||
				math.Abs(float64(p.Count)-7.5*test.rate) > 5 {
				t.Errorf("%s: response %+v", name, p)
			}
		}
		if after.InFlight != 4 || after.Left != 1.49 {
			t.Errorf("in flight %d, left %v", after.InFlight, after.Left)
		}
		st := s.Status()
		if !st.Done || st.Ended != 750 || st.Failed != 150 || st.AsExpected != 562 || st.Refused != 38 ||
			st.RateLimited != 38 || st.Errors() != 150 || st.Scheduled != 750 {
			t.Errorf("at the end: %+v", st)
		}
	})
}

// A service that stands still shows as requests in flight and no responses, not
// as good percentiles.
func TestStallShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(time.Minute, testkit.Constant(2, 20*time.Second))
		s := live.New(r, func() string { return "" })
		sampled(t, s, r, 19*time.Second, func(second int, st live.Status) {
			if second == 15 &&
				(st.Response.Count != 0 || st.InFlight != 8 || st.Achieved > 0.1 || st.Planned != 2) {
				t.Errorf("%+v", st)
			}
		})
	})
}

// serve serves what a sampler has on loopback.
func serve(t *testing.T, s *live.Sampler) (url string) {
	t.Helper()
	server, err := live.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server.Serve(s, func() { t.Error("nobody stopped the run") })
	t.Cleanup(func() { _ = server.Close() })
	url, _, _ = strings.Cut(server.URL(), "?")
	return url
}

func get(t *testing.T, url string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestPageNeedsNothingFromElsewhere(t *testing.T) {
	url := serve(t, finished(t))
	resp, page := get(t, url, nil)
	if resp.StatusCode != 200 || !strings.Contains(page, "<title>mfaload</title>") ||
		strings.Contains(page, "//") {
		t.Errorf("%s: %s", resp.Status, page)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") ||
		strings.Contains(csp, "http") {
		t.Errorf("policy %q", csp)
	}
	if resp, _ := get(t, url+"page.js", nil); resp.StatusCode != 200 ||
		resp.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("the script: %s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	if resp, _ := get(t, url+"nothing", nil); resp.StatusCode != 404 {
		t.Errorf("nothing: %s", resp.Status)
	}
}

// A page of another site whose name points here gets nothing.
func TestHostIsChecked(t *testing.T) {
	url := serve(t, finished(t))
	port := url[strings.LastIndex(url, ":")+1 : len(url)-1]
	for host, want := range map[string]int{
		"127.0.0.1:" + port: 200, "localhost:" + port: 200, "LOCALHOST:" + port: 200, "[::1]:" + port: 200,
		"evil.example:" + port: 403, "127.0.0.1": 403, "127.0.0.1:1": 403, "evil.example": 403,
		"127.0.0.1.evil.example:" + port: 403,
	} {
		for _, path := range []string{"", "events", "status", "metrics", "page.js"} {
			resp, _ := get(t, url+path, func(r *http.Request) { r.Host = host })
			if resp.StatusCode != want {
				t.Errorf("%s of %s: %s, want %d", path, host, resp.Status, want)
			}
		}
	}
}

// An address that others can reach needs the token that was printed.
func TestOthersNeedTheToken(t *testing.T) {
	server, err := live.Listen("0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server.Serve(finished(t), func() { t.Error("nobody stopped the run") })
	defer server.Close()
	base, token, found := strings.Cut(server.URL(), "?token=")
	if !found || len(token) < 20 {
		t.Fatalf("URL %s", server.URL())
	}
	cookie := "mfaload-" + base[strings.LastIndex(base, ":")+1:len(base)-1]
	status := func(url string, change func(*http.Request)) int {
		resp, body := get(t, url, change)
		if strings.Contains(body, token) {
			t.Errorf("%s tells the token", url)
		}
		return resp.StatusCode
	}
	for _, path := range []string{"", "events", "status", "metrics", "page.js"} {
		for name, test := range map[string]struct {
			change func(*http.Request)
			want   int
		}{
			"none": {nil, 401},
			"wrong": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token[1:]) },
				401},
			"empty": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401},
			"wrong cookie": {func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookie, Value: "x"}) },
				401},
			"bearer":     {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, 200},
			"lower case": {func(r *http.Request) { r.Header.Set("Authorization", "bearer "+token) }, 200},
			"upper case": {func(r *http.Request) { r.Header.Set("Authorization", "BEARER  "+token+" ") },
				200},
			"basic": {func(r *http.Request) { r.Header.Set("Authorization", "Basic "+token) }, 401},
			"cookie": {func(r *http.Request) {
				r.AddCookie(&http.Cookie{Name: cookie, Value: token})
			}, 200},
		} {
			if got := status(base+path, test.change); got != test.want {
				t.Errorf("%q, %s: %d, want %d", path, name, got, test.want)
			}
		}
	}
	// A scraper has the token in its address each time.
	for path, want := range map[string]int{"metrics?token=" + token: 200, "status?token=" + token: 200,
		"metrics?token=x": 401, "metrics?token=": 401} {
		if got := status(base+path, nil); got != want {
			t.Errorf("%q: %d, want %d", path, got, want)
		}
	}
	resp, _ := get(t, base+"?token="+token, nil)
	if c := resp.Cookies(); resp.StatusCode != 303 || resp.Header.Get("Location") != "/" || len(c) != 1 ||
		!c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode {
		t.Errorf("%s to %q with %v", resp.Status, resp.Header.Get("Location"), resp.Cookies())
	}
	for _, path := range []string{"/evil.example/", "/evil.example//x", `\evil.example`, "%5cevil.example"} {
		resp, _ := get(t, base+path+"?token="+token, nil)
		if to := resp.Header.Get("Location"); resp.StatusCode != 303 || to != "/" {
			t.Errorf("%s leads to %q, which is elsewhere", path, to)
		}
	}
}

// What stands for all addresses is printed as one that can be opened.
func TestAddressesThatCanBeOpened(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0"} {
		server, err := live.Listen(address)
		if err != nil {
			t.Skipf("%s: %v", address, err)
		}
		server.Serve(finished(t), func() { t.Error("nobody stopped the run") })
		url := server.URL()
		if strings.Contains(url, "0.0.0.0") || strings.Contains(url, "[::]") {
			t.Errorf("%s is printed as %s", address, url)
		}
		if resp, _ := get(t, url, nil); resp.StatusCode != 303 {
			t.Errorf("%s: %s", url, resp.Status)
		}
		server.Close()
	}
}

// However many connections are opened, the view holds a few of them; the others
// wait for one of those to end.
func TestStrangersTakeFewConnections(t *testing.T) {
	url := serve(t, finished(t))
	address := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
	before := openSockets(t)
	const strangers = 4 * live.MaxConnections
	var all []net.Conn
	for range strangers {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "GET /status HTTP/1.1\r\nHost: %s\r\n\r\n", address); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	answered := func(c net.Conn) {
		t.Helper()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v", resp, err)
		}
	}
	for _, c := range all[:live.MaxConnections] {
		answered(c)
	}
	// This process has both ends: the strangers' own, and what was accepted.
	if accepted := openSockets(t) - before - strangers; accepted > live.MaxConnections {
		t.Errorf("%d connections are open, at most %d may be", accepted, live.MaxConnections)
	}
	all[0].Close()
	answered(all[live.MaxConnections])
}

// openSockets counts the sockets of this process.
func openSockets(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("open files can't be counted here: %v", err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil &&
			strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// Where no host is named, nobody else can reach the page. The token is for stopping the run.
func TestLoopbackIsTheDefault(t *testing.T) {
	server, err := live.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if !strings.HasPrefix(server.URL(), "http://127.0.0.1:") || !strings.Contains(server.URL(), "?token=") {
		t.Errorf("it listens on %s", server.URL())
	}
}

// Events come as the samples do, and end with the run.
func TestEvents(t *testing.T) {
	r := newRunner(0, testkit.Constant(10, time.Second))
	s := live.New(r, func() string { return "" })
	url := serve(t, s)
	resp, err := http.Get(url + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("type %s", kind)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() (st live.Status) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &st); err != nil {
					t.Fatal(err)
				}
				return st
			}
		}
		t.Fatalf("no more events: %v", lines.Err())
		return st
	}
	if st := next(); st.Done || st.Scenario != "friday" {
		t.Errorf("at first %+v", st)
	}
	s.Sample()
	if st := next(); st.Done {
		t.Errorf("then %+v", st)
	}
	s.Finish()
	if st := next(); !st.Done {
		t.Errorf("last %+v", st)
	}
	for lines.Scan() {
		if lines.Text() != "" {
			t.Errorf("and then %q", lines.Text())
		}
	}
}

// What Prometheus scrapes is what the run counted, in native histograms.
func TestPrometheus(t *testing.T) {
	url := serve(t, finished(t)) + "metrics"
	_, text := get(t, url, nil)
	for _, line := range []string{
		`mfaload_requests_total{outcome="as_expected",scenario="friday"} 150`,
		`mfaload_requests_total{outcome="rate_limited",scenario="friday"} 10`,
		`mfaload_requests_total{outcome="failed",scenario="friday"} 40`,
		`mfaload_response_seconds_count{scenario="friday"} 150`,
		`mfaload_response_seconds_bucket{scenario="friday",le="0.05"} 0`,
		`mfaload_response_seconds_bucket{scenario="friday",le="0.25"} 150`,
		`mfaload_part_seconds_count{part="first_byte",scenario="friday"} 190`,
		`mfaload_workers{scenario="friday"} 8`,
		`mfaload_step_requests_total{outcome="as_expected",scenario="friday",step="all.read"} 120`,
		`mfaload_step_requests_total{outcome="violating",scenario="friday",step="all.read"} 15`,
		`mfaload_step_requests_total{outcome="failed",scenario="friday",step="all.read"} 15`,
		`mfaload_step_response_seconds_count{scenario="friday",step="all.read"} 135`,
		`mfaload_step_response_seconds_bucket{scenario="friday",step="all.read",le="0.05"} 0`,
		`mfaload_step_response_seconds_bucket{scenario="friday",step="all.read",le="0.25"} 135`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	if strings.Contains(text, "all.abandon") {
		t.Error("a step that sends nothing has figures")
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	decoder := expfmt.NewDecoder(resp.Body, expfmt.ResponseFormat(resp.Header))
	seen := 0
	for {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if name := family.GetName(); name != "mfaload_response_seconds" && name != "mfaload_service_seconds" {
			continue
		}
		seen++
		h := family.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 150 || math.Abs(h.GetSampleSum()-15) > 0.01 || h.GetSchema() != 5 ||
			len(h.GetPositiveSpan()) != 1 || len(h.GetPositiveDelta()) != 1 ||
			h.GetPositiveDelta()[0] != 150 {
			t.Fatalf("%s: %v", family.GetName(), h)
		}
		holds(t, float64(h.GetPositiveSpan()[0].GetOffset()), 0.1)
	}
	if seen != 2 {
		t.Errorf("%d histograms", seen)
	}
}

// Scrapers that ask for OpenMetrics get the traces of requests worth looking at, in the form of its grammar.
func TestExemplarsNameTraces(t *testing.T) {
	var s *live.Sampler
	synctest.Test(t, func(t *testing.T) {
		sc := testkit.OneGroup(testkit.Load(testkit.Constant(10, 10*time.Second)))
		sc.Target.Trace, sc.Load.Drain = scenario.TraceUnsampled, time.Second
		r := runner.New(runner.Config{Wait: machine.TimerWait, Scenario: sc,
			Operation: &service{takes: 100 * ms, violates: true}})
		s = live.New(r, func() string { return "" })
		sampled(t, s, r, 12*time.Second, nil)
	})
	url := serve(t, s) + "metrics"
	if _, plain := get(t, url, nil); strings.Contains(plain, "trace_id") {
		t.Error("whoever does not ask for OpenMetrics gets exemplars")
	}
	_, text := get(t, url, func(r *http.Request) {
		r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	})
	line := regexp.MustCompile(`^(\w+)\{(.*)\} \S+ # \{trace_id="[0-9a-f]{32}"\} (\S+) \d+\.\d+(e\+\d+)?$`)
	found := map[string]bool{}
	for l := range strings.SplitSeq(text, "\n") {
		if !strings.Contains(l, "trace_id") {
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("%q is no line with an exemplar", l)
		}
		found[m[1]] = true
		if m[1] == "mfaload_response_seconds_bucket" && (m[3] != "0.1" ||
			!strings.Contains(m[2], `le="0.1"`)) {
			t.Errorf("%q is not of 100 ms", l)
		}
	}
	if !found["mfaload_requests_total"] || !found["mfaload_response_seconds_bucket"] || len(found) != 2 ||
		!strings.HasSuffix(text, "# EOF\n") {
		t.Errorf("exemplars at %v in\n%s", found, text)
	}
}

// The metrics keep the customs of Prometheus.
func TestMetricsAreClean(t *testing.T) {
	_, text := get(t, serve(t, finished(t))+"metrics", nil)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// holds wants a value to lie in a bucket of schema 5, whose upper edge has this
// exponent.
func holds(t *testing.T, index, value float64) {
	t.Helper()
	if low, high := math.Exp2((index-1)/32), math.Exp2(index/32); value <= low*0.999 || value > high*1.001 {
		t.Errorf("bucket %v is from %v to %v and should hold %v", index, low, high, value)
	}
}

// What a collector gets by OTLP is the same.
func TestOTLP(t *testing.T) {
	got := make(chan *collector.MetricsData, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		// A request to export has the form of MetricsData.
		data := &collector.MetricsData{}
		if err != nil || r.URL.Path != "/v1/metrics" || r.Header.Get("X-Key") != "secret" ||
			proto.Unmarshal(body, data) != nil {
			t.Errorf("%v: %s", err, r.URL)
		}
		got <- data
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=mfa")
	end, err := finished(t).Export(t.Context(), "v1", func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	resource := (<-got).GetResourceMetrics()[0]
	if about := fmt.Sprint(resource.GetResource()); !strings.Contains(about, "team") ||
		!strings.Contains(about, `"mfaload"`) {
		t.Errorf("resource %s", about)
	}
	seen := map[string]bool{}
	for _, m := range resource.GetScopeMetrics()[0].GetMetrics() {
		seen[m.GetName()] = true
		switch m.GetName() {
		case "mfaload.requests", "mfaload.step_requests":
			sum := int64(0)
			for _, p := range m.GetSum().GetDataPoints() {
				sum += p.GetAsInt()
			}
			want := int64(200)
			if m.GetName() == "mfaload.step_requests" {
				want = 150
			}
			if sum != want || !m.GetSum().GetIsMonotonic() {
				t.Errorf("%v", m)
			}
		case "mfaload.step_response":
			p := m.GetExponentialHistogram().GetDataPoints()[0]
			if p.GetCount() != 135 || p.GetAttributes()[1].GetValue().GetStringValue() != "all.read" {
				t.Errorf("%v", m)
			}
		case "mfaload.response", "mfaload.service":
			p := m.GetExponentialHistogram().GetDataPoints()[0]
			// of those that were served
			if p.GetCount() != 150 || p.GetScale() != 5 || len(p.GetPositive().GetBucketCounts()) != 1 ||
				p.GetPositive().GetBucketCounts()[0] != 150 {
				t.Fatalf("%v", m)
			}
			holds(t, float64(p.GetPositive().GetOffset())+1, 0.1)
		}
	}
	for _, name := range []string{"mfaload.requests", "mfaload.response", "mfaload.service",
		"mfaload.rate_achieved", "mfaload.requests_in_flight", "mfaload.step_requests",
		"mfaload.step_response"} {
		if !seen[name] {
			t.Errorf("no %s in %v", name, seen)
		}
	}
}

func TestOTLPIsAskedForByTheEnvironment(t *testing.T) {
	for _, test := range []struct {
		env  string
		want bool
		fail string
	}{
		{"", false, ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318", true, ""},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:4318/v1/metrics", true, ""},
		{"OTEL_METRICS_EXPORTER=otlp", true, ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_METRICS_EXPORTER=none", false, ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_SDK_DISABLED=true", false, ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", false,
			"use http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_PROTOCOL=HTTP/protobuf", true,
			""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/json",
			false, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 " +
			"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_PROTOCOL=grpc", true, ""},
		// Only "true" is true, in any case.
		{"OTEL_METRICS_EXPORTER=otlp OTEL_SDK_DISABLED=TRUE", false, ""},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_SDK_DISABLED=True", false, ""},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_SDK_DISABLED=1", true, ""},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_SDK_DISABLED=yes", true, ""},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_SDK_DISABLED=false", true, ""},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_SDK_DISABLED=", true, ""},
		// Lists have commas; an empty variable is none.
		{"OTEL_METRICS_EXPORTER=prometheus,otlp", true, ""},
		{"OTEL_METRICS_EXPORTER=,OTLP,", true, ""},
		{"OTEL_METRICS_EXPORTER=console", false, ""},
		{"OTEL_METRICS_EXPORTER=None OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318", false, ""},
		{"OTEL_METRICS_EXPORTER= OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318", true, ""},
		{"OTEL_METRICS_EXPORTER= OTEL_EXPORTER_OTLP_ENDPOINT=", false, ""},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT= OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318", true, ""},
		// What the SDK would log and leave out is refused, and no key is shown.
		{"OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_HEADERS=s3cret", false,
			"OTEL_EXPORTER_OTLP_HEADERS has no key=value in entry 1"},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_METRICS_HEADERS=a=b,s3cret", false, "entry 2"},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_HEADERS=a=s3cret%zz", false, "entry 1"},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_HEADERS=a=b%2Cc,,d=e", true, ""},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_RESOURCE_ATTRIBUTES=s3cret", false,
			"OTEL_RESOURCE_ATTRIBUTES has no key=value"},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_METRIC_EXPORT_INTERVAL=10s", false, "OTEL_METRIC_EXPORT_INTERVAL"},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_TIMEOUT=-1", false, "above 0"},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_COMPRESSION=zip", false, "use gzip or none"},
		{"OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_CERTIFICATE=/nonexistent", false,
			"OTEL_EXPORTER_OTLP_CERTIFICATE names a file"},
		// Endpoints are URLs; a key in one is not shown.
		{"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", false,
			"OTEL_EXPORTER_OTLP_ENDPOINT has no scheme: write http:// or https:// in front"},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=127.0.0.1:4318/v1/metrics", false,
			"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT has no scheme"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=grpc://collector:4317", false,
			`has the scheme "grpc": use http or https`},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http:///v1", false, "is not a URL with a host"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://:4318", false, "is not a URL with a host"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=HTTPS://collector", true, ""},
		{"OTEL_METRICS_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", false, ""},
		{"OTEL_SDK_DISABLED=true OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", false, ""},
	} {
		env := map[string]string{}
		for pair := range strings.FieldsSeq(test.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		got, err := live.OTLPWanted(func(name string) (string, bool) { v, ok := env[name]; return v, ok },
			live.Metrics)
		if got != test.want || (err != nil) != (test.fail != "") || err != nil &&
			!strings.Contains(err.Error(), test.fail) {
			t.Errorf("%q: %v, %v", test.env, got, err)
		}
	}
}
