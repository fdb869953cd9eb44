//go:build fleettest

package fleet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"mfaload/measure"
)

// certificate makes a certificate for loopback, in files.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour),
		IsCA:     true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	return cert, key
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// nkey makes a user, and a file with the seed.
func nkey(t *testing.T, path string) (public string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, seed)
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return public
}

// externalTeam is a coordinator at an external server.
func externalTeam(shards int, coordinator *External) *team {
	said := &says{}
	return &team{says: said, ended: make(chan struct{}), Coordinator: &Coordinator{External: coordinator,
		Within: time.Minute, Say: said.say,
		Plan: Plan{Run: "pr-812", Version: testVersion, Hash: testHash, Scenario: "test", Shards: shards}}}
}

func (tm *team) externalWorker(e *External, w *work) *Worker {
	made := tm.worker(AnyShard, w)
	made.Join, made.External, made.Run = nil, e, "pr-812"
	return made
}

// skip skips a test, but never where CI wants all of them.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// TestDebianServer runs over the NATS server that Debian has, with users who
// prove themselves by NKeys; workers may do what docs/many-machines.md lists.
func TestDebianServer(t *testing.T) {
	program, err := exec.LookPath("nats-server")
	if err != nil {
		skip(t, "nats-server is not installed: tools/nats-server.sh")
	}
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	lead, help := filepath.Join(dir, "lead.nk"), filepath.Join(dir, "worker.nk")
	publish, subscribe := subjects{"pr-812"}.workerMay("*")
	quote := func(all []string) string { return `"` + strings.Join(all, `", "`) + `"` }
	config := filepath.Join(dir, "nats.conf")
	write(t, config, fmt.Appendf(nil, `listen: "127.0.0.1:-1"
tls: {cert_file: %q, key_file: %q}
authorization: {users: [
  {nkey: %s},
  {nkey: %s, permissions: {publish: [%s], subscribe: [%s]}},
]}
`, cert, key, nkey(t, lead), nkey(t, help), quote(publish), quote(subscribe)))
	c := exec.Command(program, "-c", config, "--ports_file_dir", dir)
	log := &bytes.Buffer{}
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	urls := awaitPorts(t, dir)
	external := func(seed string) *External { return &External{URLs: urls, NKey: seed, CA: cert} }
	tm, w := externalTeam(2, external(lead)), &work{requests: 300, length: time.Second}
	leading, works := tm.start(t.Context(), tm.externalWorker(external(help), w),
		tm.externalWorker(external(help), w))
	wantLost(t, tm, leading)
	for _, work := range works {
		if err := work(); err != nil {
			t.Error(err)
		}
	}
	stranger := filepath.Join(dir, "stranger.nk")
	nkey(t, stranger)
	wantError(t, tm.externalWorker(external(stranger), w).Work(t.Context()), ErrNotStarted,
		"does not take the credentials")
	wantError(t, tm.externalWorker(&External{URLs: urls, NKey: help}, w).Work(t.Context()), ErrNotStarted,
		"--nats-ca")
}

// awaitPorts reads where a server listens from the file that it writes.
func awaitPorts(t *testing.T, dir string) []string {
	t.Helper()
	for give := time.Now().Add(30 * time.Second); time.Now().Before(give); time.Sleep(10 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(dir, "*.ports"))
		for _, f := range files {
			data, err := os.ReadFile(f)
			if _, after, ok := strings.Cut(string(data), "127.0.0.1:"); err == nil && ok {
				port := after[:strings.IndexFunc(after, func(r rune) bool { return r < '0' || r > '9' })]
				return []string{"tls://127.0.0.1:" + port}
			}
		}
	}
	t.Fatal("the server never came up")
	return nil
}

// TestClusterLosesAServer takes away the server that all ends are connected to, in the middle of
// a run.
func TestClusterLosesAServer(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	servers, urls := cluster(t, dir, cert, key)
	external := &External{URLs: urls, CA: cert}
	tm, w := externalTeam(2, external), &work{requests: 300, length: 5 * time.Second,
		begun: make(chan measure.Shard, 2)}
	leading, works := tm.start(t.Context(), tm.externalWorker(external, w), tm.externalWorker(external, w))
	tm.awaitBegin(t, w)
	servers[0].Shutdown()
	result := wantLost(t, tm, leading)
	for i, work := range works {
		if err := work(); err != nil {
			t.Error(err)
		}
		if m := result.Parts[i]; m.Interrupted || m.Main.Sent() != 300 {
			t.Errorf("shard %d: interrupted %v, sent %d", i, m.Interrupted, m.Main.Sent())
		}
	}
}

// cluster starts three servers that know each other.
func cluster(t *testing.T, dir, cert, key string) (servers []*server.Server, urls []string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	var routes []*url.URL
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, &url.URL{Scheme: "nats", Host: l.Addr().String()})
		l.Close()
	}
	for i := range 3 {
		port := 0
		_, _ = fmt.Sscanf(routes[i].Port(), "%d", &port)
		s, err := server.NewServer(&server.Options{ServerName: fmt.Sprint("node-", i), Host: "127.0.0.1",
			Port: server.RANDOM_PORT, NoSigs: true, TLS: true, TLSTimeout: 5,
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13},
			Routes:    routes, Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(s.Shutdown)
		servers = append(servers, s)
	}
	for _, s := range servers {
		if !s.ReadyForConnections(30 * time.Second) {
			t.Fatal("a server did not come up")
		}
		urls = append(urls, "tls://"+s.Addr().String())
	}
	for give := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if !slices.ContainsFunc(servers, func(s *server.Server) bool { return s.NumRoutes() < 2 }) {
			return servers, urls
		}
		if time.Now().After(give) {
			t.Fatal("the servers never knew each other")
		}
	}
}

// A measurement that is too large for a message arrives too, and a run's name is
// used once at a time.
func TestLargeFinalAndTakenName(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	_, urls := cluster(t, dir, cert, key)
	external := &External{URLs: urls, CA: cert}
	tm, w := externalTeam(1, external), &work{requests: 1000, length: time.Second}
	w.grow = func(m *measure.Measurement) {
		noise := make([]byte, 1<<20)
		_, _ = rand.Read(noise)
		m.Parts = map[string]string{"noise": fmt.Sprintf("%x", noise)}
	}
	leading, works := tm.start(t.Context(), tm.externalWorker(external, w))
	tm.await(t, "shard 0")
	other := externalTeam(1, external)
	_, err := other.Lead(t.Context())
	wantError(t, err, ErrNotStarted, "has a run of that name")
	result := wantLost(t, tm, leading)
	if len(result.Parts[0].Parts["noise"]) != 2<<20 {
		t.Error("the large measurement is not what it was")
	}
	if err := works[0](); err != nil {
		t.Error(err)
	}
}
