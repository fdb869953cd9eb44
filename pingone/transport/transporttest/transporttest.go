// Package transporttest has the servers that tests of package transport and of what is
// built on it send to.
package transporttest

import (
	"bufio"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Created responds with HTTP status 201 and without a body.
func Created(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(http.StatusCreated)
}

// Start starts a server of HTTP/1.1 and HTTP/2, which configure may change before (nil
// for no change), and returns its URL and, with TLS, the file with its authority. Its
// certificate is for example.com.
func Start(t testing.TB, handler http.HandlerFunc, secure bool, configure func(*httptest.Server)) (url,
	caFile string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetHTTP2(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	if configure != nil {
		configure(server)
	}
	if secure {
		server.EnableHTTP2 = true
		server.StartTLS()
		caFile = filepath.Join(t.TempDir(), "ca.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		if err := os.WriteFile(caFile, text, 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.URL, caFile
}

// Silence in place of a response is none, SilenceAfter behind one is a connection that
// stays open.
const (
	Silence      = "silence"
	SilenceAfter = "<silence>"
)

// StartRaw starts a server that responds to each request of a connection with the next
// of the texts, then closes the connection. It counts the connections.
func StartRaw(t testing.TB, responses ...string) (url string, connections *atomic.Int64) {
	t.Helper()
	connections = &atomic.Int64{}
	return Listen(t, func(c net.Conn) {
		connections.Add(1)
		serveRaw(c, responses)
	}), connections
}

// Listen serves each connection to a port of this machine in a goroutine of its own,
// closes it after that, and returns the port's URL.
func Listen(t testing.TB, serve func(c net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// Pair returns both ends of a TCP connection.
func Pair(t testing.TB) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

func serveRaw(c net.Conn, responses []string) {
	in := bufio.NewReader(c)
	for _, response := range responses {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		if response == Silence {
			_, _ = io.Copy(io.Discard, in) // until the client gives up
			return
		}
		text, stalls := strings.CutSuffix(response, SilenceAfter)
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
		if stalls {
			_, _ = io.Copy(io.Discard, in)
		}
	}
}
