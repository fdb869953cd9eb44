//go:build linux

// Server is what mfaload and its peers are compared against: it answers every
// request with the documentation's reference response, a new transaction ID and
// the caller's user ID, as fast as one core can or as a model says. It notes
// when each request came. One thread polls all connections without ever
// sleeping, so give it a core of its own.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"

	"mfaload/bench/model"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:9800", "address of the HTTP/1.1 server")
	control := flag.String("control", "127.0.0.1:9801", "address that tells when requests came, and takes "+
		"a new model")
	secure := flag.String("tls", "", "address of the HTTPS server (HTTP/1.1 and HTTP/2), none if empty")
	certificate := flag.String("certificate", "", "where to write the HTTPS server's certificate")
	flag.Parse()

	l, err := newLoop(*addr)
	if err != nil {
		return err
	}
	if *secure != "" {
		config, err := selfSigned(*certificate)
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", *secure)
		if err != nil {
			return err
		}
		go serveTLS(listener, config)
	}
	go l.run()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /model", func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if err := l.reset(string(text)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("GET /arrivals", func(w http.ResponseWriter, _ *http.Request) {
		var b []byte
		for _, at := range l.seen() {
			b = binary.LittleEndian.AppendUint64(b, uint64(at))
		}
		_, _ = w.Write(b)
	})
	mux.HandleFunc("GET /first", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, l.began().Format(time.RFC3339Nano))
	})
	return http.ListenAndServe(*control, mux)
}

// serveTLS answers over HTTPS with net/http: slower, but the same for all.
func serveTLS(l net.Listener, config *tls.Config) {
	server := &http.Server{TLSConfig: config, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(
		answerPlainly)}
	if err := server.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "server:", err)
	}
}

func answerPlainly(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	t, m := newTemplate("https://"+r.Host, r.URL.Path), newMaker()
	answer := m.fill(t, userOf(body), time.Now())
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Correlation-Id", string(answer[t.corr[0]:t.corr[0]+36]))
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer[t.body:])
}

// modelOf parses a model; none means at once.
func modelOf(text string) (model.Model, bool, error) {
	m, err := model.Parse(text)
	return m, text != "none", err
}

// selfSigned returns a configuration with a certificate for this machine, made
// now, and writes the certificate to a file where one is named.
func selfSigned(file string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	if file != "" {
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return nil, err
		}
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion: tls.VersionTLS12}, nil
}
