package main_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mfaload/bench/model"
)

// foreignServer serves the operation over real sockets as a model of a service
// says, which shares no code with the simulator. What a client gave up on is served
// all the same.
type foreignServer struct {
	mu      sync.Mutex
	service model.Service
	began   time.Time
	count   int
}

// serveForeign returns the address of a server, which ends with the test.
func serveForeign(tb testing.TB, service model.Service) (address string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := &http.Server{Handler: &foreignServer{service: service, began: time.Now()},
		ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	tb.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

func (s *foreignServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	s.mu.Lock()
	s.count++
	number, now := s.count, time.Since(s.began)
	done, refused := s.service.Arrive(now)
	s.mu.Unlock()
	time.Sleep(done - now)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Correlation-Id", fmt.Sprint(number))
	if refused {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, goodBody(r.Host, number))
}

// foreignScenario is a search of a server.
func foreignScenario(tb testing.TB, address, load, thresholds, search string) (file string) {
	tb.Helper()
	file = filepath.Join(tb.TempDir(), "s.yaml")
	text := fmt.Sprintf("name: foreign\ntarget: {authPath: 'http://%s', envID: %s, accessToken: t}\n"+
		"users: [{name: all, ids: [%s]}]\n"+
		"load: {%s, stages: [{rate: 1/s, duration: 1s}]}\nthresholds: %s\ncapacity: %s\n", address, envID,
		userID, load, thresholds, search)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// TestForeignServer holds the server against the contract: a run of it passes.
func TestForeignServer(t *testing.T) {
	t.Parallel()
	file := foreignScenario(t, serveForeign(t, model.NewPatient(4, 20*time.Millisecond)), "arrivals: uniform",
		"{errorRate: 0}", "{maxRate: 640/s}")
	text, err := exec.CommandContext(context.Background(), program(t), "check", file).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
