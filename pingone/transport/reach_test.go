package transport_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

// hintOf is what is said of a target before anything is sent to it.
func hintOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var known interface{ Hint() string }
	if !errors.As(err, &known) || known.Hint() == "" {
		t.Errorf("no hint: %v", err)
		return ""
	}
	return known.Hint()
}

// What would fail each request is found before the first, with what to do.
func TestReachFindsWhatWouldFailEachRequest(t *testing.T) {
	t.Parallel()
	files, pool := certificate(t)
	others, _ := certificate(t)
	server := func(version uint16, auth tls.ClientAuthType) func(*httptest.Server) {
		return func(s *httptest.Server) {
			s.TLS = &tls.Config{ClientAuth: auth, ClientCAs: pool, MinVersion: version, MaxVersion: version}
		}
	}
	offers := func(protocols ...string) func(*httptest.Server) {
		return func(s *httptest.Server) { s.TLS = &tls.Config{NextProtos: append([]string{}, protocols...)} }
	}
	for _, tt := range []struct {
		name      string
		configure func(*httptest.Server)
		protocol  scenario.Protocol
		change    func(*scenario.Target)
		hint      string
	}{
		{"TLS 1.3 without a certificate", server(tls.VersionTLS13, tls.RequireAndVerifyClientCert),
			scenario.HTTP1, nil, "name one in target.clientCertificate"},
		{"TLS 1.2 without a certificate", server(tls.VersionTLS12, tls.RequireAndVerifyClientCert),
			scenario.HTTP1, nil, "name one in target.clientCertificate"},
		{"HTTP/2 without a certificate", server(tls.VersionTLS13, tls.RequireAndVerifyClientCert),
			scenario.HTTP2, nil, "name one in target.clientCertificate"},
		{"TLS 1.3 with another certificate", server(tls.VersionTLS13, tls.RequireAndVerifyClientCert),
			scenario.HTTP1,
			func(s *scenario.Target) { s.ClientCertificate = others }, "target.clientCertificate"},
		{"TLS 1.3 with the certificate", server(tls.VersionTLS13, tls.RequireAndVerifyClientCert),
			scenario.HTTP1,
			func(s *scenario.Target) { s.ClientCertificate = files }, ""},
		{"a certificate that is only wanted", server(tls.VersionTLS13, tls.VerifyClientCertIfGiven),
			scenario.HTTP1, nil, ""},
		{"another name", nil, scenario.HTTP1, func(s *scenario.Target) { s.ServerName = "other.example" },
			"target.serverName"},
		{"another authority", nil, scenario.HTTP1, func(s *scenario.Target) { s.CAFile = "" },
			"target.caFile"},
		{"HTTP/2 that is not offered", offers("http/1.1"), scenario.HTTP2, nil, "does not speak HTTP/2"},
		{"no offer at all", offers([]string{}...), scenario.HTTP2, nil, "does not speak HTTP/2"},
		{"HTTP/2", nil, scenario.HTTP2, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, caFile := transporttest.Start(t, transporttest.Created, true, func(s *httptest.Server) {
				if tt.configure != nil {
					tt.configure(s)
				}
			})
			err := way{protocol: tt.protocol, secure: true}.open(t, url, caFile, tt.change).Reach(t.Context())
			if hint := hintOf(t, err); tt.hint == "" && err != nil || !strings.Contains(hint, tt.hint) {
				t.Errorf("%v, hint %q, want %q", err, hint, tt.hint)
			}
		})
	}
}

func TestReachWithoutTLS(t *testing.T) {
	plain, _ := transporttest.Start(t, transporttest.Created, false, nil)
	silent := httptest.NewServer(http.HandlerFunc(transporttest.Created)) // HTTP/1.1 only
	defer silent.Close()
	for _, tt := range []struct {
		name, url string
		protocol  scenario.Protocol
		hint      string
	}{
		{"HTTP/2", plain, scenario.HTTP2, ""},
		{"HTTP/1.1", plain, scenario.HTTP1, ""},
		{"no HTTP/2", silent.URL, scenario.HTTP2, "does not speak HTTP/2"},
		{"no TLS", strings.Replace(plain, "http:", "https:", 1), scenario.HTTP1,
			"http:// in target.authPath"},
	} {
		err := way{protocol: tt.protocol}.open(t, tt.url, "", nil).Reach(t.Context())
		if hint := hintOf(t, err); tt.hint == "" && err != nil || !strings.Contains(hint, tt.hint) {
			t.Errorf("%s: %v, hint %q, want %q", tt.name, err, hint, tt.hint)
		}
	}
}

// A proxy that refuses credentials says which of three reasons it has.
func TestProxyThatRefusesCredentials(t *testing.T) {
	refuses := func(challenges string) func(*testProxy, net.Conn) {
		return func(_ *testProxy, c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\n"+challenges+"\r\n")
		}
	}
	for _, tt := range []struct{ name, user, challenges, want string }{
		{"none", "", "Proxy-Authenticate: Basic realm=\"x\"\r\n", "wants a user name and a password"},
		{"none, and no challenge", "", "", "wants a user name and a password"},
		{"wrong ones", "user:other-s3cret@", "proxy-authenticate: Basic realm=\"x\"\r\n",
			"refuses the user name or the password"},
		{"another kind", "user:other-s3cret@",
			"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n",
			"another authentication than Basic (\"Negotiate, NTLM\""},
		{"another kind, without any", "", "Proxy-Authenticate: Digest realm=\"x\"\r\n",
			"another authentication than Basic"},
		{"one of several", "user:other-s3cret@", "Proxy-Authenticate: NTLM\r\n" +
			"Proxy-Authenticate: Basic realm=\"x\"\r\n", "refuses the user name or the password"},
	} {
		p := startProxy(t, "http", "", "http://127.0.0.1:1", refuses(tt.challenges))
		address := strings.Replace(p.url, "://", "://"+tt.user, 1)
		err := ways[1].behind(t, "https://x:443", "", address, longTimeout).Reach(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
		if hint := hintOf(t, err); !strings.Contains(hint, "target.proxy") {
			t.Errorf("%s: hint %q", tt.name, hint)
		}
	}
}
