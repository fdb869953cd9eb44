package pingone_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/contract"
	"mfaload/pingone"
	"mfaload/pingone/transport/transporttest"
	"mfaload/scenario"
)

const (
	envID  = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
	userID = "788d4931-6936-43f2-82ff-178f5762298a"
)

// operationOn returns the operation on a server of this machine. No test waits for its
// timeout.
func operationOn(t *testing.T, authPath string, change func(*scenario.Scenario)) *pingone.Operation {
	t.Helper()
	s := &scenario.Scenario{
		Name: "test",
		Target: scenario.Target{
			AuthPath: authPath, EnvID: envID, AccessToken: scenario.NewSecret("the-token"),
			Timeout: 20 * time.Second,
		},
		Groups: []scenario.Group{{
			Name: "all", IDs: []string{userID}, Weight: 1, Expect: scenario.Expect{HTTPStatuses: []int{201}},
		}},
	}
	if change != nil {
		change(s)
	}
	op, err := pingone.New(s, compile(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(op.Close)
	return op
}

// everyProtocol runs a test on a server over each version of HTTP.
func everyProtocol(t *testing.T, handler http.HandlerFunc, change func(*scenario.Target),
	test func(t *testing.T, op *pingone.Operation)) {
	for _, protocol := range []scenario.Protocol{scenario.HTTP1, scenario.HTTP2} {
		t.Run(string(protocol), func(t *testing.T) {
			url, _ := transporttest.Start(t, handler, false, nil)
			test(t, operationOn(t, url, func(s *scenario.Scenario) {
				s.Target.Protocol = protocol
				change(&s.Target)
			}))
		})
	}
}

func TestRequestAsSent(t *testing.T) {
	requests := make(chan string, 1)
	authPath := transporttest.Listen(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		n := 0
		for !strings.HasSuffix(string(buf[:n]), "}}") {
			m, err := c.Read(buf[n:])
			if err != nil {
				return
			}
			n += m
		}
		requests <- string(buf[:n])
	})
	op := operationOn(t, authPath, func(s *scenario.Scenario) {
		s.Groups[0].Request = map[string]any{"policy": map[string]any{"id": "p"}}
	})
	_ = op.Send(t.Context(), scenario.User{ID: userID}, &contract.Exchange{})
	body := `{"policy":{"id":"p"},"user":{"id":"` + userID + `"}}`
	want := strings.Join([]string{
		"POST /" + envID + "/deviceAuthentications HTTP/1.1",
		"Host: " + strings.TrimPrefix(authPath, "http://"),
		"Content-Type: application/json", "Accept: application/json", "User-Agent: mfaload",
		"Authorization: Bearer the-token", fmt.Sprint("Content-Length: ", len(body)), "", body,
	}, "\r\n")
	if diff := cmp.Diff(want, <-requests); diff != "" {
		t.Error(diff)
	}
}

func TestHeadersAndTransactionIDs(t *testing.T) {
	var mu sync.Mutex
	var ids []string
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Tenant") != "blue-green" || r.Header.Get("X-Ping-External-Session-ID") != "a b" ||
			r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
		}
		mu.Lock()
		ids = append(ids, strings.Join(r.Header.Values("X-Ping-External-Transaction-ID"), "|"))
		mu.Unlock()
		transporttest.Created(w, r)
	}
	change := func(target *scenario.Target) {
		target.Headers = []scenario.Header{
			{Name: "X-Tenant", Value: scenario.NewSecret("blue-green")},
			{Name: "X-Ping-External-Session-ID", Value: scenario.NewSecret("a b")},
		}
		target.TransactionIDs = "friday"
	}
	everyProtocol(t, handler, change, func(t *testing.T, op *pingone.Operation) {
		ids = nil
		ex := &contract.Exchange{}
		for _, n := range []uint64{0, 17, 1 << 40} {
			ex.Reset()
			ex.Number = n
			if err := op.Send(t.Context(), scenario.User{ID: userID}, ex); err != nil || ex.Status != 201 {
				t.Fatalf("%d %v", ex.Status, err)
			}
			if got := string(ex.TransactionID); got != "friday-"+strconv.FormatUint(n, 10) {
				t.Errorf("request %d has the ID %q", n, got)
			}
		}
		if got := strings.Join(ids, " "); got != "friday-0 friday-17 friday-1099511627776" {
			t.Errorf("the server got %q", got)
		}
		if got := op.Hide("tenant blue-green, a b, the-token"); got != "tenant ***, ***, ***" {
			t.Errorf("hidden: %q", got)
		}
	})
}

func TestCustomDomain(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/deviceAuthentications" {
			w.WriteHeader(http.StatusNotFound)
		}
		transporttest.Created(w, r)
	}
	change := func(target *scenario.Target) { target.CustomDomain = true }
	everyProtocol(t, handler, change, func(t *testing.T, op *pingone.Operation) {
		ex := &contract.Exchange{}
		if err := op.Send(t.Context(), scenario.User{ID: userID}, ex); err != nil || ex.Status != 201 {
			t.Errorf("%d %v", ex.Status, err)
		}
		// A probe for an unknown environment would be a request like any other.
		for _, p := range op.Probes(scenario.User{ID: userID}) {
			_, err := op.Probe(t.Context(), scenario.User{ID: userID}, p, &contract.Exchange{})
			var f *contract.Failure
			if errors.As(err, &f) || strings.Contains(p.Name, "environment") {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	})
}

// What the transport finds before the start stops a run, with what to do.
func TestPreflightReachesTheTarget(t *testing.T) {
	url, _ := transporttest.Start(t, transporttest.Created, false, nil)
	if err := operationOn(t, url, nil).Preflight(t.Context()); err != nil {
		t.Error(err)
	}
	// 192.0.2.0/24 is documentation; nothing may even be tried there.
	err := operationOn(t, "http://192.0.2.1", nil).Preflight(t.Context())
	var known interface{ Hint() string }
	if !errors.As(err, &known) || known.Hint() == "" || !strings.Contains(err.Error(), "ownerAgreed") {
		t.Errorf("%v", err)
	}
}
