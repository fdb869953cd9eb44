package main_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mfaload/internal/testkit"
)

// faultServer is a service on loopback that goes wrong in one way. It counts
// what came and what it answered, by itself.
type faultServer struct {
	t       *testing.T
	address string
	// fault serves one request. It returns false where the connection has come
	// to its end.
	fault func(*incoming) bool
	// accept, where set, is asked before a connection is served, with its
	// number from 0 on; false closes it.
	accept func(c net.Conn, n int) bool

	mu          sync.Mutex
	listener    net.Listener
	open        map[net.Conn]bool
	connections int
	came        map[string]int // how often, by transaction ID
	answered    int
	streamsMax  int64 // open at once on a connection of HTTP/2
}

// incoming is a request that came whole.
type incoming struct {
	net.Conn
	server  *faultServer
	in      *bufio.Reader
	number  int  // of the request in the run
	closing bool // the response says so
}

// startFaults starts a server. Secure is nil for one without TLS.
func startFaults(t *testing.T, secure *tls.Config, fault func(*incoming) bool) *faultServer {
	t.Helper()
	s := &faultServer{t: t, fault: fault, open: map[net.Conn]bool{}, came: map[string]int{},
		address: freeAddress(t)}
	s.start(secure)
	t.Cleanup(s.kill)
	return s
}

// admit has a function check each new connection, which ends where that says
// no.
func (s *faultServer) admit(accept func(c net.Conn, n int) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accept = accept
}

// behave changes how the requests of new connections are answered.
func (s *faultServer) behave(fault func(*incoming) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// start begins to listen, again at the same address after a kill.
func (s *faultServer) start(secure *tls.Config) {
	l, err := net.Listen("tcp", s.address)
	for err != nil && s.listener == nil { // another process was quicker
		s.address = freeAddress(s.t)
		l, err = net.Listen("tcp", s.address)
	}
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	s.listener, s.address = l, l.Addr().String()
	s.mu.Unlock()
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			n := s.connections
			s.connections++
			s.open[c] = true
			s.mu.Unlock()
			go s.serve(c, n)
		}
	}()
}

// kill ends the server as the end of its process would: all at once.
func (s *faultServer) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener.Close()
	for c := range s.open {
		c.Close()
	}
}

func (s *faultServer) serve(c net.Conn, n int) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
	}()
	s.mu.Lock()
	accept, fault := s.accept, s.fault
	s.mu.Unlock()
	if accept != nil && !accept(c, n) {
		return
	}
	x := &incoming{Conn: c, server: s, in: bufio.NewReader(c)}
	for x.next() && fault(x) {
	}
}

// next reads a whole request.
func (x *incoming) next() bool {
	r, err := http.ReadRequest(x.in)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return false
	}
	id := r.Header.Get("X-Ping-External-Transaction-ID")
	x.number, _ = strconv.Atoi(strings.TrimPrefix(id, "f-"))
	x.server.mu.Lock()
	x.server.came[id]++
	x.server.mu.Unlock()
	return true
}

// answer answers the request as documented.
func (x *incoming) answer() bool {
	text := goodAnswer(x.server.address, x.number)
	if x.closing {
		text = strings.Replace(text, "Content-Length", "Connection: close\r\nContent-Length", 1)
	}
	_, err := io.WriteString(x, text)
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	if err == nil {
		x.server.answered++
	}
	return err == nil
}

// reset ends the connection with a reset.
func (x *incoming) reset() bool {
	below := x.Conn
	if secured, ok := below.(*tls.Conn); ok {
		below = secured.NetConn()
	}
	_ = below.(*net.TCPConn).SetLinger(0)
	_ = below.Close()
	return false
}

// silent waits until the client gives up.
func (x *incoming) silent() bool {
	_, _ = io.Copy(io.Discard, x.in)
	return false
}

// goodAnswer is the documented response to a request.
func goodAnswer(host string, number int) string {
	body := goodBody(host, number)
	return fmt.Sprintf("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nCorrelation-Id: "+
		"%d\r\nContent-Length: %d\r\n\r\n%s", number, len(body), body)
}

func goodBody(host string, number int) string {
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	return strings.NewReplacer("https://auth.pingone.com", "http://"+host,
		"03e1897e-33b0-40b9-b54e-68236769b1fa", fmt.Sprintf("03e1897e-33b0-40b9-b54e-%012x", number),
		"2021-11-16T19:35:54.554Z", now, "2021-11-16T19:35:54.727Z", now,
	).Replace(string(testkit.ReadResponse("otp-email").Body))
}

// certificateFor makes a certificate that ends at a time, and the file by which
// it is trusted.
func certificateFor(t *testing.T, ends time.Time, names ...string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(ends.UnixNano()),
		Subject:   pkix.Name{CommonName: "fault server"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends, IsCA: true, BasicConstraintsValid: true}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
