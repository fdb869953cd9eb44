package transport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

func endpoint(t *testing.T, url string) scenario.Endpoint {
	t.Helper()
	_, address, _ := strings.Cut(url, "://")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return scenario.Endpoint{Address: host, Port: n}
}

func TestEveryTransportConnectsToResolvedAddresses(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		var mu sync.Mutex
		hosts := map[int]string{}
		var resolve []scenario.Endpoint
		caFile := ""
		for i := range 3 {
			url, ca := transporttest.Start(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				hosts[i] = r.Host
				mu.Unlock()
				if r.ProtoMajor == 1 {
					w.Header().Set("Connection", "close") // HTTP/2 would end what is under way, too
				}
				transporttest.Created(w, r)
			}, w.secure, nil)
			resolve, caFile = append(resolve, endpoint(t, url)), ca
		}
		// All test servers have one certificate, for example.com.
		to := w.open(t, w.scheme()+"://example.com", caFile, func(target *scenario.Target) {
			target.Resolve = resolve
		})
		for range 6 {
			if got := send(t, to); got.Status != 201 {
				t.Fatalf("%+v", got)
			}
		}
		want := 3
		if w.speaksHTTP2() {
			want = 1 // it opens another connection only when one is full
		}
		if len(hosts) < want {
			t.Errorf("requests came to %d of 3 addresses", len(hosts))
		}
		for _, host := range hosts {
			if host != "example.com" {
				t.Errorf("the header Host is %q", host)
			}
		}
	})
}

func TestEveryTransportConnectsFromItsSources(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address only")
	}
	everyWay(t, func(t *testing.T, w way) {
		var mu sync.Mutex
		from := map[string]int{}
		url, caFile := transporttest.Start(t, transporttest.Created, w.secure, func(server *httptest.Server) {
			server.Config.ConnState = func(c net.Conn, state http.ConnState) {
				if host, _, err := net.SplitHostPort(c.RemoteAddr().String()); err == nil &&
					state == http.StateActive {
					mu.Lock()
					from[host]++
					mu.Unlock()
				}
			}
		})
		to := w.open(t, url, caFile, func(target *scenario.Target) {
			target.SourceAddresses = []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"}
		})
		if err := to.Open(t.Context(), 6); err != nil {
			t.Fatal(err)
		}
		for range 6 {
			if got := send(t, to); got.Status != 201 {
				t.Fatalf("%+v", got)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for host := range from {
			if !strings.HasPrefix(host, "127.0.0.") || host == "127.0.0.1" {
				t.Errorf("a connection came from %s", host)
			}
		}
	})
}

// Connections take the sources in turn, each as often as the others.
func TestSourcesTakeTurns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address only")
	}
	var mu sync.Mutex
	from := map[string]int{}
	url, _ := transporttest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		to, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		mu.Lock()
		from[host+" to "+to.String()]++
		mu.Unlock()
		w.Header().Set("Connection", "close")
		transporttest.Created(w, r)
	}, false, func(server *httptest.Server) {
		l, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = server.Listener.Close()
		server.Listener = l
	})
	port := endpoint(t, "http://"+strings.TrimPrefix(url, "http://")).Port
	to := open(t, "http://127.0.0.1:"+strconv.Itoa(port), func(target *scenario.Target) {
		target.SourceAddresses = []string{"127.0.0.2", "127.0.0.3"}
		target.Resolve = []scenario.Endpoint{{Address: "127.0.0.1"}, {Address: "127.0.0.9"}}
	})
	for range 12 {
		if got := send(t, to); got.Status != 201 {
			t.Fatalf("%+v", got)
		}
	}
	if len(from) != 4 {
		t.Errorf("not every source met every address: %v", from)
	}
	for way, n := range from {
		if n != 3 {
			t.Errorf("%s: %d of 12 connections", way, n)
		}
	}
}

func TestSourceThatIsNotThisMachines(t *testing.T) {
	url, _ := transporttest.Start(t, transporttest.Created, false, nil)
	to := open(t, url, func(target *scenario.Target) { target.SourceAddresses = []string{"192.0.2.77"} })
	err := to.Reach(t.Context())
	if err == nil || !strings.Contains(err.Error(), "192.0.2.77: fix target.sourceAddresses") {
		t.Errorf("%v", err)
	}
	if got := send(t, to); got.Failure != "no source address" {
		t.Errorf("%+v", got)
	}
}

// Whatever leads a connection away from this machine, it is not made without
// the owner's agreement.
func TestResolvedAddressesNeedAgreement(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		to := w.open(t, w.scheme()+"://localhost", "", func(target *scenario.Target) {
			target.Resolve = []scenario.Endpoint{{Address: "192.0.2.1"}}
		})
		if got := send(t, to); got.Failure != "not loopback" {
			t.Errorf("%+v", got)
		}
	})
}

func TestEveryTransportKeepsToAnIPVersion(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		url, caFile := transporttest.Start(t, transporttest.Created, w.secure, nil)
		for version, want := range map[scenario.IPVersion]bool{
			scenario.IPv4: true, scenario.AnyIP: true, scenario.IPv6: false,
		} {
			to := w.open(t, url, caFile, func(target *scenario.Target) { target.IPVersion = version })
			if got := send(t, to); (got.Status == 201) != want {
				t.Errorf("%s: %+v", version, got)
			}
		}
	})
}

func TestEveryTransportTakesIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	_ = l.Close()
	everyWay(t, func(t *testing.T, w way) {
		url, caFile := transporttest.Start(t, transporttest.Created, w.secure, func(server *httptest.Server) {
			l, err := net.Listen("tcp6", "[::1]:0")
			if err != nil {
				t.Fatal(err)
			}
			_ = server.Listener.Close()
			server.Listener = l
		})
		to := w.open(t, url, caFile, func(target *scenario.Target) {
			target.IPVersion, target.SourceAddresses = scenario.IPv6, []string{"::1"}
		})
		if got := send(t, to); got.Status != 201 {
			t.Errorf("%+v", got)
		}
	})
}

// certificate makes a certificate of its own authority, and writes it and its
// key to files.
func certificate(t *testing.T) (files scenario.ClientCertificate, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, IsCA: true,
		BasicConstraintsValid: true,
		NotBefore:             time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}),
			0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	files.Cert, files.Key = write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return files, pool
}

func TestEveryTransportShowsItsCertificate(t *testing.T) {
	files, pool := certificate(t)
	everyWay(t, func(t *testing.T, w way) {
		if !w.secure {
			t.Skip("there are no certificates without TLS")
		}
		url, caFile := transporttest.Start(t, transporttest.Created, true, func(server *httptest.Server) {
			server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
		})
		with := w.open(t, url, caFile, func(target *scenario.Target) { target.ClientCertificate = files })
		if got := send(t, with); got.Status != 201 {
			t.Errorf("%+v", got)
		}
		if got := send(t, w.open(t, url, caFile, nil)); got.Failure == "" {
			t.Errorf("without a certificate: %+v", got)
		}
	})
}

func TestClientCertificateThatCannotBeRead(t *testing.T) {
	files, _ := certificate(t)
	other, _ := certificate(t)
	for name, wrong := range map[string]scenario.ClientCertificate{
		"missing": {Cert: filepath.Join(t.TempDir(), "none.pem"), Key: files.Key},
		"swapped": {Cert: files.Key, Key: files.Cert},
		"another": {Cert: files.Cert, Key: other.Key},
	} {
		_, err := tryOpen(t, "https://127.0.0.1:1", func(s *scenario.Target) { s.ClientCertificate = wrong })
		if err == nil || !strings.Contains(err.Error(), "read target.clientCertificate: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryTransportAsksForTheServersName(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		if !w.secure {
			t.Skip("names are TLS's")
		}
		var mu sync.Mutex
		var asked []string
		url, caFile := transporttest.Start(t, transporttest.Created, true, func(server *httptest.Server) {
			server.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config,
				error) {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, hello.ServerName)
				return nil, nil
			}}
		})
		for name, want := range map[string]string{"example.com": "", "other.test": "TLS failed"} {
			to := w.open(t, url, caFile, func(target *scenario.Target) { target.ServerName = name })
			if got := send(t, to); got.Failure != want {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if got := strings.Join(asked, " "); got != "example.com other.test" &&
			got != "other.test example.com" {
			t.Errorf("asked for %q", got)
		}
	})
}
