package transport_test

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mfaload/contract"
	"mfaload/pingone/transport"
	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

// testProxy is a proxy that leads to one server, whatever host it is asked for.
type testProxy struct {
	url    string // with the credentials it wants, where it wants any
	server string // host:port
	asked  chan string
}

// startProxy starts a proxy. serve handles one connection.
func startProxy(t *testing.T, scheme, credentials, serverURL string,
	serve func(p *testProxy, c net.Conn)) *testProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, server, _ := strings.Cut(serverURL, "://")
	p := &testProxy{url: scheme + "://" + l.Addr().String(), server: server, asked: make(chan string, 100)}
	if credentials != "" {
		p.url = scheme + "://" + credentials + "@" + l.Addr().String()
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { defer c.Close(); serve(p, c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return p
}

// join passes bytes on in both directions until either side ends.
func (p *testProxy) join(c net.Conn, from io.Reader) {
	out, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(out, from); _ = out.Close() }()
	_, _ = io.Copy(c, out)
	_ = c.Close()
}

const password = "pass%3Aword-s3cret" // as a URL has it

// serveHTTP is an HTTP proxy that wants user:pass:word-s3cret if want says so.
func serveHTTP(want bool) func(*testProxy, net.Conn) {
	authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass:word-s3cret"))
	return func(p *testProxy, c net.Conn) {
		in := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			p.asked <- r.Method + " " + r.Host
			if want && r.Header.Get("Proxy-Authorization") != authorization {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c,
					"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
				continue
			}
			if r.Method == http.MethodConnect {
				_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
				p.join(c, in)
				return
			}
			if r.URL.Host == "" {
				_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
				continue
			}
			p.forward(c, r)
		}
	}
}

// forward passes on one request in the form that proxies take.
func (p *testProxy) forward(c net.Conn, r *http.Request) {
	r.Header.Del("Proxy-Authorization")
	r.URL.Host, r.RequestURI = p.server, ""
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return
	}
	_ = answer.Write(c)
	_ = answer.Body.Close()
}

// serveSOCKS is a SOCKS5 proxy (RFC 1928, RFC 1929).
func serveSOCKS(want bool) func(*testProxy, net.Conn) {
	return func(p *testProxy, c net.Conn) {
		b := make([]byte, 600)
		read := func(n int) []byte { _, _ = io.ReadFull(c, b[:n]); return b[:n] }
		methods := read(int(read(2)[1]))
		if want {
			if !strings.Contains(string(methods), "\x02") {
				_, _ = c.Write([]byte{5, 0xff})
				return
			}
			_, _ = c.Write([]byte{5, 2})
			user := string(read(int(read(2)[1])))
			secret := string(read(int(read(1)[0])))
			if user != "user" || secret != "pass:word-s3cret" {
				_, _ = c.Write([]byte{1, 1})
				return
			}
			_, _ = c.Write([]byte{1, 0})
		} else {
			_, _ = c.Write([]byte{5, 0})
		}
		if head := read(4); head[1] != 1 || head[3] != 3 {
			_, _ = c.Write([]byte{5, 7, 0, 1, 0, 0, 0, 0, 0, 0}) // only names, only to connect
			return
		}
		p.asked <- "SOCKS " + string(read(int(read(1)[0])))
		read(2) // the port
		_, _ = c.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 0})
		p.join(c, c)
	}
}

// behind returns the transport of a way to example.com, a host that is not looked up
// but left to a proxy. The test servers' certificate has that name.
func (w way) behind(t *testing.T, serverURL, caFile, proxy string,
	timeout time.Duration) *transport.Transport {
	t.Helper()
	scheme, host, _ := strings.Cut(serverURL, "://")
	_, port, _ := net.SplitHostPort(host)
	return w.open(t, scheme+"://example.com:"+port, caFile, func(target *scenario.Target) {
		target.Proxy, target.OwnerAgreed, target.Timeout = scenario.NewSecret(proxy), true, timeout
	})
}

// elsewhere is a server that only a proxy can reach.
func (w way) elsewhere() string {
	if w.secure {
		return "https://x:443"
	}
	return "http://x:80"
}

var proxyKinds = []struct {
	name, scheme string
	credentials  bool
	serve        func(*testProxy, net.Conn)
}{
	{"http", "http", false, serveHTTP(false)},
	{"http-password", "http", true, serveHTTP(true)},
	{"socks5", "socks5", false, serveSOCKS(false)},
	{"socks5-password", "socks5", true, serveSOCKS(true)},
}

func TestEveryTransportGoesThroughEveryProxy(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, r *http.Request) {
		if host, _, _ := net.SplitHostPort(r.Host); host != "example.com" ||
			r.Header.Get("Proxy-Authorization") != "" || r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusBadRequest)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(w, r.Body)
	}
	for _, kind := range proxyKinds {
		for _, w := range ways {
			t.Run(kind.name+"/"+w.name, func(t *testing.T) {
				url, caFile := transporttest.Start(t, handler, w.secure, nil)
				credentials := ""
				if kind.credentials {
					credentials = "user:" + password
				}
				p := startProxy(t, kind.scheme, credentials, url, kind.serve)
				to := w.behind(t, url, caFile, p.url, longTimeout)
				defer to.Close()
				for range 3 {
					if got := send(t, to); got.Status != 201 || !strings.Contains(got.Body, userID) ||
						got.Framing != "" {
						t.Fatalf("%+v", got)
					}
				}
				if asked := <-p.asked; !strings.Contains(asked, "example.com") {
					t.Errorf("the proxy was asked for %q", asked)
				}
			})
		}
	}
}

// What a proxy does is not counted as the service's fault, and no error shows a
// password.
func TestEveryTransportNamesFailuresOfProxies(t *testing.T) {
	t.Parallel()
	answers := func(text string) func(*testProxy, net.Conn) {
		return func(_ *testProxy, c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, text)
		}
	}
	for _, test := range []struct {
		name, scheme string
		serve        func(*testProxy, net.Conn)
		want, says   string
	}{
		{"no user", "http", serveHTTP(true), "proxy failed", "target.proxy"},
		{"refused", "http", answers("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), "proxy failed",
			"HTTP status 502"},
		{"not HTTP", "http", answers("SSH-2.0\r\n\r\n"), "proxy failed", "not HTTP"},
		{"endless", "http", answers("HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 4000)), "proxy failed",
			"too long"},
		{"closed", "http", func(_ *testProxy, c net.Conn) {}, "proxy failed", "the proxy"},
		{"silent", "http", func(_ *testProxy, c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "timeout", ""},
		{"wrong password", "socks5", serveSOCKS(true), "proxy failed", "the proxy"},
		{"silent SOCKS", "socks5", func(_ *testProxy, c net.Conn) { _, _ = io.Copy(io.Discard, c) },
			"timeout", ""},
	} {
		for _, w := range ways {
			if w.name == "http1" && test.scheme == "http" {
				continue // its requests are not tunnelled: what a proxy says of them comes as a response
			}
			t.Run(test.name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				p := startProxy(t, test.scheme, "user:other-s3cret", "http://127.0.0.1:1", test.serve)
				timeout := longTimeout
				if test.want == "timeout" {
					timeout = 500 * time.Millisecond
				}
				err := w.behind(t, w.elsewhere(), "", p.url, timeout).RoundTrip(t.Context(), request,
					&contract.Exchange{})
				var f *contract.Failure
				if !errors.As(err, &f) || f.Kind != test.want || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v, want %s with %q", err, test.want, test.says)
				}
				if err != nil && strings.Contains(err.Error(), "s3cret") {
					t.Errorf("the error shows the password: %v", err)
				}
			})
		}
	}
}

// What a proxy itself responds to a request is a response: it can't be
// told from the service's, but for its body.
func TestProxyThatWantsAPasswordForARequest(t *testing.T) {
	p := startProxy(t, "http", "", "http://127.0.0.1:1", serveHTTP(true))
	if got := send(t, ways[0].behind(t, "http://x:80", "", p.url, longTimeout)); got.Status != 407 {
		t.Errorf("%+v", got)
	}
}

func TestProxyThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	everyWay(t, func(t *testing.T, w way) {
		address := "http://user:" + password + "@" + l.Addr().String()
		err := w.behind(t, w.elsewhere(), "", address, longTimeout).Reach(t.Context())
		if err == nil || !strings.Contains(err.Error(), "proxy failed: the proxy: dial") ||
			strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	})
}

// A proxy may lead anywhere, so a target behind one is no loopback target.
func TestProxyNeedsAgreement(t *testing.T) {
	_, err := tryOpen(t, "http://127.0.0.1:1", func(target *scenario.Target) {
		target.Proxy = scenario.NewSecret("http://127.0.0.1:2")
	})
	if err == nil || !strings.Contains(err.Error(), "ownerAgreed") {
		t.Errorf("%v", err)
	}
}

// Where a proxy closes a tunnel, the next request opens another.
func TestTunnelsAreOpenedAnew(t *testing.T) {
	var requests atomic.Int64
	handler := func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusCreated)
	}
	url, caFile := transporttest.Start(t, handler, true, nil)
	p := startProxy(t, "socks5", "", url, serveSOCKS(false))
	to := ways[1].behind(t, url, caFile, p.url, longTimeout)
	for range 5 {
		if got := send(t, to); got.Status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	if len(p.asked) != 5 || requests.Load() != 5 {
		t.Errorf("%d tunnels for %d requests", len(p.asked), requests.Load())
	}
}
