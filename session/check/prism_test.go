package check_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mfaload/pingone"
	"mfaload/scenario"
)

// prism is Stoplight's validation proxy with the same contract. It is shown each request of a check
// with the response to it, and says what it finds in both.
type prism struct {
	url    string
	client *http.Client
	mu     sync.Mutex
	shown  *reply
	usual  map[string]bool // what it finds in the traffic of the unbent simulator
}

// newPrism starts the program that MFALOAD_PRISM names (tools/prism.sh); nil without.
func newPrism(t *testing.T) *prism {
	t.Helper()
	program := os.Getenv("MFALOAD_PRISM")
	if program == "" {
		return nil
	}
	p := &prism{client: &http.Client{Timeout: 10 * time.Second}, usual: map[string]bool{}}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.shown.write(w)
	}))
	t.Cleanup(upstream.Close)
	contract := filepath.Join(t.TempDir(), "contract.yaml")
	if err := os.WriteFile(contract, pingone.Document(), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(address)
	// #nosec G204 -- a test runs what its user names.
	c := exec.Command(program, "proxy", "-p", port, contract, upstream.URL)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for p.url = "http://" + address; ; time.Sleep(100 * time.Millisecond) {
		if connection, err := net.Dial("tcp", address); err == nil {
			_ = connection.Close()
			break
		}
	}
	unbent := subject{users: users, settings: generating(1)}
	unbent.around = p.watch(func(finding string) bool {
		p.usual[finding] = true
		return true
	})
	unbent.check(t)
	return p
}

// watch is a handler around a service that shows Prism each request and its response, and reports
// what Prism finds that is not usual, until report says that it is enough.
func (p *prism) watch(report func(finding string) (more bool)) func(http.Handler) http.Handler {
	more := true
	return func(service http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			out := httptest.NewRecorder()
			service.ServeHTTP(out, r)
			response := &reply{out.Code, out.Header(), out.Body.Bytes()}
			if more {
				for _, finding := range p.findings(r, body, response) {
					more = more && (p.usual[finding] || report(finding))
				}
			}
			response.write(w)
		})
	}
}

// findings are what Prism finds wrong with a response; that a request which it finds wrong was taken
// is one too.
func (p *prism) findings(r *http.Request, body []byte, response *reply) (found []string) {
	p.mu.Lock()
	p.shown = response
	p.mu.Unlock()
	request, err := http.NewRequest(r.Method, p.url+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil
	}
	request.Header = r.Header.Clone()
	got, err := p.client.Do(request)
	if err != nil {
		return nil
	}
	defer got.Body.Close()
	_, _ = io.Copy(io.Discard, got.Body)
	var all []struct {
		Location []string
		Code     string
	}
	_ = json.Unmarshal([]byte(got.Header.Get("sl-violations")), &all)
	for _, v := range all {
		finding := strings.Join(v.Location, ".") + " " + v.Code
		switch {
		case len(v.Location) > 0 && v.Location[0] == "response":
			found = append(found, finding)
		case response.status/100 == 2:
			found = append(found, "taken: "+finding)
		}
	}
	return found
}

// finds counts whether Prism finds something in the traffic of a mutant, and whether it can be shown
// that: not what is wrong with frames.
func (p *prism) finds(t *testing.T, m *mutant) (found, shown int) {
	ofFrames := func(f scenario.Fault) bool { return strings.HasPrefix(f.Name, "h2.") }
	if slices.ContainsFunc(m.faults, ofFrames) {
		return 0, 0
	}
	s := m.subject(generating(1))
	watch := p.watch(func(string) bool {
		found = 1
		return false
	})
	if inner := s.around; inner != nil {
		s.around = func(sim http.Handler) http.Handler { return watch(inner(sim)) }
	} else {
		s.around = watch
	}
	s.check(t)
	return found, 1
}
