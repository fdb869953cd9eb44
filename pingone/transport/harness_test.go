package transport_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/pingone/transport"
	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

// way is one of the ways to a target; each has to pass the same tests.
type way struct {
	name     string
	protocol scenario.Protocol
	secure   bool
}

var ways = []way{
	{"http1", scenario.HTTP1, false},
	{"http1-tls", scenario.HTTP1, true},
	{"h2", scenario.HTTP2, true},
	{"h2-without-tls", scenario.HTTP2, false},
	{"auto", scenario.Auto, true},
}

// scheme is that of the way's URLs.
func (w way) scheme() string {
	if w.secure {
		return "https"
	}
	return "http"
}

// speaksHTTP2 says whether the test servers choose HTTP/2, which they do if they may.
func (w way) speaksHTTP2() bool { return w.protocol != scenario.HTTP1 }

// open returns the transport of this way to a URL.
func (w way) open(t testing.TB, url, caFile string, change func(*scenario.Target)) *transport.Transport {
	t.Helper()
	return open(t, url, func(target *scenario.Target) {
		target.Protocol, target.CAFile = w.protocol, caFile
		if change != nil {
			change(target)
		}
	})
}

// serve starts a server and returns the transport of this way to it.
func (w way) serve(t testing.TB, handler http.HandlerFunc,
	change func(*scenario.Target)) *transport.Transport {
	t.Helper()
	url, caFile := transporttest.Start(t, handler, w.secure, nil)
	return w.open(t, url, caFile, change)
}

// everyWay runs a test for each way.
func everyWay(t *testing.T, test func(t *testing.T, w way)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { test(t, w) })
	}
}

// everyTransport runs a test over each way to a server.
func everyTransport(t *testing.T, handler http.HandlerFunc,
	test func(t *testing.T, to *transport.Transport)) {
	everyWay(t, func(t *testing.T, w way) { test(t, w.serve(t, handler, nil)) })
}

// Timeouts: one that no test waits for, however busy the machine is, and one that a test
// waits for.
const (
	longTimeout  = 20 * time.Second
	shortTimeout = time.Second
)

// within changes a target's timeout.
func within(timeout time.Duration) func(*scenario.Target) {
	return func(target *scenario.Target) { target.Timeout = timeout }
}

// open returns the transport to a URL, of HTTP/1.1 where change says nothing else.
func open(t testing.TB, authPath string, change func(*scenario.Target)) *transport.Transport {
	t.Helper()
	to, err := tryOpen(t, authPath, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(to.Close)
	return to
}

func tryOpen(t testing.TB, authPath string, change func(*scenario.Target)) (*transport.Transport, error) {
	t.Helper()
	u, err := url.Parse(authPath)
	if err != nil {
		t.Fatal(err)
	}
	target := scenario.Target{AuthPath: authPath, Protocol: scenario.HTTP1, Timeout: longTimeout}
	if change != nil {
		change(&target)
	}
	return transport.New(u, &target, transport.HeaderNames{RequestID: "Request-ID",
		ResponseID: "Correlation-Id"})
}

// userID is in the body of the request.
const userID = "788d4931-6936-43f2-82ff-178f5762298a"

// request is what tests send.
var request = transport.Request{
	Method: "POST", Path: "/deviceAuthentications", Head: "Content-Type: application/json\r\n",
	Authorization: "Authorization: Bearer the-token\r\n", Body: []byte(`{"user":{"id":"` + userID + `"}}`),
}

// outcome is what became of one exchange.
type outcome struct {
	Failure string
	Status  int
	Body    string
	Framing string
}

func send(t *testing.T, to *transport.Transport) outcome {
	t.Helper()
	ex := &contract.Exchange{}
	if err := to.RoundTrip(t.Context(), request, ex); err != nil {
		return outcome{Failure: kindOf(t, err)}
	}
	got := outcome{Status: ex.Status, Body: string(ex.Body)}
	for _, v := range ex.Framing {
		got.Framing += v.Rule
	}
	return got
}

// kindOf is the kind of a failure, which every error of a transport is.
func kindOf(t *testing.T, err error) string {
	t.Helper()
	var f *contract.Failure
	if !errors.As(err, &f) {
		t.Fatalf("an error of type %T: %v", err, err)
	}
	return f.Kind
}
