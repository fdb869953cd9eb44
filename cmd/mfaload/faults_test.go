package main_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/report"
)

// counts are what a report counts by name.
type counts map[string]uint64

// faulty is a run of the program against a server that goes wrong.
type faulty struct {
	server *faultServer
	target string // more keys of the target
	load   string // ten requests where empty
	env    []string
	wrap   []string // what the program is run by
}

const tenRequests = "{workers: 4, stages: [{rate: 200/s, requests: 10}]}"

// scenario writes the scenario of the run and returns its file.
func (f *faulty) scenario(t *testing.T) string {
	t.Helper()
	load, target := f.load, f.target
	if load == "" {
		load = tenRequests + "\nthresholds: {achievedRate: 0.1%}" // when they go out is for other tests
	}
	if !strings.Contains(target, "authPath") {
		target += ", authPath: http://" + f.server.address
	}
	if !strings.Contains(target, "timeout") {
		target += ", timeout: 5s"
	}
	text := fmt.Sprintf("name: faults\ntarget: {%s, envID: %s, accessToken: the-token, transactionIDs: "+
		"f}\nusers: [{name: all, ids: [%s], maxPerUser: 1000000/d}]\nload: %s\n",
		strings.TrimPrefix(target, ", "), envID, userID, load)
	file := filepath.Join(t.TempDir(), "faults.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// run runs the program. The report is nil where it left none.
func (f *faulty) run(t *testing.T) (rep *report.Report, printed string, code int) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args := append(slices.Clone(f.wrap), program(t), "run", "--yes", "--out", out, f.scenario(t))
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), f.env...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err != nil {
		return nil, string(text), cmd.ProcessState.ExitCode()
	}
	if err := json.Unmarshal(data, &rep); err != nil {
		t.Fatal(err)
	}
	return rep, string(text), cmd.ProcessState.ExitCode()
}

// exact finds sums that are wrong, in the report and next to the server's own
// count: no request is lost, counted twice, or sent twice.
func (f *faulty) exact(t *testing.T, r *report.Report) {
	t.Helper()
	q := r.Requests
	if q.Scheduled != q.Sent+q.Unsent || q.Sent != q.Answered+q.Failed || sum(r.Errors) != q.Failed ||
		sum(r.Statuses) != q.Answered ||
		len(r.Groups) != 1 || r.Groups[0].Requests != q {
		t.Errorf("the sums are wrong: %+v, errors %v, statuses %v", q, r.Errors, r.Statuses)
	}
	s := f.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if uint64(s.answered) != q.AsExpected {
		t.Errorf("the server answered %d requests, the report says %d", s.answered, q.AsExpected)
	}
	for id, n := range s.came {
		if n > 1 {
			t.Errorf("the request %s came %d times", id, n)
		}
	}
	if came := uint64(len(s.came)); came > q.Sent || came < q.Answered {
		t.Errorf("%d requests came, %d were sent and %d answered", came, q.Sent, q.Answered)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const soon = "timeout: 400ms"
	// The preflight's connection is a good one.
	first := func(serve func(net.Conn) bool) func(net.Conn, int) bool {
		return func(c net.Conn, n int) bool { return n == 0 || serve(c) }
	}
	wait := func(c net.Conn) bool { _, _ = io.Copy(io.Discard, c); return false }
	refuse := func(s *faultServer) func(net.Conn, int) bool {
		return func(net.Conn, int) bool { s.listener.Close(); return true }
	}
	for _, test := range []struct {
		name   string
		fault  func(*incoming) bool
		accept func(*faultServer) func(net.Conn, int) bool
		target string
		want   counts
	}{
		{"reset before the response", (*incoming).reset, nil, "", counts{"connection reset": 10}},
		{"closed before the response", func(*incoming) bool { return false }, nil, "",
			counts{"connection closed": 10}},
		{"reset in the middle", func(x *incoming) bool { x.begin(); return x.reset() }, nil, "",
			counts{"connection reset": 10}},
		{"closed in the middle", func(x *incoming) bool { x.begin(); return false }, nil, "",
			counts{"answer cut off": 10}},
		{"silence", (*incoming).silent, nil, soon, counts{"timeout": 10}},
		{"silence in the middle", func(x *incoming) bool { x.begin(); return x.silent() }, nil, soon,
			counts{"timeout": 10}},
		{"a byte at a time", (*incoming).drip, nil, soon, counts{"timeout": 10}},
		{"another protocol", func(x *incoming) bool {
			_, _ = io.WriteString(x, "SSH-2.0-OpenSSH_9.6\r\n")
			return false
		}, nil, "", counts{"not HTTP": 10}},
		{"a head without end", (*incoming).endless, nil, "", counts{"head too long": 10}},
		{"half closed after each response", func(x *incoming) bool {
			good := x.answer()
			_ = x.Conn.(*net.TCPConn).CloseWrite()
			return good
		}, nil, "", counts{}},
		{"refused", (*incoming).answer, refuse, "", counts{"connection refused": 10}},
		{"closed as it opens", (*incoming).answer, func(*faultServer) func(net.Conn, int) bool {
			return first(func(net.Conn) bool { return false })
		}, "", nil},
		{"every third one reset", func(x *incoming) bool {
			if x.number%3 == 0 {
				return x.reset()
			}
			return x.answer()
		}, nil, "", counts{"connection reset": 4}},
		{"silence before the TLS handshake", (*incoming).answer, func(*faultServer) func(net.Conn, int) bool {
			return first(wait)
		}, "TLS, " + soon, counts{"timeout": 10}},
		{"a reset before the TLS handshake", (*incoming).answer, func(*faultServer) func(net.Conn, int) bool {
			return first(func(c net.Conn) bool { return (&incoming{Conn: c}).reset() })
		}, "TLS", counts{"connection reset": 10}},
		{"TLS that ends after each response", func(x *incoming) bool { x.answer(); return false }, nil, "TLS",
			counts{}},
		{"silence under TLS", (*incoming).silent, nil, "TLS, " + soon, counts{"timeout": 10}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var secure *tls.Config
			target, isTLS := strings.CutPrefix(test.target, "TLS")
			if isTLS {
				made, ca := certificateFor(t, time.Now().Add(time.Hour), "127.0.0.1")
				secure = &tls.Config{Certificates: []tls.Certificate{made}}
				target += ", caFile: " + ca
			}
			f := &faulty{server: startFaults(t, secure, test.fault), target: strings.TrimPrefix(target, ", ")}
			if isTLS {
				f.target += ", authPath: https://" + f.server.address
			}
			if test.accept != nil {
				f.server.admit(test.accept(f.server))
			}
			rep, printed, code := f.run(t)
			if rep == nil {
				t.Fatalf("exit code %d:\n%s", code, printed)
			}
			// A request may have left as the server's end was under way.
			if test.want != nil && len(test.want) == 0 {
				for _, late := range []string{"idle connection closed", "connection closed"} {
					if n := rep.Errors[late]; n > 0 && n < 5 {
						test.want[late] = n
					}
				}
			}
			want := 1
			if test.want != nil && len(test.want) == 0 {
				want = 0
			}
			// A machine that is busy otherwise makes the verdict inconclusive.
			if code != want && code != 4 {
				t.Fatalf("exit code %d:\n%s", code, printed)
			}
			f.exact(t, rep)
			if test.want == nil { // the kernel tells the one or the other
				test.want = counts{"connection reset": rep.Errors["connection reset"],
					"connection closed": 10 - rep.Errors["connection reset"]}
				maps.DeleteFunc(test.want, func(_ string, n uint64) bool { return n == 0 })
			}
			if diff := cmp.Diff(test.want, counts(rep.Errors)); diff != "" {
				t.Error(diff)
			}
			if good := 10 - sum(test.want); rep.Requests.AsExpected != good || rep.Requests.Answered != good {
				t.Errorf("%+v, violations %v, want %d good answers", rep.Requests, rep.Violations, good)
			}
		})
	}
}

// begin sends the first half of a response.
func (x *incoming) begin() {
	text := goodAnswer(x.server.address, x.number)
	_, _ = io.WriteString(x, text[:len(text)/2])
}

// drip answers a byte at a time.
func (x *incoming) drip() bool {
	for _, b := range []byte(goodAnswer(x.server.address, x.number)) {
		if _, err := x.Write([]byte{b}); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// endless answers with a head that never ends.
func (x *incoming) endless() bool {
	_, err := io.WriteString(x, "HTTP/1.1 201 Created\r\n")
	for err == nil {
		_, err = io.WriteString(x, "X-More: "+strings.Repeat("y", 1000)+"\r\n")
	}
	return false
}

// What is wrong from the start is found before the first request, with what to
// do about it.
func TestFaultsBeforeTheStart(t *testing.T) {
	t.Parallel()
	hour := time.Now().Add(time.Hour)
	for _, test := range []struct {
		name    string
		ends    time.Time // of the certificate
		server  string    // that it is for
		unknown bool      // to the client
		want    string
	}{
		{"the certificate expired", time.Now().Add(-time.Hour), "127.0.0.1", false,
			"certificate has expired"},
		{"a certificate for another name", hour, "other.example", false, "certificate"},
		{"a certificate of an unknown authority", hour, "127.0.0.1", true, "unknown authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			made, ca := certificateFor(t, test.ends, test.server)
			f := &faulty{server: startFaults(t, &tls.Config{Certificates: []tls.Certificate{made}},
				(*incoming).answer)}
			f.target = "authPath: https://" + f.server.address
			if !test.unknown {
				f.target += ", caFile: " + ca
			}
			rep, printed, code := f.run(t)
			if rep == nil || rep.NotStarted == "" || code != 3 || !strings.Contains(printed, test.want) ||
				!strings.Contains(printed, "nothing was sent") {
				t.Errorf("exit code %d:\n%s", code, printed)
			}
		})
	}
}

// A certificate that expires while a run lasts is a failure of every connection
// that is opened from then on.
func TestCertificateExpiresInTheRun(t *testing.T) {
	good, ca := certificateFor(t, time.Now().Add(time.Hour), "127.0.0.1")
	expired, _ := certificateFor(t, time.Now().Add(-time.Hour), "127.0.0.1")
	var shaken atomic.Int64
	secure := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if shaken.Add(1) > 3 { // the preflight's, and those of two requests
			return &expired, nil
		}
		return &good, nil
	}, SessionTicketsDisabled: true}
	f := &faulty{server: startFaults(t, secure, func(x *incoming) bool { x.answer(); return false })}
	f.target = "caFile: " + ca + ", authPath: https://" + f.server.address
	rep, printed, code := f.run(t)
	if rep == nil || code != 1 && code != 4 {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	f.exact(t, rep)
	if diff := cmp.Diff(counts{"TLS failed": 8}, counts(rep.Errors)); diff != "" {
		t.Error(diff)
	}
}

// Ten thousand requests meet ten different ends, and each is counted once under
// its own name.
func TestTenThousandFaults(t *testing.T) {
	ends := []struct {
		name  string // of the status or the failure; empty for a good answer
		fault func(*incoming) bool
	}{
		{"", (*incoming).answer},
		{"connection reset", (*incoming).reset},
		{"connection closed", func(*incoming) bool { return false }},
		{"answer cut off", func(x *incoming) bool { x.begin(); return false }},
		{"not HTTP", func(x *incoming) bool { _, _ = io.WriteString(x, "220 mail ready\r\n"); return false }},
		{"connection reset", func(x *incoming) bool { x.begin(); return x.reset() }},
		{"", (*incoming).answer},
		{"", (*incoming).answerAndClose},
		{"503 not from the service", func(x *incoming) bool { return x.refuse(503) }},
		{"429 not from the service", func(x *incoming) bool { return x.refuse(429) }},
	}
	const requests = 10_000
	f := &faulty{load: fmt.Sprintf("{concurrency: 32, requests: %d}", requests)}
	f.server = startFaults(t, nil, func(x *incoming) bool { return ends[x.number%len(ends)].fault(x) })
	rep, printed, code := f.run(t)
	if rep == nil || code != 1 && code != 4 {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	f.exact(t, rep)
	wantErrors, wantStatuses := counts{}, counts{}
	for _, end := range ends {
		switch {
		case end.name == "":
			wantStatuses["201 OTP_REQUIRED"] += requests / 10
		case strings.HasSuffix(end.name, "from the service"):
			wantStatuses[end.name] += requests / 10
		default:
			wantErrors[end.name] += requests / 10
		}
	}
	if diff := cmp.Diff([]counts{wantErrors, wantStatuses}, []counts{rep.Errors, rep.Statuses}); diff != "" {
		t.Error(diff)
	}
	if rep.Requests.Sent != requests {
		t.Errorf("%+v", rep.Requests)
	}
}

// answerAndClose answers and says that the connection ends.
func (x *incoming) answerAndClose() bool {
	x.closing = true
	x.answer()
	return false
}

// refuse answers with a status and no body.
func (x *incoming) refuse(status int) bool {
	_, err := fmt.Fprintf(x, "HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n", status)
	return err == nil
}

// A server that ends idle connections just when they are used loses requests on
// them. They are counted apart from those that it got and did not answer.
func TestConnectionsEndAsTheyAreUsed(t *testing.T) {
	var dropped atomic.Int64 // requests that came and were not answered
	f := &faulty{load: "{workers: 8, stages: [{rate: 2000/s, duration: 1s}]}"}
	f.server = startFaults(t, nil, func(x *incoming) bool {
		if x.number%100 == 99 { // the service's own fault
			dropped.Add(1)
			return false
		}
		good := x.answer()
		// Workers come back in about 4 ms: about as long as a connection lives on.
		_ = x.SetReadDeadline(time.Now().Add(time.Duration(x.number%50) * 100 * time.Microsecond))
		return good
	})
	rep, printed, code := f.run(t)
	if rep == nil || code != 1 && code != 4 {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	f.exact(t, rep)
	q, lost := rep.Requests, rep.Errors["idle connection closed"]
	t.Logf("%d of %d lost on idle connections; all errors %v", lost, q.Sent, rep.Errors)
	if came := uint64(len(f.server.came)); lost > q.Sent-came {
		t.Errorf("%d requests are excused, but only %d did not come", lost, q.Sent-came)
	}
	if silent := rep.Errors["connection closed"] +
		rep.Errors["connection reset"]; silent < uint64(dropped.Load()) {
		t.Errorf("%d requests are said to have had no response, and %d had none", silent, dropped.Load())
	}
	for _, threshold := range rep.Thresholds {
		want := 100 * float64(q.Failed-lost+q.Unsent) / float64(q.Scheduled-lost)
		if strings.HasPrefix(threshold.Expression, "errorRate") && !near(threshold.Observed, want) {
			t.Errorf("%s: observed %v, want %v", threshold.Expression, threshold.Observed, want)
		}
	}
}

func near(a, b float64) bool { return a-b < 0.01 && b-a < 0.01 }

// The server is killed and started again, twice, while a run lasts.
func TestServerIsKilledTwice(t *testing.T) {
	f := &faulty{load: "{workers: 16, stages: [{rate: 500/s, duration: 1500ms}]}"}
	f.server = startFaults(t, nil, nil)
	kills, up := make(chan struct{}, 2), make(chan struct{})
	f.server.behave(func(x *incoming) bool {
		if x.number == 200 || x.number == 450 {
			kills <- struct{}{}
		}
		return x.answer()
	})
	go func() {
		defer close(up)
		for range 2 {
			<-kills
			f.server.kill()
			time.Sleep(100 * time.Millisecond) // for some fifty requests
			f.server.start(nil)
		}
	}()
	rep, printed, code := f.run(t)
	<-up
	if rep == nil || code != 1 && code != 4 {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	f.exact(t, rep)
	t.Logf("%v", rep.Errors)
	if rep.Requests.Sent != 750 || rep.Errors["connection refused"] < 20 {
		t.Errorf("%+v, errors %v", rep.Requests, rep.Errors)
	}
	for name := range rep.Errors {
		if !slices.Contains([]string{"connection refused", "connection reset", "connection closed",
			"answer cut off", "idle connection closed"}, name) {
			t.Errorf("%q is no outcome of a server that is killed", name)
		}
	}
}
