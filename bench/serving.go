//go:build linux

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Where servers listen, and what they are sent. One server runs at a time.
const (
	plainHost   = "127.0.0.1:9800"
	controlHost = "127.0.0.1:9801"
	secureHost  = "127.0.0.1:9802" // HTTPS: of nginx, HTTP/1.1 alone
	http2Host   = "127.0.0.1:9803" // HTTPS with HTTP/2, of nginx
	envID       = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
	userID      = "788d4931-6936-43f2-82ff-178f5762298a"
	body        = `{"user":{"id":"` + userID + `"}}`
	path        = "/" + envID + "/deviceAuthentications"
)

// Processors of the server and of the client of the moment.
const serverCPU, clientCPU = "1", "0"

// server is the one that runs.
type server struct {
	kind    string
	process *exec.Cmd
}

// Kinds of servers: bench/server over HTTP and over HTTPS, and nginx over all.
const own, ownTLS, nginx = "bench/server", "bench/server over HTTPS", "nginx"

// serve has a kind of server run, and no other.
func (b *bench) serve(kind string) error {
	if b.server != nil && b.server.kind == kind {
		return nil
	}
	b.stopServer()
	command := map[string][]string{
		own: {b.serverBinary, "-addr", plainHost, "-control", controlHost},
		ownTLS: {b.serverBinary, "-addr", secureHost, "-control", controlHost, "-certificate",
			b.path("certificate.pem"), "-key", b.path("key.pem")},
		nginx: {"nginx", "-p", b.dir, "-c", b.path("nginx.conf")},
	}[kind]
	if kind == nginx {
		text := strings.NewReplacer("DIR", b.dir, "PLAIN", plainHost, "SECURE", secureHost,
			"HTTP2", http2Host, "RESPONSE", nginxResponse).Replace(nginxConf)
		if err := os.WriteFile(b.path("nginx.conf"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	var said bytes.Buffer
	process := exec.Command("taskset", append([]string{"-c", serverCPU}, command...)...)
	process.Stderr = &said
	if err := process.Start(); err != nil {
		return fmt.Errorf("start %s: %w", kind, err)
	}
	b.server = &server{kind, process}
	address := map[string]string{own: plainHost, ownTLS: secureHost, nginx: http2Host}[kind]
	for range 100 {
		if c, err := net.Dial("tcp", address); err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.stopServer()
	return fmt.Errorf("%s does not respond; is one of its ports taken?\n%s", kind, said.String())
}

func (b *bench) stopServer() {
	if b.server != nil {
		_ = b.server.process.Process.Kill()
		_ = b.server.process.Wait()
		b.server = nil
	}
}

// nginxConf has nginx respond with the documentation's example. IDs and times are new in
// each response; the user is the one that all tools send.
const nginxConf = `daemon off;
master_process off;
pcre_jit on;
pid DIR/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;
  uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
  map $request_id $uuid {
    "~^(?<a>.{8})(?<b>.{4})(?<c>.{4})(?<d>.{4})(?<e>.{12})$" "$a-$b-$c-$d-$e";
  }
  map "$time_iso8601$msec" $now { "~^(?<f>.{19}).*(?<g>\....)$" "$f${g}Z"; }
  ssl_certificate DIR/certificate.pem;
  ssl_certificate_key DIR/key.pem;
  server {
    listen PLAIN;
    listen SECURE ssl;
    listen HTTP2 ssl http2;
    default_type "application/json;charset=UTF-8";
    add_header Cache-Control no-store always;
    add_header Correlation-Id $uuid always;
    set $self "$scheme://$http_host$uri/$uuid";
    return 201 'RESPONSE';
  }
}
`

const nginxResponse = `{"_links":{"self":{"href":"$self"},"device.select":{"href":"$self"},` +
	`"otp.check":{"href":"$self"}},"_embedded":{"devices":[{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b",` +
	`"type":"EMAIL","status":"ACTIVE","email":"j****@pingidentity.com"}]},"id":"$uuid",` +
	`"environment":{"id":"` + envID + `"},"status":"OTP_REQUIRED",` +
	`"policy":{"id":"9761c24a-208d-0499-1bf6-39905184a4e1"},` +
	`"selectedDevice":{"id":"ea055ca3-2b5b-4766-9628-95fc03f4ec9b"},"user":{"id":"` + userID + `"},` +
	`"createdAt":"$now","updatedAt":"$now"}`

// certify writes a certificate for this machine, and its key.
func (b *bench) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true,
	}
	public, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return b.write(map[string]string{
		"certificate.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})),
		"key.pem":         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	})
}

// worked is the processor time that the server took so far.
func (s *server) worked() time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Process.Pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// behave has bench/server forget the requests so far, and behave as a model says.
func (s *server) behave(model string) error {
	response, err := http.Post("http://"+controlHost+"/model", "text/plain", strings.NewReader(model))
	if err != nil {
		return err
	}
	text, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(text)))
	}
	return nil
}

// get reads what bench/server tells.
func (s *server) get(path string) ([]byte, error) {
	response, err := http.Get("http://" + controlHost + path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	return io.ReadAll(response.Body)
}

// firstAt is when the first request since the server's last change arrived.
func (s *server) firstAt() (time.Time, error) {
	text, err := s.get("/first")
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, string(text))
}

// arrivals are when requests arrived since the server's last change.
func (s *server) arrivals() ([]time.Duration, error) {
	data, err := s.get("/arrivals")
	list := make([]time.Duration, len(data)/8)
	for i := range list {
		list[i] = time.Duration(binary.LittleEndian.Uint64(data[8*i:]))
	}
	return list, err
}
